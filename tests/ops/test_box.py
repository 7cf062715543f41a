"""Box filters of any radius, in both implementations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.ops import box

IMPLEMENTATIONS = ['shifts', 'blocks']
BORDERS = {
  'symmetric': {'mode': 'symmetric'},
  'reflect': {'mode': 'reflect'},
  'edge': {'mode': 'edge'},
  'zero': {'mode': 'constant'},
}


def planes(*shape: int) -> np.ndarray:
  return np.random.default_rng(0).random(shape, np.float32)


def plain(x: np.ndarray, radius: int, border: str) -> np.ndarray:
  """Sums pixel by pixel, in float64."""
  padded = np.pad(x.astype(np.float64), radius, **BORDERS[border])
  side = 2 * radius + 1
  return np.array(
    [
      [padded[i : i + side, j : j + side].sum() for j in range(x.shape[1])]
      for i in range(x.shape[0])
    ]
  )


@pytest.mark.parametrize('implementation', IMPLEMENTATIONS)
@pytest.mark.parametrize('border', list(BORDERS))
@pytest.mark.parametrize('radius', [0, 1, 2, 5, 8])
def test_against_plain_sums(implementation, border, radius) -> None:
  x = planes(2, 11, 14)
  ours = box.box_sum(
    jnp.asarray(x), radius=radius, border=border, implementation=implementation
  )
  for one, expected in zip(ours, x, strict=True):
    np.testing.assert_allclose(one, plain(expected, radius, border), rtol=3e-6)


@pytest.mark.parametrize('implementation', IMPLEMENTATIONS)
def test_radius_beyond_the_planes(implementation) -> None:
  x = planes(7, 9)
  ours = box.box_mean(jnp.asarray(x), radius=45, implementation=implementation)
  expected = plain(x, 45, 'symmetric') / 91**2
  np.testing.assert_allclose(ours, expected, rtol=3e-6)


@pytest.mark.parametrize('implementation', IMPLEMENTATIONS)
def test_as_exact_as_float32_can_be(implementation) -> None:
  # A bright picture with a dark part: a difference of float32 cumulative sums
  # over it is off by 1e-3 there.
  x = planes(300, 400)
  x[200:, 300:] *= 1e-3
  one = jax.jit(
    lambda x: box.box_mean(x, radius=12, implementation=implementation)
  )(jnp.asarray(x))
  with jax.enable_x64(True):
    exact = box.box_mean(jnp.asarray(x, 'float64'), radius=12)
  np.testing.assert_allclose(one, exact, rtol=1e-6)
  sums = np.cumsum(np.cumsum(x, axis=0, dtype=np.float32), axis=1)
  corner = sums[299, 399] - sums[274, 399] - sums[299, 374] + sums[274, 374]
  there = np.asarray(exact)[287, 387]
  assert abs(corner / 625 - there) / there > 1e-4


def test_large_radii_take_blocks() -> None:
  x = jnp.asarray(planes(20, 24))
  wide = jax.make_jaxpr(lambda x: box.box_sum(x, radius=200))(x)
  narrow = jax.make_jaxpr(lambda x: box.box_sum(x, radius=45))(x)
  assert 'scan' in str(wide) and 'scan' not in str(narrow)
  blocks = box.box_mean(x, radius=200, implementation='blocks')
  shifts = box.box_mean(x, radius=200, implementation='shifts')
  np.testing.assert_allclose(blocks, shifts, rtol=2e-6)


@pytest.mark.parametrize('implementation', IMPLEMENTATIONS)
def test_gradient_is_the_filter_itself(implementation) -> None:
  # With zeros outside a box filter is symmetric: its own transpose.
  x, y = jnp.asarray(planes(9, 10)), jnp.asarray(planes(9, 10)[::-1])

  def filtered(x):
    return box.box_sum(
      x, radius=2, border='zero', implementation=implementation
    )

  gradient = jax.jit(jax.grad(lambda x: jnp.vdot(filtered(x), y)))(x)
  np.testing.assert_allclose(gradient, filtered(y), rtol=1e-5)


def test_leading_axes_and_vmap() -> None:
  x = jnp.asarray(planes(2, 3, 8, 9))
  whole = box.box_mean(x, radius=2)
  mapped = jax.vmap(jax.vmap(lambda plane: box.box_mean(plane, radius=2)))(x)
  np.testing.assert_allclose(mapped, whole, rtol=1e-6)
