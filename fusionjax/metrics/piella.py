"""Piella's metrics Q_S, Q_W and Q_E. Planes are [h, w], in 0..255."""

import functools
import operator
from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp

from fusionjax.metrics import filters, moments, sharing, tiles

Array = jax.Array

# Of windows, by toolbox.
WINDOWS = {'mefb': 11, 'mfif': 8}
_GAUSSIAN = filters.gaussian_taps(WINDOWS['mefb'], 1.5)
_MEFB_CONSTANTS = ((0.01 * 255) ** 2, (0.03 * 255) ** 2)
_MFIF_CONSTANTS = ((1e-6 * 255) ** 2, (1e-6 * 255) ** 2)


def qs(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """Q_S: similarities weighted by the variance of the sources.

  Q_S = mean sum_S lambda_S SSIM_w(S, F), lambda_S = var_S / sum var, in 8 x 8
  boxes, as the MFIF toolbox has it. Where all sources are flat they weigh
  alike.

  Args:
    fused: [h, w] fused plane in 0..255, h and w at least 8.
    sources: [h, w] planes in 0..255, two in the paper.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar in -1..1.

  References:
    Piella, Heijmans, A new quality metric for image fusion, ICIP 2003, eq. 5.
  """
  sums = _sums(fused, tuple(sources), size=size, toolbox='mfif')['images']
  return sums['similarity'] / sums['windows']


def qw(
  fused: Array,
  sources: Sequence[Array],
  *,
  size: tiles.Size | None = None,
  toolbox: Literal['mefb', 'mfif'] = 'mefb',
) -> Array:
  """Q_W: Q_S with windows that weigh as much as they have contrast.

  Q_W = sum c sum_S lambda_S SSIM_w(S, F), c = max_S var_S / sum of it over all
  windows.

  Args:
    fused: [h, w] fused plane in 0..255, h and w at least 11 or, mfif, 8.
    sources: [h, w] planes in 0..255, two in the paper.
    size: height and width of the picture, if it is the top left of the planes.
    toolbox: `mfif` is the paper's, in 8 x 8 boxes; `mefb` computes it of edge
      images and of nothing else, in 11 x 11 Gaussian windows: the edge factor
      of the paper's Q_E.

  Returns:
    Scalar in -1..1.

  References:
    Piella, Heijmans, A new quality metric for image fusion, ICIP 2003, eq. 6.
  """
  sums = _sums(fused, tuple(sources), size=size, toolbox=toolbox)
  return _weighted(sums['images' if toolbox == 'mfif' else 'edges'])


def qe(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """Q_E: Q_W of the images times Q_W of their edge images.

  In 8 x 8 boxes, as the MFIF toolbox has it; the paper's exponents are 1.

  Args:
    fused: [h, w] fused plane in 0..255, h and w at least 8.
    sources: [h, w] planes in 0..255, two in the paper.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar in -1..1.

  References:
    Piella, Heijmans, A new quality metric for image fusion, ICIP 2003, eq. 7.
  """
  sums = _sums(fused, tuple(sources), size=size, toolbox='mfif')
  return _weighted(sums['images']) * _weighted(sums['edges'])


def _weighted(sums: dict[str, Array]) -> Array:
  return sums['weighted'] / sums['contrast']


@sharing.shared
def _sums(
  fused: Array,
  sources: tuple[Array, ...],
  *,
  size: tiles.Size | None,
  toolbox: str,
) -> dict[str, dict[str, Array]]:
  """Sums over all windows, of the images (MFIF) and of their edges."""
  planes = jnp.stack([fused, *sources])
  side = WINDOWS[toolbox]
  # Of what a tile holds before the first window: the rim is for the edges,
  # which have zeros around the picture. Windows themselves must lie inside.
  before = (side + 1) // 2 - 1

  def of_tile(tile: Array, place: tiles.Place) -> dict[str, Any]:
    after = side - 1 - before
    inside = (place.rows >= before) & (place.rows < place.height - after)
    inside &= place.columns >= before
    inside &= place.columns < place.width - after
    if toolbox == 'mfif':
      maps = {
        'images': _maps_mfif(tile[:, 1:-1, 1:-1]),
        'edges': _maps_mfif(_edges(tile)),
      }
    else:
      maps = {'edges': _maps_mefb(_edges(tile))}
    return jax.tree.map(lambda each: jnp.where(inside, each, 0), maps)

  return tiles.total(of_tile, planes, size=size, window=side + 2, border='zero')


def _edges(planes: Array) -> Array:
  """Strength of the Prewitt edges, without the rim of the planes."""
  smooth, rise = (1.0, 1.0, 1.0), (-1.0, 0.0, 1.0)
  right = filters.slide(filters.slide(planes, smooth, axis=-2), rise, axis=-1)
  down = filters.slide(filters.slide(planes, rise, axis=-2), smooth, axis=-1)
  return jnp.sqrt(right * right + down * down)


def _maps_mefb(planes: Array) -> dict[str, Array]:
  means, table = moments.weighted(planes, _GAUSSIAN, _pairs(planes))
  return _maps(means, table, constants=_MEFB_CONSTANTS)


def _maps_mfif(planes: Array) -> dict[str, Array]:
  side = WINDOWS['mfif']
  means, table = moments.boxed(planes, side, _pairs(planes))
  table = {pair: each / side**2 for pair, each in table.items()}
  return _maps(means, table, constants=_MFIF_CONSTANTS)


def _pairs(planes: Array) -> list[moments.Pair]:
  """Of the fused plane, which comes first, and the sources."""
  count = planes.shape[0]
  return [(k, k) for k in range(count)] + [(0, k) for k in range(1, count)]


def _maps(
  means: Array, table: moments.Table, *, constants: tuple[float, float]
) -> dict[str, Array]:
  """Maps of the weighted similarity and of the contrast that weighs it."""
  sources = range(1, means.shape[0])
  total = functools.reduce(operator.add, [table[k, k] for k in sources])
  # Half a unit of variance each where there is none: it is a weight too.
  lift = jnp.where(total == 0, 0.5, 0)
  variances = [table[k, k] + lift for k in sources]
  total = total + lift * len(variances)
  terms = [
    variance
    * moments.similarity(
      (means[0], means[k]), (table[0, 0], table[k, k]), table[0, k], constants
    )
    for k, variance in zip(sources, variances, strict=True)
  ]
  similarity = functools.reduce(operator.add, terms) / total
  contrast = functools.reduce(jnp.maximum, variances)
  return {
    'similarity': similarity,
    'weighted': contrast * similarity,
    'contrast': contrast,
    'windows': jnp.ones_like(contrast),
  }
