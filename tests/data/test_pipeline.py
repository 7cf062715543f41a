"""Training batches: exact, resumable, sharded."""

import itertools
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

from fusionjax.data import crops, pipeline
from fusionjax.data.scenes import Example
from fusionjax.errors import InputError

DATA = {'size': (16, 24), 'batch_size': 4, 'sources': 2}


class Pictures:
  """Random scenes of three sources; every value tells the scene."""

  name = 'pictures'

  def __init__(self, count=7, *, sources=3, reference=False, size=(40, 56)):
    rng = np.random.default_rng(0)
    shape = (count, sources + reference, *size, 3)
    self.images = rng.uniform(0, 1, shape).astype(np.float32)
    self.reference = reference

  def __len__(self):
    return len(self.images)

  def describe(self):
    return self.name

  def read(self, index):
    images = tuple(self.images[index])
    if self.reference:
      return Example(str(index), images[:-1], images[-1])
    return Example(str(index), images)


def batches(source, count, *, task='mef', seed=3, data=None, **options):
  options = {'task': task, 'seed': seed, **options}
  stream = pipeline.train_batches(source, {**DATA, **(data or {})}, **options)
  try:
    return list(itertools.islice(stream, count))
  finally:
    stream.close()


def assert_equal(one, two):
  assert one.keys() == two.keys()
  np.testing.assert_array_equal(one['index'], two['index'])
  for a, b in zip(one['sources'], two['sources'], strict=True):
    np.testing.assert_array_equal(a, b)
  if 'reference' in one:
    np.testing.assert_array_equal(one['reference'], two['reference'])


def test_shapes_and_range():
  (batch,) = batches(Pictures(), 1)
  assert set(batch) == {'sources', 'index'}
  assert [s.shape for s in batch['sources']] == [(4, 16, 24, 3)] * 2
  assert {s.dtype for s in batch['sources']} == {np.dtype('float32')}
  assert batch['index'].dtype == np.int32 and batch['index'].shape == (4,)


def test_overshoots_of_the_bicubic_are_clipped():
  (batch,) = batches(Pictures(), 1, data={'size': (128, 200)})
  for array in batch['sources']:
    assert array.min() == 0 and array.max() == 1


def test_resume_gives_the_same_batches_bitwise():
  source = Pictures(reference=True)
  whole = batches(source, 8, task='mff')
  rest = batches(source, 3, task='mff', start_step=5)
  for one, two in zip(whole[5:], rest, strict=True):
    assert_equal(one, two)
  other = batches(source, 1, task='mff', seed=4)
  assert not np.array_equal(other[0]['sources'][0], whole[0]['sources'][0])


@pytest.mark.parametrize('processes', [2, 4])
def test_parts_of_processes_make_the_whole_batch(processes):
  source = Pictures()
  whole = batches(source, 3, start_step=1)
  parts = [
    batches(source, 3, start_step=1, process_index=i, process_count=processes)
    for i in range(processes)
  ]
  for step in range(3):
    joined = {
      'index': np.concatenate([p[step]['index'] for p in parts]),
      'sources': tuple(
        np.concatenate([p[step]['sources'][k] for p in parts]) for k in range(2)
      ),
    }
    assert_equal(whole[step], joined)


def test_every_epoch_is_another_order_of_all_scenes():
  indices = np.concatenate([b['index'] for b in batches(Pictures(), 14)])
  epochs = indices.reshape(8, 7)
  for epoch in epochs:
    assert sorted(epoch) == list(range(7))
  assert len({tuple(epoch) for epoch in epochs}) > 6
  plain = batches(Pictures(), 4, data={'shuffle': False})
  assert [*np.concatenate([b['index'] for b in plain])] == [
    i % 7 for i in range(16)
  ]


def test_one_scene_is_enough():
  (batch,) = batches(Pictures(1), 1)
  assert [*batch['index']] == [0] * 4


def matches(sample, candidates):
  """Which candidate a sample equals, or None."""
  near = [np.abs(sample - c).max() < 1e-6 for c in candidates]
  return near.index(True) if any(near) else None


