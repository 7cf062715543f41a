import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.data.scenes import Example
from fusionjax.training import judges, validation


@pytest.mark.parametrize(
  ('rounding', 'levels'),
  [('truncate', [0, 0, 127, 254, 255]), ('nearest', [0, 1, 128, 255, 255])],
)
def test_to_levels(rounding, levels):
  values = np.array([-0.1, 0.9 / 255, 127.7 / 255, 254.6 / 255, 1.3])
  found = judges.to_levels(values, rounding=rounding)
  assert found.dtype == np.uint8
  np.testing.assert_array_equal(found, levels)


def test_levels_of_a_file_come_back():
  levels = np.arange(256, dtype=np.uint8)
  floats = levels.astype(np.float32) / np.float32(255)
  np.testing.assert_array_equal(
    judges.to_levels(floats, rounding='nearest'), levels
  )


def _scenes(names):
  for number, name in enumerate(names):
    random = np.random.default_rng(number)
    sources = [random.random((24, 20, 3), np.float32) for _ in range(2)]
    yield Example(name, tuple(sources))


def test_scores_are_those_of_the_saved_picture(stand_in):
  module = stand_in.Tiny()
  y = jnp.zeros((1, 8, 8, 1))
  variables = validation.to_host(module.init(jax.random.key(0), y, y))
  fuse = validation.make_fuse(stand_in.METHOD, module, task='mef')
  found = validation.score_scenes(
    fuse,
    variables,
    _scenes(['a', 'b', 'a']),
    metrics=['en', 'ag'],
    toolbox='mefb',
  )
  assert list(found) == ['a', 'b', 'a (2)', 'mean']
  scene = next(_scenes(['a']))
  picture = fuse(variables, scene.sources)
  assert picture.dtype == np.uint8
  assert picture.shape == (24, 20, 3)
  sources = [judges.to_levels(s, rounding='nearest') for s in scene.sources]
  expected = metrics.evaluate(
    picture, sources, metrics=('en', 'ag'), toolbox='mefb'
  )
  assert found['a'] == expected
  mean = np.mean([found[name]['en'] for name in ('a', 'b', 'a (2)')])
  assert found['mean']['en'] == pytest.approx(mean)


def test_no_scenes_have_no_mean(stand_in):
  del stand_in
  assert (
    validation.score_scenes(
      lambda variables, sources: sources[0],
      {},
      iter(()),
      metrics=['en'],
      toolbox='mefb',
    )
    == {}
  )
