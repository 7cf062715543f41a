"""The truth of synthetic scenes is exact."""

import numpy as np
import pytest

from fusionjax.data import depth, radiance, sources, textures, wald


def test_planes_have_no_curvature():
  rng = np.random.default_rng(0)
  for _ in range(5):
    plane = textures.plane(rng, size=(40, 60))
    assert plane.min() == 0 and plane.max() == 1
    for axis in (0, 1):
      bend = np.diff(plane.astype(np.float64), 2, axis=axis)
      assert np.abs(bend).max() < 1e-6


def test_depth_is_piecewise_planar():
  example = depth.SyntheticDepth(length=1, seed=4, split='train').read(0)
  metres = depth.restored(example.reference[..., 0], example)
  assert metres.min() >= 0.8 and metres.max() <= 5 + 1e-5
  bend = np.abs(np.diff(metres, 2, axis=1))
  # Flat but for the two columns at each outline.
  assert (bend < 1e-4).mean() > 0.9
  assert bend.max() > 0.1


def test_exposures_are_those_of_the_radiance():
  source = radiance.SyntheticRadiance(length=4, seed=2, split='train')
  for index in range(4):
    example = source.read(index)
    middle, truth = example.sources[1], example.reference
    clear = (middle[..., :3] > 0.05) & (middle[..., :3] < 0.98)
    error = np.abs(middle[..., 3:] - truth)[clear]
    # Read noise to 1e-3, shot noise to 1.7 % of white, and 16 bits.
    assert error.mean() < 2e-3 and error.max() < 2e-2
    # There is more light than the middle exposure can tell, but not much.
    white = (middle[..., :3] > 0.99).any(-1).mean()
    assert 0.002 < white < 0.5


def test_what_leaves_a_picture_does_not_come_back():
  layer = np.zeros((6, 8, 1), np.float32)
  layer[0, 7] = 1
  assert not radiance._shifted(layer, np.array([-1, 0])).any()
  assert not radiance._shifted(layer, np.array([0, 2])).any()
  moved = radiance._shifted(layer, np.array([2, -3]))
  assert moved[2, 4] == 1 and moved.sum() == 1
  np.testing.assert_array_equal(
    radiance._shifted(layer, np.zeros(2, int)), layer
  )


def test_the_guide_is_the_response_to_the_bands():
  source = wald.SyntheticCubes(
    length=1, seed=0, split='train', bands=6, guide_channels=2
  )
  whole = source.read_raw(0)
  guide, cube = whole.sources[0], whole.reference
  wanted = np.stack([cube[..., 3:].mean(-1), cube[..., :3].mean(-1)], axis=-1)
  assert np.abs(guide - wanted).mean() < 5e-3


@pytest.mark.parametrize(
  'task', ['mef', 'mff', 'ivf', 'medical', 'hdr', 'gdsr', 'msf']
)
def test_scenes_depend_on_seed_and_index_alone(task):
  count = 3 if task == 'hdr' else 2
  opened = [
    sources.open_source(
      {'scenes': scenes, 'sources': count, 'ratio': 4},
      task=task,
      seed=5,
      split='train',
    )
    for scenes in (3, 7)
  ]
  opened[1].read(4)
  first, second = (source.read(2) for source in opened)
  for one, other in zip(first.sources, second.sources, strict=True):
    np.testing.assert_array_equal(one, other)
  # Not the same scene over and over.
  assert np.any(first.sources[0] != opened[0].read(1).sources[0])
