"""The root of the mean squared error, which scores of depth measure."""

import jax
import jax.numpy as jnp

from fusionjax.losses.reconstruction import mean_squared_error

Array = jax.Array
# Keeps the gradient finite where there is no error.
_LEAST = 1e-12


def root_mean_squared_error(fused: Array, target: Array) -> Array:
  """Root of the mean squared difference.

  Args:
    fused: [b, h, w, c].
    target: [b, h, w, c].

  Returns:
    Scalar, at least 1e-6.

  References:
    Guan et al., MGDN, section 4.4, where it is the score; as a part of the
    loss it is ours.
  """
  return jnp.sqrt(mean_squared_error(fused, target) + _LEAST)
