"""Resizing of NHWC maps."""

from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

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
