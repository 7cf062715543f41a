"""Order without a change of values; what it saves, test_fmm.py shows."""

import jax
import jax.numpy as jnp
import numpy as np

from fusionjax.models.layers import ordering


def test_after_changes_neither_values_nor_gradients():
  x = jnp.asarray([[-0.0, 1.5], [3e-38, -2e30]])
  other = jnp.asarray([[[7.0]]])
  np.testing.assert_array_equal(ordering.after(x, other), x)

  def total(x, other):
    return jnp.sum(ordering.after(x, other) ** 2 * 1e-30) + jnp.sum(other)

  by_x, by_other = jax.grad(total, argnums=(0, 1))(x, other)
  np.testing.assert_array_equal(by_x, 2 * x * 1e-30)
  np.testing.assert_array_equal(by_other, jnp.ones_like(other))
