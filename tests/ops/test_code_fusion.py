"""Saliency and the rules that fuse codes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import errors
from fusionjax.ops import code_fusion, division, saliency

RNG = np.random.default_rng(0)
RULES = ['sum', 'average', 'l1', 'saliency']


def code(*shape: int) -> jax.Array:
  return jnp.asarray(RNG.normal(size=shape), jnp.float32)


def test_saliency_by_its_definition() -> None:
  plane = RNG.random((9, 11), np.float32)
  ours = saliency.saliency(jnp.asarray(plane))
  levels = (plane * 255).astype(int).astype(float)
  expected = [[np.mean(np.abs(levels - v)) for v in row] for row in levels]
  np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_unit_range() -> None:
  plane = code(6, 7) * 3 + 2
  ours = saliency.unit_range(plane)
  assert ours.min() == 0 and ours.max() == 1
  flat = saliency.unit_range(jnp.full((6, 7), 5.0))
  np.testing.assert_array_equal(flat, np.zeros((6, 7)))


def test_division_is_no_product() -> None:
  # Of these two, x * (1 / x) is not one.
  x = jnp.asarray([49.0, 41.0], jnp.float32)
  for value in x:
    ours = jax.jit(division.divide)(jnp.full((8,), value), value)
    np.testing.assert_array_equal(ours, np.ones(8))


@pytest.mark.parametrize('rule', RULES)
def test_fused_is_the_weighted_sum(rule) -> None:
  a, b = code(2, 12, 13, 3), code(2, 12, 13, 3)
  w1, w2 = code_fusion.weights(a, b, rule=rule)
  fused = jax.jit(code_fusion.fuse, static_argnames='rule')(a, b, rule=rule)
  assert fused.shape == a.shape
  np.testing.assert_allclose(fused, w1 * a + w2 * b, atol=1e-5)
  total = {'sum': 2.0}.get(rule, 1.0)
  np.testing.assert_allclose(w1 + w2, total * np.ones_like(w1), rtol=1e-5)


@pytest.mark.parametrize('rule', RULES)
def test_symmetry(rule) -> None:
  a, b = code(1, 12, 13, 3), code(1, 12, 13, 3)
  there, back = (
    code_fusion.fuse(a, b, rule=rule),
    code_fusion.fuse(b, a, rule=rule),
  )
  np.testing.assert_allclose(there, back, atol=1e-5)


@pytest.mark.parametrize('rule', ['average', 'l1', 'saliency'])
def test_equal_codes_stay(rule) -> None:
  a = code(1, 12, 13, 3)
  np.testing.assert_allclose(code_fusion.fuse(a, a, rule=rule), a, atol=1e-5)


@pytest.mark.parametrize('rule', RULES)
def test_batch_equals_loop(rule) -> None:
  a, b = code(3, 9, 10, 2), code(3, 9, 10, 2)
  whole = code_fusion.fuse(a, b, rule=rule)
  for i in range(3):
    one = code_fusion.fuse(a[i : i + 1], b[i : i + 1], rule=rule)
    np.testing.assert_allclose(whole[i : i + 1], one, atol=1e-6)
  mapped = jax.vmap(
    lambda a, b: code_fusion.fuse(a[None], b[None], rule=rule)[0]
  )(a, b)
  np.testing.assert_allclose(mapped, whole, atol=1e-5)


def test_l1_by_its_definition() -> None:
  a, b = code(1, 6, 7, 4), code(1, 6, 7, 4)
  w, _ = code_fusion.l1_weights(a, b)

  def activity(x):
    padded = np.pad(np.abs(np.asarray(x[0], np.float64)).sum(-1), 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return windows.mean((2, 3))

  expected = activity(a) / (activity(a) + activity(b))
  np.testing.assert_allclose(w[0, ..., 0], expected, rtol=1e-5)


def test_nothing_to_weigh_is_no_nan() -> None:
  a = code(1, 12, 13, 2)
  empty = jnp.zeros_like(a)
  # Neither is active, or one alone is.
  np.testing.assert_array_equal(code_fusion.l1_weights(empty, empty)[0], 0.5)
  np.testing.assert_allclose(
    code_fusion.fuse(a, empty, rule='l1'), a, rtol=1e-6
  )
  # A constant channel says nothing: the other picture's is taken.
  constant = a.at[..., 0].set(3.0)
  fused = code_fusion.fuse(constant, a, rule='saliency')
  np.testing.assert_allclose(fused[..., 0], a[..., 0], atol=1e-4)
  # Two constant channels are averaged.
  other = a.at[..., 0].set(5.0)
  fused = code_fusion.fuse(constant, other, rule='saliency')
  np.testing.assert_allclose(
    fused[..., 0], jnp.full(a.shape[:3], 4.0), rtol=1e-5
  )
  assert np.isfinite(fused).all()


def test_gradients_are_finite() -> None:
  a = code(1, 12, 13, 2).at[..., 0].set(1.0)
  for rule in RULES:
    for other in (a, jnp.zeros_like(a)):
      gradient = jax.grad(
        lambda a, b: jnp.sum(jnp.square(code_fusion.fuse(a, b, rule=rule)))
      )(a, other)
      assert np.isfinite(gradient).all(), rule


def test_unknown_rule() -> None:
  with pytest.raises(errors.InputError, match=r"rule of fusion 'mean'"):
    code_fusion.fuse(code(1, 4, 4, 1), code(1, 4, 4, 1), rule='mean')
