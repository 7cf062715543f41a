"""MEF-SSIM against a loop that forms every patch."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.metrics import structure

EPS = np.finfo(np.float64).eps
WEIGHTS = np.array([0.0448, 0.2856, 0.3001])


def _pictures(count: int, size: tuple[int, int]) -> list[np.ndarray]:
  """Exposures of one scene with noise, clipping and a saturated corner."""
  rng = np.random.default_rng(count)
  small = rng.uniform(20, 160, (size[0] // 5 + 1, size[1] // 5 + 1))
  scene = np.kron(small, np.ones((5, 5)))[: size[0], : size[1]]
  scene[:20, :20] = 170
  pictures = []
  for gain in np.linspace(0.3, 1.6, count):
    noise = rng.normal(0, 3, size) * (scene < 170)
    pictures.append(np.clip(scene * gain + noise, 0, 255).astype(np.uint8))
  return pictures


def _loop_score(fused: np.ndarray, sources: list[np.ndarray]) -> float:
  at = np.arange(11) - 5
  window = np.exp(-(at[:, None] ** 2 + at**2) / (2 * 1.5**2))
  window /= window.sum()
  constant = (0.03 * 255) ** 2
  quality = []
  for y in range(fused.shape[0] - 10):
    for x in range(fused.shape[1] - 10):
      patches = [p[y : y + 11, x : x + 11] for p in sources]
      centred = [p - p.mean() for p in patches]
      norms = [np.linalg.norm(p) for p in centred]
      e = np.array(norms) + 0.001
      agreement = (np.linalg.norm(sum(centred)) + EPS) / (sum(norms) + EPS)
      agreement = min(agreement, 1 - EPS)
      power = min(math.tan(math.pi * agreement / 2), 10)
      w = (e / 11) ** power + EPS
      w /= w.sum()
      r = sum(w_k * p / e_k for w_k, p, e_k in zip(w, centred, e, strict=True))
      if np.linalg.norm(r) > 0:
        r = r * e.max() / np.linalg.norm(r)
      f = fused[y : y + 11, x : x + 11]
      r = r - (window * r).sum()
      f = f - (window * f).sum()
      quality.append(
        (2 * (window * r * f).sum() + constant)
        / ((window * (r * r + f * f)).sum() + constant)
      )
  return float(np.mean(quality))


def _loop_halve(picture: np.ndarray) -> np.ndarray:
  padded = np.pad(picture, ((0, 1), (0, 1)), mode='symmetric')
  mean = (
    padded[:-1, :-1] + padded[1:, :-1] + padded[:-1, 1:] + padded[1:, 1:]
  ) / 4
  return mean[::2, ::2]


def _loop_mef_ssim(fused, sources) -> float:
  images = [image.astype(float) for image in (fused, *sources)]
  product = 1.0
  for weight in WEIGHTS / WEIGHTS.sum():
    product *= _loop_score(images[0], images[1:]) ** weight
    images = [_loop_halve(image) for image in images]
  return product


@pytest.mark.parametrize(
  ('count', 'size'), [(2, (48, 64)), (2, (45, 47)), (4, (46, 45))]
)
def test_equals_a_loop_over_patches(count, size):
  sources = _pictures(count, size)
  fused = np.mean(sources, axis=0).astype(np.uint8)
  value = metrics.evaluate(fused, sources, metrics='mef_ssim')['mef_ssim']
  assert value == pytest.approx(_loop_mef_ssim(fused, sources), rel=1e-11)


def test_identical_images_reach_one():
  picture = _pictures(1, (50, 60))[0]
  scores = metrics.evaluate(picture, [picture] * 3, metrics='mef_ssim')
  # The 0.001 in the contrast keeps it a hair below.
  assert scores['mef_ssim'] == pytest.approx(1, abs=1e-6)


def test_orders_results_and_forgets_the_order_of_sources():
  sources = _pictures(2, (60, 70))
  fused = np.mean(sources, axis=0).astype(np.uint8)
  flat = np.full_like(fused, 128)

  def score(fused, sources):
    scores = metrics.evaluate(fused, sources, metrics='mef_ssim')
    return scores['mef_ssim']

  assert 0 < score(flat, sources) < score(fused, sources) < 1
  assert score(fused, sources) == pytest.approx(
    score(fused, sources[::-1]), rel=1e-13
  )
  # No term for luminance: a brighter result scores the same.
  assert score(fused // 2 + 40, sources) == pytest.approx(
    score(fused // 2, sources), rel=1e-10
  )


def test_flat_images_are_finite():
  flat = np.full((44, 44), 200, np.uint8)
  scores = metrics.evaluate(flat, [flat, flat], metrics='mef_ssim')
  assert scores['mef_ssim'] == pytest.approx(1, abs=1e-6)


def test_too_small_is_minus_infinity_as_in_the_reference():
  def score(size):
    picture = np.zeros(size, np.uint8)
    return metrics.evaluate(picture, [picture] * 2, metrics='mef_ssim')

  assert score((43, 200))['mef_ssim'] == -math.inf
  assert math.isfinite(score((44, 44))['mef_ssim'])


def test_jit_equals_eager():
  small = jnp.asarray(_pictures(3, (30, 31)), jnp.float32)
  # A level of the pyramid: eagerly, every operation compiles by itself.
  np.testing.assert_allclose(
    jax.jit(structure.level_score)(small),
    structure.level_score(small),
    rtol=1e-4,
  )


def test_flat_patches_are_finite_in_float32():
  flat = jnp.full((3, 12, 13), 90.0)
  assert float(structure.level_score(flat)) == pytest.approx(1, abs=1e-4)
