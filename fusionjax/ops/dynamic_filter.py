"""Filtering with another kernel at every pixel."""

import math
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.ops import loops

Array = jax.Array
Border = Literal['zero', 'edge']
Implementation = Literal['whole', 'strips']

# From so many channels on, strips are faster than the whole picture at once.
_MANY = 8
# Pixels of a strip: what it reads and writes stays in the caches.
_STRIP = 4096


def dynamic_filter(
  image: Array,
  filters: Array,
  *,
  border: Border = 'zero',
  implementation: Implementation | None = None,
) -> Array:
  """Filters every pixel's neighbourhood with that pixel's own kernel.

  Computed as shifted multiply-adds: the neighbourhoods are never unfolded
  into a tensor of their own.

  Args:
    image: [b, h, w, c] image.
    filters: [b, h, w, k * k] kernels, k odd, taps in row-major order; all
      channels of a pixel share one.
    border: what lies outside the image, zeros or the nearest pixel.
    implementation: see `filter_padded`.

  Returns:
    [b, h, w, c] filtered image.

  References:
    FFMEF, eq. 4 (zero border); Guan et al., MGDN, eq. 2 (edge border).
  """
  radius = math.isqrt(filters.shape[-1]) // 2
  mode = 'constant' if border == 'zero' else 'edge'
  padded = jnp.pad(
    image, ((0, 0), (radius, radius), (radius, radius), (0, 0)), mode=mode
  )
  return filter_padded(padded, filters, implementation=implementation)


def filter_padded(
  padded: Array,
  filters: Array,
  *,
  implementation: Implementation | None = None,
) -> Array:
  """`dynamic_filter` of an image that already has its border.

  Args:
    padded: [b, h + k - 1, w + k - 1, c] image.
    filters: [b, h, w, k * k] kernels.
    implementation: `whole` is the specification; `strips` goes a few rows at
      a time and brings its own gradient, which keeps nothing but the
      arguments: for features of many channels. None chooses by the channels.

  Returns:
    [b, h, w, c] filtered image.
  """
  size = math.isqrt(filters.shape[-1])
  assert size**2 == filters.shape[-1] and size % 2 == 1, filters.shape
  if implementation is None:
    implementation = 'strips' if padded.shape[-1] >= _MANY else 'whole'
  if implementation == 'strips':
    return _strips(padded, filters)
  return _whole(padded, filters)


def _whole(padded: Array, filters: Array) -> Array:
  h, w = filters.shape[1:3]
  size = math.isqrt(filters.shape[-1])
  total = jnp.zeros((), padded.dtype)
  for dy in range(size):
    # Row by row, then the rows: rounds less than tap by tap.
    row = jnp.zeros((), padded.dtype)
    for dx in range(size):
      tap = dy * size + dx
      shifted = padded[:, dy : dy + h, dx : dx + w]
      row = row + filters[..., tap : tap + 1] * shifted
    total = total + row
  return total


def _offsets(filters: Array) -> list[tuple[int, int]]:
  """Row and column of every tap in the padded image."""
  size = math.isqrt(filters.shape[-1])
  return [divmod(tap, size) for tap in range(size**2)]


@jax.custom_vjp
def _strips(padded: Array, filters: Array) -> Array:
  overlap = math.isqrt(filters.shape[-1]) - 1
  return _map_strips(_whole, padded, filters, overlaps=(overlap, 0))


def _forward(
  padded: Array, filters: Array
) -> tuple[Array, tuple[Array, Array]]:
  return _strips(padded, filters), (padded, filters)


def _backward(
  saved: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
  padded, filters = saved
  overlap = math.isqrt(filters.shape[-1]) - 1
  by_filters = _map_strips(
    _filters_gradient, padded, gradient, overlaps=(overlap, 0)
  )
  around = ((0, 0), (overlap, overlap), (overlap, overlap), (0, 0))
  by_image = _map_strips(
    _image_gradient,
    jnp.pad(filters, around),
    jnp.pad(gradient, around),
    overlaps=(overlap, overlap),
  )
  return by_image, by_filters


_strips.defvjp(_forward, _backward)


def _filters_gradient(padded: Array, gradient: Array) -> Array:
  """Products of each pixel's gradient with its neighbourhood, [b, h, w, taps].

  Channel by channel, with a sum for every tap: a sum over the last axis is
  several times slower on a CPU.
  """
  h, w = gradient.shape[1:3]
  size = padded.shape[1] - h + 1
  offsets = [divmod(tap, size) for tap in range(size**2)]

  def add(
    totals: list[Array], channel: tuple[Array, Array]
  ) -> tuple[list[Array], None]:
    values, slopes = channel
    return [
      total + slopes * values[:, dy : dy + h, dx : dx + w]
      for total, (dy, dx) in zip(totals, offsets, strict=True)
    ], None

  zeros = jnp.zeros(gradient.shape[:3], gradient.dtype)
  totals, _ = lax.scan(
    add,
    [zeros] * len(offsets),
    (jnp.moveaxis(padded, -1, 0), jnp.moveaxis(gradient, -1, 0)),
  )
  return jnp.stack(totals, axis=-1)


def _image_gradient(filters: Array, gradient: Array) -> Array:
  """What every pixel of the padded image gave to its neighbours."""
  size = math.isqrt(filters.shape[-1])
  h, w = (side - size + 1 for side in filters.shape[1:3])
  total = jnp.zeros((), gradient.dtype)
  for tap, (dy, dx) in enumerate(_offsets(filters)):
    rows = slice(size - 1 - dy, size - 1 - dy + h)
    columns = slice(size - 1 - dx, size - 1 - dx + w)
    weight = filters[:, rows, columns, tap : tap + 1]
    total = total + weight * gradient[:, rows, columns]
  return total


def _map_strips(
  function: Callable[[Array, Array], Array],
  first: Array,
  second: Array,
  *,
  overlaps: tuple[int, int],
) -> Array:
  """Applies a local function to strips of rows and joins the results.

  Args:
    function: from [b, rows + overlap, ...] of both to [b, rows, ...].
    first: [b, h + overlap, ...].
    second: [b, h + overlap, ...].
    overlaps: rows by which each is higher than the result.

  Returns:
    [b, h, ...].
  """
  arrays = (first, second)
  batch, width = second.shape[0], second.shape[2]
  height = second.shape[1] - overlaps[1]
  rows = max(1, _STRIP // (batch * width))
  if rows >= height:
    return function(first, second)
  count = -(-height // rows)
  below = ((0, 0), (0, count * rows - height), (0, 0), (0, 0))
  padded = [jnp.pad(x, below) for x in arrays]

  def strip(top: Array) -> Array:
    cut = [
      lax.dynamic_slice_in_dim(x, top, rows + overlap, axis=1)
      for x, overlap in zip(padded, overlaps, strict=True)
    ]
    return function(*cut)

  firsts = jnp.arange(count, dtype=jnp.int32) * rows
  # The second has the rows of the result, or more: then the first has, too.
  like = second if not overlaps[1] else second[:, :height]
  return loops.collect_rows(strip, firsts, like=like)
