"""Metrics from the differences of pixels. Planes are [h, w] in 0..255."""

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp

from fusionjax import errors
from fusionjax.metrics import sharing, tiles

Array = jax.Array

_PEAK = 255.0
_PSNR_TOOLBOXES = ('mefb', 'vifb', 'mgdn', 'lt', 'cddfuse')


def psnr(
  fused: Array,
  sources: Sequence[Array],
  *,
  size: tiles.Size | None = None,
  toolbox: Literal['mefb', 'vifb', 'mgdn', 'lt', 'cddfuse'] = 'mefb',
) -> Array:
  """Peak signal-to-noise ratio against the sources.

  MEFB, VIFB, MGDN: 20 log10(255 / sqrt(RMSE)), with the RMSE of `rmse`, which
  is no mean square. LT: 20 log10(255 / sqrt(MSE)), with the MSE of `mse`,
  which is that of pictures in 0..1: 48.13 dB above the textbook's. CDDFuse:
  10 log10(max(F)^2 / MSE), with both in 0..255.

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: [h, w] planes in 0..255, two in the paper.
    size: height and width of the picture, if it is the top left of the planes.
    toolbox: whose definition.

  Returns:
    Scalar in dB; infinite where all sources are the fused plane. `cddfuse`:
    -inf where the fused plane is zero, NaN where the sources are as well.

  Raises:
    errors.InputError: if the toolbox is none of these.

  References:
    Jagalingam, Hegde, A review of quality metrics for fused image, Aquatic
    Procedia 2015.
  """
  if toolbox not in _PSNR_TOOLBOXES:
    raise errors.unknown_name('toolbox', toolbox, _PSNR_TOOLBOXES)
  if toolbox in ('mefb', 'vifb', 'mgdn'):
    return 10 * jnp.log10(_PEAK**2 / rmse(fused, sources, size=size))
  error = mse(fused, sources, size=size)
  if toolbox == 'lt':
    return 10 * jnp.log10(_PEAK**2 / error)
  peak = _largest(fused, size=size) / _PEAK
  return 10 * jnp.log10(peak * peak / error)


def rmse(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """Root error of the MATLAB toolboxes: mean_S sqrt(sum (S - F)^2) / (h w).

  The root goes over the sum and not over the mean, so that it is smaller than
  a root mean square by sqrt(h w), and smaller for larger pictures.

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: [h, w] planes in 0..255, two in the paper.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar of 0 or more.

  References:
    Jagalingam, Hegde, A review of quality metrics for fused image, Aquatic
    Procedia 2015, as VIFB has it.
  """
  squares = _squares(fused, tuple(sources), size=size)
  there = squares > 0
  # A source that is the fused plane has no slope, rather than NaN.
  roots = jnp.where(there, jnp.sqrt(jnp.where(there, squares, 1)), 0)
  count = tiles.pixels(tiles.extent(fused, size), roots.dtype)
  return jnp.mean(roots) / count


def mse(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """Mean square error: mean_S mean_x ((S - F) / 255)^2.

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: [h, w] planes in 0..255, two in the paper.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar in 0..1, of pictures in 0..1.

  References:
    The textbook's; LT has it.
  """
  squares = _squares(fused, tuple(sources), size=size)
  count = tiles.pixels(tiles.extent(fused, size), squares.dtype)
  return jnp.mean(squares) / count / _PEAK**2


@sharing.shared
def _squares(
  fused: Array, sources: tuple[Array, ...], *, size: tiles.Size | None
) -> Array:
  """[k] sums of the squared differences from each source."""

  def of_tile(tile: Array, place: tiles.Place) -> Array:
    del place
    return (tile[1:] - tile[:1]) ** 2

  return tiles.total(of_tile, jnp.stack([fused, *sources]), size=size)


def _largest(plane: Array, *, size: tiles.Size | None) -> Array:
  """The largest value of a picture, which is 0 or more."""

  def step(most: Array, tile: Array, place: tiles.Place) -> Array:
    inside = jnp.where(place.inside, tile[0], 0)
    return jnp.maximum(most, jnp.max(inside))

  dtype = jnp.result_type(float)
  if jnp.issubdtype(plane.dtype, jnp.inexact):
    dtype = plane.dtype
  return tiles.accumulate(
    step, jnp.stack([plane]), jnp.zeros((), dtype), size=size
  )
