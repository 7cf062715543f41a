"""Metrics against a true HDR picture.

Pictures are [h, w] or [h, w, 3], linear radiance in 0..1 as it is stored, all
channels together; mu is the tone mapping of the field,
T(x) = ln(1 + 5000 x) / ln(5001).
"""

import math
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.metrics import structure, tiles

Array = jax.Array
Code = Literal['mgdn', 'hdrt']

_MU = 5000.0
SSIM_MIN_SIZE = structure.SSIM_MIN_SIZE


def psnr_l(
  fused: Array, target: Array, *, size: tiles.Size | None = None
) -> Array:
  """PSNR-L: 10 log10(1 / mean (x - y)^2) of linear radiance.

  Args:
    fused: [h, w] or [h, w, 3] HDR picture, linear in 0..1, not clipped.
    target: the true one, of the same shape.
    size: height and width of the picture, if it is the top left of the arrays.

  Returns:
    Scalar in decibels; infinite for identical pictures.

  References:
    Kalantari, Ramamoorthi, Deep high dynamic range imaging of dynamic scenes,
    TOG 2017.
  """
  return _psnr(fused, target, tone_mapped=False, size=size)


def psnr_mu(
  fused: Array, target: Array, *, size: tiles.Size | None = None
) -> Array:
  """PSNR-mu: 10 log10(1 / mean (T(x) - T(y))^2), after tone mapping.

  Args:
    fused: [h, w] or [h, w, 3] HDR picture, linear in 0..1, not clipped.
    target: the true one, of the same shape.
    size: height and width of the picture, if it is the top left of the arrays.

  Returns:
    Scalar in decibels; infinite for identical pictures, NaN where radiance is
    -1 / 5000 or less.

  References:
    Kalantari, Ramamoorthi, Deep high dynamic range imaging of dynamic scenes,
    TOG 2017, eq. 6.
  """
  return _psnr(fused, target, tone_mapped=True, size=size)


def ssim_l(
  fused: Array,
  target: Array,
  *,
  size: tiles.Size | None = None,
  toolbox: Code = 'mgdn',
) -> Array:
  """SSIM-L: mean over the channels of the SSIM of linear radiance.

  Args:
    fused: [h, w] or [h, w, 3] HDR picture, linear in 0..1.
    target: the true one, of the same shape.
    size: height and width of the picture, if it is the top left of the arrays.
    toolbox: `mgdn` is scikit-image's default, 7 x 7 boxes with sample
      covariances and a data range of 1; `hdrt` clips 255 x to 0..255 and has
      11 x 11 Gaussian windows and a data range of 255.

  Returns:
    Scalar of at most 1; NaN where the picture holds no window.

  References:
    Wang et al., Image quality assessment: from error visibility to structural
    similarity, TIP 2004, eq. 13.
  """
  return _ssim(fused, target, tone_mapped=False, size=size, toolbox=toolbox)


def ssim_mu(
  fused: Array,
  target: Array,
  *,
  size: tiles.Size | None = None,
  toolbox: Code = 'mgdn',
) -> Array:
  """SSIM-mu: mean over the channels of the SSIM after tone mapping.

  Args:
    fused: [h, w] or [h, w, 3] HDR picture, linear in 0..1.
    target: the true one, of the same shape.
    size: height and width of the picture, if it is the top left of the arrays.
    toolbox: see `ssim_l`.

  Returns:
    Scalar of at most 1; NaN where the picture holds no window, or radiance
    is -1 / 5000 or less.

  References:
    Wang et al., Image quality assessment: from error visibility to structural
    similarity, TIP 2004, eq. 13.
  """
  return _ssim(fused, target, tone_mapped=True, size=size, toolbox=toolbox)


def _tone_map(linear: Array) -> Array:
  return jnp.log1p(_MU * linear) / math.log1p(_MU)


def _psnr(
  fused: Array,
  target: Array,
  *,
  tone_mapped: bool,
  size: tiles.Size | None,
) -> Array:
  first, second = _planes(fused), _planes(target)
  channels = first.shape[0]

  def of_tile(tile: Array, place: tiles.Place) -> Array:
    del place
    if tone_mapped:
      tile = _tone_map(tile)
    return jnp.sum((tile[:channels] - tile[channels:]) ** 2, axis=0)

  planes = jnp.concatenate([first, second])
  total = tiles.total(of_tile, planes, size=size)
  count = channels * tiles.pixels(tiles.extent(planes, size), total.dtype)
  return -10 * jnp.log10(total / count)


def _ssim(
  fused: Array,
  target: Array,
  *,
  tone_mapped: bool,
  size: tiles.Size | None,
  toolbox: Code,
) -> Array:
  def values(tile: Array, place: tiles.Place) -> Array:
    del place
    if tone_mapped:
      tile = _tone_map(tile)
    return jnp.clip(255 * tile, 0, 255) if toolbox == 'hdrt' else tile

  def of_channel(pair: Array) -> Array:
    # Mapped once a pixel, not once a window that the pixel is in.
    (first, second), _ = tiles.rendered(values, pair, size=size)
    if toolbox == 'hdrt':
      return structure.ssim(first, [second], size=size, toolbox='vifb')
    # The CDDFuse code takes its SSIM from scikit-image as well; here the data
    # range is the right one.
    return structure.ssim(
      first, [second], size=size, toolbox='cddfuse', data_range=1.0
    )

  channels = jnp.stack([_planes(fused), _planes(target)], axis=1)
  return jnp.mean(lax.map(of_channel, channels))


def _planes(picture: Array) -> Array:
  """[channels, h, w]"""
  return picture[None] if picture.ndim == 2 else jnp.moveaxis(picture, -1, 0)
