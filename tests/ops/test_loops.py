"""Loops over strips of rows."""

import jax
import jax.numpy as jnp
import numpy as np

from fusionjax.ops import loops


def test_strips_are_put_below_each_other() -> None:
  x = jnp.asarray(np.random.default_rng(0).random((2, 7, 3, 2), np.float32))
  padded = jnp.pad(x, ((0, 0), (0, 2), (0, 0), (0, 0)))
  firsts = jnp.arange(3, dtype=jnp.int32) * 3

  def collected(x):
    def strip(first):
      rows = jax.lax.dynamic_slice_in_dim(padded, first, 3, axis=1)
      return jnp.square(rows)[..., :1]

    return loops.collect_rows(strip, firsts, like=x)

  out = jax.jit(collected)(x)
  np.testing.assert_allclose(out, np.square(x)[..., :1], rtol=1e-6)
  # What lies there before does not come through, not even if it is NaN.
  np.testing.assert_array_equal(jax.jit(collected)(x.at[0].set(np.nan)), out)


def test_gradient_and_memory() -> None:
  x = jnp.ones((1, 64, 64, 16))
  firsts = jnp.arange(8, dtype=jnp.int32) * 8

  def deep(x):
    for _ in range(6):
      y = x

      def strip(first, y=y):
        rows = jax.lax.dynamic_slice_in_dim(y, first, 8, axis=1)
        return jnp.sin(rows) + rows

      x = loops.collect_rows(strip, firsts, like=y)
    return x

  compiled = jax.jit(deep).lower(x).compile()
  # Two maps, one that is read and one that is written, and not seven.
  assert compiled.memory_analysis().temp_size_in_bytes < 3 * x.nbytes

  def plain(x):
    for _ in range(6):
      x = jnp.sin(x) + x
    return x

  ours, expected = (
    jax.jit(jax.grad(lambda x, f=f: jnp.sum(f(x))))(x) for f in (deep, plain)
  )
  np.testing.assert_allclose(ours, expected, rtol=1e-5)
