"""Moments of sliding windows, and the similarity that is made of them.

Planes are [n, h, w] floats, windows lie where they fit. Moments that several
metrics want have one layout: a list of means by plane and a table of
covariances by pair (i, j) of planes, i <= j.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.metrics import filters

Array = jax.Array
Pair = tuple[int, int]
Table = Mapping[Pair, Array]


def weighted(
  planes: Array, taps: Sequence[float], pairs: Iterable[Pair] | None = None
) -> tuple[Array, dict[Pair, Array]]:
  """Means and covariances under a window of weights.

  Args:
    planes: [n, h, w] planes.
    taps: weights along a side of the window, which sum to one.
    pairs: the covariances that are wanted; all without it.

  Returns:
    [n, h', w'] means and E[x y] - E[x] E[y] by pair, not clipped: in a flat
    window it is rounding noise of either sign.
  """
  pairs = _listed(planes, pairs)
  found = _sums(planes, pairs, taps)
  means, moments = found[: planes.shape[0]], found[planes.shape[0] :]
  return means, {
    (i, j): moment - means[i] * means[j]
    for (i, j), moment in zip(pairs, moments, strict=True)
  }


def boxed(
  planes: Array, side: int, pairs: Iterable[Pair] | None = None
) -> tuple[Array, dict[Pair, Array]]:
  """Means and inner products of centred windows under equal weights.

  Args:
    planes: [n, h, w] planes.
    side: of the window.
    pairs: the products that are wanted; all without it.

  Returns:
    [n, h', w'] means and side^2 times the covariances. Products are
    multiplied before they are divided: for whole levels all of it is exact,
    and a flat window has a variance of exactly 0.
  """
  pairs = _listed(planes, pairs)
  found = _sums(planes, pairs, (1.0,) * side)
  sums, moments = found[: planes.shape[0]], found[planes.shape[0] :]
  area = side * side
  return sums / area, {
    (i, j): (moment * area - sums[i] * sums[j]) / area
    for (i, j), moment in zip(pairs, moments, strict=True)
  }


def flat(planes: Array, side: int) -> Array:
  """Whether all samples of a window are equal, for every window.

  Args:
    planes: [..., h, w] planes.
    side: of the window.

  Returns:
    [..., h - side + 1, w - side + 1] booleans.
  """
  width = planes.shape[-1]
  # Every row equals the one above it, and the first one is of one level.
  rows = planes[..., 1:, :] != planes[..., :-1, :]
  columns = planes[..., 1:] != planes[..., :-1]
  changes = _any(_any(rows, side - 1, axis=-2), side, axis=-1)
  first = _any(columns, side - 1, axis=-1)
  first = first[..., : planes.shape[-2] - side + 1, : width - side + 1]
  return ~(changes | first)


def similarity(
  means: tuple[Array, Array],
  variances: tuple[Array, Array],
  covariance: Array,
  constants: tuple[float, float],
) -> Array:
  """The map of SSIM, from the moments of two pictures.

  Args:
    means: [h, w] local means of the two.
    variances: their variances.
    covariance: their covariance.
    constants: C1 beside the means and C2 beside the variances.

  Returns:
    [h, w] map of at most 1, but for rounding.

  References:
    Wang et al., Image quality assessment: from error visibility to structural
    similarity, TIP 2004, eq. 13.
  """
  of_means, of_variances = constants
  first, second = means
  # One division: they are the costly part of a window.
  return ((2 * first * second + of_means) * (2 * covariance + of_variances)) / (
    (first * first + second * second + of_means)
    * (variances[0] + variances[1] + of_variances)
  )


def _listed(planes: Array, pairs: Iterable[Pair] | None) -> list[Pair]:
  if pairs is None:
    count = range(planes.shape[0])
    pairs = itertools.combinations_with_replacement(count, 2)
  return list(pairs)


def _sums(planes: Array, pairs: list[Pair], taps: Sequence[float]) -> Array:
  """Weighted sums of the planes and then of the products of pairs."""
  products = [planes[i] * planes[j] for i, j in pairs]
  # One stack: its two passes are loops over all planes, twice as fast as a
  # pair of passes each.
  stack = jnp.concatenate([planes, jnp.stack(products)])
  return filters.window_sums(stack, taps)


def _any(planes: Array, length: int, *, axis: int) -> Array:
  """Whether one of `length` neighbours along an axis is true."""
  start = axis % planes.ndim
  reach = 1
  while reach < length:
    step = min(reach, length - reach)
    end = planes.shape[start]
    planes = lax.slice_in_dim(
      planes, 0, end - step, axis=start
    ) | lax.slice_in_dim(planes, step, end, axis=start)
    reach += step
  return planes
