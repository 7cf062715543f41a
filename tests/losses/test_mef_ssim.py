"""The unsupervised loss of CSC-MEFN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import losses
from fusionjax.losses import mef_ssim

RNG = np.random.default_rng(0)

# Compiled as a whole: operation by operation takes ten times as long.
score = jax.jit(mef_ssim.mef_ssim, static_argnames=('luminance', 'scales'))


def array(*shape: int) -> jax.Array:
  return jnp.asarray(RNG.random(shape, np.float32))


def plain(fused, exposures):
  """One picture, window by window, channels together, in float64."""
  at = np.arange(11) - 5
  taps = np.exp(-(at**2) / (2 * (11 / 6) ** 2))
  taps = np.outer(taps, taps) / taps.sum() ** 2

  def mean(x):
    """x: [h, w, c], zeros around."""
    padded = np.pad(x, ((5, 5), (5, 5), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(
      padded, (11, 11), axis=(0, 1)
    )
    return (windows * taps).sum((3, 4)).mean(-1)

  fused = np.asarray(fused, np.float64)
  exposures = [np.asarray(x, np.float64) for x in exposures]
  mean_f = mean(fused)
  var_f = mean(fused**2) - mean_f**2
  means = np.array([mean(x) for x in exposures])
  variances = np.array([mean(x**2) for x in exposures]) - means**2
  covariances = np.array([mean(x * fused) for x in exposures]) - means * mean_f
  best = variances.argmax(0)[None]
  var_b = np.take_along_axis(variances, best, 0)[0]
  cov_b = np.take_along_axis(covariances, best, 0)[0]
  structure = (2 * cov_b + 9e-4) / (var_f + var_b + 9e-4)
  bells = np.exp(-((means - 0.5) ** 2) / 0.08)
  bells *= np.exp(-((means.mean((1, 2)) - 0.5) ** 2) / 0.08)[:, None, None]
  wanted = (bells * means).sum(0) / bells.sum(0)
  luminance = (2 * mean_f * wanted + 1e-4) / (mean_f**2 + wanted**2 + 1e-4)
  return luminance.mean(), structure.mean()


@pytest.mark.parametrize('count', [2, 3, 4])
def test_by_its_definition(count) -> None:
  fused = array(2, 13, 15, 3)
  exposures = [array(2, 13, 15, 3) * (k + 1) / count for k in range(count)]
  ours = score(fused, exposures)
  without = score(fused, exposures, luminance=False)
  for b in range(2):
    luminance, structure = plain(fused[b], [x[b] for x in exposures])
    np.testing.assert_allclose(ours[b], luminance * structure, rtol=1e-4)
    np.testing.assert_allclose(without[b], structure, rtol=1e-4)


def test_several_scales() -> None:
  exposures = [array(1, 24, 26, 3), 0.5 * array(1, 24, 26, 3)]
  # Pictures that resemble a source, so that structure is positive.
  fused = 0.9 * exposures[0] + 0.1 * exposures[1]

  def halved(x):
    return np.asarray(x).reshape(1, 12, 2, 13, 2, 3).mean((2, 4))

  _, first = plain(fused[0], [x[0] for x in exposures])
  luminance, second = plain(halved(fused)[0], [halved(x)[0] for x in exposures])
  ours = score(fused, exposures, scales=(0.3, 0.7))
  expected = first**0.3 * (second * luminance) ** 0.7
  np.testing.assert_allclose(ours[0], expected, rtol=1e-4)
  odd = score(
    fused[:, :23, :25], [x[:, :23, :25] for x in exposures], scales=(0.5, 0.5)
  )
  assert np.isfinite(odd).all()


@pytest.mark.long
def test_unlike_pictures_give_no_nan_at_several_scales() -> None:
  # Structure is negative here, and has no root.
  x = array(1, 24, 26, 3)
  ours = score(1 - x, [x, x], scales=(0.5, 0.5))
  gradient = jax.jit(
    jax.grad(lambda y: score(y, [x, x], scales=(0.5, 0.5))[0])
  )(1 - x)
  assert np.isfinite(ours).all() and np.isfinite(gradient).all()


def test_a_source_alone_scores_one_in_structure() -> None:
  x = array(1, 20, 20, 3)
  ours = score(x, [x, x], luminance=False)
  np.testing.assert_allclose(ours, 1, rtol=1e-4)


def test_order_of_exposures_does_not_matter() -> None:
  fused, a, b = array(1, 14, 15, 3), array(1, 14, 15, 3), array(1, 14, 15, 3)
  there = score(fused, [a, b])
  np.testing.assert_allclose(there, score(fused, [b, a]), rtol=1e-5)


def test_halo() -> None:
  flat = jnp.full((1, 9, 9, 3), 0.4)
  np.testing.assert_allclose(mef_ssim.halo(flat), 0, atol=1e-7)
  # A ramp of 0.1 a pixel along x has a derivative of 0.1 but at both ends,
  # where one side is repeated: half of it... and none along y.
  ramp = jnp.broadcast_to(
    0.1 * jnp.arange(9.0)[None, None, :, None], (1, 5, 9, 3)
  )
  expected = (7 * 0.2 + 2 * 0.1) / 9 / 2
  # Sobel's weights of one derivative sum to 1 / 2 each side.
  np.testing.assert_allclose(mef_ssim.halo(ramp), expected / 2, rtol=1e-5)


def test_weight_of_the_halo_rises_to_its_limit() -> None:
  steps = jnp.asarray([0, 1, 4, 40, 1000], jnp.int32)
  ours = jax.vmap(mef_ssim.halo_weight)(steps)
  np.testing.assert_allclose(ours, [0, 0.25, 1, 10, 10])
  ours = mef_ssim.halo_weight(steps[2], rise=0.5, limit=1.5)
  assert ours == 1.5


def test_loss_is_the_sum_of_its_parts() -> None:
  fused = array(2, 14, 15, 3)
  exposures = [array(2, 14, 15, 3), array(2, 14, 15, 3)]
  score_all = jax.jit(losses.mef_ssim_loss)
  for step in (0, 7):
    loss, parts = score_all(fused, exposures, step=jnp.asarray(step, jnp.int32))
    expected = -parts['mef_ssim'] + 0.25 * step * parts['halo']
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_batch_is_the_mean_of_its_pictures() -> None:
  fused, a, b = array(3, 14, 15, 3), array(3, 14, 15, 3), array(3, 14, 15, 3)
  whole = score(fused, [a, b])
  for i in range(3):
    one = np.s_[i : i + 1]
    alone = score(fused[one], [a[one], b[one]])
    np.testing.assert_allclose(whole[one], alone, rtol=1e-5)


def test_flat_pictures_have_a_gradient() -> None:
  flat = jnp.full((1, 14, 15, 3), 0.5)
  gradient = jax.jit(
    jax.grad(
      lambda x: losses.mef_ssim_loss(
        x, [flat, flat], step=jnp.asarray(3, jnp.int32)
      )[0]
    )
  )(flat)
  assert np.isfinite(gradient).all()


def test_devices_gather_no_pictures():
  """Each device scores its own part of a batch."""
  auto = (jax.sharding.AxisType.Auto,)
  mesh = jax.make_mesh((8,), ('data',), axis_types=auto)
  sharding = jax.NamedSharding(mesh, jax.P('data'))
  picture = jax.ShapeDtypeStruct((8, 24, 24, 3), jnp.float32, sharding=sharding)
  gradient = jax.grad(
    lambda fused, *exposures: mef_ssim.mef_ssim_loss(
      fused, exposures, step=jnp.zeros((), jnp.int32)
    )[0]
  )
  compiled = jax.jit(gradient).lower(picture, picture, picture).compile()
  assert 'all-gather' not in compiled.as_text()
