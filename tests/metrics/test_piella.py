"""Piella's metrics against a NumPy statement of full-size windows."""

import functools

import jax
import numpy as np
import pytest
from scipy import ndimage, signal

from fusionjax import metrics
from fusionjax.metrics import piella

BOX = np.full((8, 8), 1 / 64)
_AT = np.arange(11) - 5
GAUSSIAN = np.exp(-(_AT[:, None] ** 2 + _AT**2) / 4.5)
GAUSSIAN /= GAUSSIAN.sum()


def _pictures(size, count=3, seed=0):
  rng = np.random.default_rng(seed)
  scene = ndimage.gaussian_filter(rng.uniform(0, 255, size), 1.5)
  scene = (scene - scene.min()) / np.ptp(scene) * 255
  planes = [scene + rng.normal(0, 12, size) for _ in range(count)]
  return [np.clip(plane, 0, 255).astype(np.uint8) for plane in planes]


def _prewitt(plane):
  kernel = np.array([[1.0, 0, -1]] * 3)
  right = signal.convolve2d(plane, kernel, 'same')
  down = signal.convolve2d(plane, kernel.T, 'same')
  return np.hypot(right, down)


def _known(fused, sources, window, constants):
  """Q_S and Q_W of planes of doubles."""

  def mean(plane):
    return signal.convolve2d(plane, window, 'valid')

  def moments(plane):
    return mean(plane), mean(plane**2) - mean(plane) ** 2

  mu_f, var_f = moments(fused)
  variances, maps = [], []
  for source in sources:
    mu, var = moments(source)
    cov = mean(source * fused) - mu * mu_f
    variances.append(var)
    maps.append(
      (2 * mu * mu_f + constants[0])
      * (2 * cov + constants[1])
      / ((mu**2 + mu_f**2 + constants[0]) * (var + var_f + constants[1]))
    )
  variances = np.array(variances)
  variances[:, variances.sum(0) == 0] = 0.5
  quality = (variances * maps).sum(0) / variances.sum(0)
  weights = variances.max(0)
  return quality.mean(), (weights * quality).sum() / weights.sum()


def _known_mfif(fused, sources):
  constants = (255e-6**2, 255e-6**2)
  planes = [plane.astype(float) for plane in (fused, *sources)]
  qs, qw = _known(planes[0], planes[1:], BOX, constants)
  edges = [_prewitt(plane) for plane in planes]
  return {
    'qs': qs,
    'qw': qw,
    'qe': qw * _known(edges[0], edges[1:], BOX, constants)[1],
  }


@pytest.mark.parametrize('count', [2, 3])
@pytest.mark.parametrize('size', [(23, 31), (11, 40)])
def test_mfif_equals_the_formula(size, count):
  fused, *sources = _pictures(size, count + 1)
  known = _known_mfif(fused, sources)
  found = metrics.evaluate(fused, sources, metrics=list(known), toolbox='mfif')
  assert found == pytest.approx(known, rel=1e-10)


def test_flat_windows_weigh_half():
  fused, first, second = _pictures((20, 24))
  first[:12, :14] = 255
  second[:12, :14] = 0
  known = _known_mfif(fused, [first, second])['qs']
  scores = metrics.evaluate(
    fused, [first, second], metrics='qs', toolbox='mfif'
  )
  assert scores['qs'] == pytest.approx(known, rel=1e-10)


@pytest.mark.parametrize('size', [(23, 31), (11, 40)])
def test_mefb_looks_at_edges_alone(size):
  fused, *sources = _pictures(size)
  edges = [_prewitt(plane.astype(float)) for plane in (fused, *sources)]
  constants = (2.55**2, 7.65**2)
  known = _known(edges[0], edges[1:], GAUSSIAN, constants)[1]
  scores = metrics.evaluate(fused, sources, metrics='qw', toolbox='mefb')
  assert scores['qw'] == pytest.approx(known, rel=1e-11)


FUNCTIONS = {
  'qs': piella.qs,
  'qw': functools.partial(piella.qw, toolbox='mfif'),
  'qw of edges': piella.qw,
  'qe': piella.qe,
}


def _all(fused, sources, *, size=None):
  return {
    name: each(fused, sources, size=size) for name, each in FUNCTIONS.items()
  }


# One compilation for canvases serves all sizes.
_ON_CANVAS = jax.jit(_all)


@pytest.mark.parametrize('size', [(11, 11), (70, 300), (64, 256)])
def test_a_canvas_equals_the_picture(size):
  pictures = _pictures(size)
  canvases = np.random.default_rng(9).integers(0, 256, (3, 96, 320), np.uint8)
  canvases[:, : size[0], : size[1]] = pictures
  extent = (np.int32(size[0]), np.int32(size[1]))
  with jax.enable_x64(True):
    exact = jax.jit(_all)(pictures[0], pictures[1:])
    value = _ON_CANVAS(canvases[0], list(canvases[1:]), size=extent)
  for name in FUNCTIONS:
    assert float(value[name]) == pytest.approx(float(exact[name]), rel=1e-12)


def test_identical_pictures_reach_one_and_sources_may_swap():
  fused, *sources = _pictures((24, 26))
  with jax.enable_x64(True):
    run = jax.jit(_all)
    same = run(sources[0], [sources[0], sources[0]])
    there, back = run(fused, sources), run(fused, sources[::-1])
  for name in FUNCTIONS:
    assert float(same[name]) == pytest.approx(1, abs=1e-12)
    assert float(there[name]) == pytest.approx(float(back[name]), rel=1e-12)
    assert -1 < float(there[name]) < 1


def test_flat_pictures_are_alike():
  flat = np.full((12, 13), 77, np.uint8)
  scores = metrics.evaluate(
    flat, [flat, flat], metrics=['qs', 'qw'], toolbox='mfif'
  )
  assert scores == pytest.approx({'qs': 1, 'qw': 1})


def test_runs_in_float32():
  fused, *sources = _pictures((24, 26))
  assert float(piella.qw(fused, sources)) == pytest.approx(
    metrics.evaluate(fused, sources, metrics='qw')['qw'], rel=1e-4
  )
