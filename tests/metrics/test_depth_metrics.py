"""RMSE of depth maps and the protocols of the papers."""

import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.metrics import depth


def _maps(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
  """An estimate in 0..1 that leaves it a little, and true depths in metres."""
  rng = np.random.default_rng(size[1])
  target = rng.uniform(0.7, 9.5, size)
  low, high = target.min(), target.max()
  output = (target - low) / (high - low) + rng.normal(0, 0.05, size)
  return output, target


def _inner(plane: np.ndarray, crop: int) -> np.ndarray:
  return plane[crop : plane.shape[0] - crop, crop : plane.shape[1] - crop]


def _rmse(first: np.ndarray, second: np.ndarray, crop: int) -> float:
  squares = (_inner(first, crop) - _inner(second, crop)) ** 2
  return math.sqrt(squares.mean())


def _stated(output: np.ndarray, target: np.ndarray, protocol: str) -> float:
  code, dataset = protocol.split('/')
  low, high = target.min(), target.max()
  if code == 'mgdn':
    result = np.clip(output, 0, 1) * (high - low) + low
    factor = 100 if dataset in ('nyu', 'rgbdd') else 1
    return _rmse(factor * result, factor * target, 6 * (dataset == 'nyu'))
  if dataset in ('middlebury', 'lu'):
    return _rmse(output * 255, target / 255 * 255, 6)
  result = output * (high - low) + low
  factor = {'nyu': 100, 'rgbdd': 0.1}[dataset]
  return _rmse(result * factor, target * factor, 6)


@pytest.mark.parametrize('size', [(13, 14), (40, 31), (70, 300)])
@pytest.mark.parametrize(('crop', 'scale'), [(0, 1.0), (6, 100.0)])
def test_equals_numpy(size, crop, scale):
  estimate, target = _maps(size)
  with jax.enable_x64(True):
    found = float(depth.depth_rmse(estimate, target, crop=crop, scale=scale))
  expected = scale * _rmse(estimate, target, crop)
  assert found == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize('size', [(13, 14), (64, 256), (70, 300)])
def test_a_canvas_equals_the_picture(size):
  maps = _maps(size)
  canvases = np.full((2, 96, 320), np.nan)
  canvases[:, : size[0], : size[1]] = maps
  extent = (np.int32(size[0]), np.int32(size[1]))
  with jax.enable_x64(True):
    found = depth.depth_rmse(*canvases, size=extent, crop=6)
    assert float(found) == pytest.approx(_rmse(*maps, 6), rel=1e-13)
    found = depth.depth_rmse_of_output(
      *canvases, size=extent, protocol='mgdn/nyu'
    )
  expected = _stated(*maps, 'mgdn/nyu')
  assert float(found) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize('protocol', depth.PROTOCOLS)
def test_protocols_equal_the_published_codes(protocol):
  output, target = _maps((29, 33))
  with jax.enable_x64(True):
    found = depth.depth_rmse_of_output(output, target, protocol=protocol)
  expected = _stated(output, target, protocol)
  assert float(found) == pytest.approx(expected, rel=1e-12)


def test_true_depths_may_be_levels():
  levels = np.random.default_rng(0).integers(3, 250, (20, 22)).astype(np.uint8)
  output = ((levels.astype(float) - 3) / 255).astype(np.float32)
  for protocol in ('mgdn/lu', 'sgnet/lu'):
    found = depth.depth_rmse_of_output(output, levels, protocol=protocol)
    expected = _stated(output.astype(float), levels.astype(float), protocol)
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_an_unknown_protocol_is_named():
  flat = jnp.zeros((20, 20))
  with pytest.raises(ValueError, match='mgdn/nyu'):
    depth.depth_rmse_of_output(flat, flat, protocol='mgdn/nyuv2')


def test_registry_takes_values_as_stored():
  _, target = _maps((20, 25))
  score = metrics.evaluate(target + 0.25, [target], metrics='depth_rmse')
  assert score['depth_rmse'] == pytest.approx(0.25)
  # A frame that is wrong does not count at MGDN, and metres become cm.
  wrong = np.pad(target[6:-6, 6:-6], 6) + 0.25
  score = metrics.evaluate(
    wrong, [target], metrics='depth_rmse', toolbox='mgdn'
  )
  assert score['depth_rmse'] == pytest.approx(25)
  levels = np.full((16, 18), 200, np.uint8)
  score = metrics.evaluate(levels - 100, [levels], metrics='depth_rmse')
  assert score['depth_rmse'] == 100


def test_equal_maps_and_nothing_left():
  _, target = _maps((12, 40))
  assert metrics.evaluate(target, [target], metrics='depth_rmse') == {
    'depth_rmse': 0
  }
  score = metrics.evaluate(
    target, [target], metrics='depth_rmse', toolbox='mgdn'
  )
  assert math.isnan(score['depth_rmse'])


def test_equals_the_golden_values(reference: Path):
  folder = reference / 'metrics'
  golden = json.loads((folder / 'golden_hdr.json').read_text())
  fused, target = (np.load(folder / golden[key]) for key in ('pred', 'target'))
  whole = metrics.evaluate(fused, [target], metrics='depth_rmse')
  assert whole['depth_rmse'] == pytest.approx(golden['RMSE'], rel=1e-12)
  nyu = metrics.evaluate(
    fused[..., 0], [target[..., 0]], metrics='depth_rmse', toolbox='mgdn'
  )
  assert nyu['depth_rmse'] == pytest.approx(
    golden['RMSE_NYU_style_crop6_x100_channel0'], rel=1e-12
  )


def test_jit_equals_eager_in_float32():
  maps = [jnp.asarray(each, jnp.float32) for each in _maps((20, 25))]
  jitted = jax.jit(depth.depth_rmse, static_argnames=('crop', 'scale'))
  eager = depth.depth_rmse(*maps, crop=2, scale=100.0)
  assert eager.dtype == jnp.float32
  np.testing.assert_allclose(
    jitted(*maps, crop=2, scale=100.0), eager, rtol=1e-6
  )
