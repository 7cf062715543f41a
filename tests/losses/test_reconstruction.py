"""Squared error and structural dissimilarity."""

import jax
import jax.numpy as jnp
import numpy as np

from fusionjax import losses
from fusionjax.losses import reconstruction

RNG = np.random.default_rng(0)


def array(*shape: int) -> jax.Array:
  return jnp.asarray(RNG.random(shape, np.float32))


def plain(x, y, window, sigma):
  """Window by window, in float64."""
  radius = window // 2
  at = np.arange(window) - radius
  taps = np.exp(-(at**2) / (2 * sigma**2))
  taps = np.outer(taps, taps) / taps.sum() ** 2

  def windows(a):
    padded = np.pad(np.asarray(a, np.float64), radius, mode='reflect')
    return np.lib.stride_tricks.sliding_window_view(padded, (window, window))

  def mean(a):
    return (a * taps).sum((2, 3))

  a, b = windows(x), windows(y)
  mean_a, mean_b = mean(a), mean(b)
  var_a = mean((a - mean_a[..., None, None]) ** 2)
  var_b = mean((b - mean_b[..., None, None]) ** 2)
  cov = mean((a - mean_a[..., None, None]) * (b - mean_b[..., None, None]))
  ssim = (2 * mean_a * mean_b + 1e-4) * (2 * cov + 9e-4)
  ssim /= (mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4)
  return np.clip(1 - ssim, 0, 1).mean() / 2


def test_dissimilarity_by_its_definition() -> None:
  for window, sigma in ((3, 1.5), (5, 1.5), (7, 2.0)):
    x, y = array(1, 9, 11, 1), array(1, 9, 11, 1)
    y = 0.5 * x + 0.5 * y
    ours = reconstruction.structural_dissimilarity(
      x, y, window=window, sigma=sigma
    )
    expected = plain(x[0, ..., 0], y[0, ..., 0], window, sigma)
    np.testing.assert_allclose(ours, expected, rtol=1e-4)


def test_loss_is_the_weighted_sum() -> None:
  x, y = array(2, 9, 11, 1), array(2, 9, 11, 1)
  loss, parts = losses.reconstruction_loss(x, y)
  expected = parts['squared_error'] + 5 * parts['dissimilarity']
  np.testing.assert_allclose(loss, expected, rtol=1e-6)
  np.testing.assert_allclose(
    parts['squared_error'], np.mean((np.asarray(x) - np.asarray(y)) ** 2),
    rtol=1e-5,
  )  # fmt: skip
  alone, _ = losses.reconstruction_loss(x, y, ssim_weight=0.0)
  np.testing.assert_allclose(alone, losses.mean_squared_error(x, y))


def test_equal_images_cost_nothing() -> None:
  x = array(2, 9, 11, 1)
  loss, _ = losses.reconstruction_loss(x, x)
  np.testing.assert_allclose(loss, 0, atol=1e-5)
  gradient = jax.grad(lambda y: losses.reconstruction_loss(y, x)[0])(x)
  assert np.isfinite(gradient).all()


def test_dissimilarity_is_limited() -> None:
  x = array(1, 9, 11, 1)
  value = reconstruction.structural_dissimilarity(x, 1 - x)
  assert 0.3 < value <= 0.5
