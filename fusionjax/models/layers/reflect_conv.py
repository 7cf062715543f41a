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

from fusionjax.ops.frame import Frame, mirror

Array = jax.Array
Initializer = Callable[..., Array]
Implementation = Literal['conv', 'patches', 'stencil', 'taps']

# As many channels as this are few.
_FEW = 8
# Pixels that XLA's convolution is given at once.
_STRIP = 4096


def torch_uniform() -> Initializer:
  """PyTorch's default initializer of a convolution's kernel."""

  def init(key: Array, shape: Sequence[int], dtype: Any = jnp.float32) -> Array:
    bound = (shape[0] * shape[1] * shape[2]) ** -0.5
    return jax.random.uniform(key, shape, dtype, minval=-bound, maxval=bound)

  return init


def convolve(
  x: Array,
  kernel: Array,
  *,
  implementation: Implementation | None = None,
  frame: Frame | None = None,
) -> Array:
  """Convolves a map with a kernel, its border mirrored without the edge.

  Args:
    x: [b, h, w, i] map.
    kernel: [k, k, i, o], k odd.
    implementation: `conv` is XLA's convolution, the specification; `patches`
      one product of the neighbourhoods, for few inputs; `stencil` as many
      multiply-adds, which fuse with what follows and keep no neighbourhoods,
      for a very few inputs and inference (its gradient is slow); `taps` one
      product and then shifted sums, for few outputs. None chooses by the
      channels.
    frame: the picture in the map, where the map is larger: its own border is
      mirrored.

  Returns:
    [b, h, w, o].
  """
  if kernel.shape[0] == 1:
    return jnp.einsum('bhwi,io->bhwo', x, kernel[0, 0])
  return _IMPLEMENTATIONS[implementation or _choose(kernel)](x, kernel, frame)


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


