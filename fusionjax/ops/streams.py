"""Maps of which some rows are in memory at a time.

A picture that does not fit is fused by the same code as one that does: the
networks and the methods that can do so take a `Stream` where others take an
array, and do what looks at single rows, or at the border, by the functions
here, which take both. What looks further is a module with a `neighbourhood`:
whoever runs the network on streams computes its strips of rows.
"""

import abc
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array
Map = TypeVar('Map', bound='Array | Stream')
Mode = Literal['reflect', 'symmetric']

# Values that are looked at together where all of them are.
_VALUES = 4_000_000
_HALF = 16


class Neighbourhood(NamedTuple):
  """What a row of a module's result depends on.

  Attributes:
    reach: rows above and below it.
    multiple: strips must begin at multiples of so many rows.
    rounds: after how many passes all sums over the picture are known, where it
      has some: more than one where sums depend on others.
    whole: whether it looks at all rows, so that there is but one strip: for
      what looks at channels one by one, and for few of them.
  """

  reach: int
  multiple: int = 1
  rounds: int = 1
  whole: bool = False


class Stream(abc.ABC):
  """A map [1, h, w, c], in part of which the rows are asked for.

  Attributes:
    shape: (1, h, w, c).
    dtype: of its values.
  """

  shape: tuple[int, int, int, int]
  dtype: np.dtype

  @abc.abstractmethod
  def take(self, rows: np.ndarray) -> Any:
    """Returns the rows [n] of these numbers, in [0, h): [1, n, w, c]."""

  def between(self, begin: int, end: int) -> Any:
    """Returns rows from begin on; those beyond the map are others of it."""
    return self.take(np.arange(begin, end) % self.shape[1])


class Held(Stream):
  """A map that is in memory."""

  def __init__(self, x: np.ndarray) -> None:
    """Holds [h, w, c]."""
    height, width, channels = x.shape
    self.shape, self.dtype = (1, height, width, channels), x.dtype
    self._x = x

  def take(self, rows: np.ndarray) -> Any:
    first, count = int(rows[0]), len(rows)
    if np.array_equal(rows, np.arange(first, first + count)):
      return self._x[None, first : first + count]
    return self._x[None, rows]


class _View(Stream):
  """A map whose rows are made of those of others when they are asked for."""

  def __init__(
    self,
    shape: tuple[int, int, int, int],
    dtype: np.dtype,
    take: Callable[[np.ndarray], Any],
  ) -> None:
    self.shape, self.dtype, self._take = shape, dtype, take

  def take(self, rows: np.ndarray) -> Any:
    return self._take(rows)


def rowwise(function: Callable[..., Array], *maps: Any) -> Any:
  """Applies a function that looks at no other rows.

  Args:
    function: from maps of one height to a map of that height.
    *maps: [b, h, w, c] arrays, or streams.

  Returns:
    [b, h, w, c], or a stream, if one of the maps is one.
  """
  if not any(isinstance(x, Stream) for x in maps):
    return function(*maps)
  some = [jax.ShapeDtypeStruct((1, 1, *x.shape[2:]), x.dtype) for x in maps]
  kind = jax.eval_shape(function, *some)
  apply = jax.jit(function)
  shape = (1, maps[0].shape[1], *kind.shape[2:])
  return _View(
    cast(Any, shape),
    kind.dtype,
    lambda rows: apply(*(x.take(rows) for x in maps)),
  )


def pad(x: Map, *, rows: int, columns: int, mode: Mode) -> Map:
  """Mirrors rows at the bottom and columns on the right.

  Args:
    x: [b, h, w, c], larger than what is added.
    rows: how many to add.
    columns: likewise.
    mode: whether the edge itself is repeated (`symmetric`) or not.

  Returns:
    [b, h + rows, w + columns, c].
  """
  if not rows and not columns:
    return x
  if not isinstance(x, Stream):
    pads = ((0, 0), (0, rows), (0, columns), (0, 0))
    return cast(Map, jnp.pad(cast(Array, x), pads, mode=mode))
  _, h, w, c = x.shape
  edge = 2 * h - (1 if mode == 'symmetric' else 2)
  pads = ((0, 0), (0, 0), (0, columns), (0, 0))

  def take(wanted: np.ndarray) -> np.ndarray:
    mirrored = np.where(wanted < h, wanted, edge - wanted)
    return np.pad(np.asarray(x.take(mirrored)), pads, mode=mode)

  return cast(Map, _View((1, h + rows, w + columns, c), x.dtype, take))


