"""Resizing of NHWC maps."""

import functools
from typing import Literal, cast, get_args

import jax
import jax.numpy as jnp
import numpy as np

from fusionjax.ops import streams
from fusionjax.ops.streams import Map, Stream

Array = jax.Array
Grid = Literal['corners', 'centres']
GRIDS: tuple[str, ...] = get_args(Grid)


def bilinear(
  x: Array, *, size: tuple[int, int], grid: Grid = 'corners'
) -> Array:
  """Resizes bilinearly.

  Nothing is smoothed where the map gets smaller.

  Args:
    x: [b, h, w, c].
    size: height and width of the result.
    grid: what lies on each other: the centres of the `corners`' pixels, which
      is PyTorch's align_corners=True and shifts what is between them; or the
      outer edges, so that the `centres` of pixels stay where they are.

  Returns:
    [b, *size, c].
  """
  for axis, wanted in zip((1, 2), size, strict=True):
    x = _along(x, axis, wanted, grid)
  return x


def bicubic(x: Map, *, size: tuple[int, int]) -> Map:
  """Resizes by cubic convolution with a = -0.75, as PyTorch does.

  `jax.image.resize` has a = -0.5. The outer corners of both grids lie on each
  other, samples beyond the border are those at it, and nothing is smoothed
  where the map gets smaller.

  Args:
    x: [b, h, w, c], or a stream.
    size: height and width of the result.

  Returns:
    [b, *size, c]; values may leave the range of those of x.

  References:
    Keys, Cubic convolution interpolation for digital image processing, 1981.
  """
  for axis, wanted in zip((1, 2), size, strict=True):
    length = x.shape[axis]
    if wanted == length:
      continue
    x = _blended(x, axis, *cubic_taps(length, wanted))
  return x


def box_means(x: Map, *, side: int) -> Map:
  """Means of squares.

  Args:
    x: [b, h, w, c], or a stream; h and w multiples of the side.
    side: of a square, in pixels.

  Returns:
    [b, h / side, w / side, c].
  """
  for axis in (1, 2):
    first = side * np.arange(x.shape[axis] // side)
    places = (first + np.arange(side)[:, None]).astype(np.int32)
    x = _blended(x, axis, places, np.full(places.shape, 1 / side))
  return x


def _blended(x: Map, axis: int, places: np.ndarray, shares: np.ndarray) -> Map:
  """Blends rows (axis 1) or columns (axis 2); see `streams.blend_rows`."""
  if axis == 1 and isinstance(x, Stream):
    return cast(Map, streams.blend_rows(x, places=places, shares=shares))
  blend = functools.partial(_blend, places=places, shares=shares, axis=axis)
  return cast(Map, streams.rowwise(blend, x))


def _blend(
  x: Array, *, places: np.ndarray, shares: np.ndarray, axis: int
) -> Array:
  """Makes each sample of an axis of several others; [k, wanted] of both."""
  shape = [1] * x.ndim
  shape[axis] = places.shape[1]
  total = jnp.zeros((), x.dtype)
  for place, share in zip(places, shares, strict=True):
    weight = jnp.asarray(share.reshape(shape), x.dtype)
    taken = jnp.take(x, jnp.asarray(place), axis=axis, mode='clip')
    total = total + weight * taken
  return total


def cubic_taps(length: int, wanted: int) -> tuple[np.ndarray, np.ndarray]:
  """Which samples make each sample of a resized axis, and their shares.

  Args:
    length: of the axis.
    wanted: its length after resizing.

  Returns:
    Places [4, wanted], int32, and shares [4, wanted], float64.
  """
  at = (np.arange(wanted) + 0.5) * (length / wanted) - 0.5
  below = np.floor(at)
  a = -0.75
  near, far = [], []
  for distance in (at - below, 1 - (at - below)):
    near.append(((a + 2) * distance - (a + 3)) * distance**2 + 1)
    out = distance + 1
    far.append(((a * out - 5 * a) * out + 8 * a) * out - 4 * a)
  shares = np.stack([far[0], near[0], near[1], far[1]])
  places = below[None] + np.arange(-1, 3)[:, None]
  return np.clip(places, 0, length - 1).astype(np.int32), shares


def _along(x: Array, axis: int, wanted: int, grid: Grid) -> Array:
  length = x.shape[axis]
  if wanted == length:
    return x
  if grid == 'corners':
    step = (length - 1) / (wanted - 1) if wanted > 1 else 0.0
    place = np.arange(wanted) * step
  else:
    place = (np.arange(wanted) + 0.5) * length / wanted - 0.5
    place = np.clip(place, 0, length - 1)
  below = np.minimum(place.astype(np.int32), max(length - 2, 0))
  above = np.minimum(below + 1, length - 1)
  shape = [1] * x.ndim
  shape[axis] = wanted
  share = jnp.asarray((place - below).reshape(shape), x.dtype)
  lower, upper = (
    jnp.take(x, jnp.asarray(at), axis=axis, mode='clip')
    for at in (below, above)
  )
  return lower + share * (upper - lower)
