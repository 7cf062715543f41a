"""Mean absolute differences, of pictures and of tone-mapped radiance."""

import jax
import jax.numpy as jnp

from fusionjax.ops import tone

Array = jax.Array


def mean_absolute_error(fused: Array, target: Array) -> Array:
  """Mean absolute difference, the first term of MGDN's losses.

  Args:
    fused: [b, h, w, c].
    target: [b, h, w, c].

  Returns:
    Scalar.

  References:
    Guan et al., MGDN, eq. 5.
  """
  return jnp.mean(jnp.abs(fused - target))


def mu_law_error(fused: Array, target: Array, *, mu: float = tone.MU) -> Array:
  """Mean absolute difference of tone-mapped radiance.

  Args:
    fused: [b, h, w, c] radiance in [0, 1].
    target: [b, h, w, c] radiance in [0, 1].
    mu: see `tone.mu_law`.

  Returns:
    Scalar.

  References:
    Kalantari and Ramamoorthi, Deep high dynamic range imaging of dynamic
    scenes, SIGGRAPH 2017, eq. 5 and 6; the absolute difference as in the
    published MGDN.
  """
  return mean_absolute_error(
    tone.mu_law(fused, mu=mu), tone.mu_law(target, mu=mu)
  )
