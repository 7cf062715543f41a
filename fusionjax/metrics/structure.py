"""SSIM and MEF-SSIM. Planes are [h, w], in 0..255."""

import dataclasses
import functools
import itertools
import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp

from fusionjax.metrics import filters, moments, tiles

Array = jax.Array

_WINDOW = 11
_GAUSSIAN = filters.gaussian_taps(_WINDOW, 1.5)
_LEVEL_WEIGHTS = (0.0448, 0.2856, 0.3001)
_CONSTANT = (0.03 * 255) ** 2
# The coarsest of the three levels must still hold a window.
MEF_SSIM_MIN_SIZE = _WINDOW * 2 ** (len(_LEVEL_WEIGHTS) - 1)


@dataclasses.dataclass(frozen=True)
class _Ssim:
  """What a toolbox means by SSIM.

  Attributes:
    data_range: that its code ends up with.
    uniform: a 7 x 7 box with sample covariances, not the Gaussian window.
    border: windows that reach out of the picture.
    average: of the sources, not their sum.
  """

  data_range: float
  uniform: bool = False
  border: tiles.Border = 'valid'
  average: bool = False


_SSIM: Mapping[str, _Ssim] = {
  'vifb': _Ssim(255),
  # MATLAB's ssim takes doubles to be in 0..1; the toolbox hands it 0..255.
  'lt': _Ssim(1, border='replicate', average=True),
  # scikit-image before 0.20 took floats to be in -1..1; the toolbox hands it
  # 0..255.
  'cddfuse': _Ssim(2, uniform=True),
  'mgdn': _Ssim(255, average=True),
}
SSIM_MIN_SIZE = _WINDOW
_BOX = 7


def ssim(
  fused: Array,
  sources: Sequence[Array],
  *,
  size: tiles.Size | None = None,
  toolbox: Literal['vifb', 'lt', 'cddfuse', 'mgdn'] = 'vifb',
  data_range: float | None = None,
) -> Array:
  """Structural similarity of the fused picture to its sources.

  SSIM(x, y) = mean((2 mu_x mu_y + C1)(2 cov + C2) / ((mu_x^2 + mu_y^2 + C1)
  (var_x + var_y + C2))), C1 = (0.01 L)^2, C2 = (0.03 L)^2, in 11 x 11
  Gaussian windows of sigma 1.5; toolboxes sum or average it over the sources.

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: [h, w] planes in 0..255, one or more.
    size: height and width of the picture, if it is the top left of the planes.
    toolbox: `vifb` sums over the sources, `mgdn` takes their mean; `lt` takes
      the mean, has a result at every pixel (edge pixels repeated) and L = 1;
      `cddfuse` sums, with 7 x 7 boxes, sample covariances and L = 2.
    data_range: L, in the place of the toolbox's.

  Returns:
    Scalar of at most 1, or at most the number of sources where it is a sum;
    NaN where the picture holds no window, except under `lt`.

  References:
    Wang et al., Image quality assessment: from error visibility to structural
    similarity, TIP 2004, eq. 13.
  """
  rule = _SSIM[toolbox]
  level = rule.data_range if data_range is None else data_range
  constants = ((0.01 * level) ** 2, (0.03 * level) ** 2)
  planes = jnp.stack([fused, *sources])

  def of_tile(tile: Array, place: tiles.Place) -> Array:
    del place
    maps = _similarities(tile, constants=constants, uniform=rule.uniform)
    return functools.reduce(operator.add, maps)

  side = _BOX if rule.uniform else _WINDOW
  total = tiles.total(
    of_tile, planes, size=size, window=side, border=rule.border
  )
  shrink = side - 1 if rule.border == 'valid' else 0
  value = total / _count(planes, size, shrink=shrink, dtype=total.dtype)
  return value / len(sources) if rule.average else value


def _similarities(
  planes: Array, *, constants: tuple[float, float], uniform: bool
) -> list[Array]:
  """Maps of the similarity of the first plane to each of the others."""
  others = range(1, planes.shape[0])
  pairs = [(k, k) for k in range(planes.shape[0])] + [(0, k) for k in others]
  if uniform:
    means, table = moments.boxed(planes, _BOX, pairs)
    # A sample covariance: one less than the number of samples.
    table = {pair: each / (_BOX**2 - 1) for pair, each in table.items()}
  else:
    means, table = moments.weighted(planes, _GAUSSIAN, pairs)
  return [
    moments.similarity(
      (means[0], means[k]),
      (table[0, 0], table[k, k]),
      table[0, k],
      constants,
    )
    for k in others
  ]


