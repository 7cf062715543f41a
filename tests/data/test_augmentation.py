"""Augmentation: one set of random numbers for all pictures of a scene."""

import numpy as np
import pytest

from fusionjax.data import pipeline, sources
from fusionjax.data.crops import Reader

_SEED = 7
# A task of each kind, as its config augments it.
_TASKS = {
  'mef': {'crop': (0.5, 1.0)},
  'mff': {'crop': (0.3, 0.9), 'swap': True},
  'ivf': {'rotate': True},
  'hdr': {'resize': False, 'rotate': True, 'sources': 3},
  'gdsr': {'resize': False, 'ratio': 4},
}


def _open(task):
  data = {'scenes': 5, 'size': (32, 32), 'batch_size': 3, 'holdout': 0.0}
  data = {**sources.DEFAULTS, **data, **_TASKS[task]}
  source = sources.open_source(data, task=task, seed=0, split='train')
  return data, source


@pytest.mark.parametrize('task', _TASKS)
def test_the_pipeline_gives_what_eager_calls_give(task):
  tf = pipeline.tensorflow()
  data, source = _open(task)
  batches = pipeline.train_batches(source, data, task=task, seed=_SEED)
  reader = Reader(source, data, task)
  stream = tf.constant(_SEED, tf.int64)
  for step in range(2):
    batch = next(batches)
    pictures = [*batch['sources']]
    if reader.referenced:
      pictures.append(batch['reference'])
    rows = np.concatenate(pictures, axis=-1)
    for row, index in enumerate(batch['index']):
      position = tf.constant(3 * step + row, tf.int64)
      draws = pipeline.draw(stream, position, count=reader.count, options=data)
      crop = reader(index, draws.numpy())
      wanted = pipeline.augment(tf.constant(crop), draws, data)
      np.testing.assert_array_equal(rows[row], wanted.numpy())


def test_all_pictures_of_a_sample_are_moved_alike():
  """Where every picture is the same, it stays so, to the last pixel."""
  data, source = _open('mff')
  data['swap'] = False
  data['rotate'] = True

  class Same:
    name = 'same'

    def __len__(self):
      return len(source)

    def describe(self):
      return ''

    def read(self, index):
      example = source.read(index)
      one = example.sources[0]
      return type(example)(example.name, (one, one), one)

  batches = pipeline.train_batches(Same(), data, task='mff', seed=1)
  for _ in range(3):
    batch = next(batches)
    first, second = batch['sources']
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, batch['reference'])


def test_crops_end_where_pictures_end():
  """No border is filled: a crop of ones has nothing but ones."""
  data, source = _open('mef')

  class Ones:
    name = 'ones'

    def __len__(self):
      return 3

    def describe(self):
      return ''

    def read(self, index):
      example = source.read(0)
      ones = np.ones((37 + index, 53, 3), np.float32)
      return type(example)(f'{index}', (ones, ones))

  for crop in ((0.05, 0.2), (0.9, 1.0)):
    options = {**data, 'crop': crop, 'rotate': True, 'batch_size': 8}
    batch = next(pipeline.train_batches(Ones(), options, task='mef', seed=2))
    for picture in batch['sources']:
      np.testing.assert_allclose(picture, 1, atol=1e-6)
