"""Visual information fidelity: VIFF and VIFp. Planes are [h, w], in 0..255."""

import dataclasses
import functools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.metrics import filters, tiles

Array = jax.Array

# Sides of the windows, by scale; their sigma is a fifth of it.
_WINDOWS = (17, 9, 5, 3)
# The coarsest scale of a smaller picture holds no window.
MIN_SIZE = 41
# Of the scales that are large enough to be visited tile by tile.
_TILED = 2
# Smaller variances count as none.
_EPS = 1e-10
_MIDDLE = 127.5
_VIFF_NOISE = 0.005 * 255**2
_VIFP_NOISE = 2.0
# Of Han's fusion of the scales: the second one does not count.
_VIFF_WEIGHTS = (1 / 2.15, 0.0, 0.15 / 2.15, 1 / 2.15)
# Beside sums of logarithms, of decimal ones in the published code.
_VIFF_EPS = 1e-7 * math.log(10)


def viff(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """VIFF of Han et al.: visual information of the sources that is kept.

  Per window and source, F = g S + noise with g = cov / var_S and a remainder
  of variance s = var_F - g cov: the information of the source is D =
  log10(1 + var_S / n), what is left of it N = log10(1 + g^2 var_S / (s + n)),
  n = 0.005 255^2. Each window counts by the source of the smaller gain g. The
  value of a scale is sum (N + 1e-7) / sum (D + 1e-7), and VIFF their mean with
  the weights 1, 0, 0.15 and 1.

  Args:
    fused: [h, w] fused plane in 0..255, h and w at least 41.
    sources: [h, w] planes in 0..255, two in the paper; of more, the one of the
      smallest gain counts.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar of 0 or more: 1 for identical pictures, more where contrast is
    gained. Flat sources have nothing to keep: 1.

  References:
    Han, Cai, Cao, Xu, A new image fusion performance metric based on visual
    information fidelity, Information Fusion 2013.
  """

  def maps(variances: Array, covariances: Array) -> tuple[Array, Array]:
    channels = _channels(variances, covariances)
    # Of equal gains the last one counts, as in the published code.
    chosen = functools.reduce(_of_smaller_gain, channels)
    kept, there = _information(chosen, noise=_VIFF_NOISE)
    return kept + _VIFF_EPS, there + _VIFF_EPS

  scales = _scales(jnp.stack([fused, *sources]), size)
  terms = []
  for weight, scale in zip(_VIFF_WEIGHTS, scales, strict=True):
    if weight:
      kept, there = scale.total(maps)
      terms.append(weight * kept / there)
  return functools.reduce(operator.add, terms)


def vifp(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """VIFp of Sheikh and Bovik, the pixel domain version, sum over the sources.

  With N and D as in `viff`, but n = 2: sum_S sum N / sum D, over the windows
  of all four scales at once.

  Args:
    fused: [h, w] fused plane in 0..255, h and w at least 41.
    sources: [h, w] planes in 0..255, one or more.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar of 0 or more: the number of sources for identical pictures; NaN
    where a source is flat.

  References:
    Sheikh, Bovik, Image information and visual quality, TIP 2006, as LT and
    CDDFuse have it.
  """

  def maps(variances: Array, covariances: Array) -> tuple[Array, Array]:
    pairs = [
      _information(channel, noise=_VIFP_NOISE)
      for channel in _channels(variances, covariances)
    ]
    kept, there = zip(*pairs, strict=True)
    return jnp.stack(kept), jnp.stack(there)

  scales = _scales(jnp.stack([fused, *sources]), size)
  sums = zip(*(scale.total(maps) for scale in scales), strict=True)
  kept, there = (functools.reduce(operator.add, each) for each in sums)
  return jnp.sum(kept / there)


# From variances [n, h, w] and covariances [n - 1, h, w] to maps.
_Maps = Callable[[Array, Array], Any]


@dataclasses.dataclass(frozen=True)
class _Scale:
  """The planes at one scale.

  Attributes:
    planes: [n, h, w] canvas.
    size: height and width of the picture on it.
    level: 0 is the finest.
  """

  planes: Array
  size: tiles.Size | None
  level: int

  @property
  def taps(self) -> tuple[float, ...]:
    side = _WINDOWS[self.level]
    return filters.gaussian_taps(side, side / 5)

  def total(self, maps: _Maps) -> Any:
    """Sums of maps over the windows of the picture."""
    taps = self.taps

    def of_tile(tile: Array, place: tiles.Place) -> Any:
      del place
      return maps(*_moments(tile, taps))

    if self.level < _TILED:
      return tiles.total(of_tile, self.planes, size=self.size, window=len(taps))
    # A loop over tiles takes longer to compile than such planes to compute.
    windows = [side - len(taps) + 1 for side in self.planes.shape[-2:]]
    rows, columns = (jnp.arange(count, dtype=jnp.int32) for count in windows)
    height, width = (
      side - len(taps) + 1 for side in tiles.extent(self.planes, self.size)
    )
    inside = (rows < height)[:, None] & (columns < width)[None]

    def one(values: Array) -> Array:
      there = jnp.broadcast_to(inside, values.shape)
      return jnp.sum(jnp.where(there, values, 0), axis=(-2, -1))

    return jax.tree.map(one, maps(*_moments_about_means(self.planes, taps)))

  def next(self) -> '_Scale':
    """Every second sample, smoothed by the window of the coarser scale."""
    coarser = dataclasses.replace(self, level=self.level + 1)
    taps = coarser.taps

    def of_tile(tile: Array, place: tiles.Place) -> Array:
      del place
      return filters.window_sums(tile, taps)[:, ::2, ::2]

    if self.level < _TILED:
      planes, size = tiles.rendered(
        of_tile, self.planes, size=self.size, window=len(taps), stride=2
      )
    else:
      planes = filters.window_sums(self.planes, taps)[:, ::2, ::2]
      size = tuple(
        (side - len(taps) + 2) // 2
        for side in tiles.extent(self.planes, self.size)
      )
    return dataclasses.replace(
      coarser, planes=planes, size=None if self.size is None else size
    )


def _scales(planes: Array, size: tiles.Size | None) -> Iterator[_Scale]:
  """All scales of a picture, from the finest."""
  scale = _Scale(planes, size, level=0)
  yield scale
  for _ in _WINDOWS[1:]:
    scale = scale.next()
    yield scale


# Gain, variance of the source and variance that the source does not explain.
_Channel = tuple[Array, Array, Array]


def _channels(variances: Array, covariances: Array) -> list[_Channel]:
  """What becomes of each source in the fused plane, which comes first."""
  return [
    _channel(variances[0], variance, covariance)
    for variance, covariance in zip(variances[1:], covariances, strict=True)
  ]


def _moments(planes: Array, taps: Sequence[float]) -> tuple[Array, Array]:
  """Variances of n planes, and covariances of the first with the others."""
  # Variances do not see what is subtracted, but rounding does: at level 255
  # E[x^2] - E[x]^2 leaves nearly as much as counts as a variance.
  planes = planes - _MIDDLE
  count = planes.shape[0]
  found = filters.window_sums(
    jnp.concatenate([planes, planes * planes, planes[:1] * planes[1:]]), taps
  )
  means = found[:count]
  variances = found[count : 2 * count] - means * means
  covariances = found[2 * count :] - means[:1] * means[1:]
  return jnp.maximum(variances, 0), covariances


def _moments_about_means(
  planes: Array, taps: Sequence[float]
) -> tuple[Array, Array]:
  """`_moments`, sample by sample about the mean of each window.

  In the coarse scales of a saturated picture some windows have a variance of
  just 1e-10. Whether it counts must not be a matter of rounding: a source
  that is flat there takes the window, whatever the other one holds.
  """
  means = filters.window_sums(planes, taps)
  count, height, width = means.shape

  def add_row(total: Array, term: tuple[Array, Array]) -> tuple[Array, None]:
    row, weight = term
    at = (jnp.int32(0), row, jnp.int32(0))
    samples = lax.dynamic_slice(planes, at, (count, height, planes.shape[2]))
    for column, tap in enumerate(taps):
      offset = samples[..., column : column + width] - means
      products = jnp.concatenate([offset * offset, offset[:1] * offset[1:]])
      total = total + weight * tap * products
    return total, None

  start = jnp.zeros((2 * count - 1, height, width), means.dtype)
  rows = jnp.arange(len(taps), dtype=jnp.int32)
  total, _ = lax.scan(add_row, start, (rows, jnp.asarray(taps, means.dtype)))
  return total[:count], total[count:]


def _channel(of_fused: Array, of_source: Array, covariance: Array) -> _Channel:
  """Gain and remainder, with what the published code does about noise."""
  gain = covariance / (of_source + _EPS)
  rest = of_fused - gain * covariance
  no_source, no_fused = of_source < _EPS, of_fused < _EPS
  none = no_source | no_fused | (gain < 0)
  rest = jnp.where(none, jnp.where(no_fused, 0, of_fused), rest)
  return (
    jnp.where(none, 0, gain),
    jnp.where(no_source, 0, of_source),
    jnp.maximum(rest, _EPS),
  )


def _of_smaller_gain(first: _Channel, second: _Channel) -> _Channel:
  smaller = first[0] < second[0]
  return tuple(  # type: ignore[return-value]
    jnp.where(smaller, *each) for each in zip(first, second, strict=True)
  )


def _information(channel: _Channel, *, noise: float) -> tuple[Array, Array]:
  """Maps of what is kept and of what there is, in nats."""
  gain, of_source, rest = channel
  kept = jnp.log1p(gain * gain * of_source / (rest + noise))
  return kept, jnp.log1p(of_source / noise)