def mef_ssim(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
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
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar of at most 1; -inf where the smaller side is below 44 pixels, as
    the reference has it; NaN where the mean of a level is negative.

  References:
    Ma, Zeng, Wang, Perceptual quality assessment for multi-exposure image
    fusion, TIP 2015, eq. 2-12. LT's MS_SSIM is the same code.
  """
  total = math.fsum(_LEVEL_WEIGHTS)
  images = jnp.stack([*sources, fused])
  height, width = tiles.extent(images, size)
  factors = []
  for level, weight in enumerate(_LEVEL_WEIGHTS):
    if level:
      images, size = _halved(images, size)
    factors.append(level_score(images, size=size) ** (weight / total))
  score = functools.reduce(operator.mul, factors)
  enough = jnp.minimum(height, width) >= MEF_SSIM_MIN_SIZE
  return jnp.where(enough, score, -jnp.inf)


def _halved(
  images: Array, size: tiles.Size | None
) -> tuple[Array, tiles.Size | None]:
  """Means of 2 x 2 blocks; an odd last row or column counts twice."""

  def of_tile(tile: Array, place: tiles.Place) -> Array:
    del place
    rows = tile[:, ::2] + tile[:, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]) / 4

  halved, extent = tiles.rendered(
    of_tile, images, size=size, window=2, stride=2, border='replicate'
  )
  return halved, None if size is None else extent


def level_score(images: Array, *, size: tiles.Size | None = None) -> Array:
  """The mean quality of MEF-SSIM at one level of the pyramid.

  Args:
    images: [k + 1, h, w] planes, the k sources and then the fused one, h and
      w at least 11.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar in -1..1.
  """

  def of_tile(tile: Array, place: tiles.Place) -> Array:
    del place
    return _quality(tile)

  total = tiles.total(of_tile, images, size=size, window=_WINDOW)
  return total / _count(images, size, shrink=_WINDOW - 1, dtype=total.dtype)


def _quality(images: Array) -> Array:
  """Map of the similarity of the last plane to the desired patch."""
  last = images.shape[0] - 1
  desired = _desired_patch(images[:last])
  _, table = moments.weighted(images, _GAUSSIAN)
  table = {
    (i, j): jnp.maximum(each, 0) if i == j else each
    for (i, j), each in table.items()
  }
  with_fused = functools.reduce(
    operator.add, [desired[k] * table[k, last] for k in range(last)]
  )
  contrast = _form(desired, table)
  return (2 * with_fused + _CONSTANT) / (
    contrast + table[last, last] + _CONSTANT
  )


def _desired_patch(sources: Array) -> list[Array]:
  """Coefficients of the desired patch, r = sum_k b_k (x_k - mu_k).

  Args:
    sources: [k, h, w] planes.

  Returns:
    k planes b_k, one value a window.
  """
  count = sources.shape[0]
  # Squared norms and inner products of centred patches.
  _, inner = moments.boxed(sources, _WINDOW)
  eps = float(jnp.finfo(sources.dtype).eps)
  norms = [jnp.sqrt(jnp.maximum(inner[k, k], 0)) for k in range(count)]
  contrasts = [norm + 0.001 for norm in norms]
  together = _form([1.0] * count, inner)
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
  largest = functools.reduce(jnp.maximum, contrasts)
  empty = length == 0
  stretch = jnp.where(empty, 1, largest / jnp.where(empty, 1, length))
  return [each * stretch for each in blend]


def _form(weights: Sequence[Any], table: moments.Table) -> Array:
  """sum_ij weights_i weights_j table_ij over the given weights."""
  count = len(weights)
  terms = [
    weights[i] * weights[j] * table[i, j] * (1 if i == j else 2)
    for i, j in itertools.combinations_with_replacement(range(count), 2)
  ]
  return functools.reduce(operator.add, terms)


def _count(
  planes: Array, size: tiles.Size | None, *, shrink: int, dtype: Any
) -> Array:
  """Number of windows; 0, and not a negative one, where none fits."""
  height, width = (
    jnp.maximum(jnp.asarray(side - shrink, dtype), 0)
    for side in tiles.extent(planes, size)
  )
  return height * width
