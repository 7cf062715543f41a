"""Convolutions with bias on zero-padded maps, as PyTorch initialises them."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.models.layers.convolution import Rows
from fusionjax.models.layers.reflect_conv import Initializer, torch_uniform
from fusionjax.ops.frame import Frame
from fusionjax.ops.streams import Neighbourhood

Array = jax.Array


def _bias_init(fan: int) -> Initializer:
  """PyTorch's default initializer of a convolution's bias."""

  def init(key: Array, shape: Sequence[int], dtype: Any = jnp.float32) -> Array:
    bound = fan**-0.5
    return jax.random.uniform(key, shape, dtype, minval=-bound, maxval=bound)

  return init


def _pointwise(maps: Sequence[Array], matrix: Array) -> Array:
  """Multiplies maps, joined, by a matrix [inputs, outputs].

  As matrix products: XLA's CPU convolution takes three times as long. And map
  by map: together they are never there.
  """
  total = jnp.zeros((), matrix.dtype)
  first = 0
  for x in maps:
    part = matrix[first : first + x.shape[-1]]
    total = total + jnp.einsum('bhwi,io->bhwo', x, part)
    first += x.shape[-1]
  return total


class Conv(nn.Module):
  """A convolution at stride one on a zero-padded map.

  Attributes:
    features: channels of the output.
    kernel_size: side of the kernel, odd.
    dilation: distance of its taps in pixels.
    zeros: whether kernel and bias begin as zeros.
  """

  features: int
  kernel_size: int = 1
  dilation: int = 1
  zeros: bool = False

  @property
  def neighbourhood(self) -> Neighbourhood:
    """What a row of the result depends on."""
    return Neighbourhood(self.dilation * (self.kernel_size // 2))

  @nn.compact
  def __call__(self, *maps: Array, frame: Frame | None = None) -> Array:
    """Convolves maps [b, h, w, c], joined, to [b, h, w, features].

    Args:
      *maps: the maps.
      frame: the picture in them, where they are strips of it.
    """
    side = self.kernel_size
    inputs = sum(x.shape[-1] for x in maps)
    shape = (side, side, inputs, self.features)
    nought = nn.initializers.zeros
    init = nought if self.zeros else torch_uniform()
    kernel = self.param('kernel', init, shape)
    init = nought if self.zeros else _bias_init(side * side * inputs)
    bias = self.param('bias', init, (self.features,))
    if side == 1:
      return _pointwise(maps, kernel[0, 0]) + bias[None, None, None]
    reach = self.dilation * (side // 2)
    joined = jnp.concatenate(maps, axis=-1) if len(maps) > 1 else maps[0]
    out = lax.conv_general_dilated(
      joined if frame is None else frame.clear(joined),
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
  def __call__(self, x: Array, *, rows: Rows = 'SAME') -> Array:
    """Convolves [b, h, w, c] channel by channel.

    Args:
      x: the map.
      rows: whether its rows are zero padded or get fewer (`VALID`).
    """
    side, c = self.kernel_size, x.shape[-1]
    kernel = self.param('kernel', torch_uniform(), (side, side, 1, c))
    bias = self.param('bias', _bias_init(side * side), (c,))
    radius = side // 2
    above = radius if rows == 'SAME' else 0
    pads = ((0, 0), (above, above), (radius, radius), (0, 0))
    out = _depthwise(jnp.pad(x, pads), kernel[:, :, 0])
    return out + bias[None, None, None]


@jax.custom_vjp
def _depthwise(padded: Array, kernel: Array) -> Array:
  """Convolves [b, h + k - 1, w + k - 1, c] with [k, k, c] to [b, h, w, c].

  As shifted multiply-adds: XLA's grouped convolution takes twenty times as
  long on a CPU. With a gradient of its own, which is two more of such sums:
  XLA's keeps a padded product for each tap.
  """
  side = kernel.shape[0]
  h, w = (length - side + 1 for length in padded.shape[1:3])
  total = jnp.zeros((), padded.dtype)
  for dy in range(side):
    for dx in range(side):
      shifted = padded[:, dy : dy + h, dx : dx + w]
      total = total + shifted * kernel[dy, dx][None, None, None]
  return total


def _forward(padded: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
  return _depthwise(padded, kernel), (padded, kernel)


def _backward(
  saved: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
  padded, kernel = saved
  side = kernel.shape[0]
  h, w = gradient.shape[1:3]
  around = ((0, 0), (side - 1, side - 1), (side - 1, side - 1), (0, 0))
  by_map = _depthwise(jnp.pad(gradient, around), kernel[::-1, ::-1])
  taps = [
    jnp.sum(padded[:, dy : dy + h, dx : dx + w] * gradient, axis=(0, 1, 2))
    for dy in range(side)
    for dx in range(side)
  ]
  return by_map, jnp.stack(taps).reshape(kernel.shape)


_depthwise.defvjp(_forward, _backward)
