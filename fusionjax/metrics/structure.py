"""Metrics from local structure. Planes are [h, w] floats in 0..255."""

import functools
import itertools
import math
import operator
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from fusionjax.metrics import filters

Array = jax.Array
Pair = tuple[int, int]

_WINDOW = 11
_LEVEL_WEIGHTS = (0.0448, 0.2856, 0.3001)
_CONSTANT = (0.03 * 255) ** 2
# The coarsest of the three levels must still hold a window.
MEF_SSIM_MIN_SIZE = _WINDOW * 2 ** (len(_LEVEL_WEIGHTS) - 1)


def mef_ssim(fused: Array, sources: Sequence[Array]) -> Array:
  """MEF-SSIM of Ma et al.: structural similarity to a desired patch.

  In every 11 x 11 window the desired patch is r = sum_k w_k (x_k - mu_k) /
  ||x_k - mu_k||, stretched to the largest contrast of the sources; the score
  is the mean of (2 cov(r, f) + C) / (var(r) + var(f) + C) under a Gaussian
  window, and the product over three levels of Q_l^weight_l. There is no term
  for luminance. Everything comes from box and Gaussian moments of the
  sources and the fused image, so that no patch is ever formed.

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: [h, w] planes in 0..255, two or more.

  Returns:
    Scalar of at most 1; -inf where the smaller side is below 44 pixels, as
    the reference has it.

  References:
    Ma, Zeng, Wang, Perceptual quality assessment for multi-exposure image
    fusion, TIP 2015, eq. 2-12. LT's MS_SSIM is the same code.
  """
  if min(fused.shape) < MEF_SSIM_MIN_SIZE:
    return jnp.full((), -jnp.inf, fused.dtype)
  total = math.fsum(_LEVEL_WEIGHTS)
  images = jnp.stack([*sources, fused])
  score = jnp.ones((), fused.dtype)
  for level, weight in enumerate(_LEVEL_WEIGHTS):
    if level:
      images = _halve(images)
    score = score * level_score(images) ** (weight / total)
  return score


def _halve(images: Array) -> Array:
  """Means of 2 x 2 blocks; an odd last row or column counts twice."""
  count, height, width = images.shape
  images = jnp.pad(
    images, ((0, 0), (0, height % 2), (0, width % 2)), mode='edge'
  )
  rows, columns = (height + 1) // 2, (width + 1) // 2
  return images.reshape(count, rows, 2, columns, 2).mean(axis=(2, 4))


def level_score(images: Array) -> Array:
  """The mean quality of MEF-SSIM at one level of the pyramid.

  Args:
    images: [k + 1, h, w] planes, the k sources and then the fused one, h and
      w at least 11.

  Returns:
    Scalar in -1..1.
  """
  last = images.shape[0] - 1
  desired = _desired_patch(images[:last])
  moments = _covariances(images, filters.gaussian_taps(_WINDOW, 1.5))
  with_fused = sum(desired[k] * moments[k, last] for k in range(last))
  contrast = _form(desired, moments)
  quality = (2 * with_fused + _CONSTANT) / (
    contrast + moments[last, last] + _CONSTANT
  )
  return jnp.mean(quality)


def _desired_patch(sources: Array) -> list[Array]:
  """Coefficients of the desired patch, r = sum_k b_k (x_k - mu_k).

  Args:
    sources: [k, h, w] planes.

  Returns:
    k planes b_k, one value a window.
  """
  count = sources.shape[0]
  # Times the area: squared norms and inner products of centred patches.
  inner = _covariances(sources, (1.0,) * _WINDOW)
  eps = float(jnp.finfo(sources.dtype).eps)
  norms = [jnp.sqrt(inner[k, k]) for k in range(count)]
  contrasts = [norm + 0.001 for norm in norms]
  together = _form([jnp.ones_like(norms[0])] * count, inner)
  agreement = (jnp.sqrt(jnp.maximum(together, 0)) + eps) / (sum(norms) + eps)
  agreement = jnp.minimum(agreement, 1 - eps)
  power = jnp.minimum(jnp.tan(math.pi / 2 * agreement), 10)
  weights = [(each / _WINDOW) ** power + eps for each in contrasts]
  total = sum(weights)
  # A flat patch adds nothing. Said in so many words, because the division by
  # its contrast of 0.001 would blow up the rounding of the Gaussian moments.
  blend = [
    jnp.where(norm == 0, 0, weight / total / each)
    for norm, weight, each in zip(norms, weights, contrasts, strict=True)
  ]
  length = jnp.sqrt(jnp.maximum(_form(blend, inner), 0))
  largest = jnp.max(jnp.stack(contrasts), axis=0)
  empty = length == 0
  stretch = jnp.where(empty, 1, largest / jnp.where(empty, 1, length))
  return [each * stretch for each in blend]


def _covariances(images: Array, taps: Sequence[float]) -> dict[Pair, Array]:
  """Windowed inner products of centred patches, by pair of images.

  Args:
    images: [n, h, w] planes.
    taps: weights along a side of the window; their sum s scales the result.

  Returns:
    s^2 times the covariance under the window for every (i, j) with i <= j,
    squares clipped at 0.
  """
  area = math.fsum(taps) ** 2
  pairs = list(
    itertools.combinations_with_replacement(range(images.shape[0]), 2)
  )
  products = jnp.stack([images[i] * images[j] for i, j in pairs])
  sums = filters.window_sums(images, taps)
  moments = filters.window_sums(products, taps)
  table = {}
  for at, (i, j) in enumerate(pairs):
    # Multiplied before it is divided: with box weights and 8-bit levels all
    # of it is exact, and a flat window has a contrast of exactly 0.
    table[i, j] = (moments[at] * area - sums[i] * sums[j]) / area
    if i == j:
      table[i, j] = jnp.maximum(table[i, j], 0)
  return table


def _form(weights: Sequence[Array], table: dict[Pair, Array]) -> Array:
  """sum_ij weights_i weights_j table_ij over the given weights."""
  count = len(weights)
  terms = [
    weights[i] * weights[j] * table[i, j] * (1 if i == j else 2)
    for i, j in itertools.combinations_with_replacement(range(count), 2)
  ]
  return functools.reduce(operator.add, terms)
