"""The median without sorting."""

import jax
import numpy as np
import pytest

from fusionjax.metrics import order

_RNG = np.random.default_rng(0)
VALUES = {
  'one': [2.0],
  'two': [2.0, 1.0],
  'odd': np.arange(7.0),
  'even': np.arange(8.0),
  'zeros': np.zeros(1000),
  'equal': np.ones(1001),
  'mostly zeros': np.r_[np.zeros(600), _RNG.random(400)],
  'half zeros': np.r_[np.zeros(500), _RNG.random(500)],
  'ties about the middle': np.r_[np.full(10, 3.0), _RNG.random(7), [9.0] * 8],
  'far apart': 10.0 ** _RNG.uniform(-30, 30, 4001),
  'exponential': _RNG.exponential(size=20000),
  'infinite': [1.0, 2, np.inf, np.inf, np.inf],
}


@pytest.mark.parametrize('name', VALUES)
@pytest.mark.parametrize('dtype', [np.float64, np.float32])
def test_equals_numpy(name, dtype):
  values = np.asarray(VALUES[name], dtype)
  with jax.enable_x64(True):
    found = jax.jit(order.median)(values)
  assert found.dtype == dtype
  # NumPy rounds the mean of two float32 as well.
  assert float(found) == np.median(values)


def test_the_range_of_doubles():
  values = 10.0 ** np.random.default_rng(1).uniform(-300, 300, 3001)
  with jax.enable_x64(True):
    assert float(order.median(values)) == np.median(values)


def test_nan_stays_nan():
  values = np.asarray([1, np.nan, 3], np.float32)
  assert np.isnan(order.median(values))
  assert np.isnan(order.median(np.full(9, np.nan, np.float32)))


def test_batch_equals_loop():
  batch = np.random.default_rng(2).exponential(size=(3, 40, 25))
  batch[1] *= 1e-5
  with jax.enable_x64(True):
    found = jax.vmap(order.median)(batch)
  np.testing.assert_array_equal(found, np.median(batch, axis=(1, 2)))


def test_the_derivative_is_that_of_the_middle_values():
  values = np.asarray([5, 1, 4, 2], np.float32)
  slope = jax.grad(order.median)(values)
  np.testing.assert_array_equal(slope, [0, 0, 0.5, 0.5])
