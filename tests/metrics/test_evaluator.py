"""The door of the metrics: kinds, sizes, names, precision."""

import concurrent.futures

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from fusionjax import metrics
from fusionjax.errors import InputError
from fusionjax.metrics import programs

RNG = np.random.default_rng(11)
FUSED, FIRST, SECOND = RNG.integers(0, 256, (3, 48, 52, 3)).astype(np.uint8)
SOURCES = [FIRST, SECOND]


def test_all_metrics_of_a_toolbox_in_order():
  scores = metrics.evaluate(FUSED, SOURCES, toolbox='lt')
  assert list(scores) == [
    name for name, row in metrics.METRICS.items() if 'lt' in row.variants
  ]
  assert all(type(value) is float for value in scores.values())
  some = metrics.evaluate(FUSED, SOURCES, metrics=['qabf', 'en', 'qabf'])
  assert list(some) == ['qabf', 'en']
  one = metrics.evaluate(FUSED, SOURCES, metrics='qabf')
  assert one['qabf'] == some['qabf']


@pytest.mark.long
def test_metrics_together_score_as_each_alone():
  scores = metrics.evaluate(FUSED, SOURCES)
  for name, value in scores.items():
    alone = metrics.evaluate(FUSED, SOURCES, metrics=name)[name]
    assert value == pytest.approx(alone, rel=1e-11, nan_ok=True), name


def test_sizes_share_a_compilation():
  names = ('en', 'ag', 'qabf', 'ssim')
  program = programs._pooled(names, 'vifb')
  for size in ((48, 52), (31, 17), (40, 41)):
    pictures = [each[: size[0], : size[1]] for each in (FUSED, *SOURCES)]
    found = metrics.evaluate(
      pictures[0], pictures[1:], metrics=names, toolbox='vifb'
    )
    with jax.enable_x64(True):
      planes = [jnp.asarray(each) for each in pictures]
      exact = programs.values(
        planes[0], planes[1:], names=names, toolbox='vifb'
      )
    assert found == pytest.approx(jax.tree.map(float, exact), rel=1e-12)
  assert program._cache_size() == 1


def test_canvases_grow_by_halves_of_powers_of_two():
  asked = (1, 1024, 1025, 1536, 1537, 3000, 5000, 8000)
  sides = [programs.canvas_side(side) for side in asked]
  assert sides == [1024, 1024, 1536, 1536, 2048, 3072, 6144, 8192]


def test_a_picture_larger_than_the_least_canvas():
  tall = np.tile(FUSED, (22, 1, 1))
  assert tall.shape[0] > programs.LEAST_SIDE
  names = ('en', 'sd', 'qcb')
  sources = [np.tile(source, (22, 1, 1)) for source in SOURCES]
  found = metrics.evaluate(tall, sources, metrics=names)
  with jax.enable_x64(True):
    exact = programs.values(tall, sources, names=names, toolbox='mefb')
  assert found == pytest.approx(jax.tree.map(float, exact), rel=1e-12)


def test_threads_score_alike():
  def work(turn):
    fused = np.roll(FUSED, turn, axis=0)
    return metrics.evaluate(fused, SOURCES, metrics=('en', 'qabf', 'nmi'))

  with concurrent.futures.ThreadPoolExecutor(4) as pool:
    together = list(pool.map(work, [0, 1, 0, 1, 2, 0, 2, 1]))
  assert together == [work(turn) for turn in [0, 1, 0, 1, 2, 0, 2, 1]]


def test_devices_score_alike():
  """A batch over eight devices gives the numbers of one picture on one."""
  mesh = jax.make_mesh((8,), ('data',), axis_types=(AxisType.Auto,))
  batch = np.stack([np.roll(FUSED, turn, axis=1) for turn in range(8)])
  names = ('en', 'ag', 'qabf', 'ssim')

  def one(fused):
    return programs.values(fused, SOURCES, names=names, toolbox='vifb')

  with jax.enable_x64(True):
    spread = jax.device_put(batch, NamedSharding(mesh, PartitionSpec('data')))
    found = jax.jit(jax.vmap(one))(spread)
  for at in (0, 5):
    alone = metrics.evaluate(batch[at], SOURCES, metrics=names, toolbox='vifb')
    each = {name: float(values[at]) for name, values in found.items()}
    assert each == pytest.approx(alone, rel=1e-12)


def test_float64_whatever_the_default():
  assert jnp.asarray(1.0).dtype == jnp.float32
  names = ('ag', 'qabf')
  scores = metrics.evaluate(FUSED, SOURCES, metrics=names)
  assert jnp.asarray(1.0).dtype == jnp.float32
  with jax.enable_x64(True):
    assert metrics.evaluate(FUSED, SOURCES, metrics=names) == scores
  planes = [jnp.asarray(p, jnp.float32) for p in (FUSED, *SOURCES)]
  single = metrics.score(planes[0], planes[1:], name='ag', toolbox='mefb')
  assert float(single) != scores['ag']
  assert float(single) == pytest.approx(scores['ag'], rel=1e-5)


def test_jax_arrays_16_bits_and_floats_score_alike():
  scores = metrics.evaluate(FUSED, SOURCES)
  arrays = [jnp.asarray(picture) for picture in (FUSED, *SOURCES)]
  assert metrics.evaluate(arrays[0], arrays[1:]) == scores
  deep = [picture.astype(np.uint16) * 257 for picture in (FUSED, *SOURCES)]
  assert metrics.evaluate(deep[0], deep[1:]) == pytest.approx(scores, rel=1e-9)
  # A tie of two strengths may be lost to the rounding of v / 255 * 255.
  unit = [picture / 255 for picture in (FUSED, *SOURCES)]
  assert metrics.evaluate(unit[0], unit[1:]) == pytest.approx(scores, rel=1e-5)


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
  assert 'mefb, mgdn' in _error(metrics='mef_ssim', toolbox='vifb')
  assert 'No metric' in _error(metrics=())


def test_sources_are_counted():
  assert "'qabf' takes 2 or more sources, but 1 came" in _error(
    sources=[FIRST], metrics='qabf'
  )
  assert metrics.evaluate(FUSED, [], metrics=('en', 'ag'))


def test_kinds_and_ranges_are_checked():
  unit = FUSED / 255
  assert 'source 1 is uint8' in _error(fused=unit)
  assert "'en'" in _error(fused=unit, metrics='en')
  levels = [each.astype(np.float32) for each in (FUSED, *SOURCES)]
  assert 'fused is float in' in _error(fused=levels[0], sources=levels[1:])
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
