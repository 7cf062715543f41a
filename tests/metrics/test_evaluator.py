"""The door of the metrics: kinds, sizes, names, precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.errors import InputError

RNG = np.random.default_rng(11)
FUSED, FIRST, SECOND = RNG.integers(0, 256, (3, 48, 52, 3)).astype(np.uint8)
SOURCES = [FIRST, SECOND]


def test_all_metrics_of_a_toolbox_in_order():
  scores = metrics.evaluate(FUSED, SOURCES)
  assert list(scores) == list(metrics.METRICS)
  assert all(type(value) is float for value in scores.values())
  assert list(metrics.evaluate(FUSED, SOURCES, toolbox='mfif')) == ['qabf']
  some = metrics.evaluate(FUSED, SOURCES, metrics=['qabf', 'en', 'qabf'])
  assert list(some) == ['qabf', 'en']


def test_float64_whatever_the_default():
  assert jnp.asarray(1.0).dtype == jnp.float32
  scores = metrics.evaluate(FUSED, SOURCES)
  assert jnp.asarray(1.0).dtype == jnp.float32
  with jax.enable_x64(True):
    assert metrics.evaluate(FUSED, SOURCES) == scores
  planes = [jnp.asarray(p, jnp.float32) for p in (FUSED, *SOURCES)]
  single = metrics.score(planes[0], planes[1:], name='ag', toolbox='mefb')
  assert float(single) != scores['ag']
  assert float(single) == pytest.approx(scores['ag'], rel=1e-5)


def test_jax_arrays_16_bits_and_floats_score_alike():
  scores = metrics.evaluate(FUSED, SOURCES)
  arrays = [jnp.asarray(picture) for picture in (FUSED, *SOURCES)]
  assert metrics.evaluate(arrays[0], arrays[1:]) == scores
  deep = [picture.astype(np.uint16) * 257 for picture in (FUSED, *SOURCES)]
  assert metrics.evaluate(deep[0], deep[1:]) == scores
  # A tie of two strengths may be lost to the rounding of v / 255 * 255.
  unit = [picture / 255 for picture in (FUSED, *SOURCES)]
  assert metrics.evaluate(unit[0], unit[1:]) == pytest.approx(scores, rel=1e-6)


def test_score_runs_under_vmap():
  planes = jnp.asarray([FUSED, FIRST], jnp.float32)
  sources = jnp.asarray([FIRST, SECOND], jnp.float32)

  def score(fused, source):
    return metrics.score(fused, [source, source], name='qabf', toolbox='mefb')

  batch = jax.vmap(score)(planes, sources)
  for k in range(2):
    np.testing.assert_allclose(
      batch[k], score(planes[k], sources[k]), rtol=1e-5
    )


def _error(fused=FUSED, sources=SOURCES, **options) -> str:
  with pytest.raises(InputError) as caught:
    metrics.evaluate(fused, sources, **options)
  return str(caught.value)


def test_sizes_that_differ_are_both_named():
  message = _error(sources=[FIRST, SECOND[:40]])
  assert 'fused is 52x48' in message
  assert 'source 2 is 52x40' in message


def test_unknown_names_come_with_the_nearest():
  assert 'mef_ssim' in _error(metrics=['mefssim'])
  assert 'mefb' in _error(toolbox='mefbb')
  assert 'mefb, lt' in _error(metrics='mef_ssim', toolbox='vifb')
  assert 'No metric' in _error(metrics=())


def test_sources_are_counted():
  assert "'qabf' takes 2 or more sources, but 1 came" in _error(
    sources=[FIRST], metrics='qabf'
  )
  assert metrics.evaluate(FUSED, [], metrics=('en', 'ag'))


def test_kinds_and_ranges_are_checked():
  unit = FUSED / 255
  assert 'source 1 is uint8' in _error(fused=unit)
  assert 'fused is float in' in _error(fused=FUSED.astype(np.float32))
  assert 'fused is int64' in _error(fused=FUSED.astype(np.int64))
  holes = unit.copy()
  holes[3, 3] = np.nan
  assert 'source 1 holds NaN' in _error(fused=unit, sources=[holes, unit])
  assert 'source 2 has the shape' in _error(
    sources=[FIRST, np.zeros((48, 52, 4), np.uint8)]
  )
  assert 'empty' in _error(fused=np.zeros((0, 5), np.uint8))
  assert 'one array' in _error(sources=FIRST[..., 0])


def test_the_least_size_is_named():
  line = np.zeros((1, 9), np.uint8)
  assert "'ag' needs at least 2 pixels" in _error(
    fused=line, sources=[], metrics='ag'
  )
  assert metrics.evaluate(line, [], metrics='en') == {'en': 0}
