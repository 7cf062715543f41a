"""Local maps of a picture of any size, tile by tile, compiled once.

A metric that looks at windows would be compiled anew for every size of
picture, and its whole-picture intermediates would go through memory again and
again. Here a picture lies at the top left of a canvas, its size is a value and
not a shape, and a loop visits only the tiles that the picture covers: one
compilation serves every picture that fits the canvas, and what a tile needs
stays in the cache.

Planes are [n, H, W] canvases; `size` is the (height, width) of the picture in
them, or None where the picture fills the canvas. What stands on a canvas
outside the picture never matters.
"""

import dataclasses
import functools
import math
import operator
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array
# Height and width: Python integers, or int32 scalars inside a jitted function.
Size = tuple[Any, Any]
Border = Literal['valid', 'zero', 'replicate', 'mirror', 'symmetric', 'wrap']

# Of results, not of what they are computed from. Multiples of 16 for metrics
# of blocks. Measured: half the time of whole planes, a third of 64 x 64.
TILE = (64, 256)


@dataclasses.dataclass(frozen=True)
class Place:
  """Where a tile of results lies in the picture.

  Attributes:
    rows: [th, 1] row of each result in the picture.
    columns: [1, tw] column of each result.
    height: rows of results that the picture has.
    width: columns of results that it has.
  """

  rows: Array
  columns: Array
  height: Any
  width: Any

  @property
  def inside(self) -> Array:
    """[th, tw] whether the result belongs to the picture."""
    return (self.rows < self.height) & (self.columns < self.width)


Step = Callable[[Any, Array, Place], Any]
Local = Callable[[Array, Place], Any]


def extent(planes: Array, size: Size | None) -> Size:
  """Height and width of the picture on the canvas."""
  return (planes.shape[-2], planes.shape[-1]) if size is None else size


