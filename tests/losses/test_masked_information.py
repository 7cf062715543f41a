"""Masked mutual information: its ends, its sign, its mask."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import losses
from fusionjax.losses import masked_information as lib

RNG = np.random.default_rng(0)


def array(*shape: int) -> jax.Array:
  return jnp.asarray(RNG.normal(size=shape), jnp.float32)


def one_hot(symbols, count: int) -> jax.Array:
  return jax.nn.one_hot(jnp.asarray(symbols), count)


def test_both_ends() -> None:
  symbols = np.arange(4000) % 8
  vectors = one_hot(symbols, 8)
  same = lib.normalized_information(vectors, vectors)
  np.testing.assert_allclose(same, 1, atol=1e-5)
  # Other names for the same symbols are the same information.
  renamed = lib.normalized_information(vectors, one_hot(7 - symbols, 8))
  np.testing.assert_allclose(renamed, 1, atol=1e-5)
  # Every pair of symbols equally often: independent.
  other = one_hot(np.arange(4000) // 8 % 4, 8)
  independent = lib.normalized_information(vectors, other)
  np.testing.assert_allclose(independent, 0, atol=1e-5)


def test_half_of_the_symbols_shared() -> None:
  # Two bits each, one of them in common: 2 (4 - 3) / 4.
  bits = RNG.permutation(np.arange(4096))
  first = one_hot(bits & 3, 4)
  second = one_hot((bits & 1) | (bits >> 1 & 2), 4)
  value = lib.normalized_information(first, second)
  np.testing.assert_allclose(value, 0.5, atol=1e-5)


def test_one_symbol_for_all_is_finite() -> None:
  certain = one_hot(np.zeros(10, int), 4)
  value, slope = jax.value_and_grad(lib.normalized_information)(
    certain, certain
  )
  assert np.isfinite(value) and abs(value) < 1e-3
  assert np.isfinite(slope).all()


@pytest.fixture(scope='module')
def measured():
  """Two maps that share much, and the loss as a function of them."""
  module = lib.MaskedInformation()
  first = array(2, 32, 32, 3)
  second = first + 0.3 * array(2, 32, 32, 3)
  shapes = jax.eval_shape(module.init, jax.random.key(0), first, second)
  # Vectors that say much, and a mask in the middle.
  scale = {'mask': 0.1, 'firs': 1.0, 'seco': 1.0}
  params = jax.tree_util.tree_map_with_path(
    lambda path, x: scale[path[1].key[:4]] * array(*x.shape), shapes
  )
  return module, params, first, second


def test_descent_lowers_what_is_shared(measured) -> None:
  module, params, first, second = measured

  @jax.jit
  def descend(maps):
    def value(maps):
      return module.apply(params, *maps)

    found, slopes = jax.value_and_grad(value)(maps)
    return found, jax.tree.map(lambda x, d: x - 200 * d, maps, slopes)

  maps = (first, second)
  values = []
  for _ in range(40):
    value, maps = descend(maps)
    values.append(float(value))
  assert values[0] > 0.05 and 0 <= values[-1] < 0.5 * values[0]


def test_no_gradient_where_the_mask_is_one(measured) -> None:
  module, params, first, second = measured
  mask = jnp.zeros((2, 32, 32, 1)).at[:, :16].set(1.0)

  @jax.jit
  @jax.grad
  def slope(maps):
    return module.apply(params, *maps, mask=mask)

  for gradient in slope((first, second)):
    assert not np.any(gradient[:, :16])
    assert np.any(gradient[:, 16:])


def test_estimated_mask_lets_less_through(measured) -> None:
  module, params, first, second = measured
  _, sown = module.apply(
    params, first, second, capture_intermediates=True, mutable='intermediates'
  )
  mask = jax.nn.sigmoid(sown['intermediates']['mask3']['__call__'][0])
  assert mask.min() > 0 and mask.max() < 1 and np.std(mask) > 0
  ours = module.apply(params, first, second)
  given = module.apply(params, first, second, mask=mask)
  np.testing.assert_allclose(ours, given, atol=1e-6)
  everything = module.apply(params, first, second, mask=jnp.ones_like(mask))
  np.testing.assert_allclose(everything, 0, atol=1e-5)


def test_the_reference_is_in_the_middle_of_three() -> None:
  module = losses.StagewiseInformation()
  under, reference, over = (array(1, 16, 16, 2) for _ in range(3))
  stages = [[under, reference, over]] * 2
  shapes = jax.eval_shape(module.init, jax.random.key(0), stages)['params']
  assert set(shapes) == {'stage0_0', 'stage0_2', 'stage1_0', 'stage1_2'}
  params = jax.tree.map(lambda x: 0.5 * array(*x.shape), shapes)
  total = module.apply({'params': params}, stages)
  single = lib.MaskedInformation()
  expected = sum(
    single.apply({'params': params[name]}, reference, other)
    for name, other in (
      ('stage0_0', under),
      ('stage0_2', over),
      ('stage1_0', under),
      ('stage1_2', over),
    )
  )
  np.testing.assert_allclose(total, expected, rtol=1e-4)
