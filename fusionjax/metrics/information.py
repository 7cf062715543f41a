"""Metrics from grey-level statistics. Planes are [h, w] floats in 0..255."""

import jax
import jax.numpy as jnp

from fusionjax.metrics import tiles

Array = jax.Array

_LEVELS = 256


def histogram(plane: Array, *, size: tiles.Size | None = None) -> Array:
  """Share of each of the 256 grey levels.

  Args:
    plane: [h, w] in 0..255; a value between two levels counts for the
      nearest, half away from zero as MATLAB rounds.
    size: height and width of the picture, if it is the top left of the plane.

  Returns:
    [256] shares that sum to one.
  """
  height, width = tiles.extent(plane, size)
  dtype = jnp.result_type(float)
  if jnp.issubdtype(plane.dtype, jnp.inexact):
    dtype = plane.dtype
    plane = jnp.clip(jnp.floor(plane + 0.5), 0, _LEVELS - 1)
  levels = plane.astype(jnp.int32)
  rows = jnp.arange(plane.shape[0], dtype=jnp.int32)[:, None]
  columns = jnp.arange(plane.shape[1], dtype=jnp.int32)[None]
  inside = (rows < height) & (columns < width)
  # What lies outside counts in a bin beyond the last one.
  levels = jnp.where(inside, levels, _LEVELS)
  counts = jnp.zeros(_LEVELS + 1, jnp.int32).at[levels.ravel()].add(1)
  return counts[:_LEVELS].astype(dtype) / tiles.pixels((height, width), dtype)


def entropy(shares: Array) -> Array:
  """Entropy in bits of shares that sum to one; empty bins count nothing."""
  present = shares > 0
  return -jnp.sum(shares * jnp.log2(jnp.where(present, shares, 1)))


def en(fused: Array, *, size: tiles.Size | None = None) -> Array:
  """Entropy: EN = -sum_i p_i log2 p_i over the 256 levels of the fused image.

  Args:
    fused: [h, w] fused plane in 0..255.
    size: height and width of the picture, if it is the top left of the plane.

  Returns:
    Scalar in 0 (one level) to 8 bits (all levels equally often).

  References:
    Roberts, van Aardt, Ahmed, J. Applied Remote Sensing 2008; the same in
    MEFB, VIFB, LT and CDDFuse.
  """
  return entropy(histogram(fused, size=size))
