"""Metrics from grey-level statistics. Planes are [h, w] floats in 0..255."""

import jax
import jax.numpy as jnp

Array = jax.Array

_LEVELS = 256


def histogram(plane: Array) -> Array:
  """Share of each of the 256 grey levels.

  Args:
    plane: [h, w] in 0..255; a value between two levels counts for the
      nearest, half away from zero as MATLAB rounds.

  Returns:
    [256] shares that sum to one, of the dtype of `plane`.
  """
  levels = jnp.clip(jnp.floor(plane + 0.5), 0, _LEVELS - 1).astype(jnp.int32)
  counts = jnp.zeros(_LEVELS, jnp.int32).at[levels.ravel()].add(1)
  return counts.astype(plane.dtype) / plane.size


def entropy(shares: Array) -> Array:
  """Entropy in bits of shares that sum to one; empty bins count nothing."""
  present = shares > 0
  return -jnp.sum(shares * jnp.log2(jnp.where(present, shares, 1)))


def en(fused: Array) -> Array:
  """Entropy: EN = -sum_i p_i log2 p_i over the 256 levels of the fused image.

  Args:
    fused: [h, w] fused plane in 0..255.

  Returns:
    Scalar in 0 (one level) to 8 bits (all levels equally often).

  References:
    Roberts, van Aardt, Ahmed, J. Applied Remote Sensing 2008; the same in
    MEFB, VIFB, LT and CDDFuse.
  """
  return entropy(histogram(fused))
