"""Layers on activations that are folded along the width.

A network of four channels leaves most of a vector unit idle: its inner axis
is too short. Folding joins `factor` neighbouring pixels of a row into one
long channel axis,

    [b, h, w, c]  ->  [b, h, w / factor, factor * c],

which in row-major memory moves nothing. A convolution keeps its meaning when
its kernel is spread over the folded pixels (`fold_kernel`); with 16 folded
channels XLA's convolutions run at the speed of the machine, about six times
faster than at four channels. Parameters keep their ordinary shapes: folding
is how the layers compute, not what they compute.

Widths that `factor` does not divide are padded with columns of zeros, which
are put back to zero in front of every convolution that looks sideways and
are left out of every statistic, so that the result is that of the exact
width.
"""

import dataclasses
from collections.abc import Callable
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Array = jax.Array
Initializer = Callable[..., Array]
Rows = Literal['SAME', 'VALID']


@dataclasses.dataclass(frozen=True)
class Fold:
  """How a map of `width` pixels a row is folded.

  Attributes:
    width: pixels of a row before folding.
    factor: neighbouring pixels that share one folded position.
  """

  width: int
  factor: int

  @property
  def blocks(self) -> int:
    """Folded positions of a row."""
    return -(-self.width // self.factor)

  @property
  def exact(self) -> bool:
    """Whether no column had to be added."""
    return self.width % self.factor == 0

  def fold(self, x: Array) -> Array:
    """Folds [b, h, w, c] to [b, h, blocks, factor * c]."""
    b, h, w, c = x.shape
    assert w == self.width, (w, self.width)
    added = self.blocks * self.factor - w
    x = jnp.pad(x, ((0, 0), (0, 0), (0, added), (0, 0)))
    return x.reshape(b, h, self.blocks, self.factor * c)

  def unfold(self, x: Array) -> Array:
    """Unfolds [b, h, blocks, factor * c] to [b, h, w, c]."""
    b, h, blocks, lanes = x.shape
    x = x.reshape(b, h, blocks * self.factor, lanes // self.factor)
    return x[:, :, : self.width]

  def real(self, x: Array) -> Array:
    """Puts the added columns of a folded map back to zero."""
    if self.exact:
      return x
    channels = x.shape[-1] // self.factor
    column = np.arange(self.blocks * self.factor) < self.width
    mask = np.repeat(column, channels).reshape(1, 1, *x.shape[2:])
    return jnp.where(mask, x, jnp.zeros((), x.dtype))


def fold_kernel(kernel: Array, factor: int) -> Array:
  """Spreads a convolution kernel over folded pixels.

  Args:
    kernel: [kh, kw, i, o] kernel of odd size.
    factor: pixels that share a folded position.

  Returns:
    [kh, n, factor * i, factor * o] kernel of the same convolution, centred,
    on folded maps; n is odd.
  """
  size = kernel.shape[1]
  radius = size // 2
  reach = -(-radius // factor)
  # place[t, n, f, g] says that tap t joins pixel f of block n with pixel g.
  place = np.zeros((size, 2 * reach + 1, factor, factor), np.float32)
  for g in range(factor):
    for tap in range(size):
      n, f = divmod(g + tap - radius + reach * factor, factor)
      place[tap, n, f, g] = 1
  spread = jnp.einsum(
    'htio,tnfg->hnfigo',
    kernel,
    jnp.asarray(place, kernel.dtype),
    precision=lax.Precision.HIGHEST,
  )
  rows, columns = spread.shape[:2]
  return spread.reshape(
    rows, columns, factor * kernel.shape[2], factor * kernel.shape[3]
  )


def convolve(x: Array, kernel: Array, *, rows: Rows = 'SAME') -> Array:
  """Convolves an NHWC map with a kernel [kh, kw, i, o] at stride one.

  Columns are zero padded to the width of the input; rows are too (`SAME`) or
  get fewer (`VALID`).
  """
  high, wide = (side // 2 for side in kernel.shape[:2])
  if kernel.shape[:2] == (1, 1):
    # A matrix product: XLA's CPU convolution takes three times as long.
    return jnp.einsum('bhwi,io->bhwo', x, kernel[0, 0])
  above = high if rows == 'SAME' else 0
  return lax.conv_general_dilated(
    x,
    kernel,
    window_strides=(1, 1),
    padding=((above, above), (wide, wide)),
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )


class FoldedConv(nn.Module):
  """A convolution of stride one, zero padded to the size of its input.

  Several maps are convolved as if joined along the channels, without joining
  them.

  Attributes:
    features: channels of the output.
    kernel_size: side of the square kernel, odd.
    kernel_init: initializer of the kernel [k, k, i, features].
    bias_init: initializer of the bias [features].
    rows: see `convolve`.
  """

  features: int
  kernel_size: int = 1
  kernel_init: Initializer = nn.initializers.xavier_normal()
  bias_init: Initializer = nn.initializers.zeros_init()
  rows: Rows = 'SAME'

  @nn.compact
  def __call__(self, *maps: Array, fold: Fold) -> Array:
    """Convolves folded maps [b, h, blocks, factor * c_i] to one."""
    k, factor = self.kernel_size, fold.factor
    channels = [x.shape[-1] // factor for x in maps]
    kernel = self.param(
      'kernel', self.kernel_init, (k, k, sum(channels), self.features)
    )
    bias = self.param('bias', self.bias_init, (self.features,))
    total, start = tile_lanes(bias[None], factor), 0
    for x, count in zip(maps, channels, strict=True):
      part = fold_kernel(kernel[:, :, start : start + count], factor)
      x = x if k == 1 else fold.real(x)
      total = total + convolve(x, part, rows=self.rows)
      start += count
    return total


def tile_lanes(values: Array, factor: int) -> Array:
  """Repeats per-channel values for the pixels of a folded position.

  Args:
    values: [b, c], or [1, c] for all pictures.
    factor: pixels that share a folded position.

  Returns:
    [b, 1, 1, factor * c].
  """
  return jnp.tile(values, (1, factor))[:, None, None, :]


def channel_mean(x: Array, *, fold: Fold) -> Array:
  """Mean of each channel over the real pixels of each picture.

  Args:
    x: [b, h, blocks, factor * c] folded map whose added columns are zero.
    fold: how it is folded.

  Returns:
    [b, c].
  """
  b, h = x.shape[:2]
  # Rows first: partial sums keep the rounding of large pictures small.
  lanes = jnp.sum(jnp.sum(x, axis=2), axis=1)
  total = jnp.sum(lanes.reshape(b, fold.factor, -1), axis=1)
  return total / (h * fold.width)


class InstanceNorm(nn.Module):
  """Instance normalisation of the first channels, with scale and shift.

  Statistics are per picture and channel, of biased variance, the same in
  training and inference; two passes, since E[x^2] - E[x]^2 cancels where the
  mean is large. Channels after `features` pass unchanged.

  Attributes:
    features: number of channels that are normalised.
    epsilon: added to the variance.
  """

  features: int
  epsilon: float = 1e-5

  @nn.compact
  def __call__(self, x: Array, *, fold: Fold) -> Array:
    """Normalises a folded map [b, h, blocks, factor * c]."""
    channels = x.shape[-1] // fold.factor
    scale = self.param('scale', nn.initializers.ones_init(), (self.features,))
    bias = self.param('bias', nn.initializers.zeros_init(), (self.features,))
    mean = channel_mean(fold.real(x), fold=fold)
    centred = fold.real(x - tile_lanes(mean, fold.factor))
    variance = channel_mean(jnp.square(centred), fold=fold)
    gain = scale[None] * lax.rsqrt(variance + self.epsilon)[:, : self.features]
    shift = bias[None] - mean[:, : self.features] * gain
    kept = channels - self.features
    gain = jnp.pad(gain, ((0, 0), (0, kept)), constant_values=1)
    shift = jnp.pad(shift, ((0, 0), (0, kept)))
    return x * tile_lanes(gain, fold.factor) + tile_lanes(shift, fold.factor)
