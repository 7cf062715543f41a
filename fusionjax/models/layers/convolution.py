"""Convolution at stride one, on plain and on folded maps, and its gradient.

XLA's own gradient of a convolution by its kernel is slow on CPUs where
channels are few: on folded maps it computes every tap `factor` times, and
for 5 x 5 taps it is slow even on plain ones. `convolve_folded` therefore
brings its own backward pass, which is XLA's for the input and
`kernel_gradient` for the kernel; together they make a training step of FFMEF
a fifth faster.
"""

import functools
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.models.layers.folding import Fold, fold_kernel

Array = jax.Array
# Rows are zero padded to the height of the input, or get fewer.
Rows = Literal['SAME', 'VALID']
# Rows of a chunk in which the gradient by a large kernel is summed.
_CHUNK = 8


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


def kernel_gradient(
  x: Array, gradient: Array, *, size: int, rows: Rows = 'SAME'
) -> Array:
  """Gradient of `convolve` by its kernel.

  Args:
    x: [b, h, w, i] input of the convolution.
    gradient: [b, h', w, o] gradient by its output.
    size: side of the kernel.
    rows: as in `convolve`.

  Returns:
    [size, size, i, o].
  """
  if size == 3:
    shape = (size, size, x.shape[-1], gradient.shape[-1])
    kernel = jnp.zeros(shape, x.dtype)
    _, pull = jax.vjp(lambda k: convolve(x, k, rows=rows), kernel)
    return pull(gradient)[0]
  return _chunked_gradient(x, gradient, size=size, rows=rows)


def _chunked_gradient(
  x: Array, gradient: Array, *, size: int, rows: Rows
) -> Array:
  """Sums products of patches and gradients, a few rows at a time.

  Pictures are kept apart until the end: summed in every chunk, each chunk
  would wait for all devices that hold a part of the batch.
  """
  radius = size // 2
  batch, height, width, outputs = gradient.shape
  above = radius if rows == 'SAME' else 0
  chunks = -(-height // _CHUNK)
  rest = chunks * _CHUNK - height
  x = jnp.pad(x, ((0, 0), (above, above + rest), (radius, radius), (0, 0)))
  gradient = jnp.pad(gradient, ((0, 0), (0, rest), (0, 0), (0, 0)))
  taps = size**2 * x.shape[-1]

  def add(total: Array, chunk: Array) -> tuple[Array, None]:
    first = chunk * _CHUNK
    part = lax.dynamic_slice_in_dim(x, first, _CHUNK + size - 1, axis=1)
    patches = jnp.concatenate(
      [
        part[:, dy : dy + _CHUNK, dx : dx + width]
        for dy in range(size)
        for dx in range(size)
      ],
      axis=-1,
    )
    g = lax.dynamic_slice_in_dim(gradient, first, _CHUNK, axis=1)
    return total + jnp.einsum('bhwi,bhwo->bio', patches, g), None

  total, _ = lax.scan(
    add,
    jnp.zeros((batch, taps, outputs), x.dtype),
    jnp.arange(chunks, dtype=jnp.int32),
  )
  return jnp.sum(total, axis=0).reshape(size, size, -1, outputs)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolve_folded(x: Array, kernel: Array, fold: Fold, rows: Rows) -> Array:
  """Convolves a folded map with an ordinary kernel.

  Args:
    x: [b, h, blocks, factor * i] folded map whose added columns are zero.
    kernel: [k, k, i, o] kernel, k odd.
    fold: how the map is folded.
    rows: see `Rows`.

  Returns:
    [b, h', blocks, factor * o] folded map.
  """
  return convolve(x, fold_kernel(kernel, fold.factor), rows=rows)


def _forward(
  x: Array, kernel: Array, fold: Fold, rows: Rows
) -> tuple[Array, tuple[Array, Array]]:
  return convolve_folded(x, kernel, fold, rows), (x, kernel)


def _backward(
  fold: Fold, rows: Rows, saved: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
  x, kernel = saved
  spread = fold_kernel(kernel, fold.factor)
  _, pull = jax.vjp(lambda x: convolve(x, spread, rows=rows), x)
  by_kernel = kernel_gradient(
    fold.unfold(x), fold.unfold(gradient), size=kernel.shape[0], rows=rows
  )
  return pull(gradient)[0], by_kernel


convolve_folded.defvjp(_forward, _backward)
