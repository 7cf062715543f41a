"""Values of given rank, without sorting all of them."""

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array
Implementation = Literal['sort', 'counts']

_HALF = 16


def order_statistics(
  x: Array,
  *,
  ranks: Sequence[Array | int],
  implementation: Implementation | None = None,
) -> Array:
  """The values that sorting would bring to given places.

  Args:
    x: any array of floats that are not negative.
    ranks: places in the sorted values, from 0.
    implementation: `sort` sorts; `counts`, for float32, counts the upper
      halves of the bits of all values, and then the lower halves of those
      with the upper half that was wanted. Of 1.2 million values on a CPU
      sorting takes 280 ms and counting 6. None counts where it can.

  Returns:
    [len(ranks)] values, exact.
  """
  if implementation is None:
    implementation = 'counts' if x.dtype == jnp.float32 else 'sort'
  if implementation == 'sort':
    return jnp.sort(x.reshape(-1))[jnp.asarray(ranks)]
  # The bits of floats that are not negative sort as the floats do. The
  # absolute value is for the sign of -0.
  bits = lax.bitcast_convert_type(jnp.abs(x.reshape(-1)), jnp.int32)
  high, low = bits >> _HALF, bits & (2**_HALF - 1)
  below_high = jnp.cumsum(_counts(high, 2 ** (_HALF - 1)))
  found = []
  for rank in ranks:
    upper = _place(below_high, rank)
    smaller = jnp.where(upper > 0, below_high[upper - 1], 0)
    # Others are counted in a place of their own, behind.
    wanted = jnp.where(high == upper, low, 2**_HALF)
    lower = _place(jnp.cumsum(_counts(wanted, 2**_HALF + 1)), rank - smaller)
    found.append((upper << _HALF) | lower)
  return lax.bitcast_convert_type(jnp.stack(found), jnp.float32)


def _counts(values: Array, length: int) -> Array:
  """How often each of 0, ..., length - 1 occurs."""
  ones = jnp.ones(values.shape, jnp.int32)
  empty = jnp.zeros(length, jnp.int32)
  return empty.at[values].add(ones, mode='promise_in_bounds')


def _place(cumulated: Array, rank: Array | int) -> Array:
  """The first value at which more than `rank` have been counted."""
  return jnp.searchsorted(cumulated, rank, side='right').astype(jnp.int32)
