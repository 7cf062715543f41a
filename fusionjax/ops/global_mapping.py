"""Softmax attention between all positions of two maps, block by block.

The matrix that relates every position of one map to every position of another
has n m entries: 65,536 squared for the deepest scale of 1024 x 1024 pictures.
Here it exists in blocks only. Forward, the largest score and the sum of the
exponentials so far are kept for every query and corrected block by block; back,
the blocks are computed again from their logarithm.

References:
  Milakov, Gimelshein, Online normalizer calculation for softmax, 2018.
  Dao et al., FlashAttention, NeurIPS 2022, for the backward pass.
"""

import functools
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax import errors

Array = jax.Array
# `dense` is the specification; `blocks` takes memory in proportion to n + m.
Implementation = Literal['dense', 'blocks']

# Positions of a block. On a CPU 256 and 1,024 take 10 to 20 % longer.
_BLOCK = 512
# Up to so many pairs of positions the whole matrix is faster and small.
_SMALL = 1024**2


def attend(
  queries: Array,
  keys: Array,
  values: Array,
  *,
  implementation: Implementation | None = None,
  block: int = _BLOCK,
) -> Array:
  """Averages values by the softmax of the dot products of queries and keys.

  Args:
    queries: [b, n, d].
    keys: [b, m, d].
    values: [b, m, c].
    implementation: `dense` or `blocks`, equal but for rounding; None takes
      `dense` where the matrix is small.
    block: positions of a block, of `blocks`.

  Returns:
    [b, n, c]: for each query the average of all values, with weights
    exp(q k) that sum to one.

  Raises:
    errors.InputError: if there is no such implementation.
  """
  if implementation is None:
    pairs = queries.shape[1] * keys.shape[1]
    implementation = 'dense' if pairs <= _SMALL else 'blocks'
  if implementation == 'dense':
    scores = jnp.einsum('bnd,bmd->bnm', queries, keys)
    return jnp.einsum('bnm,bmc->bnc', jax.nn.softmax(scores), values)
  if implementation != 'blocks':
    known = get_args(Implementation)
    raise errors.unknown_name('implementation', implementation, known)
  return _attend(queries, keys, values, block)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _attend(queries: Array, keys: Array, values: Array, block: int) -> Array:
  return _forward(queries, keys, values, block)[0]


def _forward(
  queries: Array, keys: Array, values: Array, block: int
) -> tuple[Array, tuple[Array, ...]]:
  """The averages, and what the backward pass needs."""
  batch, count, _ = queries.shape
  key_blocks, value_blocks = _split(keys, block), _split(values, block)
  valid = _valid(keys.shape[1], block)

  def of_queries(query: Array) -> tuple[Array, Array]:
    def add(
      carry: tuple[Array, Array, Array], part: tuple[Array, Array, Array]
    ) -> tuple[tuple[Array, Array, Array], None]:
      largest, total, average = carry
      key, value, inside = part
      scores = _scores(query, key, inside)
      new = jnp.maximum(largest, jnp.max(scores, axis=-1, keepdims=True))
      kept, weights = jnp.exp(largest - new), jnp.exp(scores - new)
      total = kept * total + jnp.sum(weights, axis=-1, keepdims=True)
      average = kept * average + jnp.einsum('bnm,bmc->bnc', weights, value)
      return (new, total, average), None

    column = (batch, block, 1)
    begin = (
      jnp.full(column, -jnp.inf, query.dtype),
      jnp.zeros(column, query.dtype),
      jnp.zeros((batch, block, values.shape[-1]), values.dtype),
    )
    (largest, total, average), _ = lax.scan(
      add, begin, (key_blocks, value_blocks, valid)
    )
    return average / total, largest + jnp.log(total)

  average, logarithm = (
    _join(part, count) for part in lax.map(of_queries, _split(queries, block))
  )
  return average, (queries, keys, values, average, logarithm)


def _backward(
  block: int, saved: tuple[Array, ...], gradient: Array
) -> tuple[Array, Array, Array]:
  """Gradients by queries, keys and values; blocks of scores are recomputed."""
  queries, keys, values, average, logarithm = saved
  inner = jnp.sum(gradient * average, axis=-1, keepdims=True)
  # Queries that are not there have no gradient, and add nothing to the sums.
  query_parts = tuple(
    _split(each, block) for each in (queries, gradient, logarithm, inner)
  )

  def of_keys(
    total: Array, part: tuple[Array, Array, Array]
  ) -> tuple[Array, tuple[Array, Array]]:
    key, value, inside = part

    def add(
      carry: tuple[Array, Array], of_query: tuple[Array, ...]
    ) -> tuple[tuple[Array, Array], Array]:
      by_key, by_value = carry
      query, slope, log_total, product = of_query
      weights = jnp.exp(_scores(query, key, inside) - log_total)
      by_value = by_value + jnp.einsum('bnm,bnc->bmc', weights, slope)
      by_score = jnp.einsum('bnc,bmc->bnm', slope, value) - product
      by_score = weights * by_score
      by_key = by_key + jnp.einsum('bnm,bnd->bmd', by_score, query)
      return (by_key, by_value), jnp.einsum('bnm,bmd->bnd', by_score, key)

    begin = jnp.zeros_like(key), jnp.zeros_like(value)
    found, by_query = lax.scan(add, begin, query_parts)
    return total + by_query, found

  by_query, (by_key, by_value) = lax.scan(
    of_keys,
    jnp.zeros_like(query_parts[0]),
    (_split(keys, block), _split(values, block), _valid(keys.shape[1], block)),
  )
  return (
    _join(by_query, queries.shape[1]),
    _join(by_key, keys.shape[1]),
    _join(by_value, keys.shape[1]),
  )


_attend.defvjp(_forward, _backward)


def _scores(query: Array, key: Array, inside: Array) -> Array:
  """[b, n, m] dot products; minus infinity for keys that are not there."""
  scores = jnp.einsum('bnd,bmd->bnm', query, key)
  return jnp.where(inside[None, None], scores, -jnp.inf)


def _split(x: Array, block: int) -> Array:
  """[b, n, c] to [blocks, b, block, c], zeros after the end."""
  batch, count, channels = x.shape
  blocks = -(-count // block)
  x = jnp.pad(x, ((0, 0), (0, blocks * block - count), (0, 0)))
  return jnp.moveaxis(x.reshape(batch, blocks, block, channels), 1, 0)


def _join(x: Array, count: int) -> Array:
  """[blocks, b, block, c] to the first `count` of [b, n, c]."""
  x = jnp.moveaxis(x, 0, 1)
  return x.reshape(x.shape[0], -1, x.shape[-1])[:, :count]


def _valid(count: int, block: int) -> Array:
  """[blocks, block]: which positions are there."""
  blocks = -(-count // block)
  return (jnp.arange(blocks * block) < count).reshape(blocks, block)
