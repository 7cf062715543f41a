"""Guided filters, against their definition in plain NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.ops import guided_filter, resize

RNG = np.random.default_rng(0)


def array(*shape: int) -> np.ndarray:
  return RNG.random(shape, np.float32)


def plain_guided(guide, source, radius, epsilon):
  """Window by window, in float64."""
  guide, source = guide.astype(np.float64), source.astype(np.float64)
  h, w = guide.shape
  side = 2 * radius + 1

  def windows(x):
    padded = np.pad(x, radius, mode='symmetric')
    return np.lib.stride_tricks.sliding_window_view(padded, (side, side))

  g, s = windows(guide), windows(source)
  mean_g, mean_s = g.mean((2, 3)), s.mean((2, 3))
  centred = (g - mean_g[..., None, None]) * (s - mean_s[..., None, None])
  slope = centred.mean((2, 3)) / (g.var((2, 3)) + epsilon)
  offset = mean_s - slope * mean_g
  assert slope.shape == (h, w)
  return windows(slope).mean((2, 3)) * guide + windows(offset).mean((2, 3))


@pytest.mark.parametrize(('radius', 'epsilon'), [(1, 1e-2), (4, 1e-3)])
def test_guided_filter(radius, epsilon) -> None:
  guide, source = array(13, 17), array(13, 17)
  ours = guided_filter.guided_filter(
    jnp.asarray(guide), jnp.asarray(source), radius=radius, epsilon=epsilon
  )
  expected = plain_guided(guide, source, radius, epsilon)
  np.testing.assert_allclose(ours, expected, atol=2e-5)


def test_flat_guide_gives_a_mean_of_means() -> None:
  source = array(20, 22)
  flat = np.full((20, 22), 0.3, np.float32)
  ours = guided_filter.guided_filter(
    jnp.asarray(flat), jnp.asarray(source), radius=2, epsilon=0.01
  )
  expected = plain_guided(flat, source, 2, 0.01)
  np.testing.assert_allclose(ours, expected, atol=1e-5)
  assert np.isfinite(ours).all()


def plain_fast(low_guide, low_source, guide, radius, epsilon):
  """Pixel by pixel with windows that end at the border, in float64."""
  h, w = low_guide.shape
  slope, offset = np.zeros((h, w)), np.zeros((h, w))
  for i in range(h):
    for j in range(w):
      part = np.s_[
        max(i - radius, 0) : i + radius + 1, max(j - radius, 0) : j + radius + 1
      ]
      g = low_guide[part].astype(np.float64)
      s = low_source[part].astype(np.float64)
      covariance = ((g - g.mean()) * (s - s.mean())).mean()
      slope[i, j] = covariance / (g.var() + epsilon)
      offset[i, j] = s.mean() - slope[i, j] * g.mean()
  return plain_bilinear(slope, guide.shape) * guide + (
    plain_bilinear(offset, guide.shape)
  )


def plain_bilinear(x, size):
  rows = np.linspace(0, x.shape[0] - 1, size[0])
  columns = np.linspace(0, x.shape[1] - 1, size[1])
  across = np.stack(
    [np.interp(columns, np.arange(x.shape[1]), row) for row in x]
  )
  return np.stack(
    [np.interp(rows, np.arange(x.shape[0]), c) for c in across.T], axis=1
  )


@pytest.mark.parametrize('size', [(14, 20), (23, 11), (7, 10), (5, 4)])
@pytest.mark.parametrize(('radius', 'epsilon'), [(1, 1e-4), (2, 1e-2)])
def test_fast_guided_filter(size, radius, epsilon) -> None:
  low_guide, low_source = array(2, 7, 10, 3), array(2, 7, 10, 3)
  guide = array(2, *size, 3)
  ours = guided_filter.fast_guided_filter(
    jnp.asarray(low_guide),
    jnp.asarray(low_source),
    jnp.asarray(guide),
    radius=radius,
    epsilon=epsilon,
  )
  for b in range(2):
    for c in range(3):
      expected = plain_fast(
        low_guide[b, ..., c], low_source[b, ..., c], guide[b, ..., c], radius,
        epsilon,
      )  # fmt: skip
      np.testing.assert_allclose(ours[b, ..., c], expected, atol=1e-5)


def test_fast_guided_filter_keeps_digits_of_large_codes() -> None:
  # Codes far from zero: E[x^2] - E[x]^2 has no digit left of their variance.
  low_guide, low_source = 40 + 0.1 * array(1, 9, 9, 2), array(1, 9, 9, 2)
  guide = 40 + 0.1 * array(1, 18, 18, 2)
  options = {'radius': 1, 'epsilon': 1e-4}
  sources = (low_guide, low_source, guide)
  ours = guided_filter.fast_guided_filter(*map(jnp.asarray, sources), **options)
  with jax.enable_x64(True):
    wide = [jnp.asarray(x, 'float64') for x in sources]
    exact = guided_filter.fast_guided_filter(*wide, **options)
  # Of which 1e-4 is the rounding of slope times 40.
  np.testing.assert_allclose(ours, exact, atol=1e-3)


@pytest.mark.parametrize('size', [(9, 15), (5, 7), (3, 4), (1, 1), (5, 20)])
def test_bilinear_with_aligned_corners(size) -> None:
  x = array(2, 5, 7, 3)
  ours = resize.bilinear(jnp.asarray(x), size=size)
  for b in range(2):
    for c in range(3):
      expected = plain_bilinear(x[b, ..., c], size)
      np.testing.assert_allclose(ours[b, ..., c], expected, atol=1e-6)


@pytest.mark.parametrize('size', [(10, 14), (5, 7), (13, 9), (1, 1)])
def test_bilinear_with_centres_in_place(size) -> None:
  x = jnp.asarray(array(2, 5, 7, 3))
  ours = resize.bilinear(x, size=size, grid='centres')
  expected = jax.image.resize(x, (2, *size, 3), 'linear', antialias=False)
  np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_halving_with_centres_is_the_mean() -> None:
  x = jnp.asarray(array(1, 6, 8, 2))
  ours = resize.bilinear(x, size=(3, 4), grid='centres')
  means = x.reshape(1, 3, 2, 4, 2, 2).mean(axis=(2, 4))
  np.testing.assert_allclose(ours, means, atol=1e-6)


@pytest.mark.parametrize('grid', resize.GRIDS)
def test_bilinear_of_one_pixel(grid) -> None:
  x = jnp.asarray(array(1, 1, 1, 2))
  ours = resize.bilinear(x, size=(3, 4), grid=grid)
  np.testing.assert_array_equal(ours, jnp.broadcast_to(x, (1, 3, 4, 2)))


def test_jit_and_gradient() -> None:
  guide, source = jnp.asarray(array(12, 13)), jnp.asarray(array(12, 13))

  def value(guide, source):
    return jnp.sum(
      jnp.square(
        guided_filter.guided_filter(guide, source, radius=3, epsilon=0.01)
      )
    )

  np.testing.assert_allclose(
    jax.jit(value)(guide, source), value(guide, source), rtol=1e-5
  )
  with jax.enable_x64(True):
    g, s = (jnp.asarray(x, 'float64') for x in (guide, source))
    way = jnp.asarray(RNG.normal(size=g.shape))
    slope = jnp.vdot(jax.grad(value)(g, s), way)
    step = 1e-6
    numeric = value(g + step * way, s) - value(g - step * way, s)
    np.testing.assert_allclose(numeric / (2 * step), slope, rtol=1e-5)
