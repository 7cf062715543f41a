"""Box filters whose cost does not grow with the box. Planes are [..., h, w].

Differences of cumulative sums are the usual way to such a filter, and lose
digits: in float32 a sum over a large picture has no room left for the small
window that is the difference of two of them. Here nothing is ever subtracted,
so that the relative error of a sum of positive numbers is a few roundings.
"""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array
# 'symmetric' repeats the edge pixel (OpenCV's BORDER_REFLECT), 'reflect' does
# not (REFLECT_101), 'edge' repeats it for ever, 'zero' has zeros.
Border = Literal['symmetric', 'reflect', 'edge', 'zero']
Implementation = Literal['shifts', 'blocks']

# Sums of 4, 16, 64 ... neighbours are made on the way to a sum of many.
_BASE = 4
# Up to this radius shifted sums are faster (see `box_sum`).
_LARGE = 128


def box_mean(
  planes: Array,
  *,
  radius: int,
  border: Border = 'symmetric',
  implementation: Implementation | None = None,
) -> Array:
  """Means over squares of (2 radius + 1) pixels a side.

  Args:
    planes: [..., h, w] planes. With a border of 'reflect' each side must be
      longer than the radius; with others any side will do.
    radius: pixels on each side of the middle one.
    border: what lies outside the planes.
    implementation: see `box_sum`.

  Returns:
    [..., h, w].
  """
  total = box_sum(
    planes, radius=radius, border=border, implementation=implementation
  )
  return total / (2 * radius + 1) ** 2


def box_sum(
  planes: Array,
  *,
  radius: int,
  border: Border = 'symmetric',
  implementation: Implementation | None = None,
) -> Array:
  """Sums over squares of (2 radius + 1) pixels a side.

  Args:
    planes: [..., h, w] planes.
    radius: pixels on each side of the middle one.
    border: what lies outside the planes.
    implementation: `blocks` cuts each line into blocks as long as the window,
      which is then the end of one block and the beginning of the next: three
      additions a pixel and direction, whatever the radius. `shifts` adds
      shifted planes, the digits of the side in base 4 (19 additions for a
      side of 91, 25 for 257): twice as fast on a CPU all the same, because
      nothing is computed one after the other. None takes `shifts` up to a
      radius of 128 and `blocks` above, so that the cost is bounded.

  Returns:
    [..., h, w].
  """
  if implementation is None:
    implementation = 'shifts' if radius <= _LARGE else 'blocks'
  along = {'shifts': _shifted_sums, 'blocks': _blocked_sums}[implementation]
  for axis in (planes.ndim - 2, planes.ndim - 1):
    planes = _along(planes, radius, axis, border, along)
  return planes


def _along(
  planes: Array,
  radius: int,
  axis: int,
  border: Border,
  sums: Callable[[Array, int, int], Array],
) -> Array:
  """Sums along one axis: pads the planes and slides a window over them."""
  if radius == 0:
    return planes
  pads = [(0, 0)] * planes.ndim
  pads[axis] = (radius, radius)
  if border == 'zero':
    padded = jnp.pad(planes, pads)
  else:
    padded = jnp.pad(planes, pads, mode=border)
  return sums(padded, 2 * radius + 1, axis)


def _shifted_sums(padded: Array, side: int, axis: int) -> Array:
  """Sums of `side` neighbours, from sums of 1, 4, 16, ... of them."""
  length = padded.shape[axis] - side + 1
  sums, size, start = padded, 1, 0
  total = jnp.zeros((), padded.dtype)
  rest = side
  while rest:
    rest, digit = divmod(rest, _BASE)
    for _ in range(digit):
      total = total + lax.slice_in_dim(sums, start, start + length, axis=axis)
      start += size
    if rest:
      count = sums.shape[axis] - (_BASE - 1) * size
      sums = sum(
        (
          lax.slice_in_dim(sums, k * size, k * size + count, axis=axis)
          for k in range(_BASE)
        ),
        start=jnp.zeros((), padded.dtype),
      )
      size *= _BASE
  return total


def _blocked_sums(padded: Array, side: int, axis: int) -> Array:
  """Sums of `side` neighbours, each the end of a block and the next's begin.

  References:
    The sums in the place of the maxima of van Herk, A fast algorithm for
    local minimum and maximum filters on rectangular and octagonal kernels,
    Pattern Recognition Letters 1992.
  """
  length = padded.shape[axis] - side + 1
  blocks = -(-padded.shape[axis] // side)
  pads = [(0, 0)] * padded.ndim
  pads[axis] = (0, blocks * side - padded.shape[axis])
  lines = jnp.moveaxis(jnp.pad(padded, pads), axis, 0)
  cut = lines.reshape(blocks, side, *lines.shape[1:])
  begins = _cumulated(cut, reverse=False).reshape(lines.shape)
  ends = _cumulated(cut, reverse=True).reshape(lines.shape)
  ends = ends[:length]
  # A window that is a block ends where it begins: it must count once.
  whole = (lax.iota(jnp.int32, length) % side) == 0
  whole = whole.reshape(length, *(1,) * (lines.ndim - 1))
  total = jnp.where(whole, ends, ends + begins[side - 1 : side - 1 + length])
  return jnp.moveaxis(total, 0, axis)


def _cumulated(blocks: Array, *, reverse: bool) -> Array:
  """Cumulative sums inside each of [blocks, side, ...], all blocks at once."""

  def add(total: Array, row: Array) -> tuple[Array, Array]:
    total = total + row
    return total, total

  rows = jnp.moveaxis(blocks, 1, 0)
  _, sums = lax.scan(add, jnp.zeros_like(rows[0]), rows, reverse=reverse)
  return jnp.moveaxis(sums, 0, 1)
