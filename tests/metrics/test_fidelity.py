"""PSNR, RMSE and MSE of the toolboxes against NumPy."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.metrics import fidelity

FUNCTIONS = {
  'psnr_mefb': fidelity.psnr,
  'psnr_lt': functools.partial(fidelity.psnr, toolbox='lt'),
  'psnr_cddfuse': functools.partial(fidelity.psnr, toolbox='cddfuse'),
  'rmse': fidelity.rmse,
  'mse': fidelity.mse,
}


def _all(fused, sources, *, size=None):
  return {
    name: each(fused, sources, size=size) for name, each in FUNCTIONS.items()
  }


_JITTED = jax.jit(_all)


def _exact(fused, sources, **options):
  with jax.enable_x64(True):
    found = _JITTED(fused, list(sources), **options)
    return {name: float(value) for name, value in found.items()}


def _pictures(size, count=3, seed=0):
  rng = np.random.default_rng(seed)
  return list(rng.integers(0, 240, (count, *size)).astype(np.uint8))


def _stated(fused, sources):
  fused, *sources = (each.astype(float) for each in (fused, *sources))
  roots = [
    math.sqrt(((each - fused) ** 2).sum()) / fused.size for each in sources
  ]
  error = np.mean([((each - fused) ** 2).mean() for each in sources])
  return {
    'psnr_mefb': 20 * math.log10(255 / math.sqrt(np.mean(roots))),
    'psnr_lt': 20 * math.log10(255 / math.sqrt(error / 255**2)),
    'psnr_cddfuse': 10 * math.log10(fused.max() ** 2 / error),
    'rmse': np.mean(roots),
    'mse': error / 255**2,
  }


@pytest.mark.parametrize('count', [2, 3])
@pytest.mark.parametrize('size', [(1, 1), (17, 23), (70, 300)])
def test_equals_numpy(size, count):
  fused, *sources = _pictures(size, count + 1)
  stated = _stated(fused, sources)
  assert _exact(fused, sources) == pytest.approx(stated, rel=1e-13)


@pytest.mark.parametrize('dtype', [np.uint8, np.float64])
@pytest.mark.parametrize('size', [(1, 2), (5, 97), (64, 256), (70, 300)])
def test_a_canvas_equals_the_picture(size, dtype):
  pictures = [each.astype(dtype) for each in _pictures(size)]
  # Brighter around than the picture: its peak must be its own.
  canvases = np.full((3, 96, 320), 255, dtype)
  canvases[0] = 250
  canvases[:, : size[0], : size[1]] = pictures
  extent = (np.int32(size[0]), np.int32(size[1]))
  found = _exact(canvases[0], canvases[1:], size=extent)
  assert found == pytest.approx(_stated(pictures[0], pictures[1:]), rel=1e-13)


def test_identical_pictures_have_no_error():
  fused = _pictures((9, 11))[0]
  found = _exact(fused, [fused, fused])
  assert found == {
    'psnr_mefb': math.inf,
    'psnr_lt': math.inf,
    'psnr_cddfuse': math.inf,
    'rmse': 0,
    'mse': 0,
  }
  # One of the sources alone leaves half of the error.
  other = _pictures((9, 11), seed=1)[0]
  half = _exact(fused, [fused, other])
  assert half == pytest.approx(_stated(fused, [fused, other]), rel=1e-13)


def test_black_pictures():
  black, first, second = _pictures((9, 11))
  black[:] = 0
  assert _exact(black, [first, second])['psnr_cddfuse'] == -math.inf
  found = _exact(black, [black, black])
  assert math.isnan(found['psnr_cddfuse'])
  assert found['psnr_mefb'] == found['psnr_lt'] == math.inf


def test_known_values():
  fused = jnp.full((10, 20), 100, jnp.uint8)
  first, second = fused + jnp.uint8(10), fused - jnp.uint8(10)
  found = _exact(fused, [first, second])
  assert found['rmse'] == pytest.approx(10 / math.sqrt(200), rel=1e-14)
  textbook = 20 * math.log10(255 / 10)
  lifted = 20 * math.log10(255)
  assert found['psnr_lt'] == pytest.approx(textbook + lifted, rel=1e-14)
  assert found['psnr_cddfuse'] == pytest.approx(20, rel=1e-14)
  assert found['mse'] == pytest.approx((10 / 255) ** 2, rel=1e-14)


def test_sources_may_swap():
  fused, *sources = _pictures((24, 26))
  assert _exact(fused, sources) == pytest.approx(
    _exact(fused, sources[::-1]), rel=1e-14
  )


def test_the_rules_of_the_toolboxes():
  pictures = np.stack([_pictures((20, 31), seed=k) for k in range(3)], axis=-1)
  fused, *sources = pictures
  channels = [
    _stated(fused[..., k], [each[..., k] for each in sources]) for k in range(3)
  ]
  matlab = (0.298936021293775, 0.587043074451121, 0.114020904255103)
  grey = np.floor(pictures @ np.array(matlab) + 0.5)
  opencv = np.rint(pictures @ np.array([299, 587, 114]) / 1000)
  of_grey = _stated(grey[0], grey[1:])
  psnr = np.mean([each['psnr_mefb'] for each in channels])
  known = {
    'mefb': {'psnr': psnr},
    'vifb': {
      'psnr': psnr,
      'rmse': np.mean([each['rmse'] for each in channels]),
    },
    'mgdn': {'psnr': psnr},
    'lt': {'psnr': of_grey['psnr_lt'], 'mse': of_grey['mse']},
    'cddfuse': {'psnr': _stated(opencv[0], opencv[1:])['psnr_cddfuse']},
  }
  for toolbox, values in known.items():
    found = metrics.evaluate(
      fused, sources, metrics=list(values), toolbox=toolbox
    )
    assert found == pytest.approx(values, rel=1e-12), toolbox


def test_an_unknown_toolbox_is_named():
  fused, *sources = _pictures((4, 5))
  with pytest.raises(ValueError, match="toolbox 'mfif'"):
    fidelity.psnr(fused, sources, toolbox='mfif')


def test_jit_equals_eager_and_float32_is_close():
  fused, *sources = _pictures((40, 50))
  eager = _all(jnp.asarray(fused), [jnp.asarray(each) for each in sources])
  jitted, stated = _JITTED(fused, sources), _stated(fused, sources)
  for name, value in eager.items():
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, jitted[name], rtol=1e-6)
    np.testing.assert_allclose(value, stated[name], rtol=1e-5)


def test_batches_equal_single_pictures():
  stacks = np.stack([_pictures((12, 15), seed=k) for k in range(3)])
  batch = jax.vmap(lambda each: _all(each[0], [each[1], each[2]]))(stacks)
  for k, (fused, *sources) in enumerate(stacks):
    single = _JITTED(fused, sources)
    for name, value in single.items():
      np.testing.assert_allclose(batch[name][k], value, rtol=1e-6)


@pytest.mark.parametrize('name', ['psnr_mefb', 'psnr_lt', 'rmse', 'mse'])
def test_gradients_lead_to_the_sources(name):
  fused, first, second = (
    jnp.asarray(each, jnp.float32) for each in _pictures((12, 15))
  )
  slope = jax.grad(FUNCTIONS[name])(fused, [first, second])
  towards = (first + second) / 2 - fused
  gain = float(jnp.sum(slope * towards))
  assert gain > 0 if name.startswith('psnr') else gain < 0
  # Nor does a source that is the fused picture itself break it.
  assert np.isfinite(jax.grad(FUNCTIONS[name])(fused, [fused, second])).all()
