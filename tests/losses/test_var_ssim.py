"""Var-SSIM by its definition, window by window."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import errors, losses
from fusionjax.losses import var_ssim

RNG = np.random.default_rng(0)


def pictures(*shape: int) -> list[jax.Array]:
  """Fused, and two sources of which each is livelier somewhere."""
  fused, first, second = RNG.random((3, *shape), np.float32)
  first[:, :, : shape[2] // 2] *= 0.3
  second[:, :, shape[2] // 2 :] *= 0.3
  return [jnp.asarray(each) for each in (fused, first, second)]


def plain(fused, first, second, *, size, selection, taps):
  """A loop over windows in float64."""
  values = []
  weights = np.outer(taps, taps)
  for i in range(fused.shape[0] - size + 1):
    for j in range(fused.shape[1] - size + 1):
      windows = [
        np.asarray(each, float)[i : i + size, j : j + size]
        for each in (fused, first, second)
      ]
      means = [(weights * w).sum() for w in windows]
      variances = [
        (weights * (w - m) ** 2).sum()
        for w, m in zip(windows, means, strict=True)
      ]
      by = variances if selection == 'variance' else means
      which = 1 if by[1] > by[2] else 2
      covariance = (
        weights * (windows[0] - means[0]) * (windows[which] - means[which])
      ).sum()
      value = (2 * means[0] * means[which] + 1e-4) * (2 * covariance + 9e-4)
      value /= means[0] ** 2 + means[which] ** 2 + 1e-4
      values.append(value / (variances[0] + variances[which] + 9e-4))
  return np.mean(values)


@pytest.mark.parametrize('selection', ['variance', 'mean'])
@pytest.mark.parametrize('window', ['uniform', 'gaussian'])
@pytest.mark.parametrize('size', [11, 5])
def test_loop_over_windows(selection, window, size) -> None:
  f, x, y = pictures(2, 14, 17, 1)
  ours = var_ssim.var_ssim(
    f, x, y, selection=selection, window=window, size=size
  )
  at = np.arange(size) - size // 2
  taps = np.ones(size) if window == 'uniform' else np.exp(-(at**2) / 4.5)
  taps = taps / taps.sum()
  for b in range(2):
    one = [each[b, ..., 0] for each in (f, x, y)]
    expected = plain(*one, size=size, selection=selection, taps=taps)
    np.testing.assert_allclose(ours[b], expected, rtol=1e-4)


def test_gradient_against_finite_differences() -> None:
  with jax.enable_x64(True):
    f, x, y = (each.astype('float64') for each in pictures(1, 12, 13, 1))

    def value(f):
      return losses.var_ssim_loss(f, x, y)[0]

    gradient = jax.grad(value)(f)
    for place in ((0, 0, 0, 0), (0, 5, 6, 0), (0, 11, 12, 0)):
      step = jnp.zeros_like(f).at[place].set(1e-5)
      slope = (value(f + step) - value(f - step)) / 2e-5
      np.testing.assert_allclose(gradient[place], slope, rtol=1e-5, atol=1e-10)


def test_the_livelier_source_is_the_best_result() -> None:
  _, x, _ = pictures(1, 14, 17, 1)
  flat = jnp.full_like(x, 0.5)
  np.testing.assert_allclose(var_ssim.var_ssim(x, x, flat), 1, atol=1e-5)
  loss, parts = losses.var_ssim_loss(x, x, flat)
  np.testing.assert_allclose(loss, 1 - parts['var_ssim'], atol=1e-7)


def test_of_equals_the_second_is_taken() -> None:
  f, x, _ = pictures(1, 11, 11, 1)
  dark, bright = jnp.zeros_like(x), jnp.ones_like(x)
  ours = var_ssim.var_ssim(f, dark, bright)
  np.testing.assert_allclose(ours, var_ssim.var_ssim(f, bright, bright))
  # Of the sources' means the larger one is that of the brighter source.
  ours = var_ssim.var_ssim(f, bright, x, selection='mean')
  np.testing.assert_allclose(ours, var_ssim.var_ssim(f, bright, bright))


def test_flat_pictures_are_finite() -> None:
  flat = jnp.zeros((1, 11, 11, 1))
  gradient = jax.grad(lambda f: losses.var_ssim_loss(f, flat, flat)[0])(flat)
  assert np.isfinite(gradient).all()


def test_bad_options() -> None:
  f, x, y = pictures(1, 12, 12, 1)
  with pytest.raises(errors.InputError, match='variance'):
    losses.var_ssim_loss(f, x, y, selection='largest')
  with pytest.raises(errors.InputError, match='gaussian'):
    losses.var_ssim_loss(f, x, y, window='round')
  with pytest.raises(errors.InputError, match='11x11'):
    losses.var_ssim_loss(f[:, :10], x[:, :10], y[:, :10])


def test_a_negative_scores_as_the_picture() -> None:
  # Why FMM ends in a sigmoid.
  x = jnp.asarray(RNG.random((1, 16, 16, 1)), jnp.float32)
  flat = jnp.full_like(x, 0.5)
  score, negative = (float(var_ssim.var_ssim(f, x, flat)[0]) for f in (x, -x))
  np.testing.assert_allclose(score, 1, atol=1e-5)
  np.testing.assert_allclose(negative, 1, atol=0.05)