def accumulate(
  step: Step,
  planes: Array,
  start: Any,
  *,
  size: Size | None = None,
  window: int = 1,
  border: Border = 'valid',
  stride: int = 1,
) -> Any:
  """Folds a function over the tiles of a picture.

  Args:
    step: (carry, tile, place) -> carry. The tile is
      [n, stride (th - 1) + window, stride (tw - 1) + window] floats: what the
      th x tw results of the tile are computed from. It must itself leave out
      results that are not `place.inside`.
    planes: [n, H, W] canvas of any dtype; integers become floats.
    start: the first carry, a pytree of arrays.
    size: height and width of the picture.
    window: side of the square that a result is computed from.
    border: `valid` has a result where the window fits, with its first
      sample at the result's row and column times `stride`; the others have a
      result at every pixel, the window's centre (window - 1) // 2, and zeros,
      the nearest pixel, the picture reflected without (`mirror`) or with
      (`symmetric`) its edge pixel, or its other side (`wrap`) outside.
    stride: distance of the windows of neighbouring results.

  Returns:
    The last carry.
  """
  height, width = extent(planes, size)
  before = 0 if border == 'valid' else (window - 1) // 2
  shrink = window - 1 if border == 'valid' else 0
  rows, columns = (
    _at_least_zero((side - shrink + stride - 1) // stride)
    for side in (height, width)
  )
  tile = tuple(
    min(most, _up(-(-length // stride), 16))
    for most, length in zip(TILE, planes.shape[-2:], strict=True)
  )
  down, across = -(-rows // tile[0]), -(-columns // tile[1])

  def body(number: Array, carry: Any) -> Any:
    top = (number // across) * tile[0]
    left = (number % across) * tile[1]
    place = Place(
      (top + jnp.arange(tile[0], dtype=jnp.int32))[:, None],
      (left + jnp.arange(tile[1], dtype=jnp.int32))[None],
      rows,
      columns,
    )
    cut = _cut(
      planes,
      (top * stride - before, left * stride - before),
      tuple(stride * (side - 1) + window for side in tile),
      (height, width),
      border=border,
    )
    return step(carry, cut, place)

  count = jnp.asarray(down * across, jnp.int32)
  across = jnp.asarray(across, jnp.int32)
  if size is None:
    # A loop of known length can be differentiated.
    return lax.fori_loop(0, down * math.ceil(columns / tile[1]), body, start)
  return lax.fori_loop(jnp.int32(0), count, body, start)


def total(
  function: Local,
  planes: Array,
  *,
  size: Size | None = None,
  window: int = 1,
  border: Border = 'valid',
  stride: int = 1,
) -> Any:
  """Sums local maps over a picture.

  Args:
    function: (tile, place) -> pytree of maps [..., th, tw]; see `accumulate`
      for the tile. Its values outside the picture do not count, not even NaN.
    planes: [n, H, W] canvas.
    size: height and width of the picture.
    window: side of the square that a result is computed from.
    border: what stands outside the picture.
    stride: distance of the windows of neighbouring results.

  Returns:
    The pytree with [...] sums in the place of the maps.
  """

  def sums(tile: Array, place: Place) -> Any:
    def one(values: Array) -> Array:
      return jnp.sum(jnp.where(place.inside, values, 0), axis=(-2, -1))

    return jax.tree.map(one, function(tile, place))

  def step(carry: Any, tile: Array, place: Place) -> Any:
    return jax.tree.map(operator.add, carry, sums(tile, place))

  options: dict[str, Any] = {
    'size': size,
    'window': window,
    'border': border,
    'stride': stride,
  }
  shapes = _step_shapes(sums, planes, options)
  start = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
  return accumulate(step, planes, start, **options)


def rendered(
  function: Local,
  planes: Array,
  *,
  size: Size | None = None,
  window: int = 1,
  border: Border = 'valid',
  stride: int = 1,
) -> tuple[Array, Size]:
  """Local maps of a picture, written to a canvas of their own.

  Args:
    function: (tile, place) -> [m, th, tw] maps; see `accumulate`.
    planes: [n, H, W] canvas.
    size: height and width of the picture.
    window: side of the square that a result is computed from.
    border: what stands outside the picture.
    stride: distance of the windows of neighbouring results.

  Returns:
    A canvas [m, H', W'] and the (height, width) of the results on it. With
    `size=None` the canvas is cut to the results.
  """
  options: dict[str, Any] = {
    'size': size,
    'window': window,
    'border': border,
    'stride': stride,
  }
  shape = _step_shapes(function, planes, options)
  canvas = tuple(
    _up(-(-side // stride), tile)
    for side, tile in zip(planes.shape[-2:], shape.shape[-2:], strict=True)
  )
  start = jnp.zeros((shape.shape[0], *canvas), shape.dtype)

  def step(carry: Array, tile: Array, place: Place) -> Array:
    at = (jnp.int32(0), place.rows[0, 0], place.columns[0, 0])
    return lax.dynamic_update_slice(carry, function(tile, place), at)

  result = accumulate(step, planes, start, **options)
  shrink = window - 1 if border == 'valid' else 0
  height, width = (
    _at_least_zero((side - shrink + stride - 1) // stride)
    for side in extent(planes, size)
  )
  if size is None:
    return result[:, :height, :width], (height, width)
  return result, (height, width)


def pixels(size: Size, dtype: Any) -> Array:
  """Number of pixels of a picture as a float."""
  height, width = (jnp.asarray(side, dtype) for side in size)
  return height * width


def _step_shapes(function: Local, planes: Array, options: Any) -> Any:
  """Shapes of what a function makes of one tile."""
  found = []

  def look(carry: Any, tile: Array, place: Place) -> Any:
    found.append(jax.eval_shape(lambda each: function(each, place), tile))
    return carry

  jax.eval_shape(
    lambda each: accumulate(look, each, jnp.zeros(()), **options), planes
  )
  return found[-1]


def _cut(
  planes: Array, start: Any, shape: Any, size: Size, *, border: Border
) -> Array:
  """A tile of a canvas, with what stands outside the picture."""
  dtype = jnp.result_type(float)
  if jnp.issubdtype(planes.dtype, jnp.inexact):
    dtype = planes.dtype
  spans = [
    first + jnp.arange(length, dtype=jnp.int32)
    for first, length in zip(start, shape, strict=True)
  ]

  def gathered() -> Array:
    rows, columns = (
      _index(span, side, border=border)
      for span, side in zip(spans, size, strict=True)
    )
    tile = planes.at[:, rows[:, None], columns[None]].get(
      mode='promise_in_bounds'
    )
    if border == 'zero':
      there = [
        (span >= 0) & (span < side)
        for span, side in zip(spans, size, strict=True)
      ]
      tile = jnp.where(there[0][:, None] & there[1][None], tile, 0)
    return tile

  if any(
    length > side for length, side in zip(shape, planes.shape[-2:], strict=True)
  ):
    return gathered().astype(dtype)

  def sliced() -> Array:
    at = (jnp.int32(0), *(jnp.asarray(each, jnp.int32) for each in start))
    return lax.dynamic_slice(planes, at, (planes.shape[0], *shape))

  whole = functools.reduce(
    operator.and_,
    [
      (first >= 0) & (first + length <= side)
      for first, length, side in zip(start, shape, size, strict=True)
    ],
  )
  return lax.cond(whole, sliced, gathered).astype(dtype)


def _index(span: Array, side: Any, *, border: Border) -> Array:
  """Where the samples of a span are taken from."""
  last = jnp.asarray(side - 1, jnp.int32)
  if border == 'wrap':
    return span % (last + 1)
  if border == 'mirror':
    span = last - jnp.abs(last - jnp.abs(span))
  elif border == 'symmetric':
    span = jnp.where(span < 0, -1 - span, span)
    span = jnp.where(span > last, 2 * last + 1 - span, span)
  return jnp.clip(span, 0, last)


def _at_least_zero(count: Any) -> Any:
  return max(count, 0) if isinstance(count, int) else jnp.maximum(count, 0)


def _up(length: int, step: int) -> int:
  return -(-length // step) * step
