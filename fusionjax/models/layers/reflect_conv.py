"""Convolution without bias on a map whose border is mirrored.

Convolutions between an image of a few channels and a code of many are where
XLA's own are slowest (measured on a CPU, 1 -> 64 and 64 -> 1 channels: ten
times a matrix product), and the dictionary networks consist of little else.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array
Initializer = Callable[..., Array]
Implementation = Literal['conv', 'patches', 'stencil', 'taps']

# As many channels as this are few.
_FEW = 8


def torch_uniform() -> Initializer:
  """PyTorch's default initializer of a convolution's kernel."""

  def init(key: Array, shape: Sequence[int], dtype: Any = jnp.float32) -> Array:
    bound = (shape[0] * shape[1] * shape[2]) ** -0.5
    return jax.random.uniform(key, shape, dtype, minval=-bound, maxval=bound)

  return init


def convolve(
  x: Array, kernel: Array, *, implementation: Implementation | None = None
) -> Array:
  """Convolves a map with a kernel, its border mirrored without the edge.

  Args:
    x: [b, h, w, i] map, each side longer than half the kernel's.
    kernel: [k, k, i, o], k odd.
    implementation: `conv` is XLA's convolution, the specification; `patches`
      one product of the neighbourhoods, for few inputs; `stencil` as many
      multiply-adds, which fuse with what follows and keep no neighbourhoods,
      for a very few inputs and inference (its gradient is slow); `taps` one
      product and then shifted sums, for few outputs. None chooses by the
      channels.

  Returns:
    [b, h, w, o].
  """
  if kernel.shape[0] == 1:
    return jnp.einsum('bhwi,io->bhwo', x, kernel[0, 0])
  return _IMPLEMENTATIONS[implementation or _choose(kernel)](x, kernel)


def mirror(x: Array, radius: int) -> Array:
  """Pads the rows and columns of [b, h, w, c] by mirroring, edge left out."""
  pads = ((0, 0), (radius, radius), (radius, radius), (0, 0))
  return jnp.pad(x, pads, mode='reflect')


def _choose(kernel: Array) -> Implementation:
  inputs, outputs = kernel.shape[2:]
  if outputs <= _FEW < inputs:
    return 'taps'
  return 'patches' if inputs <= _FEW < outputs else 'conv'


def _shifts(x: Array, size: int) -> list[Array]:
  """The size x size shifted views of a padded map, in row-major order."""
  h, w = (side - size + 1 for side in x.shape[1:3])
  return [
    x[:, dy : dy + h, dx : dx + w] for dy in range(size) for dx in range(size)
  ]


def _conv(x: Array, kernel: Array) -> Array:
  return lax.conv_general_dilated(
    mirror(x, kernel.shape[0] // 2),
    kernel,
    window_strides=(1, 1),
    padding='VALID',
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )


def _patches(x: Array, kernel: Array) -> Array:
  size, _, inputs, outputs = kernel.shape
  shifts = _shifts(mirror(x, size // 2), size)
  flat = kernel.reshape(size * size * inputs, outputs)
  return jnp.einsum('bhwi,io->bhwo', jnp.concatenate(shifts, axis=-1), flat)


def _stencil(x: Array, kernel: Array) -> Array:
  size, _, inputs, _ = kernel.shape
  terms = []
  for tap, shift in enumerate(_shifts(mirror(x, size // 2), size)):
    weights = kernel[tap // size, tap % size]
    for channel in range(inputs):
      weight = weights[channel][None, None, None]
      terms.append(shift[..., channel : channel + 1] * weight)
  # In pairs, which rounds least.
  while len(terms) > 1:
    pairs = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)]
    terms = pairs + terms[len(pairs) * 2 :]
  return terms[0]


def _taps(x: Array, kernel: Array) -> Array:
  """Multiplies first and shifts what comes out, which has few channels."""
  size, _, inputs, outputs = kernel.shape
  flat = jnp.moveaxis(kernel, 2, 0).reshape(inputs, size * size * outputs)
  # Mirroring the products is mirroring the map, and cheaper.
  products = mirror(jnp.einsum('bhwi,io->bhwo', x, flat), size // 2)

  def add(products: Array) -> Array:
    total = jnp.zeros((), x.dtype)
    for tap, shift in enumerate(_shifts(products, size)):
      total = total + shift[..., tap * outputs : (tap + 1) * outputs]
    return total

  return _in_halves(add, products, size)


def _in_halves(
  function: Callable[[Array], Array], padded: Array, size: int
) -> Array:
  """Applies a window function to the upper and to the lower half.

  The loop is what matters: XLA on a CPU merges cheap sums into whatever uses
  them, and computes them again for each of its 64 channels and 9 taps. It
  does not reach into a loop.
  """
  height = padded.shape[1] - size + 1
  half = -(-height // 2)
  below = ((0, 0), (0, 2 * half - height), (0, 0), (0, 0))
  padded = jnp.pad(padded, below)

  def of_half(first: Array) -> Array:
    rows = half + size - 1
    return function(lax.dynamic_slice_in_dim(padded, first, rows, axis=1))

  halves = lax.map(of_half, jnp.arange(2, dtype=jnp.int32) * half)
  joined = jnp.concatenate([halves[0], halves[1]], axis=1)
  return joined[:, :height]


_IMPLEMENTATIONS: dict[str, Callable[[Array, Array], Array]] = {
  'conv': _conv,
  'patches': _patches,
  'stencil': _stencil,
  'taps': _taps,
}


class ReflectConv(nn.Module):
  """A convolution without bias on a mirrored map; see `convolve`.

  Attributes:
    features: channels of the output.
    kernel_size: side of the kernel, odd.
    kernel_init: initializer of the kernel [k, k, i, features].
  """

  features: int
  kernel_size: int = 3
  kernel_init: Initializer = torch_uniform()

  @nn.compact
  def __call__(
    self, x: Array, *, implementation: Implementation | None = None
  ) -> Array:
    """Convolves [b, h, w, i] to [b, h, w, features]."""
    side = self.kernel_size
    shape = (side, side, x.shape[-1], self.features)
    kernel = self.param('kernel', self.kernel_init, shape)
    return convolve(x, kernel, implementation=implementation)
