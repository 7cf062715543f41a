"""Synthetic scenes."""

import numpy as np
import pytest

from fusionjax.data import textures
from fusionjax.data.synthetic import SIZE, SyntheticSource
from fusionjax.errors import InputError


def source(task, *, seed=0, split='train', length=6, sources=2):
  return SyntheticSource(
    task, length=length, seed=seed, split=split, sources=sources
  )


@pytest.mark.parametrize('task', ['mef', 'mff', 'ivf'])
@pytest.mark.parametrize('split', ['train', 'test'])
def test_scene_is_a_function_of_seed_and_index(task, split):
  first, again = source(task, split=split), source(task, split=split)
  for index in (3, 0, 5):
    one, two = first.read(index), again.read(index)
    assert one.name == two.name
    for a, b in zip(one.sources, two.sources, strict=True):
      np.testing.assert_array_equal(a, b)
      assert a.shape == (*SIZE, 3) and a.dtype == np.float32
      assert a.min() >= 0 and a.max() <= 1
  other = source(task, split=split, seed=1).read(3)
  assert not np.array_equal(other.sources[0], first.read(3).sources[0])
  assert not np.array_equal(first.read(2).sources[0], first.read(3).sources[0])


def test_exposures_get_brighter_and_clip():
  scenes = source('mef', length=12)
  clipped = []
  for index in range(12):
    example = scenes.read(index)
    assert len(example.sources) == 3 and example.reference is None
    means = [image.mean() for image in example.sources]
    assert means == sorted(means) and means[-1] > 1.3 * means[0]
    clipped.append((example.sources[-1] == 1).mean())
  assert np.mean(clipped) > 0.02


def test_held_out_scenes_have_what_a_sample_takes():
  assert len(source('mef', split='test').read(0).sources) == 2
  assert len(source('mef', split='test', sources=4).read(0).sources) == 4
  assert len(source('mef', sources=4).read(0).sources) == 4


def test_focus_pair_shows_the_reference_between_them():
  for index in range(4):
    example = source('mff').read(index)
    near, far = example.sources
    # Where one is blurred the other is sharp: the better of both is close.
    errors = [np.abs(s - example.reference) for s in (near, far)]
    assert np.minimum(*errors).mean() < 0.6 * min(e.mean() for e in errors)


def test_infrared_is_grey():
  infrared, visible = source('ivf').read(0).sources
  np.testing.assert_array_equal(infrared[..., 0], infrared[..., 2])
  assert not np.array_equal(visible[..., 0], visible[..., 2])


def test_splits_share_no_photograph():
  train, test = (set(textures.PHOTOGRAPHS[s]) for s in ('train', 'test'))
  assert not train & test
  for name in train | test:
    assert name in textures.__doc__
    assert textures.photograph(name).mode == 'RGB'


def test_huge_and_negative_seeds():
  for seed in (-1, 1 << 80):
    assert len(source('mef', seed=seed).read(0).sources) == 3


def test_errors():
  with pytest.raises(InputError, match='no synthetic scenes'):
    source('hdr')
  with pytest.raises(InputError, match='sources is 3'):
    source('mff', sources=3)
  with pytest.raises(IndexError):
    source('mef').read(6)


def test_describe_says_what_it_is():
  text = source('mef').describe()
  assert 'synthetic' in text and 'CC0' in text and 'astronaut' in text
