"""Q_P, correlation of the phase congruency. Planes are [h, w] in 0..255."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.metrics import filters, phase_congruency, tiles

Array = jax.Array

MIN_SIZE = phase_congruency.MIN_SIZE
_WINDOW = 11
_GAUSSIAN = filters.gaussian_taps(_WINDOW, 1.5)
# Less congruency is no feature.
_FEATURE = 0.1
_CONSTANT = 1e-4


def qp(fused: Array, sources: Sequence[Array]) -> Array:
  """Q_P of Zhao et al.: how much of the sources' features the fused one has.

  Of the phase congruency and of its larger and smaller moment (edges and
  corners), local correlations r = (cov + C) / (sqrt|var_S var_F| + C), C =
  1e-4, of the fused picture with A, B and with M, which has the features of
  the source of the larger congruency; in 11 x 11 Gaussian windows, zeros
  around the picture. The largest of the three, where the congruency is above
  0.1, averaged over the features of M; Q_P is the product of the three means.

  Args:
    fused: [h, w] fused plane in 0..255, h and w at least 2.
    sources: two [h, w] planes in 0..255.

  Returns:
    Scalar, about 0..1; NaN where the sources have no feature. A fused picture
    without any has r = C / C: nearly 1.

  References:
    Zhao, Laganiere, Liu, Performance assessment of combinative pixel-level
    image fusion based on an absolute feature measurement, IJICIC 2007.
  """
  return pooled(spectra(fused, sources))


def spectra(fused: Array, sources: Sequence[Array]) -> Array:
  """Phase congruency and moments, which take Fourier transforms.

  Args:
    fused: as for `qp`.
    sources: as for `qp`.

  Returns:
    [9, h, w]: congruency, larger and smaller moment of the fused picture, of
    the first and of the second source.
  """
  found = phase_congruency.features(jnp.stack([fused, *sources]))
  return found.reshape(-1, *found.shape[-2:])


def pooled(features: Array, *, size: tiles.Size | None = None) -> Array:
  """Q_P from the features.

  Args:
    features: what `spectra` gives, or canvases of it.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar.
  """
  best, there = tiles.total(
    _correlations, features, size=size, window=_WINDOW, border='zero'
  )
  return jnp.prod(best / there)


def _correlations(tile: Array, place: tiles.Place) -> tuple[Array, Array]:
  """[3, th, tw] best correlations by feature, and where features are."""
  del place
  by_picture = tile.reshape(3, 3, *tile.shape[1:])
  fused, first, second = by_picture
  in_first, in_second = first[0] > _FEATURE, second[0] > _FEATURE
  is_first = first[0] > second[0]
  masks = jnp.stack(
    [in_first, in_second, jnp.where(is_first, in_first, in_second)]
  )
  rim = slice(_WINDOW // 2, -(_WINDOW // 2))
  inner = masks[:, rim, rim]

  def best(planes: tuple[Array, Array, Array]) -> Array:
    of_fused, of_first, of_second = planes
    best_of_both = jnp.where(is_first, of_first, of_second)
    others = jnp.stack([of_first, of_second, best_of_both])
    found = _correlation(of_fused, jnp.where(masks, others, 0))
    return jnp.max(jnp.where(inner, found, 0), axis=0)

  return lax.map(best, (fused, first, second)), inner[2].astype(tile.dtype)


def _correlation(fused: Array, others: Array) -> Array:
  """Local correlations of planes [3, h, w] with the fused one."""
  planes = jnp.concatenate([fused[None], others])
  count = planes.shape[0]
  found = filters.window_sums(
    jnp.concatenate([planes, planes * planes, fused[None] * others]), _GAUSSIAN
  )
  means = found[:count]
  variances = found[count : 2 * count] - means * means
  covariances = found[2 * count :] - means[:1] * means[1:]
  square = jnp.abs(variances[1:] * variances[:1])
  # Without a derivative of infinity where there is no feature.
  there = square > 0
  scale = jnp.where(there, jnp.sqrt(jnp.where(there, square, 1)), 0)
  return (covariances + _CONSTANT) / (scale + _CONSTANT)
