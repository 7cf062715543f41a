"""What the metrics without a source share: statistics of natural scenes.

BRISQUE, NIQE and PIQE divide a picture by its local contrast and look at the
result, which in an undistorted photograph is nearly Gaussian. They need no
source; BRISQUE and NIQE need trained numbers (`natural_models`).

MEON, the fourth such metric that fusion papers name, is a trained network
whose weights are only on its author's page; it is not offered here.
"""

import functools
import math
import operator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fusionjax.metrics import tiles

Array = jax.Array

WINDOW = 7
_SIGMA = 7 / 6

_AT = np.arange(WINDOW) - WINDOW // 2
_WEIGHTS = np.exp(-(_AT[:, None] ** 2 + _AT[None] ** 2) / (2 * _SIGMA**2))
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()

# MATLAB's imresize by 0.5: its cubic kernel (a = -0.5) stretched over eight
# samples against aliasing. The weights are exact in binary and sum to one.
HALF_WINDOW = 8
_HALF_SIDE = (111 / 256, 29 / 256, -9 / 256, -3 / 256)
_HALF_TAPS = (*_HALF_SIDE[::-1], *_HALF_SIDE)

# 0.2:0.001:10, the shapes that the published fits choose from.
_SHAPES = 0.2 + 0.001 * np.arange(9801)


class Moments(NamedTuple):
  """Sums over samples, of which an (asymmetric) Gaussian is fitted.

  Attributes:
    number: how many samples there are.
    absolute: sum of |x|.
    below: sum of x^2 over the samples below zero.
    above: sum of x^2 over the samples above zero.
    count_below: how many samples are below zero.
    count_above: how many are above.
  """

  number: Array
  absolute: Array
  below: Array
  above: Array
  count_below: Array
  count_above: Array


class Fit(NamedTuple):
  """An asymmetric generalized Gaussian.

  Attributes:
    shape: alpha; 2 is a Gaussian, smaller is more peaked.
    left: root mean square of the samples below zero, NaN without any.
    right: the same above zero.
    scale: sqrt(G(1 / alpha) / G(3 / alpha)), from deviation to width.
    mean_factor: G(2 / alpha) / G(1 / alpha).
  """

  shape: Array
  left: Array
  right: Array
  scale: Array
  mean_factor: Array


