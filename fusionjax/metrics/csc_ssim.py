"""The MEF-SSIM that trains CSC-MEFN. Planes in 0..255."""

import functools
import operator
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from fusionjax.metrics import filters, tiles

Array = jax.Array

_WINDOW = 11
_GAUSSIAN = filters.gaussian_taps(_WINDOW, 11 / 6)
_CONSTANTS = (0.01**2, 0.03**2)
# Twice the variance of the two bells around middle grey.
_SPREAD = 2 * 0.2**2


def mef_ssim_csc(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """MEF-SSIM as CSC-MEFN is trained with it: one scale, with luminance.

  On 0..1, in 11 x 11 Gaussian windows of sigma 11 / 6 with zeros around the
  picture, channels of a colour picture taken together. Per window, contrast
  and structure cs = (2 cov + C2) / (var_k + var_f + C2) are compared with the
  source k of the largest variance, and the mean with that of all sources
  weighted by two bells, of their window and of their whole picture around
  middle grey: l = (2 mu_f mu + C1) / (mu_f^2 + mu^2 + C1). The result is the
  product mean(l) mean(cs).

  Args:
    fused: [h, w] or [channels, h, w] fused planes in 0..255.
    sources: planes of the same shape, one or more.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar of at most 1.

  References:
    Zhao et al., Deep convolutional sparse coding networks for interpretable
    image fusion, eq. 7, after Ma et al., Multi-exposure image fusion by
    optimizing a structural similarity index, TCI 2018.
  """
  pictures = [each.reshape(-1, *each.shape[-2:]) for each in (fused, *sources)]
  shape = (len(pictures), *pictures[0].shape)
  planes = jnp.concatenate(pictures)

  def levels(tile: Array) -> Array:
    """[1 + k, channels, ...] in 0..1."""
    return (tile / 255).reshape(*shape[:2], *tile.shape[-2:])

  def exposures(tile: Array, place: tiles.Place) -> Array:
    del place
    # The window spans the channels, with a third of its weight on each.
    grey = jnp.mean(levels(tile)[1:], axis=1)
    return filters.window_sums(grey, _GAUSSIAN)

  total = functools.partial(
    tiles.total, planes=planes, size=size, window=_WINDOW, border='zero'
  )
  area = tiles.pixels(tiles.extent(planes, size), jnp.result_type(float))
  means = total(exposures)
  means = means / area.astype(means.dtype)

  def maps(tile: Array, place: tiles.Place) -> tuple[Array, Array]:
    del place
    return _maps(levels(tile), _bell(means))

  luminance, structure = total(maps)
  area = area.astype(luminance.dtype)
  return luminance / area * (structure / area)


def _maps(levels: Array, exposure_weights: Array) -> tuple[Array, Array]:
  """Maps of luminance and of contrast and structure.

  Args:
    levels: [1 + k, channels, h, w] in 0..1, the fused picture first.
    exposure_weights: [k], of whole sources.
  """
  sources = range(1, levels.shape[0])
  products = [(k, k) for k in range(levels.shape[0])]
  products += [(0, k) for k in sources]
  stack = jnp.stack(
    [jnp.mean(each, axis=0) for each in levels]
    + [jnp.mean(levels[i] * levels[j], axis=0) for i, j in products]
  )
  found = filters.window_sums(stack, _GAUSSIAN)
  means = found[: levels.shape[0]]
  table = {
    (i, j): moment - means[i] * means[j]
    for (i, j), moment in zip(products, found[levels.shape[0] :], strict=True)
  }
  weights = [exposure_weights[k - 1] * _bell(means[k]) for k in sources]
  wanted = functools.reduce(
    operator.add,
    [weight * means[k] for k, weight in zip(sources, weights, strict=True)],
  ) / functools.reduce(operator.add, weights)
  luminance = (2 * means[0] * wanted + _CONSTANTS[0]) / (
    means[0] ** 2 + wanted**2 + _CONSTANTS[0]
  )
  variance, covariance = table[1, 1], table[0, 1]
  for k in sources[1:]:
    larger = table[k, k] > variance
    variance = jnp.where(larger, table[k, k], variance)
    covariance = jnp.where(larger, table[0, k], covariance)
  structure = (2 * covariance + _CONSTANTS[1]) / (
    table[0, 0] + variance + _CONSTANTS[1]
  )
  return luminance, structure


def _bell(levels: Array) -> Array:
  return jnp.exp(-((levels - 0.5) ** 2) / _SPREAD)
