"""Saliency of grey levels, and weights of two pictures by it."""

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.ops import division
from fusionjax.ops.guided_filter import guided_filter

Array = jax.Array

_LEVELS = 256
# Added to weights before they are normalised, as in the published code.
_TINY = 1e-12


def unit_range(plane: Array) -> Array:
  """Stretches a plane to [0, 1]; a constant one becomes zero.

  Args:
    plane: [h, w].

  Returns:
    [h, w].
  """
  low, high = jnp.min(plane), jnp.max(plane)
  span = high - low
  flat = span == 0
  span = jnp.where(flat, jnp.ones_like(span), span)
  return division.divide(plane - low, span)


def saliency(plane: Array) -> Array:
  """How far a level lies from the other levels of its plane, on average.

  S(v) = sum_u h(u) |u - v| with the plane in 256 levels and h(u) the part of
  its pixels at level u. A constant plane is salient nowhere.

  Args:
    plane: [h, w] in [0, 1].

  Returns:
    [h, w] in levels.

  References:
    Zhao et al., Deep convolutional sparse coding networks for interpretable
    image fusion, section 3.1.
  """
  # Truncated, as in the published code.
  level = (plane * (_LEVELS - 1)).astype(jnp.int32)
  ones = jnp.ones(level.size, jnp.int32)
  counts = (
    jnp.zeros(_LEVELS, jnp.int32)
    .at[level.reshape(-1)]
    .add(ones, mode='promise_in_bounds')
  )
  frequency = counts.astype(plane.dtype) / level.size
  values = lax.iota(jnp.int32, _LEVELS)
  distance = jnp.abs(values[:, None] - values[None]).astype(plane.dtype)
  table = jnp.sum(distance * frequency[None], axis=1)
  return table.at[level].get(mode='promise_in_bounds')


def saliency_weights(
  first: Array, second: Array, *, radius: int = 45, epsilon: float = 0.01
) -> tuple[Array, Array]:
  """Weights of two planes by saliency, refined by a guided filter.

  Where both are salient nowhere they weigh the same; a constant plane beside
  another one weighs nothing. The published code gives NaN for both.

  Args:
    first: [h, w], of any range.
    second: [h, w].
    radius: of the guided filter.
    epsilon: of the guided filter.

  Returns:
    Two [h, w] weights that sum to one; they may leave [0, 1].

  References:
    Zhao et al., section 3.1, eq. 6.
  """
  guides = unit_range(first), unit_range(second)
  raw = _normalised(saliency(guides[0]), saliency(guides[1]))
  refined = [
    guided_filter(guide, weight, radius=radius, epsilon=epsilon)
    for guide, weight in zip(guides, raw, strict=True)
  ]
  return _normalised(refined[0], refined[1])


def _normalised(a: Array, b: Array) -> tuple[Array, Array]:
  a, b = a + _TINY, b + _TINY
  total = a + b
  return a / total, b / total
