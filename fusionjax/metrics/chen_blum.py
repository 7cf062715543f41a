"""Q_CB, contrast preservation as human vision sees it. Planes: [h, w]."""

import functools
import math
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.metrics import contrast_sensitivity, filters, tiles

Array = jax.Array
Toolbox = Literal['mefb', 'vifb', 'mfif']

# Cycles a picture that are one unit of the sensitivity's frequency.
_UNIT = 15.0
_WINDOW = 31
_SIGMAS = (2.0, 4.0)
_EPS = 1e-4


def qcb(
  fused: Array, sources: Sequence[Array], *, toolbox: Toolbox = 'mefb'
) -> Array:
  """Q_CB of Chen and Blum: how much local contrast of the sources is kept.

  Pictures are stretched to 0..255 and filtered by the contrast sensitivity
  exp(-(f / 15.387)^2) - 0.7622 exp(-(f / 1.3456)^2), f in units of 15 cycles a
  picture. With the contrast C = |G_2 * x / G_4 * x - 1| (Gaussians of sigma 2
  and 4, 31 x 31, zeros around the picture) masked to c = C^3 / (C^2 + 1e-4),
  Q_CB = mean sum_S c_S^2 / (sum c^2) min(c_S, c_F) / max(c_S, c_F).

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: [h, w] planes in 0..255, two in the paper; more add their terms.
    toolbox: MEFB divides by 255 before it stretches, which moves some halves
      of a level to the other side; VIFB and MFIF do not.

  Returns:
    Scalar in 0..1, 1 for identical pictures; NaN where a picture has one level
    alone.

  References:
    Chen, Blum, A new automated quality assessment algorithm for image fusion,
    Image and Vision Computing 2009.
  """
  return pooled(spectra(fused, sources, toolbox=toolbox))


def spectra(
  fused: Array, sources: Sequence[Array], *, toolbox: Toolbox = 'mefb'
) -> tuple[Array, ...]:
  """The planes as seen, which take Fourier transforms.

  Args:
    fused: as for `qcb`.
    sources: as for `qcb`.
    toolbox: as for `qcb`.

  Returns:
    1 + k filtered planes [h, w], the fused one first.
  """
  planes, transformed = contrast_sensitivity.transformed(
    (fused, *sources), unit=toolbox == 'mefb'
  )
  radii = contrast_sensitivity.radii(
    planes.shape[-2:], unit=_UNIT, dtype=planes.dtype
  )
  squares = radii * radii
  sensitivity = jnp.exp(squares * (-1 / 15.3870**2)) - 0.7622 * jnp.exp(
    squares * (-1 / 1.3456**2)
  )
  seen = contrast_sensitivity.filtered(
    transformed, sensitivity, width=planes.shape[-1]
  )
  # One by one: canvases of a stack are too large for memory to be used again.
  return tuple(seen)


def pooled(seen: Sequence[Array], *, size: tiles.Size | None = None) -> Array:
  """Q_CB from the filtered planes.

  Args:
    seen: what `spectra` gives, or canvases of it.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar.
  """

  def of_tile(tile: Array, place: tiles.Place) -> Array:
    del place
    # Plane after plane, which fits the cache: a third less time.
    return _quality(lax.map(_masked_contrast, tile))

  planes = jnp.stack(seen)
  total = tiles.total(of_tile, planes, size=size, window=_WINDOW, border='zero')
  return total / tiles.pixels(tiles.extent(planes, size), total.dtype)


def _quality(contrast: Array) -> Array:
  """Map of the quality; the fused picture comes first."""
  fused, sources = contrast[:1], contrast[1:]
  weights = sources * sources
  kept = jnp.minimum(sources, fused) / jnp.maximum(sources, fused)
  return jnp.sum(weights * kept, axis=0) / jnp.sum(weights, axis=0)


def _masked_contrast(plane: Array) -> Array:
  fine, broad = (filters.window_sums(plane, _taps(sigma)) for sigma in _SIGMAS)
  contrast = jnp.abs(fine / broad - 1)
  square = contrast * contrast
  return contrast * square / (square + _EPS)


@functools.cache
def _taps(sigma: float) -> tuple[float, ...]:
  """One side of the Gaussian window, which is cut off and not normed."""
  norm = math.sqrt(2 * math.pi) * sigma
  return tuple(
    math.exp(-((at - _WINDOW // 2) ** 2) / (2 * sigma**2)) / norm
    for at in range(_WINDOW)
  )
