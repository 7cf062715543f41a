"""Tone mapping of linear radiance."""

import math

import jax
import jax.numpy as jnp

Array = jax.Array
MU = 5000.0


def mu_law(radiance: Array, *, mu: float = MU) -> Array:
  """Compresses radiance by a logarithm, as HDR pictures are compared.

  Args:
    radiance: any shape, in [0, 1].
    mu: the amount of compression.

  Returns:
    Array of the same shape, in [0, 1].

  References:
    Kalantari and Ramamoorthi, Deep high dynamic range imaging of dynamic
    scenes, SIGGRAPH 2017, eq. 5.
  """
  return jnp.log1p(mu * radiance) / math.log1p(mu)


def inverse_mu_law(mapped: Array, *, mu: float = MU) -> Array:
  """Takes tone-mapped radiance back to radiance, the inverse of `mu_law`."""
  return jnp.expm1(mapped * math.log1p(mu)) / mu