def test_whole_crops_show_the_sources_and_their_mirrors():
  """Without a crop or a change of size, only the flips are left."""
  source = Pictures(size=(16, 24))
  seen = set()
  for batch in batches(source, 16, data={'crop': (1.0, 1.0)}):
    for row, index in enumerate(batch['index']):
      stack = source.images[index]
      found = []
      for array in batch['sources']:
        found.append(
          matches(
            array[row],
            [
              flipped
              for image in stack
              for flipped in (
                image,
                image[:, ::-1],
                image[::-1],
                image[::-1, ::-1],
              )
            ],
          )
        )
      assert None not in found
      picks, flips = zip(*(divmod(f, 4) for f in found), strict=True)
      assert picks[0] < picks[1]  # Distinct, and in the stack's order.
      assert flips[0] == flips[1]  # One mirror for all.
      seen.add((picks, flips[0]))
  assert len({picks for picks, _ in seen}) == 3
  assert {flip for _, flip in seen} == {0, 1, 2, 3}


def test_swap_turns_half_of_the_samples():
  source = Pictures(size=(16, 24), sources=2)
  data = {'crop': (1.0, 1.0), 'flip': False, 'swap': True}
  turned = []
  for batch in batches(source, 16, data=data):
    for row, index in enumerate(batch['index']):
      turned.append(matches(batch['sources'][0][row], source.images[index]))
  assert 0.3 < np.mean(turned) < 0.7


def test_crop_and_resize_equal_pillow():
  """A batch against the crop in NumPy and the resize in Pillow."""
  import tensorflow as tf

  source = Pictures(sources=2, size=(61, 90))
  data = {'flip': False, 'shuffle': False}
  (batch,) = batches(source, 1, data=data, seed=5)
  for row in range(4):
    draws = tf.random.stateless_uniform([9], [5, row], alg='philox').numpy()
    box = crops.crop_box(61, 90, draws, crop=(0.5, 1.0))
    top, left, height, width = box
    for k in range(2):
      crop = source.images[row, k, top : top + height, left : left + width]
      expected = [
        PIL.Image.fromarray(np.ascontiguousarray(crop[..., c])).resize(
          (24, 16), PIL.Image.Resampling.BICUBIC
        )
        for c in range(3)
      ]
      expected = np.clip(np.stack(expected, axis=-1), 0, 1)
      np.testing.assert_allclose(batch['sources'][k][row], expected, atol=2e-5)


def test_crop_box_takes_each_side_from_its_own_side():
  rng = np.random.default_rng(0)
  boxes = [
    crops.crop_box(400, 100, rng.random(4), crop=(0.5, 1.0))
    for _ in range(2000)
  ]
  top, left, height, width = np.array(boxes).T
  assert (top >= 0).all() and (top + height <= 400).all()
  assert (left >= 0).all() and (left + width <= 100).all()
  assert height.min() in range(200, 205) and height.max() in range(396, 401)
  assert width.min() in range(50, 53) and width.max() in range(99, 101)
  assert abs(np.corrcoef(height, width)[0, 1]) < 0.1
  # Boxes reach every edge.
  assert top.min() == left.min() == 0
  assert (top + height).max() == 400 and (left + width).max() == 100
  whole = crops.crop_box(400, 100, np.full(4, 0.999), crop=(1.0, 1.0))
  assert whole == (0, 0, 400, 100)


def test_picks_are_uniform_subsets():
  rng = np.random.default_rng(0)
  picks = [tuple(crops.pick_sources(4, rng.random(2))) for _ in range(6000)]
  subsets, counts = np.unique(picks, axis=0, return_counts=True)
  assert len(subsets) == 6 and (subsets[:, 0] < subsets[:, 1]).all()
  assert counts.min() > 850 and counts.max() < 1150


def test_reference_has_the_same_crop():
  source = Pictures(sources=2, reference=True)
  source.images[:, 2] = source.images[:, 0]
  for batch in batches(source, 3, task='mff'):
    np.testing.assert_array_equal(batch['reference'], batch['sources'][0])


