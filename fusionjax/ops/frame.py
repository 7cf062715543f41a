"""Where a picture lies in an array that is larger than it.

A compiled program has one size. Pictures of many sizes share it when each is
put into the upper left corner of a larger array, and everything that looks
beyond a pixel is told where the picture ends: what is behind its edge must be
what the network expects behind an edge, and must not count in a mean.
"""

import dataclasses
from fractions import Fraction
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array
Mode = Literal['reflect', 'symmetric']


@dataclasses.dataclass(frozen=True)
class Frame:
  """The part of an array [b, h, w, c] that is picture.

  Attributes:
    height: rows of the picture; all sizes are int32 scalars, or whole numbers
      that are known when the program is compiled.
    width: columns of the picture.
    top: row of the picture that the first row of the array holds; negative
      where the array begins above the picture.
    margin: rows at the top and at the bottom of the array that are there for
      what lies beside them, and do not count in a mean.
  """

  height: Array | int
  width: Array | int
  top: Array | int = 0
  margin: int = 0

  def below(self, rows: Array | int) -> 'Frame':
    """The same picture in an array that begins so many rows further down."""
    return dataclasses.replace(self, top=self.top + rows)

  def pixels(self, count: int) -> Array:
    """How many pixels of an array of `count` rows count, float32."""
    rows = jnp.sum(self.counted(count).astype(jnp.float32))
    return rows * jnp.asarray(self.width, jnp.float32)

  def counted(self, count: int) -> Array:
    """Says which of the first `count` rows count in a mean: [count]."""
    row = lax.iota(jnp.int32, count)
    return self.rows(count) & (row >= self.margin) & (row < count - self.margin)

  def rows(self, count: int) -> Array:
    """Says which of the first `count` rows are picture: [count] booleans."""
    row = self.top + lax.iota(jnp.int32, count)
    return (row >= 0) & (row < self.height)

  def columns(self, count: int) -> Array:
    """Says which of the first `count` columns are picture."""
    return lax.iota(jnp.int32, count) < self.width

  def inside(self, x: Array) -> Array:
    """Says which pixels of [b, h, w, c] are picture: [1, h, w, 1]."""
    rows, columns = self.rows(x.shape[1]), self.columns(x.shape[2])
    return rows[None, :, None, None] & columns[None, None, :, None]

  def clear(self, x: Array, value: float = 0.0) -> Array:
    """Puts a value into every pixel of [b, h, w, c] that is no picture."""
    return jnp.where(self.inside(x), x, jnp.full((), value, x.dtype))

  def mean(self, x: Array) -> Array:
    """Mean of [b, h, w, c] over what counts of the picture: [b, c]."""
    count = x.shape[1]
    rows = jnp.sum(self.clear(x), axis=2)
    rows = jnp.where(self.counted(count)[None, :, None], rows, 0)
    return jnp.sum(rows, axis=1) / self.pixels(count)

  def total(self, x: Array) -> Array:
    """Sum of [b, h, w, c] over what counts of the picture: [b, c]."""
    return jnp.sum(self.count_only(x), axis=(1, 2))

  def count_only(self, x: Array) -> Array:
    """Puts zeros into what does not count of [b, h, w, c]."""
    rows, columns = self.counted(x.shape[1]), self.columns(x.shape[2])
    counted = rows[None, :, None, None] & columns[None, None, :, None]
    return jnp.where(counted, x, jnp.zeros((), x.dtype))

  def repeat(self, x: Array) -> Array:
    """Repeats the outermost rows and columns of the picture beyond it."""
    row = self.top + lax.iota(jnp.int32, x.shape[1])
    x = self._rows_of(x, jnp.clip(row, 0, self.height - 1))
    if isinstance(self.width, int) and self.width == x.shape[2]:
      return x
    column = jnp.minimum(lax.iota(jnp.int32, x.shape[2]), self.width - 1)
    return jnp.take(x, column, axis=2, mode='clip')

  def mirror_rows(self, x: Array, radius: int) -> Array:
    """Adds rows to [b, h, w, c]; next to the picture they mirror it."""
    row = self.top + lax.iota(jnp.int32, x.shape[1] + 2 * radius) - radius
    row = jnp.abs(row)
    last = self.height - 1
    return self._rows_of(x, jnp.minimum(row, 2 * last - row))

  def _rows_of(self, x: Array, rows: Array) -> Array:
    """Rows of the picture out of [b, h, w, c]; others where it lacks them."""
    return jnp.take(x, rows - self.top, axis=1, mode='clip')

  def share(self, part: float, *, values: int) -> Array:
    """The place in the sorted values of a picture below which a part lies.

    Args:
      part: of all values, such as 0.005; to three digits.
      values: of a pixel.

    Returns:
      int32 scalar, below the number of values.
    """
    fraction = Fraction(part).limit_denominator(1000)
    count = jnp.asarray(self.height, jnp.int32) * self.width * values
    # In two steps, which do not overflow.
    whole, rest = count // fraction.denominator, count % fraction.denominator
    place = whole * fraction.numerator
    place = place + rest * fraction.numerator // fraction.denominator
    return jnp.minimum(place, count - 1)


