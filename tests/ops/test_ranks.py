"""Order statistics and the stretch that uses them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.ops import levels, ranks

RNG = np.random.default_rng(0)


@pytest.mark.parametrize('implementation', ['sort', 'counts'])
@pytest.mark.parametrize(
  'values',
  [
    RNG.random((7, 11, 3), np.float32),
    RNG.integers(0, 4, 500).astype(np.float32) * 64,
    np.array([0.0, -0.0, 1e-40, 3e38, np.inf, 1.0, 1.0], np.float32),
    np.ones(5, np.float32),
  ],
  ids=['random', 'repeated', 'extreme', 'constant'],
)
def test_order_statistics(implementation, values) -> None:
  places = [0, 1, values.size // 2, values.size - 1]
  ours = jax.jit(
    lambda x: ranks.order_statistics(
      x, ranks=places, implementation=implementation
    )
  )(jnp.asarray(values))
  np.testing.assert_array_equal(ours, np.sort(values, axis=None)[places])


def test_wider_numbers_are_sorted() -> None:
  with jax.enable_x64(True):
    x = jnp.asarray(RNG.random(40))
    ours = ranks.order_statistics(x, ranks=[3])
    assert ours[0] == np.sort(x)[3]


def plain_stretch(x: np.ndarray) -> np.ndarray:
  """As the published code has it, on levels of 255."""
  levels = x * np.float32(255)
  ordered = np.sort(levels, axis=None)
  low = ordered[int(x.size * 0.005)]
  high = ordered[int(x.size * 0.995)]
  return np.float32(255) * (np.clip(levels, low, high) - low) / (high - low)


@pytest.mark.parametrize('seed', range(6))
def test_stretch_to_the_bit(seed) -> None:
  # Truncation follows: the order of operations decides on 254 or 255.
  x = np.random.default_rng(seed).random((23, 31, 3), np.float32)
  ours = levels.to_levels(jax.jit(levels.stretch)(jnp.asarray(x)))
  np.testing.assert_array_equal(ours, np.floor(plain_stretch(x)))


def test_stretch_of_a_constant_picture_is_that_picture() -> None:
  x = jnp.full((8, 9, 3), 0.25)
  np.testing.assert_allclose(levels.stretch(x), x, rtol=1e-6)


def test_stretch_reaches_both_ends() -> None:
  x = jnp.asarray(0.3 + 0.2 * RNG.random((20, 20, 3), np.float32))
  stretched = levels.stretch(x)
  assert stretched.min() == 0
  np.testing.assert_allclose(stretched.max(), 1, rtol=1e-6)
  assert np.mean(stretched == 0) >= 0.005
