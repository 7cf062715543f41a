"""Gradients, dilation, levels and dynamic filtering, against plain NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.ops import dynamic_filter, filters, levels

X_KERNEL = np.array([[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]], np.float64)


def image(*shape: int) -> np.ndarray:
  return np.random.default_rng(0).random(shape, np.float32)


def correlate(x: np.ndarray, kernel: np.ndarray, mode: str) -> np.ndarray:
  padded = np.pad(x, 1, mode=mode)
  out = np.zeros_like(x, np.float64)
  for i in range(x.shape[0]):
    for j in range(x.shape[1]):
      out[i, j] = np.sum(padded[i : i + 3, j : j + 3] * kernel)
  return out


@pytest.mark.parametrize('border', ['reflect', 'edge'])
def test_scharr(border: filters.Border) -> None:
  x = image(2, 9, 11, 2)
  dx, dy = filters.scharr(jnp.asarray(x), border=border)
  for b in range(2):
    for c in range(2):
      for ours, kernel in ((dx, X_KERNEL), (dy, X_KERNEL.T)):
        expected = correlate(x[b, :, :, c], kernel, border)
        np.testing.assert_allclose(ours[b, :, :, c], expected, atol=1e-5)


def test_gradient_magnitude_is_limited() -> None:
  step = np.zeros((1, 8, 8, 1), np.float32)
  step[:, :, 4:] = 1
  magnitude = filters.gradient_magnitude(jnp.asarray(step))
  # A full step saturates one of two directions.
  assert magnitude.max() == 0.5
  assert magnitude[0, 4, 0, 0] == 0


@pytest.mark.parametrize('size', [1, 3, 5])
def test_dilate(size: int) -> None:
  x = image(1, 7, 9, 1)
  r = size // 2
  padded = np.pad(x[0, :, :, 0], r)
  expected = [
    [padded[i : i + size, j : j + size].max() for j in range(9)]
    for i in range(7)
  ]
  ours = filters.dilate(jnp.asarray(x), size=size)
  np.testing.assert_array_equal(ours[0, :, :, 0], expected)


@pytest.mark.parametrize('border', ['zero', 'edge'])
@pytest.mark.parametrize('size', [1, 3, 5])
def test_dynamic_filter(size: int, border: dynamic_filter.Border) -> None:
  x, kernels = image(2, 6, 7, 3), image(2, 6, 7, size * size)
  r = size // 2
  padded = np.pad(
    x,
    ((0, 0), (r, r), (r, r), (0, 0)),
    mode='constant' if border == 'zero' else 'edge',
  )
  expected = np.zeros_like(x)
  for i in range(6):
    for j in range(7):
      patch = padded[:, i : i + size, j : j + size].reshape(2, size**2, 3)
      expected[:, i, j] = np.einsum('btc,bt->bc', patch, kernels[:, i, j])
  ours = dynamic_filter.dynamic_filter(
    jnp.asarray(x), jnp.asarray(kernels), border=border
  )
  np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


def test_clamp_has_gradient_one_at_the_bounds() -> None:
  x = jnp.asarray([-0.5, 0.0, 0.5, 1.0, 1.5])
  value = levels.clamp(x, 0, 1)
  gradient = jax.grad(lambda x: levels.clamp(x, 0, 1).sum())(x)
  np.testing.assert_array_equal(value, [0, 0, 0.5, 1, 1])
  np.testing.assert_array_equal(gradient, [0, 1, 1, 1, 0])


@pytest.mark.parametrize(
  ('rounding', 'expected'),
  [('truncate', [0, 0, 1, 2, 255]), ('nearest', [0, 0, 2, 2, 255])],
)
def test_levels(rounding: levels.Rounding, expected: list[int]) -> None:
  x = jnp.asarray([-0.1, 0.49 / 255, 1.75 / 255, 2.25 / 255, 1.2])
  np.testing.assert_array_equal(
    levels.to_levels(x, rounding=rounding), expected
  )


def test_clamp_through_has_gradient_one_everywhere() -> None:
  x = jnp.asarray([-0.5, 0.0, 0.5, 1.0, 1.5])
  value = levels.clamp_through(x, 0, 1)
  gradient = jax.grad(lambda x: levels.clamp_through(x, 0, 1).sum())(x)
  np.testing.assert_array_equal(value, [0, 0, 0.5, 1, 1])
  np.testing.assert_array_equal(gradient, [1, 1, 1, 1, 1])
