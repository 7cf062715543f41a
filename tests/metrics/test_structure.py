"""SSIM against scikit-image, MEF-SSIM against a loop over patches."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import structural_similarity

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


def _on_canvas(pictures):
  """Pictures at the top left of a canvas that holds something else too."""
  rng = np.random.default_rng(9)
  height, width = pictures[0].shape
  canvases = rng.integers(0, 256, (len(pictures), 96, 320)).astype(np.uint8)
  canvases[:, :height, :width] = pictures
  return canvases, (np.int32(height), np.int32(width))


@pytest.fixture(scope='module')
def compiled():
  """Each metric compiled once for canvases and used for all sizes."""

  @functools.partial(jax.jit, static_argnames=('name', 'toolbox'))
  def run(canvases, size, *, name, toolbox=None):
    options = {'toolbox': toolbox} if toolbox else {}
    function = getattr(structure, name)
    return function(canvases[0], list(canvases[1:]), size=size, **options)

  return run


# Within a tile, over several tiles, odd sides, sides of whole tiles.
SIZES = [(45, 47), (70, 300), (64, 256)]


@pytest.mark.parametrize('size', SIZES)
def test_mef_ssim_of_a_canvas_equals_that_of_the_picture(size, compiled):
  sources = _pictures(2, size)
  fused = np.mean(sources, axis=0).astype(np.uint8)
  with jax.enable_x64(True):
    exact = jax.jit(structure.mef_ssim)(fused, sources)
    canvases, extent = _on_canvas([fused, *sources])
    value = compiled(canvases, extent, name='mef_ssim')
  assert float(value) == pytest.approx(float(exact), rel=1e-13)


def test_mef_ssim_of_a_canvas_knows_too_small_pictures(compiled):
  pictures = [*_pictures(2, (43, 60)), np.zeros((43, 60), np.uint8)]
  with jax.enable_x64(True):
    canvases, extent = _on_canvas(pictures)
    assert compiled(canvases, extent, name='mef_ssim') == -math.inf


def _box(first, second, data_range=2.0):
  """CDDFuse's, whose scikit-image took floats to lie in -1..1."""
  return structural_similarity(
    first.astype(float), second.astype(float), data_range=data_range
  )


def _gaussian(first, second):
  return structural_similarity(
    first.astype(float),
    second.astype(float),
    data_range=255,
    gaussian_weights=True,
    use_sample_covariance=False,
  )


def _replicated(first, second):
  """MATLAB's ssim with data of 0..1, of the size of the picture."""
  first, second = first.astype(float), second.astype(float)
  at = np.arange(11) - 5
  taps = np.exp(-(at**2) / 4.5)
  window = np.outer(taps, taps) / taps.sum() ** 2

  def mean(plane):
    return ndimage.correlate(plane, window, mode='nearest')

  mu, nu = mean(first), mean(second)
  variances = mean(first**2) - mu**2 + mean(second**2) - nu**2
  covariance = mean(first * second) - mu * nu
  return np.mean(
    (2 * mu * nu + 1e-4)
    * (2 * covariance + 9e-4)
    / ((mu**2 + nu**2 + 1e-4) * (variances + 9e-4))
  )


@pytest.mark.parametrize(
  ('toolbox', 'single', 'combine'),
  [
    ('vifb', _gaussian, np.sum),
    ('mgdn', _gaussian, np.mean),
    ('lt', _replicated, np.mean),
    ('cddfuse', _box, np.sum),
  ],
)
def test_ssim_equals_the_libraries_of_the_toolboxes(toolbox, single, combine):
  sources = _pictures(2, (33, 41))
  fused = np.mean(sources, axis=0).astype(np.uint8)
  scores = metrics.evaluate(fused, sources, metrics='ssim', toolbox=toolbox)
  expected = combine([single(fused, source) for source in sources])
  # lt divides the rounding of flat windows by 9e-4.
  assert scores['ssim'] == pytest.approx(expected, rel=1e-7)


def test_ssim_takes_another_data_range():
  first, second = _pictures(2, (33, 41))
  with jax.enable_x64(True):
    value = structure.ssim(first, [second], toolbox='cddfuse', data_range=255)
  expected = _box(first, second, data_range=255)
  assert float(value) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize('toolbox', ['vifb', 'lt', 'cddfuse'])
@pytest.mark.parametrize('size', [(11, 12), (70, 300)])
def test_ssim_of_a_canvas_equals_that_of_the_picture(size, toolbox, compiled):
  sources = _pictures(2, size)
  fused = np.mean(sources, axis=0).astype(np.uint8)
  with jax.enable_x64(True):
    function = functools.partial(structure.ssim, toolbox=toolbox)
    exact = jax.jit(function)(fused, sources)
    swapped = jax.jit(function)(fused, sources[::-1])
    canvases, extent = _on_canvas([fused, *sources])
    value = compiled(canvases, extent, name='ssim', toolbox=toolbox)
  # lt divides the rounding of flat windows by 9e-4.
  tolerance = 1e-8 if toolbox == 'lt' else 1e-12
  assert float(value) == pytest.approx(float(exact), rel=tolerance)
  assert float(swapped) == pytest.approx(float(exact), rel=tolerance)


@pytest.mark.parametrize('level', [0, 90, 255])
def test_ssim_of_flat_and_identical_pictures_is_one(level):
  flat = np.full((13, 14), level, np.uint8)
  noise = np.random.default_rng(0).integers(0, 256, (13, 14), np.uint8)
  for toolbox in ('mgdn', 'lt'):
    for picture in (flat, noise):
      scores = metrics.evaluate(
        picture, [picture] * 2, metrics='ssim', toolbox=toolbox
      )
      assert scores['ssim'] == pytest.approx(1, abs=1e-6)
