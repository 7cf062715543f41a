"""Resizing of NHWC maps."""

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array


def bilinear(x: Array, *, size: tuple[int, int]) -> Array:
  """Resizes bilinearly, the corners of both grids on each other.

  `jax.image.resize` has no such grid (PyTorch's align_corners=True). Nothing
  is smoothed where the map gets smaller.

  Args:
    x: [b, h, w, c].
    size: height and width of the result.

  Returns:
    [b, *size, c].
  """
  for axis, wanted in zip((1, 2), size, strict=True):
    x = _along(x, axis, wanted)
  return x


def _along(x: Array, axis: int, wanted: int) -> Array:
  length = x.shape[axis]
  if wanted == length:
    return x
  step = (length - 1) / (wanted - 1) if wanted > 1 else 0.0
  place = np.arange(wanted) * step
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
