"""Metrics from differences of neighbours and from the spread of the levels.

Planes are [h, w] in 0..255, uint8 or float.
"""

import math
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.metrics import filters, tiles

Array = jax.Array


def ag(
  fused: Array,
  *,
  size: tiles.Size | None = None,
  divisor: Literal['inner', 'all'] = 'inner',
) -> Array:
  """Average gradient: AG = sum sqrt((dx^2 + dy^2) / 2) / ((h - 1)(w - 1)).

  Derivatives are central, one-sided at the borders, and the sum goes over
  all h w pixels: the divisor of the MATLAB toolboxes is smaller than the
  number of terms.

  Args:
    fused: [h, w] fused plane in 0..255, h and w at least 2.
    size: height and width of the picture, if it is the top left of the plane.
    divisor: `inner` divides by (h - 1)(w - 1) as MEFB, VIFB and LT do, `all`
      by h w as CDDFuse does.

  Returns:
    Scalar of 0 or more, in grey levels per pixel; infinite or NaN for a
    picture of one row or column.

  References:
    Cui et al., Optics Communications 2015.
  """
  height, width = tiles.extent(fused, size)

  def of_tile(tile: Array, place: tiles.Place) -> Array:
    plane = tile[0]
    right = filters.slide(plane[1:-1], (-1.0, 0.0, 1.0), axis=-1)
    down = filters.slide(plane[:, 1:-1], (-1.0, 0.0, 1.0), axis=-2)
    # At a border the outer neighbour is the pixel itself: the difference is
    # one step wide, not two.
    right = right * _per_step(place.columns, width, right.dtype)
    down = down * _per_step(place.rows, height, down.dtype)
    return filters.magnitude(right, down) / math.sqrt(2)

  total = tiles.total(
    of_tile, jnp.stack([fused]), size=size, window=3, border='replicate'
  )
  if divisor == 'inner':
    height, width = height - 1, width - 1
  return total / tiles.pixels((height, width), total.dtype)


def ei(fused: Array, *, size: tiles.Size | None = None) -> Array:
  """Edge intensity: EI = mean sqrt(sx^2 + sy^2) of the Sobel derivatives.

  The derivatives are unnormalised, edge pixels are repeated.

  Args:
    fused: [h, w] fused plane in 0..255.
    size: height and width of the picture, if it is the top left of the plane.

  Returns:
    Scalar of 0 or more, in eighths of grey levels per pixel.

  References:
    Rajalingam and Priya, IJESI 2018, as MEFB and VIFB have it.
  """

  def of_tile(tile: Array, place: tiles.Place) -> Array:
    del place
    right, down = filters.sobel(tile[0])
    return filters.magnitude(right, down)

  total = tiles.total(
    of_tile, jnp.stack([fused]), size=size, window=3, border='replicate'
  )
  return total / tiles.pixels(tiles.extent(fused, size), total.dtype)


def sf(
  fused: Array,
  *,
  size: tiles.Size | None = None,
  divisor: Literal['all', 'own'] = 'all',
) -> Array:
  """Spatial frequency: SF = sqrt(RF^2 + CF^2).

  RF^2 is the mean of the squared differences of horizontal neighbours, CF^2
  that of vertical ones.

  Args:
    fused: [h, w] fused plane in 0..255; or [n, h, w], planes that VIFB's code
      takes for one picture, side by side: the differences across the n - 1
      seams count.
    size: height and width of the picture, if it is the top left of the planes.
    divisor: `all` divides both sums by the number of pixels as MEFB and VIFB
      do, `own` each by the number of its differences as LT and CDDFuse do.

  Returns:
    Scalar of 0 or more, in grey levels; with `own`, NaN for a picture of one
    row or column.

  References:
    Eskicioglu and Fisher, Image quality measures and their performance, IEEE
    Transactions on Communications 1995.
  """
  planes = jnp.asarray(fused) if fused.ndim == 3 else jnp.stack([fused])
  height, width = tiles.extent(planes, size)

  def of_tile(tile: Array, place: tiles.Place) -> tuple[Array, Array]:
    del place
    # Beyond the last row and column their own values stand, and the
    # difference is 0.
    right = tile[:, :-1, 1:] - tile[:, :-1, :-1]
    down = tile[:, 1:, :-1] - tile[:, :-1, :-1]
    return jnp.sum(right * right, axis=0), jnp.sum(down * down, axis=0)

  rows, columns = tiles.total(
    of_tile, planes, size=size, window=2, border='replicate'
  )
  count = planes.shape[0]
  if count > 1:
    rows = rows + _seams(planes, (height, width), rows.dtype)
  along, across = (height, count * width), (height, count * width)
  if divisor == 'own':
    along, across = (height, count * width - 1), (height - 1, count * width)
  return jnp.sqrt(
    rows / tiles.pixels(along, rows.dtype)
    + columns / tiles.pixels(across, columns.dtype)
  )


def sd(fused: Array, *, size: tiles.Size | None = None) -> Array:
  """Standard deviation of the levels, of the population (divided by h w).

  Args:
    fused: [h, w] fused plane in 0..255.
    size: height and width of the picture, if it is the top left of the plane.

  Returns:
    Scalar in 0..127.5, in grey levels.

  References:
    The textbook's; VIFB calls it `Variance`.
  """
  plane = jnp.stack([fused])
  total = tiles.total(lambda tile, place: tile[0], plane, size=size)
  count = tiles.pixels(tiles.extent(fused, size), total.dtype)
  mean = total / count

  # Not E[x^2] - E[x]^2, which loses the digits of a faint picture.
  def of_tile(tile: Array, place: tiles.Place) -> Array:
    del place
    return (tile[0] - mean) ** 2

  return jnp.sqrt(tiles.total(of_tile, plane, size=size) / count)


def _per_step(at: Array, side: int | Array, dtype: jnp.dtype) -> Array:
  """What the difference of the two neighbours of a pixel is multiplied by."""
  last = jnp.asarray(side - 1, jnp.int32)
  return jnp.where((at == 0) | (at == last), 1, 0.5).astype(dtype)


def _seams(planes: Array, size: tiles.Size, dtype: jnp.dtype) -> Array:
  """Squared differences where the planes meet, side by side."""
  height, width = (jnp.asarray(side, jnp.int32) for side in size)
  last = lax.dynamic_index_in_dim(planes, width - 1, axis=-1, keepdims=False)
  steps = planes[1:, :, 0].astype(dtype) - last[:-1].astype(dtype)
  rows = jnp.arange(planes.shape[-2], dtype=jnp.int32)
  return jnp.sum(jnp.where(rows[None] < height, steps * steps, 0))