def test_ordered_task_keeps_its_order():
  source = Pictures(sources=2)
  source.images[:, 0] *= 0.1
  for batch in batches(source, 4, task='ivf'):
    assert batch['sources'][0].max() < 0.2 < batch['sources'][1].max()


@pytest.mark.parametrize(
  ('data', 'options', 'message'),
  [
    ({}, {'process_count': 3}, 'batch_size 4 is not divisible by 3'),
    ({'crop': (0.0, 1.0)}, {}, 'crop is'),
    ({'size': (16,)}, {}, 'size is'),
    ({'swap': True}, {'task': 'ivf'}, 'swap is on'),
    ({'sources': 4}, {}, 'has 3 sources'),
  ],
)
def test_errors(data, options, message):
  with pytest.raises(InputError, match=message):
    batches(Pictures(), 1, data=data, **options)


def test_no_scenes():
  with pytest.raises(InputError, match='Fewer scenes than needed'):
    batches(Pictures(0), 1)


def test_process_ends_while_batches_are_made():
  """TensorFlow's threads are inside Python when the interpreter ends."""
  code = (
    'from fusionjax.data import pipeline, sources\n'
    "data = {'root': '', 'cache_bytes': 0}\n"
    "s = sources.open_source(data, task='mef', seed=0, split='train')\n"
    "stream = pipeline.train_batches(s, data, task='mef', seed=0)\n"
    'next(stream)\n'
  )
  done = subprocess.run([sys.executable, '-c', code], timeout=60, check=False)
  assert done.returncode == 0


def test_quarter_turns():
  source = Pictures(size=(16, 16))
  data = {'crop': (1.0, 1.0), 'flip': False, 'rotate': True, 'size': (16, 16)}
  turns = []
  for batch in batches(source, 12, data=data):
    for row, index in enumerate(batch['index']):
      found = [
        matches(
          array[row],
          [np.rot90(x, k) for x in source.images[index] for k in range(4)],
        )
        for array in batch['sources']
      ]
      assert None not in found
      # One turn for all sources of a sample.
      assert found[0] % 4 == found[1] % 4
      turns.append(found[0] % 4)
  assert set(turns) == {0, 1, 2, 3}
  with pytest.raises(InputError, match='rotate is on'):
    batches(Pictures(), 1, data={'rotate': True})


def test_turns_leave_the_other_random_numbers_alone():
  source = Pictures(size=(16, 16))
  data = {'size': (16, 16)}
  plain = batches(source, 2, data=data)
  turned = batches(source, 2, data={**data, 'rotate': True})
  for one, two in zip(plain, turned, strict=True):
    for a, b in zip(one['sources'], two['sources'], strict=True):
      for row in range(4):
        assert matches(b[row], [np.rot90(a[row], k) for k in range(4)]) in (
          *range(4),
        )


def test_scenes_with_too_few_sources_give_some_twice():
  source = Pictures(sources=3, size=(16, 24))
  data = {'crop': (1.0, 1.0), 'flip': False, 'sources': 4, 'repeat': True}
  seen = set()
  for batch in batches(source, 12, data=data):
    assert len(batch['sources']) == 4
    for row, index in enumerate(batch['index']):
      found = [
        matches(array[row], source.images[index]) for array in batch['sources']
      ]
      assert found == sorted(found) and set(found) == {0, 1, 2}
      seen.add(tuple(found))
  assert seen == {(0, 0, 1, 2), (0, 1, 1, 2), (0, 1, 2, 2)}


def test_patches_of_fixed_size():
  source = Pictures(sources=2)
  data = {'resize': False, 'flip': False}
  for batch in batches(source, 3, data=data):
    for row, index in enumerate(batch['index']):
      image = source.images[index, 0]
      patch = batch['sources'][0][row]
      place = np.argwhere((image == patch[0, 0]).all(-1))
      assert any(
        np.array_equal(image[y : y + 16, x : x + 24], patch) for y, x in place
      )
  with pytest.raises(InputError, match=r'smaller than data\.size'):
    batches(source, 1, data={**data, 'size': (64, 24)})
