"""Bounds and integer levels."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from fusionjax.ops import division, ranks, streams
from fusionjax.ops.frame import Frame
from fusionjax.ops.streams import Stream

Array = jax.Array
Rounding = Literal['truncate', 'nearest']


def clamp(x: Array, low: float, high: float) -> Array:
  """Limits values to [low, high] with a gradient of one at the bounds.

  `jnp.clip` halves the gradient of a value that lies exactly on a bound;
  PyTorch, in which the published networks were trained, does not.

  Args:
    x: any array.
    low: least value.
    high: largest value.

  Returns:
    Array of the shape of x.
  """
  x = jnp.where(x < low, jnp.full_like(x, low), x)
  return jnp.where(x > high, jnp.full_like(x, high), x)


def clamp_unit(x: Array) -> Array:
  """Limits values to [0, 1], see `clamp`."""
  return clamp(x, 0, 1)


def clamp_through(x: Array, low: float, high: float) -> Array:
  """Limits values to [low, high] with a gradient of one everywhere.

  A value beyond a bound still learns which way is back: with the true
  gradient, which is zero there, it would stay where it is for ever.

  Args:
    x: any array.
    low: least value.
    high: largest value.

  Returns:
    Array of the shape of x.
  """
  return x + lax.stop_gradient(clamp(x, low, high) - x)


def stretch(
  x: Array,
  *,
  low: float = 0.005,
  high: float = 0.995,
  frame: Frame | None = None,
) -> Array:
  """Stretches values to [0, 1], a small part of them to 0 and to 1.

  Args:
    x: any array of values that are not negative, all taken together, as the
      published CSC-MEFN takes the three channels of a picture.
    low: fraction of the values below the one that becomes 0.
    high: fraction of the values below the one that becomes 1.
    frame: the picture in x, then [b, h, w, c]: what is outside is not among
      the values.

  Returns:
    Array of the shape of x; x itself where both values are the same (the
    published code gives NaN there).

  References:
    Zhao et al., Deep convolutional sparse coding networks for interpretable
    image fusion, section 3.2.
  """
  x = 255 * x
  if frame is None:
    places = [min(int(x.size * part), x.size - 1) for part in (low, high)]
    bottom, top = ranks.order_statistics(x, ranks=places)
  else:
    shares = [frame.share(part, values=x.shape[-1]) for part in (low, high)]
    # Behind all others.
    counted = frame.clear(x, jnp.inf)
    bottom, top = ranks.order_statistics(counted, ranks=shares)
  return _spread(x, bottom, top)


def stretch_stream(
  x: Stream, *, low: float = 0.005, high: float = 0.995
) -> Stream:
  """`stretch` of a picture of which some rows are in memory at a time."""
  _, height, width, channels = x.shape
  frame = Frame(height, width)
  places = [int(frame.share(part, values=channels)) for part in (low, high)]
  x = streams.rowwise(lambda x: 255 * x, x)
  bottom, top = streams.order_statistics(x, places=places)
  return streams.rowwise(lambda x: _spread(x, bottom, top), x)


def _spread(x: Array, bottom: Array, top: Array) -> Array:
  """Stretches levels of 255 between two of them to [0, 1]."""
  span = top - bottom
  flat = span == 0
  # In levels of 255 and in this order: the published code truncates what
  # comes out, and in some pictures its largest value is just below 255.
  above = 255 * (jnp.clip(x, bottom, top) - bottom)
  span = jnp.where(flat, jnp.ones_like(span), span)
  stretched = division.divide(above, span)
  return division.divide(jnp.where(flat, x, stretched), 255)


def to_levels(
  x: Array, *, levels: int = 255, rounding: Rounding = 'truncate'
) -> Array:
  """Turns values in [0, 1] into whole levels.

  Args:
    x: any array; clipped to [0, 1].
    levels: level of 1: 255 for 8 bit, 65535 for 16 bit.
    rounding: `truncate` cuts the fraction off, as the published FFMEF and
      CSC-MEFN do; `nearest` rounds halves to even, as MGDN does.

  Returns:
    Whole numbers in [0, levels], of the dtype of x.
  """
  x = jnp.clip(x, 0, 1) * levels
  return jnp.floor(x) if rounding == 'truncate' else jnp.round(x)


def to_unit(image: Array) -> Array:
  """Turns the levels of an image into float32 in [0, 1].

  Args:
    image: uint8 or uint16; floats stay as they are.

  Returns:
    Array of the shape of image.
  """
  if jnp.issubdtype(image.dtype, jnp.floating):
    return image
  # By a table: XLA would multiply by 1 / 255, which is off by a bit.
  top = int(jnp.iinfo(image.dtype).max)
  table = np.arange(top + 1, dtype=np.float32) / np.float32(top)
  return jnp.asarray(table).at[image].get(mode='promise_in_bounds')


def from_unit(x: Array, *, dtype: np.dtype, rounding: Rounding) -> Array:
  """Turns [0, 1] into the values of an image.

  Args:
    x: any float array; clipped to [0, 1].
    dtype: uint8 or uint16; for a float dtype there are no levels.
    rounding: see `to_levels`.

  Returns:
    Array of the shape of x, of this dtype; of its own where that is a float.
  """
  if jnp.issubdtype(dtype, jnp.floating):
    return jnp.clip(x, 0, 1)
  top = int(jnp.iinfo(dtype).max)
  return to_levels(x, levels=top, rounding=rounding).astype(dtype)
