"""Q_Y and Q_C against a NumPy statement with exact flat windows."""

import jax
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from fusionjax import metrics
from fusionjax.metrics import moments, sharing, yang_cvejic

_AT = np.arange(7) - 3
WINDOW = np.exp(-(_AT[:, None] ** 2 + _AT**2) / 4.5)
WINDOW /= WINDOW.sum()


def _pictures(size, seed=0):
  """The fused picture and two sources that share a part of a scene."""
  rng = np.random.default_rng(seed)
  scene = ndimage.gaussian_filter(rng.uniform(0, 255, size), 1.2)
  scene = (scene - scene.min()) / np.ptp(scene) * 255
  planes = [scene + rng.normal(0, 15, size) for _ in range(3)]
  return [np.clip(plane, 0, 255).astype(np.uint8) for plane in planes]


def _known(fused, first, second):
  """Window by window, about the mean of each: nothing cancels."""
  patches = [
    sliding_window_view(plane.astype(float), (7, 7))
    for plane in (first, second, fused)
  ]
  means = [(patch * WINDOW).sum((2, 3)) for patch in patches]
  centred = [
    patch - mean[..., None, None]
    for patch, mean in zip(patches, means, strict=True)
  ]
  flat = [np.ptp(patch, axis=(2, 3)) == 0 for patch in patches]

  def cov(i, j):
    value = (centred[i] * centred[j] * WINDOW).sum((2, 3))
    return np.where(flat[i] | flat[j] | (np.abs(value) < 1e-10), 0, value)

  def similar(i, j):
    c = 2e-16
    return (
      (2 * means[i] * means[j] + c)
      * (2 * cov(i, j) + c)
      / ((means[i] ** 2 + means[j] ** 2 + c) * (cov(i, i) + cov(j, j) + c))
    )

  with np.errstate(all='ignore'):
    of_first, of_second = similar(0, 2), similar(1, 2)
    share = cov(0, 0) / (cov(0, 0) + cov(1, 1))
    share[flat[0] & flat[1]] = 0.5
    yang = np.where(
      similar(0, 1) >= 0.75,
      share * of_first + (1 - share) * of_second,
      np.maximum(of_first, of_second),
    )
    total = cov(0, 2) + cov(1, 2)
    share = cov(0, 2) / total
    cvejic = share * of_first + (1 - share) * of_second
    cvejic[share < 0] = 0
    cvejic[share > 1] = 1
    cvejic[(np.abs(total) < 1e-10) & (cov(0, 2) != 0)] = 0
    nothing = (cov(0, 2) == 0) & (cov(1, 2) == 0)
    cvejic = cvejic[~nothing]
  return {
    'qy': yang.mean(),
    'qc': cvejic.mean() if cvejic.size else np.nan,
  }


def _scores(fused, first, second):
  return metrics.evaluate(fused, [first, second], metrics=['qy', 'qc'])


@pytest.mark.parametrize('size', [(7, 7), (23, 31), (8, 40)])
def test_equals_the_formula(size):
  pictures = _pictures(size)
  assert _scores(*pictures) == pytest.approx(_known(*pictures), rel=1e-9)


def test_flat_windows_are_exactly_flat():
  fused, first, second = _pictures((34, 37))
  # Each flat alone, two of them, all three; steps at the edges of windows.
  first[:15, :20] = 255
  second[5:25, 10:30] = 254
  fused[:12, 12:37] = 253
  fused[20:, :12] = 9
  known = _known(fused, first, second)
  assert _scores(fused, first, second) == pytest.approx(known, rel=1e-9)


def test_opposite_sources_cancel():
  # One step up and one step down: s is +-inf, and not a matter of rounding.
  fused = np.full((9, 9), 250, np.uint8)
  first, second = fused.copy(), fused.copy()
  first[4], second[4], fused[4] = 251, 249, 249
  assert _scores(fused, first, second)['qc'] == 0
  assert _scores(fused, second, first)['qc'] == 0


def test_flat_finds_windows_of_one_level():
  rng = np.random.default_rng(3)
  planes = rng.integers(0, 2, (2, 40, 30)).astype(np.uint8)
  planes[0, 3:20, 4:21] = 1
  planes[1, 30:37, 20:27] = 0
  for side in (2, 7):
    windows = sliding_window_view(planes, (side, side), axis=(1, 2))
    expected = np.ptp(windows, axis=(3, 4)) == 0
    np.testing.assert_array_equal(moments.flat(planes, side), expected)


def test_identical_pictures_reach_one():
  picture = _pictures((20, 21))[0]
  picture[:12, :12] = 255
  found = _scores(picture, picture, picture)
  assert found == pytest.approx({'qy': 1, 'qc': 1}, abs=1e-12)


def test_all_flat():
  flat = np.full((9, 10), 128, np.uint8)
  found = _scores(flat, flat, flat)
  assert found['qy'] == pytest.approx(1)
  # Documented: no window is left where the covariances say something.
  assert np.isnan(found['qc'])


def test_yang_does_not_see_the_order_of_the_sources():
  fused, first, second = _pictures((30, 31))
  there = _scores(fused, first, second)['qy']
  assert there == pytest.approx(_scores(fused, second, first)['qy'], rel=1e-12)


def _both(fused, sources, *, size=None):
  with sharing.sharing():
    return (
      yang_cvejic.qy(fused, sources, size=size),
      yang_cvejic.qc(fused, sources, size=size),
    )


# One compilation for canvases serves all sizes.
_ON_CANVAS = jax.jit(_both)


@pytest.mark.parametrize('size', [(7, 8), (70, 300), (64, 256)])
def test_a_canvas_equals_the_picture(size):
  pictures = _pictures(size)
  pictures[1][:, :9] = 255
  canvases = np.random.default_rng(9).integers(0, 256, (3, 96, 320), np.uint8)
  canvases[:, : size[0], : size[1]] = pictures
  extent = (np.int32(size[0]), np.int32(size[1]))
  with jax.enable_x64(True):
    exact = jax.jit(_both)(pictures[0], pictures[1:])
    value = _ON_CANVAS(canvases[0], list(canvases[1:]), size=extent)
  np.testing.assert_allclose(value, exact, rtol=1e-11)


def test_both_share_one_pass():
  pictures = _pictures((9, 9))
  separate = jax.make_jaxpr(yang_cvejic.qy)(pictures[0], pictures[1:])
  together = jax.make_jaxpr(_both)(pictures[0], pictures[1:])
  # A division more, and no second loop over the tiles.
  assert len(together.eqns) <= len(separate.eqns) + 1


def test_runs_in_float32():
  fused, *sources = _pictures((24, 26))
  assert float(yang_cvejic.qy(fused, sources)) == pytest.approx(
    metrics.evaluate(fused, sources, metrics='qy')['qy'], abs=1e-2
  )
