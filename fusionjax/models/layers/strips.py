"""Local computations, strip of rows by strip of rows.

Whatever depends on a neighbourhood only can be computed in strips, exactly:
each strip is handed the rows around it that its result depends on. That
bounds the memory of wide intermediate maps by the strip instead of the
picture, and keeps them in the processor's caches.
"""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.ops import loops
from fusionjax.ops.frame import Frame

Array = jax.Array
# Pixels of a strip of wide maps: what it reads and writes stays in the caches.
PIXELS = 4096
# Larger pictures are worth strips. Batches go all at once, whatever their
# size: their first axis may lie on many devices.
_LARGE = 40_000


def worthwhile(x: Array, *, remat: bool = False) -> bool:
  """Whether a map [b, h, w, c] should go in strips.

  Args:
    x: the map: a single large picture should.
    remat: whether the backward pass is to compute the strips again. On a CPU
      that works in loops alone: XLA merges what is computed twice elsewhere.
  """
  large = x.shape[0] == 1 and x.shape[1] * x.shape[2] > _LARGE
  return large or (remat and x.shape[0] * x.shape[1] * x.shape[2] > PIXELS)


def height(x: Array, *, multiple: int = 1) -> int:
  """How many rows of a map [b, h, w, c] make a strip."""
  row = x.shape[0] * x.shape[2] * multiple
  return multiple * max(1, PIXELS // row)


def detach(module: nn.Module) -> Callable[..., Array]:
  """Returns a bound module as a pure function, for use inside `lax.map`.

  While the module is being initialised it is returned as it is: its
  parameters have yet to be made.
  """
  if module.is_initializing():
    return module
  variables = module.variables
  free = module.clone(parent=None, name=None)

  def apply(*args: Any, **kwargs: Any) -> Any:
    return free.apply(variables, *args, **kwargs)

  return apply


def map_rows(
  function: Callable[..., Array],
  maps: Sequence[Array],
  *,
  reach: int,
  rows: int,
  remat: bool = False,
) -> Array:
  """Applies a local function to strips of rows and joins the results.

  Args:
    function: `function(*strips, first)`: takes strips
      [b, reach + n + reach, ...] and the number of the first row of the n
      rows in their middle, an int32 scalar; returns [b, n, ...]. Rows beyond
      the picture are zero.
    maps: arrays [b, h, ...] of one height.
    reach: rows above and below that a row of the result depends on.
    rows: height n of a strip.
    remat: whether the backward pass computes each strip again.

  Returns:
    [b, h, ...] what `function` gives for the whole picture.
  """
  function = jax.checkpoint(function) if remat else function
  strip, firsts = _strips(function, maps, reach=reach, rows=rows)
  return loops.collect_rows(strip, firsts, like=maps[0])


def sum_rows(
  function: Callable[..., Any],
  maps: Sequence[Array],
  *,
  reach: int,
  rows: int,
  remat: bool = False,
) -> Any:
  """Applies a function to strips of rows and adds the results.

  Args:
    function: as in `map_rows`, but it returns a tree of arrays of any shape,
      to which rows beyond the picture must add nothing.
    maps: arrays [b, h, ...] of one height.
    reach: rows above and below that are handed along.
    rows: height of a strip.
    remat: as in `map_rows`.

  Returns:
    The sums.
  """
  function = jax.checkpoint(function) if remat else function
  strip, firsts = _strips(function, maps, reach=reach, rows=rows)
  parts = lax.map(strip, firsts)
  return jax.tree.map(lambda part: jnp.sum(part, axis=0), parts)


def _strips(
  function: Callable[..., Any], maps: Sequence[Array], *, reach: int, rows: int
) -> tuple[Callable[[Array], Any], Array]:
  """The function of a strip by its first row, and the first rows."""
  height = maps[0].shape[1]
  count = -(-height // rows)
  padding = (reach, reach + count * rows - height)
  padded = [
    jnp.pad(x, ((0, 0), padding) + ((0, 0),) * (x.ndim - 2)) for x in maps
  ]

  def strip(first: Array) -> Any:
    size = reach + rows + reach
    cut = [lax.dynamic_slice_in_dim(x, first, size, axis=1) for x in padded]
    return function(*cut, first)

  return strip, jnp.arange(count, dtype=jnp.int32) * rows


def total(
  module: nn.Module, name: str, sums: Any, *, frame: Frame | None
) -> Any:
  """Sums over all pixels of a picture, of which there may be a strip only.

  A strip cannot know them: they are taken from the collection `statistics` of
  a module, if it is there, and those of the strip go into the collection
  `moments`, if that is mutable.

  Args:
    module: the module that needs them, being called.
    name: tells the sums of a module from each other.
    sums: a tree of arrays, over what counts in the frame.
    frame: of the strip, or None where the picture is whole.

  Returns:
    A tree of arrays.
  """
  if frame is None:
    return sums
  module.sow('moments', name, sums)
  if module.has_variable('statistics', name):
    return module.get_variable('statistics', name)
  return sums


def mean(
  module: nn.Module, name: str, x: Array, *, frame: Frame | None
) -> Array:
  """Mean of [b, h, w, c] over the picture: [b, 1, 1, c]; see `total`."""
  if frame is None:
    return jnp.mean(x, axis=(1, 2), keepdims=True)
  sums = total(module, name, frame.total(x), frame=frame)
  height, width = (
    jnp.asarray(side, x.dtype) for side in (frame.height, frame.width)
  )
  return (sums / height / width)[:, None, None]
