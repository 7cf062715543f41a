"""Guided filters: edges of one picture kept while another is smoothed."""

import functools
import operator
from collections.abc import Callable

import jax
import jax.numpy as jnp

from fusionjax.ops import box, resize

Array = jax.Array


def guided_filter(
  guide: Array, source: Array, *, radius: int, epsilon: float
) -> Array:
  """Smooths planes as far as their guides are smooth.

  In every window the source is explained by the guide, a guide + b; the
  result is the mean explanation of all windows around a pixel.

  Args:
    guide: [..., h, w] guides, in [0, 1].
    source: [..., h, w] planes to be filtered.
    radius: of the windows, (2 radius + 1) pixels a side; borders are
      symmetric, the edge repeated.
    epsilon: how much variance of the guide counts as smooth.

  Returns:
    [..., h, w].

  References:
    He, Sun, Tang, Guided image filtering, TPAMI 2013, eq. 5-8; as
    `cv2.ximgproc.guidedFilter` has it.
  """

  def means(*planes: Array) -> Array:
    # Together: a filter is compiled for each call.
    return box.box_mean(jnp.stack(planes), radius=radius)

  mean_guide, mean_source, mean_square, mean_product = means(
    guide, source, guide * guide, guide * source
  )
  variance = mean_square - mean_guide * mean_guide
  covariance = mean_product - mean_guide * mean_source
  slope = covariance / (variance + epsilon)
  offset = mean_source - slope * mean_guide
  mean_slope, mean_offset = means(slope, offset)
  return mean_slope * guide + mean_offset


def fast_guided_filter(
  low_guide: Array,
  low_source: Array,
  guide: Array,
  *,
  radius: int,
  epsilon: float,
  grid: resize.Grid = 'corners',
) -> Array:
  """Brings maps to the resolution of their guides, channel by channel.

  The explanation of the source by the guide, a guide + b, is found at low
  resolution, in windows that end at the border, and brought up bilinearly.
  As published it is not averaged over windows before.

  Args:
    low_guide: [b, h, w, c] guides at low resolution.
    low_source: [b, h, w, c] maps to be brought up.
    guide: [b, H, W, c] guides at full resolution, of any size.
    radius: of the windows at low resolution, small: the windows are summed
      pixel by pixel.
    epsilon: how much variance of the guide counts as smooth.
    grid: how both resolutions lie on each other, see `resize.bilinear`.

  Returns:
    [b, H, W, c].

  References:
    Wu et al., Fast end-to-end trainable guided filter, CVPR 2018.
  """

  # About the mean of each window, tap by tap: the published code takes
  # E[xy] - E[x] E[y] from cumulative sums, and with an epsilon of 1e-4 its
  # rounding is 1e-2 of the result where codes are large.
  def shifted(x: Array, dy: int, dx: int) -> Array:
    pads = ((0, 0), (radius, radius), (radius, radius), (0, 0))
    return jnp.pad(x, pads)[:, dy : dy + x.shape[1], dx : dx + x.shape[2]]

  def total(function: Callable[..., Array]) -> Array:
    side = range(2 * radius + 1)
    return functools.reduce(
      operator.add, [function(dy, dx) for dy in side for dx in side]
    )

  ones = jnp.ones((1, *low_guide.shape[1:3], 1), low_guide.dtype)
  count = total(lambda *tap: shifted(ones, *tap))
  mean_guide = total(lambda *tap: shifted(low_guide, *tap)) / count
  mean_source = total(lambda *tap: shifted(low_source, *tap)) / count

  def square(*tap: int) -> Array:
    # Outside the map there is nothing, not a zero.
    inside = shifted(ones, *tap)
    return inside * jnp.square(shifted(low_guide, *tap) - mean_guide)

  def product(*tap: int) -> Array:
    guide_part = shifted(low_guide, *tap) - mean_guide
    source_part = shifted(low_source, *tap) - mean_source
    return shifted(ones, *tap) * guide_part * source_part

  variance, covariance = total(square) / count, total(product) / count
  slope = covariance / (variance + epsilon)
  offset = mean_source - slope * mean_guide
  size = guide.shape[1], guide.shape[2]
  slope, offset = (
    resize.bilinear(x, size=size, grid=grid) for x in (slope, offset)
  )
  return slope * guide + offset
