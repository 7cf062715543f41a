"""Division that is a division."""

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array


def divide(x: Array, by: Array | float) -> Array:
  """Divides an array by a scalar.

  XLA makes a product with the reciprocal of it, which rounds otherwise: a
  largest value divided by itself may be less than one.

  Args:
    x: any array of floats.
    by: a scalar.

  Returns:
    Array of the shape of x.
  """
  divisor = jnp.broadcast_to(jnp.asarray(by, x.dtype), x.shape)
  return x / lax.optimization_barrier(divisor)
