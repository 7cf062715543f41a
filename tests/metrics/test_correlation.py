"""SCD and CC against NumPy."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.metrics import correlation

FUNCTIONS = {'cc': correlation.cc, 'scd': correlation.scd}


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
  scene = rng.normal(0, 40, size)
  planes = [120 + scene + rng.normal(0, 30, size) for _ in range(count)]
  return [np.clip(each, 0, 255).astype(np.uint8) for each in planes]


def _pearson(first, second):
  return np.corrcoef(first.ravel(), second.ravel())[0, 1]


def _stated(fused, sources):
  fused, *sources = (each.astype(float) for each in (fused, *sources))
  first, second = sources
  return {
    'cc': np.mean([_pearson(each, fused) for each in sources]),
    'scd': _pearson(fused - second, first) + _pearson(fused - first, second),
  }


@pytest.mark.parametrize('size', [(1, 3), (17, 23), (70, 300)])
def test_equals_numpy(size):
  fused, *sources = _pictures(size)
  assert _exact(fused, sources) == pytest.approx(
    _stated(fused, sources), rel=1e-11
  )


def test_cc_is_the_mean_over_any_sources():
  fused, *sources = _pictures((20, 21), 4)
  found = metrics.evaluate(fused, sources, metrics='cc', toolbox='lt')['cc']
  assert found == pytest.approx(
    np.mean([_pearson(each, fused) for each in sources]), rel=1e-12
  )
  with pytest.raises(ValueError, match="'scd' takes 2 sources, but 3 came"):
    metrics.evaluate(fused, sources, metrics='scd', toolbox='lt')


@pytest.mark.parametrize('dtype', [np.uint8, np.float64])
@pytest.mark.parametrize('size', [(2, 2), (5, 97), (64, 256), (70, 300)])
def test_a_canvas_equals_the_picture(size, dtype):
  pictures = [each.astype(dtype) for each in _pictures(size)]
  canvases = np.random.default_rng(9).integers(0, 256, (3, 96, 320))
  canvases = canvases.astype(dtype)
  if dtype == np.float64:
    canvases[:] = np.nan
  canvases[:, : size[0], : size[1]] = pictures
  extent = (np.int32(size[0]), np.int32(size[1]))
  found = _exact(canvases[0], canvases[1:], size=extent)
  assert found == pytest.approx(_stated(pictures[0], pictures[1:]), rel=1e-11)


def test_the_extremes():
  first, second = (each // 2 for each in _pictures((20, 30), 2))
  total = _exact(first + second, [first, second])
  assert total['scd'] == pytest.approx(2, abs=1e-13)
  assert total['cc'] == pytest.approx(
    _stated(first + second, [first, second])['cc']
  )
  same = _exact(first, [first, first])
  assert same['cc'] == pytest.approx(1, abs=1e-14)
  assert math.isnan(same['scd'])
  negative = _exact(255 - first, [first, first])
  assert negative['cc'] == pytest.approx(-1, abs=1e-14)
  assert negative['scd'] == pytest.approx(-2, abs=1e-14)


@pytest.mark.parametrize('precise', [False, True])
@pytest.mark.parametrize('level', [0.1, 77, 253.7])
def test_what_has_one_value_has_no_correlation(level, precise):
  fused, first, second = (
    jnp.asarray(each, float) for each in _pictures((37, 53))
  )
  flat = jnp.full((37, 53), level)
  with jax.enable_x64(precise):
    dtype = jnp.result_type(float)
    fused, first, second, flat = (
      each.astype(dtype) for each in (fused, first, second, flat)
    )
    for given in ((flat, first, second), (fused, flat, second)):
      found = _JITTED(given[0], list(given[1:]))
      assert math.isnan(found['cc'])
      # A flat fused picture differs from the sources by the sources.
      assert math.isnan(found['scd']) is (given[0] is fused)


def test_sources_may_swap():
  fused, *sources = _pictures((24, 26))
  assert _exact(fused, sources) == pytest.approx(
    _exact(fused, sources[::-1]), rel=1e-13
  )


def test_a_copy_of_a_source_has_no_difference():
  _, first, second = _pictures((24, 26))
  assert math.isnan(_exact(first, [first, second])['scd'])
  nearly = first.copy()
  nearly[3, 4] += 1
  found = _exact(nearly, [first, second])
  assert found == pytest.approx(_stated(nearly, [first, second]), rel=1e-9)


def test_the_rules_of_the_toolboxes():
  pictures = np.stack([_pictures((20, 31), seed=k) for k in range(3)], axis=-1)
  fused, *sources = pictures
  matlab = (0.298936021293775, 0.587043074451121, 0.114020904255103)
  grey = np.floor(pictures @ np.array(matlab) + 0.5)
  opencv = np.rint(pictures @ np.array([299, 587, 114]) / 1000)
  of_grey = _stated(grey[0], grey[1:])
  known = {
    'lt': of_grey,
    'cscfuse': {'scd': of_grey['scd']},
    'cddfuse': {'scd': _stated(opencv[0], opencv[1:])['scd']},
  }
  for toolbox, values in known.items():
    found = metrics.evaluate(
      fused, sources, metrics=list(values), toolbox=toolbox
    )
    assert found == pytest.approx(values, rel=1e-11), toolbox


def test_jit_equals_eager_and_float32_is_close():
  fused, *sources = _pictures((40, 50))
  eager = _all(jnp.asarray(fused), [jnp.asarray(each) for each in sources])
  jitted, stated = _JITTED(fused, sources), _stated(fused, sources)
  for name, value in eager.items():
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, jitted[name], rtol=1e-5)
    np.testing.assert_allclose(value, stated[name], rtol=1e-5)


def test_batches_equal_single_pictures():
  stacks = np.stack([_pictures((12, 15), seed=k) for k in range(3)])
  batch = jax.vmap(lambda each: _all(each[0], [each[1], each[2]]))(stacks)
  for k, (fused, *sources) in enumerate(stacks):
    single = _JITTED(fused, sources)
    for name, value in single.items():
      np.testing.assert_allclose(batch[name][k], value, rtol=1e-5)


@pytest.mark.parametrize('name', FUNCTIONS)
def test_gradients_lead_up(name):
  fused, *sources = (
    jnp.asarray(each, jnp.float32) for each in _pictures((12, 15))
  )
  slope = jax.grad(FUNCTIONS[name])(fused, sources)
  step = slope / jnp.abs(slope).max()
  rise = FUNCTIONS[name](fused + step, sources) - FUNCTIONS[name](
    fused, sources
  )
  assert float(rise) > 0