def _conv(x: Array, kernel: Array, frame: Frame | None) -> Array:
  return _convolve_valid(mirror(x, kernel.shape[0] // 2, frame), kernel)


@jax.custom_vjp
def _convolve_valid(padded: Array, kernel: Array) -> Array:
  """XLA's convolution without padding, strip by strip of rows.

  On a CPU it takes less than half the time so: its neighbourhoods of the
  whole map do not fit into any cache.
  """
  size = kernel.shape[0]
  batch, height, width = padded.shape[:3]
  height, width = height - size + 1, width - size + 1

  return _in_strips(
    lambda part: _valid(part, kernel),
    padded,
    rows=_STRIP // (batch * width),
    overlap=size - 1,
  )


def _forward(padded: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
  return _convolve_valid(padded, kernel), (padded, kernel)


def _backward(
  saved: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
  """The gradients as a convolution in strips, and as products of strips.

  XLA's own gradient by the kernel takes three times as long, and in a loop
  over strips thirty times.
  """
  padded, kernel = saved
  size = kernel.shape[0]
  around = ((0, 0), (size - 1, size - 1), (size - 1, size - 1), (0, 0))
  turned = kernel[::-1, ::-1].swapaxes(2, 3)
  by_map = _convolve_valid(jnp.pad(gradient, around), turned)
  return by_map, _kernel_gradient(padded, gradient, size)


_convolve_valid.defvjp(_forward, _backward)


def _kernel_gradient(padded: Array, gradient: Array, size: int) -> Array:
  """Sums products of neighbourhoods and gradients over strips of rows.

  Pictures are kept apart until the end: summed in every strip, each strip
  would wait for all devices that hold a part of the batch.
  """
  batch, height, width, outputs = gradient.shape
  inputs = padded.shape[-1]
  rows = min(height, max(1, _STRIP // (batch * width)))
  count = -(-height // rows)
  below = ((0, 0), (0, count * rows - height), (0, 0), (0, 0))
  padded, gradient = jnp.pad(padded, below), jnp.pad(gradient, below)

  def add(total: Array, first: Array) -> tuple[Array, None]:
    part = lax.dynamic_slice_in_dim(padded, first, rows + size - 1, axis=1)
    slope = lax.dynamic_slice_in_dim(gradient, first, rows, axis=1)
    patches = jnp.concatenate(_shifts(part, size), axis=-1)
    return total + jnp.einsum('bhwi,bhwo->bio', patches, slope), None

  total, _ = lax.scan(
    add,
    jnp.zeros((batch, size * size * inputs, outputs), padded.dtype),
    jnp.arange(count, dtype=jnp.int32) * rows,
  )
  return jnp.sum(total, axis=0).reshape(size, size, inputs, outputs)


def _in_strips(
  function: Callable[[Array], Array],
  padded: Array,
  *,
  rows: int,
  overlap: int,
) -> Array:
  """Applies a window function to strips of rows and joins the results.

  Args:
    function: from [b, rows + overlap, w, i] to [b, rows, w', o].
    padded: [b, h + overlap, w, i].
    rows: rows of a strip.
    overlap: rows by which the function shortens a strip.

  Returns:
    [b, h, w', o].
  """
  height = padded.shape[1] - overlap
  rows = max(1, rows)
  if rows >= height:
    return function(padded)
  count = -(-height // rows)
  below = ((0, 0), (0, count * rows - height), (0, 0), (0, 0))
  padded = jnp.pad(padded, below)

  def strip(first: Array) -> Array:
    return function(
      lax.dynamic_slice_in_dim(padded, first, rows + overlap, axis=1)
    )

  strips = lax.map(strip, jnp.arange(count, dtype=jnp.int32) * rows)
  joined = jnp.moveaxis(strips, 0, 1)
  joined = joined.reshape(joined.shape[0], count * rows, *joined.shape[3:])
  return joined[:, :height]


def _valid(padded: Array, kernel: Array) -> Array:
  return lax.conv_general_dilated(
    padded,
    kernel,
    window_strides=(1, 1),
    padding='VALID',
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )


def _patches(x: Array, kernel: Array, frame: Frame | None) -> Array:
  size, _, inputs, outputs = kernel.shape
  shifts = _shifts(mirror(x, size // 2, frame), size)
  flat = kernel.reshape(size * size * inputs, outputs)
  return jnp.einsum('bhwi,io->bhwo', jnp.concatenate(shifts, axis=-1), flat)


def _stencil(x: Array, kernel: Array, frame: Frame | None) -> Array:
  size, _, inputs, _ = kernel.shape
  terms = []
  for tap, shift in enumerate(_shifts(mirror(x, size // 2, frame), size)):
    weights = kernel[tap // size, tap % size]
    for channel in range(inputs):
      weight = weights[channel][None, None, None]
      terms.append(shift[..., channel : channel + 1] * weight)
  # In pairs, which rounds least.
  while len(terms) > 1:
    pairs = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)]
    terms = pairs + terms[len(pairs) * 2 :]
  return terms[0]


def _taps(x: Array, kernel: Array, frame: Frame | None) -> Array:
  """Multiplies first and shifts what comes out, which has few channels."""
  size, _, inputs, outputs = kernel.shape
  flat = jnp.moveaxis(kernel, 2, 0).reshape(inputs, size * size * outputs)
  # Mirroring the products is mirroring the map, and cheaper.
  products = mirror(jnp.einsum('bhwi,io->bhwo', x, flat), size // 2, frame)

  def add(products: Array) -> Array:
    total = jnp.zeros((), x.dtype)
    for tap, shift in enumerate(_shifts(products, size)):
      total = total + shift[..., tap * outputs : (tap + 1) * outputs]
    return total

  # The loop is what matters: XLA on a CPU merges cheap sums into whatever uses
  # them, and computes them again for each of its 64 channels and 9 taps. It
  # does not reach into a loop.
  half = -(-x.shape[1] // 2)
  return _in_strips(add, products, rows=half, overlap=size - 1)


_IMPLEMENTATIONS: dict[str, Callable[[Array, Array, Frame | None], Array]] = {
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
    self,
    x: Array,
    *,
    implementation: Implementation | None = None,
    frame: Frame | None = None,
  ) -> Array:
    """Convolves [b, h, w, i] to [b, h, w, features]."""
    side = self.kernel_size
    shape = (side, side, x.shape[-1], self.features)
    kernel = self.param('kernel', self.kernel_init, shape)
    return convolve(x, kernel, implementation=implementation, frame=frame)
