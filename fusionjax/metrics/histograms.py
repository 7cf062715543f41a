"""Shares of grey levels and of pairs of them. Planes are [h, w] in 0..255.

Pixels are counted in integers, so that shares are exact. A plane of floats
counts by the nearest levels, half away from zero as MATLAB rounds.
"""

import jax
import jax.numpy as jnp

from fusionjax.metrics import sharing, tiles

Array = jax.Array

LEVELS = 256


@sharing.shared
def histogram(plane: Array, *, size: tiles.Size | None = None) -> Array:
  """Share of each of the 256 grey levels.

  Args:
    plane: [h, w] in 0..255; a value between two levels counts for the
      nearest, half away from zero as MATLAB rounds.
    size: height and width of the picture, if it is the top left of the plane.

  Returns:
    [256] shares that sum to one.
  """
  counts = _count(_levels(plane), plane, bins=LEVELS, size=size)
  return _shares(counts, plane, size=size)


@sharing.shared
def joint(
  first: Array, second: Array, *, size: tiles.Size | None = None
) -> Array:
  """Share of each pair of grey levels of two planes.

  Args:
    first: [h, w] in 0..255; its level is the row.
    second: [h, w] in 0..255, of the same dtype; its level is the column.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    [256, 256] shares that sum to one.
  """
  return _shares(_joint_counts(first, second, size=size), first, size=size)


@sharing.shared
def joint_stretched(
  first: Array, second: Array, *, size: tiles.Size | None = None
) -> Array:
  """`joint` of planes that are each brought to the full range before.

  Levels become round(255 (x - min) / (max - min)); a plane of zeros stays as
  it is.

  Args:
    first: [h, w] in 0..255; its level is the row.
    second: [h, w] in 0..255, of the same dtype; its level is the column.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    [256, 256] shares that sum to one; NaN if a plane has one level alone that
    is not zero, where the stretch is 0 / 0 and the published code fails.
  """
  if jnp.issubdtype(first.dtype, jnp.inexact):
    (rows, no_rows), (columns, no_columns) = (
      _stretched(plane, size=size) for plane in (first, second)
    )
    counts = _joint_counts(rows, columns, size=size)
  else:
    # The stretch takes whole levels to others: it is the bins that move, and
    # the pixels are counted once for all metrics.
    raw = _joint_counts(first, second, size=size)
    (rows, no_rows), (columns, no_columns) = (
      _stretched_levels(jnp.sum(raw, axis=axis)) for axis in (1, 0)
    )
    bins = rows[:, None] * LEVELS + columns[None]
    counts = jnp.zeros(LEVELS**2, jnp.int32).at[bins.ravel()].add(raw.ravel())
    counts = counts.reshape(LEVELS, LEVELS)
  shares = _shares(counts, first, size=size)
  return jnp.where(no_rows | no_columns, jnp.nan, shares)


@sharing.shared
def _joint_counts(
  first: Array, second: Array, *, size: tiles.Size | None
) -> Array:
  """[256, 256] numbers of pixels."""
  pairs = _levels(first) * LEVELS + _levels(second)
  counts = _count(pairs, first, bins=LEVELS**2, size=size)
  return counts.reshape(LEVELS, LEVELS)


def _count(
  numbers: Array, plane: Array, *, bins: int, size: tiles.Size | None
) -> Array:
  """How many pixels of the picture have each number."""
  # What lies outside counts in a bin beyond the last one.
  numbers = jnp.where(_inside(plane, size), numbers, bins)
  counts = jnp.zeros(bins + 1, jnp.int32).at[numbers.ravel()].add(1)
  return counts[:bins]


def _shares(counts: Array, plane: Array, *, size: tiles.Size | None) -> Array:
  dtype = jnp.result_type(float)
  if jnp.issubdtype(plane.dtype, jnp.inexact):
    dtype = plane.dtype
  return counts.astype(dtype) / tiles.pixels(tiles.extent(plane, size), dtype)


def _levels(plane: Array) -> Array:
  if jnp.issubdtype(plane.dtype, jnp.inexact):
    plane = jnp.clip(jnp.floor(plane + 0.5), 0, LEVELS - 1)
  return plane.astype(jnp.int32)


@sharing.shared
def _stretched(plane: Array, *, size: tiles.Size | None) -> tuple[Array, Array]:
  """Whole levels of stretched floats, and whether there are none."""
  inside = _inside(plane, size)
  low = jnp.min(jnp.where(inside, plane, jnp.inf))
  high = jnp.max(jnp.where(inside, plane, -jnp.inf))
  flat = low == high
  # What lies outside may be no number.
  rise = jnp.where(inside, plane - low, 0)
  span = jnp.where(flat, 1, high - low)
  twice = 2 * (LEVELS - 1) * rise
  levels = jnp.floor(twice / (2 * span) + 0.5)
  # The compiler multiplies by a reciprocal instead of dividing by a scalar,
  # and half a level may go down: it is looked at again, without division.
  levels = jnp.where(twice >= (2 * levels + 1) * span, levels + 1, levels)
  levels = jnp.where(twice < (2 * levels - 1) * span, levels - 1, levels)
  levels = levels.astype(jnp.int32)
  return levels, flat & (high != 0)


def _stretched_levels(counts: Array) -> tuple[Array, Array]:
  """[256] where the stretch takes each level, and whether it cannot.

  Args:
    counts: [256] how often each level occurs.
  """
  levels = jnp.arange(LEVELS, dtype=jnp.int32)
  low = jnp.min(jnp.where(counts > 0, levels, LEVELS))
  high = jnp.max(jnp.where(counts > 0, levels, -1))
  flat = low == high
  # In integers: no rounding decides where half a level goes.
  span = jnp.where(flat, 1, high - low)
  stretched = (2 * (LEVELS - 1) * (levels - low) + span) // (2 * span)
  # Levels that do not occur must have a bin as well.
  return jnp.clip(stretched, 0, LEVELS - 1), flat & (high != 0)


def _inside(plane: Array, size: tiles.Size | None) -> Array:
  height, width = tiles.extent(plane, size)
  rows = jnp.arange(plane.shape[0], dtype=jnp.int32)[:, None]
  columns = jnp.arange(plane.shape[1], dtype=jnp.int32)[None]
  return (rows < height) & (columns < width)
