"""MEF-SSIM with luminance, and halo: the unsupervised loss of CSC-MEFN."""

import functools
import operator
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.ops import colour, filters

Array = jax.Array

_WINDOW = 11
_SIGMA = 11 / 6
_CONSTANTS = (0.01**2, 0.03**2)
# Twice the variance of the two bells around middle grey.
_SPREAD = 2 * 0.2**2
# A mean of structure below this counts as this, where it is raised to a
# power: the root of a negative number is none.
_LEAST = 1e-6


def mef_ssim(
  fused: Array,
  exposures: Sequence[Array],
  *,
  scales: Sequence[float] = (1.0,),
  luminance: bool = True,
) -> Array:
  """MEF-SSIM of each picture, channels taken together.

  In 11 x 11 Gaussian windows of sigma 11 / 6 with zeros around the picture,
  contrast and structure are compared with the exposure of the largest
  variance there, and the mean with that of all exposures weighted by two
  bells around middle grey, of their window and of their whole picture. The
  result is mean(luminance) mean(structure), not the mean of the product.

  Args:
    fused: [b, h, w, c] in [0, 1].
    exposures: two or more [b, h, w, c] in [0, 1].
    scales: exponents of the structure at scale 1, 1 / 2, 1 / 4, ...; the
      luminance is that of the last, with its exponent. The published code
      has one scale; those of MS-SSIM are (0.0448, 0.2856, 0.3001, 0.2363,
      0.1333).
    luminance: False leaves it out.

  Returns:
    [b] of at most 1.

  References:
    Ma, Duanmu, Yeganeh, Wang, Multi-exposure image fusion by optimizing a
    structural similarity index, TCI 2018, as the published code has it.
  """
  stack = jnp.stack([fused, *exposures])
  score = jnp.ones(fused.shape[0], fused.dtype)
  for number, exponent in enumerate(scales):
    if number:
      stack = _halved(stack)
    bright, structure = _means(stack)
    score = score * _power(structure, exponent)
    if luminance and number == len(scales) - 1:
      score = score * _power(bright, exponent)
  return score


def halo(rgb: Array) -> Array:
  """Mean absolute Sobel derivative of the luma.

  Args:
    rgb: [b, h, w, 3] in [0, 1].

  Returns:
    Scalar.

  References:
    Zhao et al., section 3.2; derivatives as kornia's SpatialGradient.
  """
  dx, dy = filters.sobel(colour.luma(rgb), border='edge')
  return (jnp.mean(jnp.abs(dx)) + jnp.mean(jnp.abs(dy))) / 2


def halo_weight(
  step: Array, *, rise: float = 0.25, limit: float = 10.0
) -> Array:
  """The weight of the halo: min(rise * step, limit).

  Args:
    step: int32 scalar, the number of steps done; the paper's i is one more.
    rise: by how much the weight grows in a step.
    limit: the largest weight.

  Returns:
    float32 scalar.

  References:
    Zhao et al., section 4.2.
  """
  return jnp.minimum(rise * step.astype(jnp.float32), limit)


def mef_ssim_loss(
  fused: Array,
  exposures: Sequence[Array],
  *,
  step: Array,
  rise: float = 0.25,
  limit: float = 10.0,
  scales: Sequence[float] = (1.0,),
  luminance: bool = True,
) -> tuple[Array, dict[str, Array]]:
  """-MEF-SSIM + lambda halo, the loss of CSC-MEFN.

  Args:
    fused: [b, h, w, 3] fused RGB, not clamped.
    exposures: two or more [b, h, w, 3] RGB in [0, 1].
    step: int32 scalar, the number of steps done.
    rise: see `halo_weight`.
    limit: see `halo_weight`.
    scales: see `mef_ssim`.
    luminance: see `mef_ssim`.

  Returns:
    The loss and its unweighted parts, `mef_ssim` and `halo`, and the
    `halo_weight`.

  References:
    Zhao et al., Deep convolutional sparse coding networks for interpretable
    image fusion, eq. 7.
  """
  scores = mef_ssim(fused, exposures, scales=scales, luminance=luminance)
  weight = halo_weight(step, rise=rise, limit=limit).astype(fused.dtype)
  parts = {
    'mef_ssim': jnp.mean(scores),
    'halo': halo(fused),
    'halo_weight': weight,
  }
  return weight * parts['halo'] - parts['mef_ssim'], parts


def _means(stack: Array) -> tuple[Array, Array]:
  """Mean luminance and mean structure of each picture.

  Args:
    stack: [1 + k, b, h, w, c], the fused pictures first.

  Returns:
    Two [b].
  """
  taps = filters.gaussian_taps(_WINDOW, _SIGMA)
  # The window spans the channels, with an equal share of its weight on each.
  count = stack.shape[0]
  products = [stack, jnp.square(stack), stack[:1] * stack[1:]]
  # One picture a plane: [b * planes, h, w, 1]. The batch comes first: where it
  # is split over devices, each keeps its own, and nothing is exchanged.
  flat = [jnp.moveaxis(jnp.mean(x, axis=-1), 0, 1) for x in products]
  planes = jnp.concatenate(flat, axis=1)
  found = filters.separable(
    planes.reshape(-1, *planes.shape[2:], 1), taps, border='zero'
  )
  found = jnp.moveaxis(found.reshape(planes.shape), 1, 0)
  mean, square = found[:count], found[count : 2 * count]
  variance = square - mean * mean
  covariance = found[2 * count :] - mean[:1] * mean[1:]
  return _luminance(mean), _structure(variance, covariance)


def _luminance(mean: Array) -> Array:
  fused, exposures = mean[0], mean[1:]
  whole = jnp.mean(exposures, axis=(2, 3), keepdims=True)
  bells = _bell(whole) * _bell(exposures)
  wanted = jnp.sum(bells * exposures, axis=0) / jnp.sum(bells, axis=0)
  c1, _ = _CONSTANTS
  similar = (2 * fused * wanted + c1) / (fused**2 + wanted**2 + c1)
  return jnp.mean(similar, axis=(1, 2))


def _structure(variance: Array, covariance: Array) -> Array:
  best = jnp.argmax(variance[1:], axis=0)[None]
  of_best = jnp.take_along_axis(variance[1:], best, axis=0)[0]
  with_best = jnp.take_along_axis(covariance, best, axis=0)[0]
  _, c2 = _CONSTANTS
  similar = (2 * with_best + c2) / (variance[0] + of_best + c2)
  return jnp.mean(similar, axis=(1, 2))


def _bell(level: Array) -> Array:
  return jnp.exp(-jnp.square(level - 0.5) / _SPREAD)


def _power(x: Array, exponent: float) -> Array:
  return x if exponent == 1 else jnp.maximum(x, _LEAST) ** exponent


def _halved(stack: Array) -> Array:
  """Means of 2 x 2 pixels; an odd last row or column is left out."""
  h, w = (side // 2 * 2 for side in stack.shape[2:4])
  cut = lax.slice_in_dim(lax.slice_in_dim(stack, 0, h, axis=2), 0, w, axis=3)
  corners = [cut[:, :, y::2, x::2] for y in range(2) for x in range(2)]
  return functools.reduce(operator.add, corners) / 4
