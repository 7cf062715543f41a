"""Convolutions with bias on zero-padded maps, as PyTorch initialises them."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.models.layers.reflect_conv import Initializer, torch_uniform

Array = jax.Array


def _bias_init(fan: int) -> Initializer:
  """PyTorch's default initializer of a convolution's bias."""

  def init(key: Array, shape: Sequence[int], dtype: Any = jnp.float32) -> Array:
    bound = fan**-0.5
    return jax.random.uniform(key, shape, dtype, minval=-bound, maxval=bound)

  return init


class Conv(nn.Module):
  """A convolution at stride one on a zero-padded map.

  Attributes:
    features: channels of the output.
    kernel_size: side of the kernel, odd.
    dilation: distance of its taps in pixels.
  """

  features: int
  kernel_size: int = 1
  dilation: int = 1

  @nn.compact
  def __call__(self, *maps: Array) -> Array:
    """Convolves maps [b, h, w, c], joined, to [b, h, w, features]."""
    side = self.kernel_size
    inputs = sum(x.shape[-1] for x in maps)
    shape = (side, side, inputs, self.features)
    kernel = self.param('kernel', torch_uniform(), shape)
    init = _bias_init(side * side * inputs)
    bias = self.param('bias', init, (self.features,))
    x = jnp.concatenate(maps, axis=-1) if len(maps) > 1 else maps[0]
    if side == 1:
      # A matrix product: XLA's CPU convolution takes three times as long.
      out = jnp.einsum('bhwi,io->bhwo', x, kernel[0, 0])
    else:
      reach = self.dilation * (side // 2)
      out = lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(1, 1),
        padding=((reach, reach), (reach, reach)),
        rhs_dilation=(self.dilation, self.dilation),
        dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
      )
    return out + bias[None, None, None]


class DepthwiseConv(nn.Module):
  """A convolution of each channel by itself.

  Attributes:
    kernel_size: side of the kernel, odd.
  """

  kernel_size: int = 3

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Convolves [b, h, w, c] channel by channel."""
    side, c = self.kernel_size, x.shape[-1]
    kernel = self.param('kernel', torch_uniform(), (side, side, 1, c))
    bias = self.param('bias', _bias_init(side * side), (c,))
    radius = side // 2
    h, w = x.shape[1:3]
    pads = ((0, 0), (radius, radius), (radius, radius), (0, 0))
    padded = jnp.pad(x, pads)
    # Shifted multiply-adds: XLA's grouped convolution takes twenty times as
    # long on a CPU.
    total = jnp.broadcast_to(bias[None, None, None], x.shape)
    for dy in range(side):
      for dx in range(side):
        shifted = padded[:, dy : dy + h, dx : dx + w]
        total = total + shifted * kernel[dy, dx][None, None]
    return total
