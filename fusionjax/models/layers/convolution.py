"""Convolution at stride one, on plain and on folded maps, and its gradient.

XLA's own gradient of a convolution by its kernel is slow on CPUs where
channels are few: on folded maps it computes every tap `factor` times, and
for 5 x 5 taps it is slow even on plain ones. `convolve_folded` therefore
brings its own backward pass, which is XLA's for the input and
`kernel_gradient` for the kernel; together they make a training step of FFMEF
a fifth faster. Forward it takes from pixels to folded positions at once.
"""

import functools
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.models.layers.folding import Fold, fold_kernel, stride_kernel

Array = jax.Array
# Rows are zero padded to the height of the input, or get fewer.
Rows = Literal['SAME', 'VALID']
# Ways to convolve a folded map, see `convolve_folded`.
Implementation = Literal['spread', 'strided']
# Rows of a chunk in which the gradient by a large kernel is summed.
_CHUNK = 8


def convolve(x: Array, kernel: Array, *, rows: Rows = 'SAME') -> Array:
  """Convolves an NHWC map with a kernel [kh, kw, i, o] at stride one.

  Columns are zero padded to the width of the input; rows are too (`SAME`) or
  get fewer (`VALID`).
  """
  if kernel.shape[:2] == (1, 1):
    # A matrix product: XLA's CPU convolution takes three times as long.
    return jnp.einsum('bhwi,io->bhwo', x, kernel[0, 0])
  high, wide = (side // 2 for side in kernel.shape[:2])
  return _convolve(x, kernel, (high if rows == 'SAME' else 0, wide))


def _convolve(
  x: Array, kernel: Array, margins: tuple[int, int], *, stride: int = 1
) -> Array:
  """Convolves with so many zeros above and below, and on the left and right.

  Args:
    x: [b, h, w, i].
    kernel: [kh, kw, i, o].
    margins: rows and columns of zeros on either side.
    stride: columns by which the kernel moves.
  """
  above, beside = margins
  return lax.conv_general_dilated(
    x,
    kernel,
    window_strides=(1, stride),
    padding=((above, above), (beside, beside)),
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


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def convolve_folded(
  x: Array,
  kernel: Array,
  fold: Fold,
  rows: Rows,
  implementation: Implementation | None = None,
) -> Array:
  """Convolves a folded map with an ordinary kernel.

  Args:
    x: [b, h, blocks, factor * i] folded map whose added columns are zero.
    kernel: [k, k, i, o] kernel, k odd.
    fold: how the map is folded.
    rows: see `Rows`.
    implementation: `spread` is the specification; `strided` is a sixth faster
      in FFMEF on CPUs, where None takes it unless a gradient is asked for.

  Returns:
    [b, h', blocks, factor * o] folded map.
  """
  if implementation is None:
    # Not `platform_dependent`, which traces both: 0.8 seconds for FFMEF.
    cpu = jax.default_backend() == 'cpu'
    implementation = 'strided' if cpu else 'spread'
  convolve_ = {'spread': _spread, 'strided': _strided}[implementation]
  return convolve_(x, kernel, fold=fold, rows=rows)


def _spread(x: Array, kernel: Array, *, fold: Fold, rows: Rows) -> Array:
  """On folded positions, with the kernel spread over them."""
  return convolve(x, fold_kernel(kernel, fold.factor), rows=rows)


def _strided(x: Array, kernel: Array, *, fold: Fold, rows: Rows) -> Array:
  """From pixels to folded positions: a stride is a position.

  Half of the spread kernel is zeros, since it takes whole positions on both
  sides; this one takes only the pixels that it needs, which makes XLA's CPU
  convolution a third faster. Where a pixel of few channels fills a vector, as
  on TPUs, that would be lost many times over.
  """
  if fold.factor == 1:
    return convolve(x, kernel, rows=rows)
  radius = kernel.shape[0] // 2
  if not radius:
    # On folded positions the convolution is faster than the product.
    return _convolve(x, fold_kernel(kernel, fold.factor), (0, 0))
  return _convolve(
    x.reshape(*x.shape[:2], -1, kernel.shape[2]),
    stride_kernel(kernel, fold.factor),
    (radius if rows == 'SAME' else 0, radius),
    stride=fold.factor,
  )


def _forward(
  x: Array,
  kernel: Array,
  fold: Fold,
  rows: Rows,
  implementation: Implementation | None,
) -> tuple[Array, tuple[Array, Array]]:
  # Another rounding puts pixels on the other side of a ReLU, where gradients
  # jump: they are those of the specification, as compared with PyTorch's.
  out = convolve_folded(x, kernel, fold, rows, implementation or 'spread')
  return out, (x, kernel)


def _backward(
  fold: Fold,
  rows: Rows,
  implementation: Implementation | None,
  saved: tuple[Array, Array],
  gradient: Array,
) -> tuple[Array, Array]:
  del implementation  # The gradient has one.
  x, kernel = saved
  if kernel.shape[0] == 1:
    product = functools.partial(_spread, fold=fold, rows=rows)
    _, pull = jax.vjp(product, x, kernel)
    return pull(gradient)
  spread = fold_kernel(kernel, fold.factor)
  _, pull = jax.vjp(lambda x: convolve(x, spread, rows=rows), x)
  by_kernel = kernel_gradient(
    fold.unfold(x), fold.unfold(gradient), size=kernel.shape[0], rows=rows
  )
  return pull(gradient)[0], by_kernel


convolve_folded.defvjp(_forward, _backward)
