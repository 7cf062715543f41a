"""The median of many values, exact and without sorting them."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Array = jax.Array

# Of the state of the search: a lower key, an upper one, how many values are up
# to each, and the number of the turn. The middle is between the keys.
_LOWER, _UPPER, _UP_TO = 0, 1, 3


def median(values: Array) -> Array:
  """The median, of an even number of values the mean of the middle two.

  Sorting 390,000 values takes XLA 50 ms on a CPU. This counts how many are up
  to a guess, and takes the next guess between those that were too low and too
  high, on the bit patterns of the floats, which are in the order of their
  values: some 10 counts, 2 ms, for magnitudes of an image's frequencies, and
  at worst as many as bits for every 8 turns.

  Args:
    values: floats of 0 or more, of any shape.

  Returns:
    Scalar; NaN if a value is.
  """
  flat = values.reshape(-1)
  count = flat.size
  # As a rank, from 1.
  middle = (count + 1) // 2
  # The search has no derivative, the values that it finds have.
  key, up_to = _search(lax.stop_gradient(flat), middle)
  here = flat <= key
  # The largest value up to the key, and less the smallest above it.
  ends = jnp.max(
    jnp.stack(
      [jnp.where(here, flat, -jnp.inf), jnp.where(here, -jnp.inf, -flat)]
    ),
    axis=-1,
  )
  low = ends[0]
  if count % 2 == 0:
    low = (low + jnp.where(up_to > middle, low, -ends[1])) / 2
  return jnp.where(jnp.isnan(jnp.mean(flat)), jnp.nan, low)


def _search(flat: Array, middle: int) -> tuple[Array, Array]:
  """A number that `middle` values are up to, and how many really are.

  They are more where several values are equal to the middle one.
  """
  dtype, count = flat.dtype, flat.size
  integer = jnp.dtype(f'int{8 * dtype.itemsize}')
  octave = 1 << jnp.finfo(dtype).nmant

  # Counts are sums of floats, of which XLA has the faster ones.
  counted = dtype if count < 1 << jnp.finfo(dtype).nmant else jnp.int32

  def value(key: Array) -> Array:
    return lax.bitcast_convert_type(key, dtype)

  # Images have most of their energy in few places.
  mean = lax.bitcast_convert_type(jnp.mean(flat), integer)
  guess = mean - 3 * octave

  def missed(state: Array) -> Array:
    return (state[_UP_TO] != middle) & (state[_UPPER] - state[_LOWER] > 1)

  def turn(state: Array) -> Array:
    lower, upper, below, up_to, number = (state[k] for k in range(5))
    # Past the middle, to the one side and the other, so that both ends close
    # in; now and then half-way, so that it ends whatever the values are.
    span = (up_to - below).astype(dtype)
    rank = (middle - below).astype(dtype)
    rank = rank + jnp.sqrt(span) * jnp.where(number % 2 == 0, -0.5, 0.5)
    halve = number % 8 == 7
    share = jnp.where(halve, 0.5, jnp.clip(rank / span, 0, 1))
    key = lower + (share * (upper - lower).astype(dtype)).astype(integer)
    # As long as one end is open, away from the other one in growing steps.
    step = octave << jnp.minimum(number, 8)
    open_key = jnp.where(lower < 0, upper - step, lower + step)
    is_open = (lower < 0) | (up_to == count)
    key = jnp.where(is_open & ~halve, open_key, key)
    key = jnp.where(number == 0, guess, key)
    key = jnp.clip(key, lower + 1, upper - 1)
    found = jnp.sum((flat <= value(key)).astype(counted)).astype(integer)
    high = found >= middle
    return jnp.stack(
      [
        jnp.where(high, lower, key),
        jnp.where(high, key, upper),
        jnp.where(high, below, found),
        jnp.where(high, found, up_to),
        number + 1,
      ]
    )

  infinite = int(np.array(np.inf, dtype).view(integer))
  start = jnp.asarray([-1, infinite, 0, count, 0], integer)
  state = lax.while_loop(missed, turn, start)
  return value(state[_UPPER]), state[_UP_TO]
