"""Batches without TensorFlow are those with it, bit for bit."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from fusionjax.data import bicubic, draws, pipeline, sources
from fusionjax.data.scenes import Example
from fusionjax.errors import InputError


class Pictures:
  """Random 8-bit scenes of three sources, and perhaps a reference."""

  name = 'pictures'

  def __init__(self, count=7, *, reference=False, size=(61, 90)):
    rng = np.random.default_rng(0)
    shape = (count, 3 + reference, *size, 3)
    self.images = rng.integers(0, 256, shape, np.uint8)
    self.reference = reference
    self.broken = -1

  def __len__(self):
    return len(self.images)

  def describe(self):
    return self.name

  def read_raw(self, index):
    if index == self.broken:
      raise InputError(f'scene {index} is damaged')
    images = tuple(self.images[index])
    if self.reference:
      return Example(str(index), images[:-1], images[-1])
    return Example(str(index), images)

  def read(self, index):
    return self.read_raw(index).to_unit()


def batches(loader, source, count=3, *, data=None, **options):
  options = {'task': 'mef', 'seed': 3, **options}
  data = {'batch_size': 4, 'size': (16, 24), 'loader': loader, **(data or {})}
  stream = pipeline.train_batches(source, data, **options)
  try:
    return list(itertools.islice(stream, count))
  finally:
    stream.close()


def assert_same(source, **options):
  pairs = [
    batches(loader, source, **options) for loader in pipeline.LOADERS[1:]
  ]
  for one, two in zip(*pairs, strict=True):
    assert one.keys() == two.keys()
    assert one['index'].dtype == two['index'].dtype
    np.testing.assert_array_equal(one['index'], two['index'])
    images = [
      [*batch['sources'], *([batch['reference']] if 'reference' in one else [])]
      for batch in (one, two)
    ]
    for a, b in zip(*images, strict=True):
      assert a.dtype == b.dtype
      assert a.flags.c_contiguous == b.flags.c_contiguous
      np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
  ('data', 'options'),
  [
    ({}, {}),
    ({'swap': True, 'crop': (0.2, 0.9)}, {'task': 'mff', 'start_step': 9}),
    ({'rotate': True, 'size': (72, 72)}, {'seed': -(2**63) + 5}),
    (
      {'shuffle': False, 'flip': False, 'sources': 5, 'repeat': True},
      {'process_index': 1, 'process_count': 2, 'start_step': 2},
    ),
    ({'resize': False}, {'start_step': 2**33, 'seed': 2**70 + 3}),
  ],
)
def test_batches_are_those_of_tensorflow(data, options):
  assert_same(Pictures(reference=True), data=data, **options)


def test_batches_of_one_scene_are_those_of_tensorflow():
  assert_same(Pictures(1), count=1)


def test_batches_of_cubes_and_singles_are_those_of_tensorflow():
  for task, data in (
    ('msf', {'resize': False, 'size': (16, 16)}),
    ('ivf', {'singles': True}),
  ):
    data = {'scenes': 3, 'sources': 2, **data}
    source = sources.open_source(data, task=task, seed=1, split='train')
    assert_same(source, count=2, data=data, task=task)


def test_numbers_are_those_of_tensorflow():
  """Long lists, at the ends of what 64 bits hold."""
  import tensorflow as tf

  for stream, position in ((0, 0), (-1, 2**63 - 1), (-(2**63), 2**40 + 7)):
    seed = tf.constant([stream, position], tf.int64)
    wanted = tf.random.stateless_uniform([37], seed, alg='philox')
    ours = draws.uniform(stream, position, 37)
    np.testing.assert_array_equal(ours, wanted)
    assert ours.min() >= 0 and ours.max() < 1


@pytest.mark.parametrize('length', [1, 2, 3, 44, 65_536, 65_538, 300_001])
def test_order_is_that_of_tensorflow(length):
  import tensorflow as tf

  places = np.unique(np.linspace(0, length - 1, 8).astype(np.int64))
  for epoch in (0, 2**35 + 1):
    ours = [
      draws.shuffled(int(p), stream=-9, epoch=epoch, length=length)
      for p in places
    ]
    seed, last = (
      tf.constant(value, tf.int64) for value in ([-9, epoch], length - 1)
    )
    wanted = [
      tf.random.experimental.index_shuffle(tf.constant(p), seed, last)
      for p in places
    ]
    np.testing.assert_array_equal(ours, wanted)


def test_order_is_a_permutation():
  found = [draws.shuffled(p, stream=5, epoch=1, length=501) for p in range(501)]
  assert sorted(found) == [*range(501)]


@pytest.mark.parametrize('size', [(7, 300), (61, 90), (333, 20)])
def test_resize_is_that_of_tensorflow(size):
  import tensorflow as tf

  image = np.random.default_rng(1).random((61, 90, 4), np.float32)
  wanted = tf.image.resize(image, size, 'bicubic', antialias=True)
  np.testing.assert_array_equal(bicubic.resize(image, size), wanted)


def test_damaged_scene_is_named():
  source = Pictures()
  source.broken = 4
  with pytest.raises(InputError, match='scene 4 is damaged'):
    batches('numpy', source, 6)


def test_threads_end_with_the_stream():
  import threading

  before = threading.active_count()
  batches('numpy', Pictures(), 2)
  assert threading.active_count() == before


def test_unknown_loader():
  with pytest.raises(InputError, match=r"data\.loader 'tf'"):
    batches('tf', Pictures())


def test_without_tensorflow_numpy_is_taken():
  """In a process of its own, where importing TensorFlow fails."""
  code = (
    'import sys\n'
    "sys.modules['tensorflow'] = None\n"
    'import itertools\n'
    'from fusionjax import errors\n'
    'from fusionjax.data import pipeline, sources\n'
    "data = {'scenes': 2, 'size': (16, 16), 'cache_bytes': 0}\n"
    "s = sources.open_source(data, task='mef', seed=0, split='train')\n"
    "stream = pipeline.train_batches(s, data, task='mef', seed=0)\n"
    'print(float(next(stream)["sources"][0].sum(dtype="float64")))\n'
    'try:\n'
    "  data['loader'] = 'tensorflow'\n"
    "  pipeline.train_batches(s, data, task='mef', seed=0)\n"
    'except errors.InputError as error:\n'
    '  print(error)\n'
  )
  done = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True
  )
  total, message = done.stdout.splitlines()
  assert 'not installed' in message
  data = {'scenes': 2, 'size': (16, 16)}
  source = sources.open_source(data, task='mef', seed=0, split='train')
  (batch,) = batches(
    'tensorflow', source, 1, data={**data, 'batch_size': 2}, seed=0
  )
  assert float(batch['sources'][0].sum(dtype='float64')) == float(total)
