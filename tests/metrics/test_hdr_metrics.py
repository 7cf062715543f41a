"""PSNR and SSIM of HDR pictures against NumPy and scikit-image."""

import json
import math
from pathlib import Path

import jax
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from fusionjax import metrics
from fusionjax.metrics import hdr

NAMES = ('psnr_l', 'psnr_mu', 'ssim_l', 'ssim_mu')
FUNCTIONS = {name: getattr(hdr, name) for name in NAMES}


def _all(fused, target, *, size=None):
  return {
    name: each(fused, target, size=size) for name, each in FUNCTIONS.items()
  }


def _hdrt(fused, target, *, size=None):
  return {
    name: FUNCTIONS[name](fused, target, size=size, toolbox='hdrt')
    for name in ('ssim_l', 'ssim_mu')
  }


_JITTED, _JITTED_HDRT = jax.jit(_all), jax.jit(_hdrt)


def _pair(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
  """Radiance over four decades, and an estimate of it."""
  rng = np.random.default_rng(shape[0])
  target = 10 ** rng.uniform(-4, 0, shape)
  fused = np.clip(target * rng.normal(1, 0.1, shape), 0, 1.1)
  return fused, target


def _tone_map(linear: np.ndarray) -> np.ndarray:
  return np.log(1 + 5000 * linear) / np.log(5001)


def _psnr(fused: np.ndarray, target: np.ndarray) -> float:
  return 10 * math.log10(1 / np.mean((fused - target) ** 2))


def _stated(fused: np.ndarray, target: np.ndarray) -> dict[str, float]:
  axis = -1 if fused.ndim == 3 else None
  found = {}
  for name, mapping in (('l', lambda linear: linear), ('mu', _tone_map)):
    x, y = mapping(fused), mapping(target)
    found[f'psnr_{name}'] = _psnr(x, y)
    found[f'ssim_{name}'] = structural_similarity(
      x, y, data_range=1, channel_axis=axis
    )
    found[f'ssim_{name}_hdrt'] = structural_similarity(
      np.clip(255 * x, 0, 255),
      np.clip(255 * y, 0, 255),
      data_range=255,
      channel_axis=axis,
      gaussian_weights=True,
      sigma=1.5,
      use_sample_covariance=False,
    )
  return found


@pytest.mark.parametrize('shape', [(19, 24, 3), (19, 24), (70, 300, 3)])
def test_equals_numpy_and_skimage(shape):
  fused, target = _pair(shape)
  with jax.enable_x64(True):
    found = _JITTED(fused, target)
    other = _JITTED_HDRT(fused, target)
  found.update({f'{name}_hdrt': value for name, value in other.items()})
  for name, expected in _stated(fused, target).items():
    assert float(found[name]) == pytest.approx(expected, rel=1e-11), name


@pytest.mark.parametrize('size', [(11, 11), (64, 256), (70, 300)])
def test_a_canvas_equals_the_picture(size):
  pair = _pair((*size, 3))
  canvases = np.full((2, 96, 320, 3), np.nan)
  canvases[:, : size[0], : size[1]] = pair
  extent = (np.int32(size[0]), np.int32(size[1]))
  with jax.enable_x64(True):
    for run in (_JITTED, _JITTED_HDRT):
      exact, found = run(*pair), run(*canvases, size=extent)
      for name, value in exact.items():
        assert float(found[name]) == pytest.approx(float(value), rel=1e-12)


def test_identical_pictures_and_known_values():
  _, target = _pair((20, 21, 3))
  same = metrics.evaluate(target, [target], metrics=NAMES, toolbox='mgdn')
  assert same['psnr_l'] == same['psnr_mu'] == math.inf
  assert same['ssim_l'] == pytest.approx(1)
  assert same['ssim_mu'] == pytest.approx(1)
  # A tenth off everywhere is 20 dB.
  flat = np.full((12, 12, 3), 0.5)
  off = metrics.evaluate(flat + 0.1, [flat], metrics=NAMES)
  assert off['psnr_l'] == pytest.approx(20)
  expected = (0.5 * 0.6 * 2 + 1e-4) / (0.5**2 + 0.6**2 + 1e-4)
  assert off['ssim_l'] == pytest.approx(expected)


def test_exchanging_the_pictures_changes_nothing():
  fused, target = _pair((20, 21, 3))
  there = metrics.evaluate(fused, [target], metrics=NAMES)
  back = metrics.evaluate(target, [fused], metrics=NAMES)
  assert there == pytest.approx(back, rel=1e-13)


def test_radiance_is_taken_as_it_is_stored():
  """Above 1 too: only HDR-Transformer's SSIM clips."""
  fused, target = _pair((20, 21, 3))
  brighter = metrics.evaluate(2 * fused, [2 * target], metrics='psnr_l')
  once = metrics.evaluate(fused, [target], metrics='psnr_l')
  assert brighter['psnr_l'] == pytest.approx(
    once['psnr_l'] - 20 * math.log10(2)
  )
  clipped = metrics.evaluate(
    target + 1, [target + 1.5], metrics='ssim_l', toolbox='hdrt'
  )
  assert clipped['ssim_l'] == pytest.approx(1)


def test_below_the_pole_of_the_tone_mapping_there_is_nothing():
  fused, target = _pair((12, 12, 3))
  fused[3, 4, 0] = -1
  scores = metrics.evaluate(fused, [target], metrics=('psnr_l', 'psnr_mu'))
  assert math.isfinite(scores['psnr_l'])
  assert math.isnan(scores['psnr_mu'])


def test_the_door_asks_for_one_true_picture():
  fused, target = _pair((12, 12, 3))
  with pytest.raises(ValueError, match='true image as the one source'):
    metrics.evaluate(fused, [], metrics='psnr_mu')
  with pytest.raises(ValueError, match='takes 1 sources, but 2'):
    metrics.evaluate(fused, [target, target], metrics='psnr_mu')
  with pytest.raises(ValueError, match='at least 11 pixels'):
    metrics.evaluate(fused[:9], [target[:9]], metrics='ssim_l')


def test_jit_equals_eager_in_float32():
  fused, target = (each.astype(np.float32) for each in _pair((19, 24, 3)))
  eager, jitted = _all(fused, target), _JITTED(fused, target)
  for name, expected in _stated(fused, target).items():
    if name in eager:
      assert eager[name].dtype == np.float32
      np.testing.assert_allclose(eager[name], jitted[name], rtol=1e-4)
      np.testing.assert_allclose(eager[name], expected, rtol=1e-3)


@pytest.mark.parametrize('toolbox', ['mgdn', 'hdrt'])
def test_equals_the_golden_values(toolbox, reference: Path):
  folder = reference / 'metrics'
  golden = json.loads((folder / 'golden_hdr.json').read_text())
  fused, target = (np.load(folder / golden[key]) for key in ('pred', 'target'))
  found = metrics.evaluate(fused, [target], metrics=NAMES, toolbox=toolbox)
  suffix = toolbox.upper()
  keys = ('PSNR_L', 'PSNR_mu', f'SSIM_L_{suffix}', f'SSIM_mu_{suffix}')
  for name, key in zip(NAMES, keys, strict=True):
    assert found[name] == pytest.approx(golden[key], rel=1e-12), key
