"""Entropy against closed forms and a NumPy count."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.metrics import information


def test_entropy_of_known_distributions():
  flat = jnp.full((16, 16), 77.0)
  assert information.en(flat) == 0
  halves = jnp.tile(jnp.asarray([0.0, 255.0]), (16, 8))
  assert information.en(halves) == pytest.approx(1, abs=1e-6)
  every = jnp.arange(256, dtype=jnp.float32).reshape(16, 16)
  assert information.en(every) == pytest.approx(8, abs=1e-6)


def test_entropy_equals_a_count():
  levels = np.random.default_rng(0).normal(120, 30, (37, 53))
  levels = np.clip(levels, 0, 255).astype(np.uint8)
  _, counts = np.unique(levels, return_counts=True)
  shares = counts / levels.size
  expected = -np.sum(shares * np.log2(shares))
  value = information.en(jnp.asarray(levels, jnp.float32))
  np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_between_two_levels_the_nearest_counts():
  plane = jnp.asarray([[0.4, 0.5], [1.49, 254.6]])
  shares = information.histogram(plane)
  np.testing.assert_allclose(
    shares[jnp.asarray([0, 1, 255])], [0.25, 0.5, 0.25]
  )
  assert float(shares.sum()) == 1


def test_jit_equals_eager():
  plane = jnp.asarray(np.random.default_rng(1).uniform(0, 255, (20, 30)))
  np.testing.assert_allclose(
    jax.jit(information.en)(plane), information.en(plane), rtol=1e-6
  )
