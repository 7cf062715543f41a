"""Attention between channels of a whole picture, and within windows of it."""

from collections.abc import Callable
from typing import Literal

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
  d = values.shape[-1] // heads
  if implementation == 'heads':
    q, k, v = (_split(x, heads) for x in (queries, keys, values))
    products = jnp.einsum('bhwni,bhwnj->bnij', q, k)
  else:
    gram = jnp.einsum('bhwi,bhwj->bij', queries, keys)
    products = _blocks(gram, heads)
  # One after the other: the square of the product of the least underflows.
  logits = products / _norms(queries).reshape(-1, heads, d, 1)
  logits = logits / _norms(keys).reshape(-1, heads, 1, d)
  logits = logits * temperature[None, :, None, None]
  weights = jax.nn.softmax(logits, axis=-1)
  if implementation == 'heads':
    mixed = jnp.einsum('bnij,bhwnj->bhwni', weights, v)
    return mixed.reshape(values.shape)
  return jnp.einsum('bhwj,bij->bhwi', values, _block_diagonal(weights))


def _norms(x: Array) -> Array:
  """Lengths [b, c] over all pixels, not below the least."""
  squares = jnp.sum(jnp.square(x), axis=(1, 2))
  # Limited before the root, whose slope at zero is infinite.
  return jnp.sqrt(jnp.maximum(squares, _LEAST_NORM**2))


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


def window_attention(
  qkv: Array,
  bias: Array,
  *,
  window: int,
  shift: int = 0,
  implementation: WindowImplementation | None = None,
) -> Array:
  """Attention among the pixels of each window.

  Args:
    qkv: [b, h, w, 3 * c] queries, keys and values of a map that has been
      rolled by -shift in rows and columns; the sides are multiples of window.
    bias: [heads, window^2, window^2] added to the logits.
    window: side of a window.
    shift: by how much the map was rolled: pixels that the roll brought
      together from opposite borders are kept apart.
    implementation: `whole` takes all windows at once, the specification;
      `rows` a row of windows at a time, whose logits stay in the caches.
      None is `rows`.

  Returns:
    [b, h, w, c], still rolled.

  References:
    Liu et al., Swin Transformer, ICCV 2021, section 3.2.
  """
  batch, height, width, triple = qkv.shape
  assert height % window == 0 and width % window == 0, qkv.shape
  attend = _attend_shifted(window, shift, (height, width))
  if implementation == 'whole':
    return attend(qkv, bias, jnp.arange(height, dtype=jnp.int32))
  rows = qkv.reshape(batch, height // window, window, width, triple)
  numbers = jnp.arange(height, dtype=jnp.int32).reshape(-1, window)
  done = lax.map(
    lambda row: attend(row[0], bias, row[1]),
    (jnp.moveaxis(rows, 1, 0), numbers),
  )
  return jnp.moveaxis(done, 0, 1).reshape(batch, height, width, triple // 3)


def _attend_shifted(
  window: int, shift: int, size: tuple[int, int]
) -> Callable[[Array, Array, Array], Array]:
  """Returns a function of rows, the bias, and the numbers of the rows."""
  tokens = window * window

  def partition(x: Array) -> Array:
    """[b, n, w, c] to [b, windows down, windows across, tokens, c]."""
    b, n, w, c = x.shape
    x = x.reshape(b, n // window, window, w // window, window, c)
    x = x.transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, n // window, w // window, tokens, c)

  def attend(qkv: Array, bias: Array, rows: Array) -> Array:
    b, n, w, triple = qkv.shape
    heads, c = bias.shape[0], triple // 3
    x = partition(qkv)
    down, across = x.shape[1:3]
    # [3, b, windows, heads, tokens, channels of a head]
    x = x.reshape(b, down * across, tokens, 3, heads, c // heads)
    q, k, v = x.transpose(3, 0, 1, 4, 2, 5)
    q = q * (c // heads) ** -0.5
    logits = jnp.einsum('bnhqd,bnhkd->bnhqk', q, k) + bias[None, None]
    if shift:
      regions = _regions(
        rows, jnp.arange(w, dtype=jnp.int32), size, window, shift
      )
      ids = partition(regions[None, :, :, None]).reshape(1, -1, 1, tokens)
      apart = ids[..., :, None] != ids[..., None, :]
      logits = logits + jnp.where(apart, _APART, 0.0).astype(logits.dtype)
    weights = jax.nn.softmax(logits, axis=-1)
    mixed = jnp.einsum('bnhqk,bnhkd->bnhqd', weights, v)
    shape = (b, down, across, heads, window, window, c // heads)
    mixed = mixed.reshape(shape).transpose(0, 1, 4, 2, 5, 3, 6)
    return mixed.reshape(b, n, w, c)

  return attend


def _regions(
  rows: Array, columns: Array, size: tuple[int, int], window: int, shift: int
) -> Array:
  """Numbers [n, w] of the parts of a rolled map that belong together."""

  def part(at: Array, side: int) -> Array:
    return (at >= side - window).astype(jnp.int32) + (
      at >= side - shift
    ).astype(jnp.int32)

  return 3 * part(rows, size[0])[:, None] + part(columns, size[1])[None, :]
