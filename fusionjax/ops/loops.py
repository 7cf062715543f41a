"""Loops over strips of rows."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array


def collect_rows(
  strip: Callable[[Array], Array], firsts: Array, *, like: Array
) -> Array:
  """Runs a function strip by strip and puts the results below each other.

  What `lax.map` does, with less memory: XLA makes the empty results of all of
  its loops when a program starts, and keeps them to the end of each. The one
  here is made of a value that must be there first.

  Args:
    strip: from the number of a strip's first row, an int32 scalar, to
      [b, rows, ...].
    firsts: [strips] int32, 0, rows, 2 rows and so on.
    like: [b or more, h, ...] what the strips are made of.

  Returns:
    [b, h, ...]; rows of the last strip beyond h are cut.
  """
  # Traced once, for its shape and for the loop.
  strip = jax.jit(strip)
  height = like.shape[1]
  part = jax.eval_shape(strip, jax.ShapeDtypeStruct((), firsts.dtype))
  batch = part.shape[0]
  shape = (batch, len(firsts) * part.shape[1], *part.shape[2:])
  # Each row is written over: what it holds before does not matter.
  some = lax.stop_gradient(like).reshape(like.shape[0], -1)[:batch, :1]
  some = some.reshape(batch, *(1,) * (len(shape) - 1)).astype(part.dtype)
  empty = jnp.broadcast_to(some, shape)

  def write(whole: Array, first: Array) -> tuple[Array, None]:
    done = lax.dynamic_update_slice_in_dim(whole, strip(first), first, axis=1)
    return done, None

  whole, _ = lax.scan(write, empty, firsts)
  return whole[:, :height]
