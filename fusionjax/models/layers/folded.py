"""Flax layers on folded maps (see `folding.py`).

Parameters keep their ordinary shapes; results are those of the ordinary
layers.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.models.layers.convolution import Rows, convolve_folded
from fusionjax.models.layers.folding import Fold

Array = jax.Array
# Traced once for all convolutions of the same shapes.
_convolve = jax.jit(convolve_folded, static_argnums=(2, 3))
Initializer = Callable[..., Array]


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
    """Convolves folded maps [b, h, blocks, factor * c_i] to one.

    Args:
      *maps: zero where they are no picture (`Fold.real`), if the kernel is
        larger than a pixel.
      fold: how they are folded.

    Returns:
      [b, h', blocks, factor * features]; of any value where it is no picture.
    """
    k, factor = self.kernel_size, fold.factor
    channels = [x.shape[-1] // factor for x in maps]
    kernel = self.param(
      'kernel', self.kernel_init, (k, k, sum(channels), self.features)
    )
    bias = self.param('bias', self.bias_init, (self.features,))
    total, start = tile_lanes(bias[None], factor), 0
    for x, count in zip(maps, channels, strict=True):
      part = kernel[:, :, start : start + count]
      total = total + _convolve(x, part, fold.plain, self.rows)
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
    x: [b, h, blocks, factor * c] folded map, zero where it is no picture.
    fold: how it is folded.

  Returns:
    [b, c].
  """
  b, h = x.shape[:2]
  # Rows first: partial sums keep the rounding of large pictures small.
  rows = jnp.sum(x, axis=2)
  if fold.frame is not None and fold.frame.margin:
    rows = jnp.where(fold.frame.counted(h)[None, :, None], rows, 0)
  lanes = jnp.sum(rows, axis=1)
  total = jnp.sum(lanes.reshape(b, fold.factor, -1), axis=1)
  return total / fold.pixels(h)


class InstanceNorm(nn.Module):
  """Instance normalisation of the first channels, with scale and shift.

  Statistics are per picture and channel, of biased variance, the same in
  training and inference; two passes, since E[x^2] - E[x]^2 cancels where the
  mean is large. Channels after `features` pass unchanged.

  A strip of a picture cannot know the statistics of the whole one: they are
  taken from the collection `statistics` (`mean`, `variance`, each [b, c]), if
  it is there. Those of the strip go into the collection `moments`, if that is
  mutable: mean and variance, each [b, c], and the number of pixels.

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
    mean, variance = self._statistics(x, fold)
    gain = scale[None] * lax.rsqrt(variance + self.epsilon)[:, : self.features]
    shift = bias[None] - mean[:, : self.features] * gain
    kept = channels - self.features
    gain = jnp.pad(gain, ((0, 0), (0, kept)), constant_values=1)
    shift = jnp.pad(shift, ((0, 0), (0, kept)))
    return x * tile_lanes(gain, fold.factor) + tile_lanes(shift, fold.factor)

  def _statistics(self, x: Array, fold: Fold) -> tuple[Array, Array]:
    """Mean and variance of each channel, each [b, c]."""
    if self.has_variable('statistics', 'mean'):
      return (
        self.get_variable('statistics', 'mean'),
        self.get_variable('statistics', 'variance'),
      )
    mean = channel_mean(fold.real(x), fold=fold)
    centred = fold.real(x - tile_lanes(mean, fold.factor))
    variance = channel_mean(jnp.square(centred), fold=fold)
    # Initialising makes every collection mutable.
    if not self.is_initializing():
      self.sow('moments', 'mean', mean)
      self.sow('moments', 'variance', variance)
      self.sow('moments', 'pixels', jnp.asarray(fold.pixels(x.shape[1])))
    return mean, variance
