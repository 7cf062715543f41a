"""The GIF loss, its options and its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import errors
from fusionjax.losses import gif

RNG = np.random.default_rng(0)


def maps(channels: int = 1) -> jax.Array:
  return jnp.asarray(RNG.random((2, 9, 13, channels), np.float32))


@pytest.fixture(scope='module')
def batch() -> tuple[jax.Array, ...]:
  y0, y1 = maps(), maps()
  # A steep half and a smooth half.
  y0 = y0.at[:, :, 6:].multiply(0.05)
  y1 = y1.at[:, :, 6:].multiply(0.05)
  targets = gif.gradient_target(y0), gif.gradient_target(y1)
  return (maps(), y0, y1, maps(2), maps(2), *targets)


def test_parts_add_up(batch) -> None:
  loss, parts = gif.gif_loss(*batch)
  assert set(parts) == {'steep', 'smooth', 'global'}
  total = 1.25 * parts['steep'] + parts['smooth'] + 2 * parts['global']
  np.testing.assert_allclose(loss, total, rtol=1e-6)
  assert all(part > 0 for part in parts.values())


def test_against_numpy(batch) -> None:
  fused, y0, y1, c0, c1, g0, g1 = (np.asarray(x, np.float64) for x in batch)

  def dilate(g: np.ndarray) -> np.ndarray:
    p = np.pad(g, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return np.max(
      [p[:, i : i + 9, j : j + 13] for i in range(3) for j in range(3)], 0
    )

  m0, m1 = dilate(g0) >= 0.5, dilate(g1) >= 0.5
  s0 = np.abs(c0 - 0.5).sum(-1, keepdims=True)
  s1 = np.abs(c1 - 0.5).sum(-1, keepdims=True)
  for _ in range(2):
    e0, e1 = np.exp(s0), np.exp(s1)
    s0, s1 = e0 / (e0 + e1), e1 / (e0 + e1)
  _, parts = gif.gif_loss(*batch)
  steep = np.mean(abs(y0 - fused) * m0) + np.mean(abs(y1 - fused) * m1)
  smooth = np.mean(abs(s0 * y0 + s1 * y1 - fused) * ~(m0 | m1))
  np.testing.assert_allclose(parts['steep'], steep, rtol=1e-5)
  np.testing.assert_allclose(parts['smooth'], smooth, rtol=1e-5)


def test_weights_of_the_paper_sum_to_one() -> None:
  c0, c1 = maps(2), maps(2)
  w0, w1 = gif.saturation_weights(c0, c1, weighting='paper')
  np.testing.assert_allclose(w0 + w1, np.ones_like(w0), rtol=1e-6)
  v0, v1 = gif.saturation_weights(c0, c1, weighting='published')
  assert np.abs(v0 + v1 - 1).max() > 1e-3
  a0, a1 = gif.saturation_weights(c0, c1, weighting='average')
  assert (a0 == 0.5).all() and (a1 == 0.5).all()
  # The more colourful source weighs more.
  s0, s1 = (np.abs(c - 0.5).sum(-1, keepdims=True) for c in (c0, c1))
  np.testing.assert_array_equal(w0 > w1, s0 > s1)


def test_ablations(batch) -> None:
  _, parts = gif.gif_loss(*batch, global_term=False)
  assert set(parts) == {'steep', 'smooth'}
  loss, parts = gif.gif_loss(*batch, masks='raw')
  assert set(parts) == {'raw', 'global'}
  fused, y0, y1, _, _, g0, g1 = batch
  raw = jnp.mean(jnp.abs(y0 - fused) * g0 + jnp.abs(y1 - fused) * g1)
  np.testing.assert_allclose(loss, 1.25 * raw + 2 * parts['global'], rtol=1e-6)
  default, _ = gif.gif_loss(*batch)
  average, _ = gif.gif_loss(*batch, weighting='average')
  assert default != average


def test_the_source_itself_costs_nothing_steep() -> None:
  y = maps()
  grey = jnp.full((2, 9, 13, 2), 0.5)
  target = gif.gradient_target(y)
  _, parts = gif.gif_loss(y, y, y, grey, grey, target, target)
  np.testing.assert_allclose(parts['steep'], 0, atol=1e-7)
  np.testing.assert_allclose(parts['smooth'], 0, atol=1e-7)
  # Border rules differ, and targets are cut to levels: not quite zero.
  assert 0 < parts['global'] < 0.2


def test_jit_and_gradient(batch) -> None:
  eager, _ = gif.gif_loss(*batch)
  jitted, _ = jax.jit(gif.gif_loss)(*batch)
  np.testing.assert_allclose(jitted, eager, rtol=1e-6)
  with jax.enable_x64(True):
    wide = [jnp.asarray(x, 'float64') for x in batch]
    value = lambda fused: gif.gif_loss(fused, *wide[1:])[0]  # noqa: E731
    way = jnp.asarray(RNG.normal(size=wide[0].shape))
    slope = jnp.vdot(jax.grad(value)(wide[0]), way)
    step = 1e-7
    numeric = value(wide[0] + step * way) - value(wide[0] - step * way)
    np.testing.assert_allclose(numeric / (2 * step), slope, rtol=1e-4)


def test_any_size_and_half_precision_target() -> None:
  for shape in ((1, 16, 17, 1), (3, 5, 4, 1)):
    y = jnp.asarray(RNG.random(shape, np.float32))
    grey = jnp.full((*shape[:3], 2), 0.5)
    g = gif.gradient_target(y)
    loss, _ = gif.gif_loss(y, y, y, grey, grey, g, g)
    assert loss.shape == () and np.isfinite(loss)
    whole = np.asarray(g * 255)
    np.testing.assert_allclose(whole, np.round(whole), atol=1e-4)


@pytest.mark.parametrize('option', ['weighting', 'masks'])
def test_unknown_option_names_those_there_are(option):
  map_ = jnp.zeros((1, 4, 4, 1))
  with pytest.raises(errors.InputError, match=rf"{option} 'x'\. Known: "):
    gif.gif_loss(*[map_] * 7, **{option: 'x'})