def normalised(planes: Array) -> Array:
  """Planes less their local mean, over their local deviation plus one.

  Windows of 7 x 7 with Gaussian weights of deviation 7 / 6, known as MSCN
  coefficients. Where a window is flat or symmetric the exact result is zero,
  and the published code leaves the rounding of its filter there, whose sign
  then counts in the fits. In float64 it is the same rounding here.

  Args:
    planes: [..., h + 6, w + 6] in 0..255.

  Returns:
    [..., h, w] planes.

  References:
    Mittal et al., IEEE TIP 2012, eqs. 1-3.
  """
  margin = slice(WINDOW // 2, -(WINDOW // 2))
  mean, power = _weighted_means(jnp.stack([planes, planes * planes]))
  rest = planes[..., margin, margin] - mean
  return rest / (jnp.sqrt(jnp.abs(power - mean * mean)) + 1)


def _weighted_means(planes: Array) -> Array:
  """Means of the windows, summed in the order of MATLAB's conv2.

  Its order decides the sign of what rounding leaves of a flat window, and so
  would a multiplication and an addition rounded as one, which compilers
  make of them: the selection in between, always true, keeps them apart.
  """
  top = jnp.max(planes)
  height, width = (side - WINDOW + 1 for side in planes.shape[-2:])
  total = jnp.zeros((*planes.shape[:-2], height, width), planes.dtype)
  # Columns from the last, and in each rows from the last: conv2 turns the
  # window round.
  for column in reversed(range(WINDOW)):
    for row in reversed(range(WINDOW)):
      part = planes[..., row : row + height, column : column + width]
      product = part * float(_WEIGHTS[row, column])
      total = total + jnp.where(part <= top, product, 0)
  return total


def normalised_picture(
  planes: Array, size: tiles.Size | None, *, border: tiles.Border
) -> tuple[Array, tiles.Size]:
  """`normalised` of a picture on a canvas, at every pixel.

  Args:
    planes: [n, H, W] canvas in 0..255.
    size: height and width of the picture.
    border: what stands outside the picture.

  Returns:
    [n, H', W'] canvas and the size of the picture on it.
  """
  return tiles.rendered(
    lambda tile, _: normalised(tile),
    planes,
    size=size,
    window=WINDOW,
    border=border,
  )


def half(planes: Array, size: tiles.Size | None) -> tuple[Array, tiles.Size]:
  """MATLAB's imresize(picture, 0.5) of a picture on a canvas.

  Args:
    planes: [n, H, W] canvas; the picture is at least 4 pixels a side.
    size: height and width of the picture.

  Returns:
    [n, H', W'] canvas and the size of the picture on it, rounded up.
  """

  def smaller(tile: Array, _: tiles.Place) -> Array:
    rows = _every_second(tile, axis=-2)
    return _every_second(rows, axis=-1)

  return tiles.rendered(
    smaller,
    planes,
    size=size,
    window=HALF_WINDOW,
    border='symmetric',
    stride=2,
  )


def _every_second(planes: Array, *, axis: int) -> Array:
  """Weighted sums over eight samples at every second position."""
  axis = axis % planes.ndim
  stop = planes.shape[axis] - HALF_WINDOW + 1
  terms = [
    tap * jax.lax.slice_in_dim(planes, at, at + stop, stride=2, axis=axis)
    for at, tap in enumerate(_HALF_TAPS)
  ]
  return functools.reduce(operator.add, terms)


def sample_maps(samples: Array) -> Moments:
  """What a sample adds to `Moments`.

  Args:
    samples: [...] values.

  Returns:
    `Moments` of [...] maps; summed over the samples they are the moments.
  """
  one = jnp.ones_like(samples)
  square = samples * samples
  below, above = samples < 0, samples > 0
  return Moments(
    one,
    jnp.abs(samples),
    jnp.where(below, square, 0),
    jnp.where(above, square, 0),
    jnp.where(below, one, 0),
    jnp.where(above, one, 0),
  )


def fit_asymmetric(moments: Moments) -> Fit:
  """Fits an asymmetric generalized Gaussian by moment matching.

  The shape is the nearest of 9,801, by its ratio of moments. Samples that are
  zero belong to neither side.

  Args:
    moments: of [...] sets of samples.

  Returns:
    `Fit` of [...].

  References:
    Lasmar et al., ICIP 2009; Mittal et al., IEEE TIP 2012, eqs. 7-10.
  """
  tables = _tables()
  left = jnp.sqrt(moments.below / moments.count_below)
  right = jnp.sqrt(moments.above / moments.count_above)
  lean = left / right
  ratio = moments.absolute**2 / (
    moments.number * (moments.below + moments.above)
  )
  ratio = ratio * (lean**3 + 1) * (lean + 1) / (lean**2 + 1) ** 2
  at = _nearest(jnp.asarray(tables['asymmetric'], ratio.dtype), ratio)

  def look_up(name: str) -> Array:
    return jnp.asarray(tables[name], ratio.dtype)[at]

  return Fit(
    look_up('shape'), left, right, look_up('scale'), look_up('mean_factor')
  )


def fit_symmetric(moments: Moments) -> tuple[Array, Array]:
  """Fits a generalized Gaussian: its shape and its variance.

  Args:
    moments: of [...] sets of samples.

  Returns:
    Shape and variance, [...] each.

  References:
    Sharifi and Leon-Garcia, IEEE TCSVT 1995; Mittal et al., IEEE TIP 2012,
    eqs. 4-6.
  """
  tables = _tables()
  variance = (moments.below + moments.above) / moments.number
  ratio = variance / (moments.absolute / moments.number) ** 2
  # The table falls; searched from its end.
  falling = jnp.asarray(tables['symmetric'][::-1].copy(), ratio.dtype)
  at = falling.shape[0] - 1 - _nearest(falling, ratio)
  return jnp.asarray(tables['shape'], ratio.dtype)[at], variance


def _nearest(table: Array, values: Array) -> Array:
  """Positions of the entries of a rising table that are nearest to values."""
  at = jnp.clip(jnp.searchsorted(table, values), 1, table.shape[0] - 1)
  nearer = values - table[at - 1] <= table[at] - values
  # As MATLAB's min, the first entry where nothing can be compared.
  return jnp.where(jnp.isnan(values), 0, jnp.where(nearer, at - 1, at))


@functools.cache
def _tables() -> dict[str, np.ndarray]:
  """Functions of the shape: ratios of moments, and factors of the fits."""
  one, two, three = (
    np.array([math.gamma(order / shape) for shape in _SHAPES])
    for order in (1, 2, 3)
  )
  return {
    'shape': _SHAPES,
    'asymmetric': two**2 / (one * three),
    'symmetric': one * three / two**2,
    'scale': np.sqrt(one / three),
    'mean_factor': two / one,
  }