def blend_rows(x: Stream, *, places: np.ndarray, shares: np.ndarray) -> Stream:
  """Makes each row of several others.

  Args:
    x: [1, h, w, c].
    places: [k, n] numbers of rows of x.
    shares: [k, n] what they are multiplied by, before they are added.

  Returns:
    [1, n, w, c].
  """
  shape = (1, places.shape[1], *x.shape[2:])

  def take(rows: np.ndarray) -> np.ndarray:
    total = np.zeros((1, len(rows), *x.shape[2:]), x.dtype)
    for place, share in zip(places, shares, strict=True):
      weight = share[rows].astype(x.dtype)[None, :, None, None]
      total += weight * np.asarray(x.take(place[rows]))
    return total

  return _View(shape, x.dtype, take)


def crop(x: Map, *, height: int, width: int) -> Map:
  """The upper left corner of [b, h, w, c]."""
  if not isinstance(x, Stream):
    return cast(Map, cast(Array, x)[:, :height, :width])
  shape = (1, height, width, x.shape[3])
  return cast(
    Map, _View(shape, x.dtype, lambda rows: x.take(rows)[:, :, :width])
  )


def mean(x: Array | Stream) -> Array:
  """Mean of each picture: [b]."""
  if not isinstance(x, Stream):
    return jnp.mean(x, axis=(1, 2, 3))
  parts = [np.sum(part, dtype=np.float64) for part in strips(x)]
  return jnp.asarray([np.sum(parts) / np.prod(x.shape)], jnp.float32)


def select(which: Array, x: Map, y: Map) -> Map:
  """Picture by picture x where `which` [b] is true, and else y."""
  if isinstance(x, Stream):
    return x if bool(which[0]) else y
  arrays = cast(Array, x), cast(Array, y)
  return cast(Map, jnp.where(which[:, None, None, None], *arrays))


def strips(x: Stream) -> Iterator[np.ndarray]:
  """Yields all rows of a stream, in strips [1, n, w, c] for a computation."""
  _, height, width, channels = x.shape
  rows = max(1, _VALUES // (width * channels))
  for top in range(0, height, rows):
    yield np.asarray(x.between(top, min(height, top + rows)))


def order_statistics(x: Stream, *, places: Sequence[int]) -> list[Array]:
  """The values that sorting all values would bring to given places.

  As `ranks.order_statistics` counts: first the upper halves of the bits, then
  the lower halves of those with an upper half that was wanted.

  Args:
    x: float32, not negative.
    places: from 0.
  """
  counts = np.zeros(2 ** (_HALF - 1), np.int64)
  for part in strips(x):
    counts += np.bincount(_bits(part) >> _HALF, minlength=len(counts))
  below = np.cumsum(counts)
  uppers = [
    int(np.searchsorted(below, place, side='right')) for place in places
  ]
  lower = {upper: np.zeros(2**_HALF, np.int64) for upper in uppers}
  for part in strips(x):
    bits = _bits(part)
    for upper, counts in lower.items():
      found = bits[bits >> _HALF == upper] & (2**_HALF - 1)
      counts += np.bincount(found, minlength=len(counts))
  values = []
  for upper, place in zip(uppers, places, strict=True):
    smaller = below[upper - 1] if upper else 0
    within = np.cumsum(lower[upper])
    low = np.searchsorted(within, place - smaller, side='right')
    bits = np.array([(upper << _HALF) | int(low)], np.int32)
    values.append(jnp.asarray(bits.view(np.float32)[0]))
  return values


def _bits(x: np.ndarray) -> np.ndarray:
  """Bits of floats that are not negative: they sort as the floats do."""
  return np.abs(x, dtype=np.float32).reshape(-1).view(np.int32)
