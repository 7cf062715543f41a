"""Attention in blocks equals the whole matrix, and its gradient too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import errors
from fusionjax.ops import global_mapping

RNG = np.random.default_rng(0)


def maps(n: int, m: int, *, d: int = 5, c: int = 3, scale: float = 1.0):
  shapes = (2, n, d), (2, m, d), (2, m, c)
  return [jnp.asarray(scale * RNG.normal(size=s), 'float32') for s in shapes]


@pytest.mark.parametrize(('n', 'm'), [(16, 16), (37, 21), (5, 40), (1, 1)])
def test_blocks_equal_the_whole_matrix(n, m) -> None:
  q, k, v = maps(n, m)
  whole = global_mapping.attend(q, k, v, implementation='dense')
  ours = global_mapping.attend(q, k, v, implementation='blocks', block=16)
  assert ours.shape == (2, n, 3)
  np.testing.assert_allclose(ours, whole, atol=1e-5)


def test_against_numpy_in_float64() -> None:
  q, k, v = maps(7, 9)
  scores = np.einsum('bnd,bmd->bnm', *(np.asarray(x, float) for x in (q, k)))
  weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
  expected = weights @ np.asarray(v, float)
  for options in ({}, {'implementation': 'blocks', 'block': 4}):
    ours = global_mapping.attend(q, k, v, **options)
    np.testing.assert_allclose(ours, expected, atol=1e-5)


@pytest.mark.parametrize(('n', 'm'), [(37, 21), (16, 32)])
def test_gradients(n, m) -> None:
  q, k, v = maps(n, m)
  slope = jnp.asarray(RNG.normal(size=(2, n, 3)), 'float32')

  def gradients(**options):
    def inner(q, k, v):
      return jnp.vdot(global_mapping.attend(q, k, v, **options), slope)

    return jax.jit(jax.grad(inner, argnums=(0, 1, 2)))(q, k, v)

  whole = gradients(implementation='dense')
  ours = gradients(implementation='blocks', block=16)
  for one, expected in zip(ours, whole, strict=True):
    np.testing.assert_allclose(one, expected, atol=2e-5)


def test_large_scores_do_not_overflow() -> None:
  q, k, v = maps(20, 24, scale=30.0)
  ours = global_mapping.attend(q, k, v, implementation='blocks', block=8)
  whole = global_mapping.attend(q, k, v, implementation='dense')
  assert np.isfinite(ours).all()
  np.testing.assert_allclose(ours, whole, rtol=1e-4, atol=1e-3)


def test_no_matrix_of_all_pairs_is_made() -> None:
  n = 1024
  shapes = [jax.ShapeDtypeStruct((1, n, 4), 'float32')] * 3

  def value(q, k, v):
    out = global_mapping.attend(q, k, v, implementation='blocks', block=64)
    return jnp.sum(jnp.square(out))

  compiled = jax.jit(jax.grad(value, argnums=(0, 1, 2))).lower(*shapes)
  memory = compiled.compile().memory_analysis().temp_size_in_bytes
  assert memory < 4 * n * n / 4


def test_small_maps_take_the_matrix() -> None:
  def jaxpr(n):
    x = jnp.zeros((1, n, 2))
    return str(jax.make_jaxpr(lambda x: global_mapping.attend(x, x, x))(x))

  assert 'scan' not in jaxpr(1024) and 'scan' in jaxpr(1025)


def test_unknown_implementation() -> None:
  q, k, v = maps(4, 4)
  with pytest.raises(errors.InputError, match='blocks'):
    global_mapping.attend(q, k, v, implementation='flash')
