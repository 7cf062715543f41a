"""CSC-MEFN's MEF-SSIM against the published code and a loop over windows."""

import jax
import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.metrics import csc_ssim

_AT = np.arange(11) - 5
WINDOW = np.exp(-(_AT[:, None] ** 2 + _AT**2) / (2 * (11 / 6) ** 2))
WINDOW /= WINDOW.sum()


@pytest.mark.parametrize('count', [2, 3])
def test_equals_the_published_code(count, reference):
  path = reference / 'parity' / f'loss_csc_mef_K{count}.npz'
  with np.load(path) as known:
    fused = known['fused'][0]
    sources = known['x_knhwc']
    expected = float(known['msssim_lum'])
  fused, *sources = (
    np.moveaxis(each.astype(np.float64), -1, 0) * 255
    for each in (fused, *sources)
  )
  with jax.enable_x64(True):
    value = float(csc_ssim.mef_ssim_csc(fused, sources))
  # Computed in float32, whose E[x^2] - mu^2 is known to 1e-5 of C2.
  assert value == pytest.approx(expected, rel=2e-5)


def _pictures(size, count=3, seed=0):
  rng = np.random.default_rng(seed)
  pictures = rng.uniform(0, 255, (count, *size))
  gains = np.linspace(0.3, 1, count).reshape(-1, *[1] * len(size))
  return list((pictures * gains).astype(np.uint8))


def _loop(fused, sources):
  """Pixel by pixel, [h, w, channels] pictures."""
  planes = [each.astype(float) / 255 for each in (fused, *sources)]
  height, width, channels = planes[0].shape
  window = np.repeat(WINDOW[..., None] / channels, channels, axis=2)
  padded = [np.pad(each, ((5, 5), (5, 5), (0, 0))) for each in planes]
  mu, cov, picked = {}, {}, np.zeros((height, width), int)
  for y in range(height):
    for x in range(width):
      cut = [each[y : y + 11, x : x + 11] for each in padded]
      means = [(window * each).sum() for each in cut]
      inner = [
        (
          (window * each**2).sum() - mean**2,
          (window * each * cut[0]).sum() - mean * means[0],
        )
        for each, mean in zip(cut, means, strict=True)
      ]
      mu[y, x], cov[y, x] = means, inner
      picked[y, x] = 1 + np.argmax([each[0] for each in inner[1:]])
  exposure = [
    np.exp(-((np.mean([each[k] for each in mu.values()]) - 0.5) ** 2) / 0.08)
    for k in range(1, len(planes))
  ]
  luminance, structure = [], []
  for at, means in mu.items():
    local = np.exp(-((np.array(means[1:]) - 0.5) ** 2) / 0.08) * exposure
    wanted = (local * means[1:]).sum() / local.sum()
    luminance.append(
      (2 * means[0] * wanted + 1e-4) / (means[0] ** 2 + wanted**2 + 1e-4)
    )
    var, both = cov[at][picked[at]]
    structure.append((2 * both + 9e-4) / (cov[at][0][0] + var + 9e-4))
  return np.mean(luminance) * np.mean(structure)


@pytest.mark.parametrize('size', [(13, 15), (5, 9)])
def test_equals_a_loop_over_windows(size):
  fused, *sources = _pictures((*size, 3), 4)
  scores = metrics.evaluate(
    fused, sources, metrics='mef_ssim', toolbox='cscfuse'
  )
  assert scores['mef_ssim'] == pytest.approx(_loop(fused, sources), rel=1e-11)


def test_grey_pictures_and_grey_beside_colour():
  fused, *sources = _pictures((12, 14))
  coloured = [np.repeat(each[..., None], 3, axis=2) for each in sources]
  expected = _loop(fused[..., None], [each[..., None] for each in sources])
  for given in (sources, [coloured[0], sources[1]], coloured):
    scores = metrics.evaluate(
      fused, given, metrics='mef_ssim', toolbox='cscfuse'
    )
    assert scores['mef_ssim'] == pytest.approx(expected, rel=1e-11)


def test_one_of_identical_and_flat_pictures():
  noise = _pictures((14, 15), 1)[0]
  for picture in (noise, np.full((14, 15), 255, np.uint8)):
    with jax.enable_x64(True):
      value = float(csc_ssim.mef_ssim_csc(picture, [picture, picture]))
    assert value == pytest.approx(1, abs=1e-12)


# One compilation for canvases serves all sizes.
_ON_CANVAS = jax.jit(csc_ssim.mef_ssim_csc)


@pytest.mark.parametrize('size', [(5, 7), (70, 300), (64, 256)])
def test_a_canvas_equals_the_picture(size):
  pictures = _pictures(size)
  canvases = np.random.default_rng(9).integers(0, 256, (3, 96, 320), np.uint8)
  canvases[:, : size[0], : size[1]] = pictures
  extent = (np.int32(size[0]), np.int32(size[1]))
  with jax.enable_x64(True):
    exact = jax.jit(csc_ssim.mef_ssim_csc)(pictures[0], pictures[1:])
    swapped = jax.jit(csc_ssim.mef_ssim_csc)(pictures[0], pictures[:0:-1])
    value = _ON_CANVAS(canvases[0], list(canvases[1:]), size=extent)
  assert float(value) == pytest.approx(float(exact), rel=1e-12)
  assert float(swapped) == pytest.approx(float(exact), rel=1e-12)
