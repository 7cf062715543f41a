"""Feature mutual information of edge maps. Planes are [h, w] in 0..255.

An edge map is binary, so that what two windows of 3 x 3 pixels share depends
on two codes of 9 bits: it is computed once for every pair of codes, and
pictures are looked up in that table.
"""

import functools
import operator
from collections.abc import Iterable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from fusionjax.metrics import filters, tiles

Array = jax.Array

WINDOW = 3
_PIXELS = WINDOW * WINDOW
_CODES = 2**_PIXELS
# A pixel is an edge if its squared slope is above so many times the mean.
_ABOVE_MEAN = 4
# By so much the slope along one axis may fall behind the other and still
# count as the steeper one.
_SLACK = 100 * 2.0**-52


def fmi(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """Feature mutual information: FMI = mean_S mean_x 2 I / (H_S + H_F).

  Of windows of 3 x 3 pixels of the edge maps (Sobel, thinned, as MATLAB's
  `edge`); 1 where the two windows are equal. A window counts as a distribution
  over its nine pixels; the joint distribution of two is a blend of
  independence and the Frechet bound that has their correlation.

  Args:
    fused: [h, w] fused plane in 0..255, h and w at least 3.
    sources: [h, w] planes in 0..255, two in the paper.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar in 0..1, give or take: the blend is not quite a distribution, and
    single windows reach 1.1. It is 1 for identical pictures and for pictures
    without edges.

  References:
    Haghighat, Razian, Fast-FMI: Non-reference image fusion metric, AICT 2014,
    called as MEFB and LT call it: without a feature, which means edges.
  """
  planes = jnp.stack([fused, *sources])
  height, width = tiles.extent(planes, size)
  squares = tiles.total(
    lambda tile, place: _square(*_slopes(tile)),
    planes,
    size=size,
    window=3,
    border='replicate',
  )
  pixels = tiles.pixels((height, width), squares.dtype)
  limits = (_ABOVE_MEAN * squares / pixels)[:, None, None]
  table = jnp.asarray(window_table().ravel(), squares.dtype)

  def of_tile(tile: Array, place: tiles.Place) -> Array:
    edges = _edges(tile, place, limits, (height, width))
    of_fused, *others = _codes(edges)
    shared = _sum(
      table.at[other * _CODES + of_fused].get(mode='promise_in_bounds')
      for other in others
    )
    # Windows must lie inside the picture.
    inside = (place.rows > 0) & (place.rows < height - 1)
    inside &= (place.columns > 0) & (place.columns < width - 1)
    return jnp.where(inside, shared, 0)

  # A window of edges, each of which looks at the slopes of its neighbours.
  total = tiles.total(
    of_tile, planes, size=size, window=WINDOW + 4, border='replicate'
  )
  windows = tiles.pixels((height - 2, width - 2), total.dtype)
  return total / windows / len(sources)


def _slopes(planes: Array) -> tuple[Array, Array]:
  right, down = filters.sobel(planes)
  return right / 8, down / 8


def _square(right: Array, down: Array) -> Array:
  return right * right + down * down


def _edges(
  tile: Array, place: tiles.Place, limits: Array, size: tiles.Size
) -> Array:
  """Edge maps of a tile and of one more pixel on each side."""
  right, down = _slopes(tile)
  squares = _square(right, down)
  rows, columns = (
    first - 2 + jnp.arange(length, dtype=jnp.int32)
    for first, length in zip(
      (place.rows[0, 0], place.columns[0, 0]), squares.shape[-2:], strict=True
    )
  )
  outside = ((rows < 0) | (rows >= size[0]))[:, None]
  outside |= ((columns < 0) | (columns >= size[1]))[None]
  # A neighbour outside the picture never stands in the way of an edge.
  squares = jnp.where(outside, -1, squares)
  right, down = (jnp.abs(each[:, 1:-1, 1:-1]) for each in (right, down))
  here = squares[:, 1:-1, 1:-1]
  # A ridge: no less than what comes before it, more than what comes after.
  across = (squares[:, 1:-1, :-2] <= here) & (here > squares[:, 1:-1, 2:])
  along = (squares[:, :-2, 1:-1] <= here) & (here > squares[:, 2:, 1:-1])
  ridge = ((right >= down - _SLACK) & across) | (
    (down >= right - _SLACK) & along
  )
  return (here > limits) & ridge


def _codes(edges: Array) -> Array:
  """Codes of all windows: bit k is pixel k, column by column."""
  bits = edges.astype(jnp.int32)
  rows, columns = (side - WINDOW + 1 for side in bits.shape[-2:])
  down = _sum(bits[:, k : k + rows] << k for k in range(WINDOW))
  return _sum(
    down[:, :, k : k + columns] << (WINDOW * k) for k in range(WINDOW)
  )


def _sum(terms: Iterable[Array]) -> Array:
  return functools.reduce(operator.add, terms)


@functools.cache
def window_table() -> np.ndarray:
  """What two windows share, 2 I / (H + H), by their codes.

  Returns:
    [512, 512] float64, symmetric, 1 on the diagonal.
  """
  bits = (np.arange(_CODES)[:, None] >> np.arange(_PIXELS)) & 1
  counts = bits.sum(axis=1, keepdims=True)
  # A window of one value is spread evenly, an empty one too.
  windows = np.where(counts == 0, 1 / _PIXELS, bits / np.maximum(counts, 1))
  table = np.ones((_CODES, _CODES))
  for code in range(1, _CODES):
    row = _shared(windows[code], windows[:code])
    table[code, :code] = table[:code, code] = row
  return table


def _shared(window: np.ndarray, others: np.ndarray) -> np.ndarray:
  """Share of information of a distribution [9] and each of some [n, 9]."""
  joint = _joint(window, others)
  # Rounding leaves bins just below 0, whose logarithm the published code
  # takes as a complex number.
  there = joint != 0
  logs = np.log2(np.abs(joint), where=there, out=np.zeros_like(joint))
  together = -np.sum(joint * logs, axis=(1, 2))
  apart = _entropy(window) + _entropy(others)
  shared = apart - together
  # Two windows of one pixel each have no entropy: they share nothing.
  return np.divide(
    2 * shared, apart, where=shared != 0, out=np.zeros_like(shared)
  )


def _joint(window: np.ndarray, others: np.ndarray) -> np.ndarray:
  """[n, 9, 9] joint distributions that have the correlation of the two."""
  spread = _spread(window) * _spread(others)
  covariance = (others - others.mean(axis=1, keepdims=True)) @ (
    window - window.mean()
  )
  norm = np.sqrt(window.var() * others.var(axis=1)) * _PIXELS
  # A window that is even has no correlation.
  correlation = np.divide(
    covariance, norm, where=norm > 0, out=np.zeros_like(norm)
  )
  first, second = np.cumsum(window), np.cumsum(others, axis=1)
  first, second = first[None, :, None], second[:, None]
  independent = first * second
  bound = np.where(
    (correlation >= 0)[:, None, None],
    np.minimum(first, second),
    np.maximum(first + second - 1, 0),
  )
  reach = np.sum(bound - independent, axis=(1, 2))
  known = (correlation != 0) & (spread > 0)
  weight = np.divide(
    correlation * spread, reach, where=known, out=np.zeros_like(reach)
  )[:, None, None]
  # From the distribution function of the bound to the mass of each bin.
  mass = np.diff(np.diff(bound, axis=1, prepend=0), axis=2, prepend=0)
  return weight * mass + (1 - weight) * (window[:, None] * others[:, None])


def _entropy(windows: np.ndarray) -> np.ndarray:
  logs = np.log2(windows, where=windows > 0, out=np.zeros_like(windows))
  return -np.sum(windows * logs, axis=-1)


def _spread(windows: np.ndarray) -> np.ndarray:
  """Standard deviation of the position, 1 to 9."""
  at = np.arange(1, _PIXELS + 1)
  variance = windows @ at**2 - (windows @ at) ** 2
  return np.sqrt(np.maximum(variance, 0))
