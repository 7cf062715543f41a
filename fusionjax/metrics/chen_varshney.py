"""Q_CV, the visible error where the sources have edges. Planes are [h, w]."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from fusionjax.metrics import contrast_sensitivity, filters, tiles

Array = jax.Array

# Cycles a picture that are one unit of the sensitivity's frequency.
_UNIT = 4.0
# Side of the regions; tiles are multiples of it.
_BLOCK = 16
_SALIENCY_POWER = 5


def qcv(fused: Array, sources: Sequence[Array]) -> Array:
  """Q_CV of Chen and Varshney: visible error, lower is better.

  Pictures are stretched to 0..255. In regions of 16 x 16 pixels, the error is
  the mean square of F - S filtered by the contrast sensitivity 2.6 (0.0192 +
  0.144 f) exp(-(0.144 f)^1.1), f in units of 4 cycles a picture, and the
  saliency that weighs it the sum of the Sobel edges of S to the power of 5;
  Q_CV is the mean over the regions of all sources. Regions that reach out of
  the picture are filled up with zeros.

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: [h, w] planes in 0..255, two in the paper; more add their terms.

  Returns:
    Scalar of 0 or more, in squared levels, 0 for identical pictures; NaN where
    a picture has one level alone that is not zero or all sources are zero.

  References:
    Chen, Varshney, A human perception inspired quality metric for image fusion
    based on regional information, Information Fusion 2007.
  """
  return pooled(spectra(fused, sources))


def spectra(fused: Array, sources: Sequence[Array]) -> tuple[Array, ...]:
  """The visible errors, which take Fourier transforms, and the sources.

  Args:
    fused: as for `qcv`.
    sources: as for `qcv`.

  Returns:
    2 k planes [h, w]: filtered errors of each source, then the stretched
    sources.
  """
  planes, transformed = contrast_sensitivity.transformed(
    (fused, *sources), unit=False
  )
  radii = contrast_sensitivity.radii(
    planes.shape[-2:], unit=_UNIT, dtype=planes.dtype
  )
  scaled = 0.144 * radii
  # The power of 1.1 of a zero has no derivative.
  power = jnp.exp(1.1 * jnp.log(jnp.where(scaled == 0, 1, scaled)))
  power = jnp.where(scaled == 0, 0, power)
  sensitivity = 2.6 * (0.0192 + scaled) * jnp.exp(-power)
  errors = contrast_sensitivity.filtered(
    transformed[1:] - transformed[:1], sensitivity, width=planes.shape[-1]
  )
  # One by one: canvases of a stack are too large for memory to be used again.
  return (*errors, *planes[1:])


def pooled(seen: Sequence[Array], *, size: tiles.Size | None = None) -> Array:
  """Q_CV from errors and sources.

  Args:
    seen: what `spectra` gives, or canvases of it.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar.
  """
  planes, count = jnp.stack(seen), len(seen) // 2

  def add(
    sums: tuple[Array, Array], tile: Array, place: tiles.Place
  ) -> tuple[Array, Array]:
    right, down = filters.sobel(tile[count:])
    edges = filters.magnitude(right, down) ** _SALIENCY_POWER
    saliency = _blocks(jnp.where(place.inside, edges, 0))
    errors = tile[:count, 1:-1, 1:-1] ** 2
    errors = _blocks(jnp.where(place.inside, errors, 0)) / _BLOCK**2
    return sums[0] + jnp.sum(saliency * errors), sums[1] + jnp.sum(saliency)

  zero = jnp.zeros((), planes.dtype)
  error, weight = tiles.accumulate(
    add, planes, (zero, zero), size=size, window=3, border='zero'
  )
  return error / weight


def _blocks(planes: Array) -> Array:
  """Sums over regions."""
  count, height, width = planes.shape
  regions = planes.reshape(
    count, height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK
  )
  return jnp.sum(regions, axis=(2, 4))
