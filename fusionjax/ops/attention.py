"""Attention between channels of a whole picture, and within windows of it."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Array = jax.Array
ChannelImplementation = Literal['gram', 'heads']
WindowImplementation = Literal['rows', 'whole']

# Norms below this are taken for this.
_LEAST_NORM = 1e-12
# What is added between tokens that are no neighbours. The published code adds
# this and not minus infinity: some of the weight gets through.
_APART = -100.0


def channel_attention(
  queries: Array,
  keys: Array,
  values: Array,
  temperature: Array,
  *,
  implementation: ChannelImplementation | None = None,
) -> Array:
  """Mixes channels by how alike they are over the whole picture.

  Queries and keys are brought to length one over all pixels, so the size of
  the picture takes part, and a tile of it gives another result.

  Args:
    queries: [b, h, w, c].
    keys: [b, h, w, c].
    values: [b, h, w, c].
    temperature: [heads], which divide c; each head mixes its own channels.
    implementation: `gram` multiplies all channels with all and keeps the
      blocks of the heads: one product of good shape instead of many of bad;
      `heads` multiplies head by head, the specification. None is `gram`.

  Returns:
    [b, h, w, c].

  References:
    Guan et al., MGDN, eq. 1; lengths as in the published code.
  """
  heads = temperature.shape[0]
  if implementation == 'heads':
    q, k, v = (_split(x, heads) for x in (queries, keys, values))
    weights = _weights(
      jnp.einsum('bhwni,bhwnj->bnij', q, k),
      jnp.sum(jnp.square(q), axis=(1, 2)),
      jnp.sum(jnp.square(k), axis=(1, 2)),
      temperature,
    )
    mixed = jnp.einsum('bnij,bhwnj->bhwni', weights, v)
    return mixed.reshape(values.shape)
  matrix = channel_weights(*channel_products(queries, keys), temperature)
  return mix_channels(values, matrix)


def mix_channels(values: Array, matrix: Array) -> Array:
  """Mixes the channels of [b, h, w, c] by [b, c, c]."""
  return jnp.einsum('bhwj,bij->bhwi', values, matrix)


def channel_products(queries: Array, keys: Array) -> tuple[Array, Array, Array]:
  """What channel attention needs of queries and keys; parts add up.

  Args:
    queries: [b, h, w, c], a map or a part of its pixels.
    keys: [b, h, w, c].

  Returns:
    Products [b, c, c] of all queries with all keys, and the squares [b, c] of
    both, summed over the pixels.
  """
  products = jnp.einsum('bhwi,bhwj->bij', queries, keys)
  squares = [jnp.sum(jnp.square(x), axis=(1, 2)) for x in (queries, keys)]
  return products, squares[0], squares[1]


def channel_weights(
  products: Array, query_squares: Array, key_squares: Array, temperature: Array
) -> Array:
  """The matrix by which channel attention mixes values.

  Args:
    products: from `channel_products`, as the next two.
    query_squares: [b, c].
    key_squares: [b, c].
    temperature: [heads].

  Returns:
    [b, c, c], from values (last axis) to results; zero between heads.
  """
  heads = temperature.shape[0]
  weights = _weights(
    _blocks(products, heads),
    query_squares.reshape(query_squares.shape[0], heads, -1),
    key_squares.reshape(key_squares.shape[0], heads, -1),
    temperature,
  )
  return _block_diagonal(weights)


def _weights(
  products: Array, query_squares: Array, key_squares: Array, temperature: Array
) -> Array:
  """Softmax [b, heads, d, d] of products of vectors brought to length one."""
  # Limited before the root, whose slope at zero is infinite; and divided one
  # after the other: the square of the product of the least underflows.
  lengths = [
    jnp.sqrt(jnp.maximum(squares, _LEAST_NORM**2))
    for squares in (query_squares, key_squares)
  ]
  logits = products / lengths[0][..., :, None] / lengths[1][..., None, :]
  logits = logits * temperature[None, :, None, None]
  return jax.nn.softmax(logits, axis=-1)


def _split(x: Array, heads: int) -> Array:
  return x.reshape(*x.shape[:3], heads, x.shape[3] // heads)


def _blocks(x: Array, heads: int) -> Array:
  """The blocks [b, heads, d, d] on the diagonal of [b, c, c]."""
  d = x.shape[1] // heads
  parts = [slice(at * d, (at + 1) * d) for at in range(heads)]
  return jnp.stack([x[:, part, part] for part in parts], axis=1)


def _block_diagonal(blocks: Array) -> Array:
  """The inverse of `_blocks`, zero elsewhere."""
  batch, heads, d, _ = blocks.shape
  own = jnp.eye(heads, dtype=blocks.dtype)[None, :, None, :, None]
  spread = blocks[:, :, :, None, :] * own
  return spread.reshape(batch, heads * d, heads * d)


def relative_index(window: int) -> np.ndarray:
  """Places in a table of (2 window - 1)^2 offsets, for every two tokens.

  Args:
    window: side of the window.

  Returns:
    [window^2, window^2] integers, queries by keys, tokens in row-major order.
  """
  at = np.arange(window)
  y, x = (grid.ravel() for grid in np.meshgrid(at, at, indexing='ij'))
  rows = y[:, None] - y[None, :] + window - 1
  columns = x[:, None] - x[None, :] + window - 1
  return rows * (2 * window - 1) + columns


class Rolled(NamedTuple):
  """What was rolled: a map in the upper left corner of an array.

  Attributes:
    height: rows of the map, like its columns a multiple of the window.
    width: columns of the map.
    rows: of the array, as many as the map has or more.
    columns: of the array.
  """

  height: Array | int
  width: Array | int
  rows: Array | int
  columns: Array | int


def window_attention(
  qkv: Array,
  bias: Array,
  first_row: Array | None = None,
  *,
  window: int,
  shift: int = 0,
  rolled: Rolled | None = None,
  implementation: WindowImplementation | None = None,
) -> Array:
  """Attention among the pixels of each window.

  Args:
    qkv: [b, n, w, 3 * c] queries, keys and values of a map that has been
      rolled by -shift in rows and columns, or of some of its rows; n and w
      are multiples of window.
    bias: [heads, window^2, window^2] added to the logits.
    first_row: int32 scalar, the row of the map that comes first; None for 0.
      Rows before 0 and behind the last are those of the other end.
    window: side of a window.
    shift: by how much the map was rolled: pixels that the roll brought
      together from opposite borders are kept apart.
    rolled: the map, and the array that it was rolled in; None where all rows
      are there, and nothing else.
    implementation: `whole` takes all windows at once, the specification;
      `rows` a row of windows at a time, whose logits stay in the caches.
      None is `rows`.

  Returns:
    [b, n, w, c], still rolled.

  References:
    Liu et al., Swin Transformer, ICCV 2021, section 3.2.
  """
  batch, count, width, triple = qkv.shape
  assert count % window == 0 and width % window == 0, qkv.shape
  if rolled is None:
    rolled = Rolled(count, width, count, width)
  whole = rolled
  numbers = jnp.arange(count, dtype=jnp.int32)
  if first_row is not None:
    numbers = (numbers + first_row) % whole.rows

  def attend(qkv: Array, numbers: Array) -> Array:
    regions = _regions(numbers, width, whole, window, shift) if shift else None
    return _attend(qkv, bias, regions, window=window)

  if implementation == 'whole' or count == window:
    return attend(qkv, numbers)
  rows = qkv.reshape(batch, count // window, window, width, triple)
  done = lax.map(
    lambda row: attend(*row),
    (jnp.moveaxis(rows, 1, 0), numbers.reshape(-1, window)),
  )
  return jnp.moveaxis(done, 0, 1).reshape(batch, count, width, triple // 3)


def _attend(
  qkv: Array, bias: Array, regions: Array | None, *, window: int
) -> Array:
  """All windows at once; tokens of different regions are kept apart."""
  b, n, w, triple = qkv.shape
  heads, c = bias.shape[0], triple // 3
  d, tokens = c // heads, window * window
  # [3, b, windows, heads, tokens, d]
  x = _partition(qkv, window).reshape(b, -1, tokens, 3, heads, d)
  q, k, v = x.transpose(3, 0, 1, 4, 2, 5)
  q = q * d**-0.5
  logits = jnp.einsum('bnhqd,bnhkd->bnhqk', q, k) + bias[None, None]
  if regions is not None:
    ids = _partition(regions[None, :, :, None], window)
    ids = ids.reshape(1, -1, 1, tokens)
    apart = ids[..., :, None] != ids[..., None, :]
    logits = logits + jnp.where(apart, _APART, 0.0).astype(logits.dtype)
  weights = jax.nn.softmax(logits, axis=-1)
  mixed = jnp.einsum('bnhqk,bnhkd->bnhqd', weights, v)
  shape = (b, n // window, w // window, heads, window, window, d)
  mixed = mixed.reshape(shape).transpose(0, 1, 4, 2, 5, 3, 6)
  return mixed.reshape(b, n, w, c)


def _partition(x: Array, window: int) -> Array:
  """[b, n, w, c] to [b, windows, tokens, c]."""
  b, n, w, c = x.shape
  x = x.reshape(b, n // window, window, w // window, window, c)
  return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, window * window, c)


def _regions(
  rows: Array, width: int, rolled: Rolled, window: int, shift: int
) -> Array:
  """Numbers [n, w] of the parts of a rolled map that belong together.

  Along each side these are: what lies before the last window; what the last
  window has of its own; what the roll brought into it from the other end,
  which is at the end of the array; and, between the last two, what is no map.
  """

  def part(at: Array, side: Array | int, around: Array | int) -> Array:
    last = (at >= side - window).astype(jnp.int32)
    beyond = jnp.where(at >= around - shift, 2, 3)
    return jnp.where(at >= side - shift, beyond, last)

  columns = jnp.arange(width, dtype=jnp.int32)
  down = part(rows, rolled.height, rolled.rows)
  across = part(columns, rolled.width, rolled.columns)
  return 4 * down[:, None] + across[None, :]