def pad_to_multiple(
  x: Array, frame: Frame, *, multiple: int, always: bool = False, mode: Mode
) -> tuple[Array, Frame]:
  """Mirrors a picture at the bottom and on the right up to whole multiples.

  Args:
    x: [b, h, w, c], whose upper left corner is the picture.
    frame: the picture in it.
    multiple: of which its sides are to be multiples.
    always: whether a side that is one already grows by as much.
    mode: whether the edge itself is repeated (`symmetric`) or not.

  Returns:
    The map, with sides that are multiples and suffice for every picture that
    had been in [b, h, w, c]; and the frame of the mirrored picture.
  """
  least = 1 if always else 0

  def grown(side: Array | int) -> Array | int:
    return (side + least + multiple - 1) // multiple * multiple

  sides = frame.height, frame.width
  for axis, side in zip((1, 2), sides, strict=True):
    at = lax.iota(jnp.int32, int(grown(x.shape[axis])))
    edge = 2 * side - (1 if mode == 'symmetric' else 2)
    x = jnp.take(x, jnp.where(at < side, at, edge - at), axis=axis, mode='clip')
  return x, Frame(height=grown(sides[0]), width=grown(sides[1]))


def mean(x: Array, frame: Frame | None) -> Array:
  """Mean of [b, h, w, c] over the picture, or over everything: [b, c]."""
  return jnp.mean(x, axis=(1, 2)) if frame is None else frame.mean(x)


def mirror(x: Array, radius: int, frame: Frame | None = None) -> Array:
  """Pads [b, h, w, c] by mirroring rows and columns, the edge left out.

  Args:
    x: the map; its sides, and those of the picture in it, are longer than
      the radius, or it is padded by repeating its edge.
    radius: rows and columns to add on every side.
    frame: the picture in the map: it is mirrored at its own edges, too. It
      begins at the first row of the map, or lies in it with a margin, as a
      strip does.

  Returns:
    [b, h + 2 radius, w + 2 radius, c].
  """
  strip = frame is not None and frame.margin > 0
  if frame is not None and strip:
    x = frame.mirror_rows(x, radius)
  for axis in (2,) if strip else (1, 2):
    pads = [(0, 0)] * 4
    pads[axis] = (radius, radius)
    mode = 'reflect' if x.shape[axis] > radius else 'edge'
    x = jnp.pad(x, pads, mode=mode)
    if frame is not None:
      side = frame.height if axis == 1 else frame.width
      last = lax.dynamic_slice_in_dim(x, side - 1, radius, axis=axis)
      # Written into the padded map, which is new anyway.
      x = lax.dynamic_update_slice_in_dim(
        x, jnp.flip(last, axis), side + radius, axis=axis
      )
  return x
