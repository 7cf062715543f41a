"""Cubes to train on: reduced cubes, guides, and batches of them."""

import itertools

import numpy as np
import pytest
from PIL import Image

from fusionjax.data import pipeline, sources, wald
from fusionjax.errors import InputError

RNG = np.random.default_rng(0)
DATA = {
  'size': (16, 16),
  'batch_size': 4,
  'resize': False,
  'flip': False,
  'bands': 5,
  'guide_channels': 2,
  'scenes': 3,
}


def test_degrade() -> None:
  cube = RNG.random((7, 9, 3)).astype('f4')
  nearest = wald.degrade(cube, ratio=2, how='nearest')
  np.testing.assert_array_equal(nearest, cube[:6:2, :8:2])
  average = wald.degrade(cube, ratio=3, how='average')
  assert average.shape == (2, 3, 3) and average.dtype == np.float32
  np.testing.assert_allclose(
    average[1, 2], cube[3:6, 6:9].mean((0, 1)), rtol=1e-6
  )
  batch = np.stack([cube, cube])
  for how in wald.DEGRADES:
    ours = wald.degrade(batch, ratio=2, how=how)
    np.testing.assert_array_equal(ours[1], wald.degrade(cube, ratio=2, how=how))
  with pytest.raises(InputError, match='cannot be reduced by 8'):
    wald.degrade(cube, ratio=8, how='nearest')
  with pytest.raises(InputError, match="degrade is 'cubic'"):
    wald.degrade(cube, ratio=2, how='cubic')
  with pytest.raises(InputError, match='ratio is 1'):
    wald.degrade(cube, ratio=1, how='nearest')


def test_colours_from_short_to_long_waves() -> None:
  cube = np.zeros((4, 5, 6), 'u1')
  cube[..., :2], cube[..., 2:4], cube[..., 4:] = 51, 102, 255
  guide = wald.colours(cube)
  np.testing.assert_allclose(guide[0, 0], [1, 0.4, 0.2], rtol=1e-6)
  with pytest.raises(InputError, match='2 bands has no colours'):
    wald.colours(cube[..., :2])


def write_scenes(folder, count=3, *, finer=2, bands=5, size=(20, 24)) -> None:
  folder.mkdir(parents=True, exist_ok=True)
  for scene in range(count):
    cube = RNG.integers(0, 255, (*size, bands), np.uint8)
    np.save(folder / f'{scene}_ms.npy', cube)
    guide = RNG.integers(0, 255, [s * finer for s in size], np.uint8)
    Image.fromarray(guide).save(folder / f'{scene}_pan.png')


def open_source(root='', split='train', **data):
  options = {**DATA, 'root': str(root), **data}
  return sources.open_source(options, task='msf', seed=0, split=split)


@pytest.mark.parametrize('finer', [1, 2, 3])
def test_folders_of_cubes(tmp_path, finer) -> None:
  write_scenes(tmp_path / 'set', finer=finer)
  source = open_source(tmp_path / 'set', holdout=0.0)
  assert len(source) == 3 and '3 scenes' in source.describe()
  scene = source.read(0)
  low, guide = scene.sources
  assert scene.cubes and low.shape == (10, 12, 5)
  assert guide.shape == (20, 24, 1) and scene.reference.shape == (20, 24, 5)
  stored = np.load(tmp_path / 'set' / '0_ms.npy').astype('f4') / 255
  np.testing.assert_allclose(scene.reference, stored, rtol=1e-6)
  np.testing.assert_array_equal(low, scene.reference[::2, ::2])
  pan = np.asarray(Image.open(tmp_path / 'set' / '0_pan.png')) / 255
  means = pan.reshape(20, finer, 24, finer).mean((1, 3))
  np.testing.assert_allclose(guide[..., 0], means, atol=1e-5)


def test_sides_that_are_no_multiple(tmp_path) -> None:
  write_scenes(tmp_path / 'set', size=(21, 25), finer=1)
  scene = open_source(tmp_path / 'set', holdout=0.0, ratio=4).read(0)
  low, guide = scene.sources
  assert low.shape == (5, 6, 5)
  assert guide.shape[:2] == scene.reference.shape[:2] == (20, 24)


def test_guides_that_are_smaller_are_refused(tmp_path) -> None:
  write_scenes(tmp_path / 'set', finer=1)
  Image.fromarray(np.zeros((9, 9), np.uint8)).save(
    tmp_path / 'set' / '0_pan.png'
  )
  with pytest.raises(InputError, match='smaller than its cube'):
    open_source(tmp_path / 'set', holdout=0.0).read(0)


def test_cubes_without_guides(tmp_path) -> None:
  for scene in range(2):
    np.save(
      tmp_path / f'{scene}_a_ms.npy', RNG.random((20, 24, 6)).astype('f4')
    )
    np.save(
      tmp_path / f'{scene}_b_ms.npy', RNG.random((20, 24, 6)).astype('f4')
    )
  source = open_source(tmp_path, holdout=0.0)
  scene = source.read(0)
  assert scene.sources[1].shape[-1] == 3


def test_held_out_cubes(tmp_path) -> None:
  write_scenes(tmp_path / 'set', count=5)
  train = open_source(tmp_path / 'set', holdout=0.4)
  test = open_source(tmp_path / 'set', holdout=0.4, split='test')
  names = [
    {source.read(i).name for i in range(len(source))}
    for source in (train, test)
  ]
  assert len(names[0] | names[1]) == 5 and not names[0] & names[1]


def test_synthetic_cubes() -> None:
  source = open_source()
  again = open_source()
  held = open_source(split='test', holdout=0.5)
  assert (len(source), len(held)) == (3, 2)
  scene = source.read(1)
  low, guide = scene.sources
  assert low.shape == (96, 128, 5) and guide.shape == (192, 256, 2)
  for image in (low, guide, scene.reference):
    assert image.dtype == np.float32 and 0 <= image.min() <= image.max() <= 1
  np.testing.assert_array_equal(scene.reference, again.read(1).reference)
  assert np.abs(scene.reference - source.read(2).reference).max() > 0.1
  # Bands differ, and the guide says something of all of them.
  bands = scene.reference.reshape(-1, 5).T
  assert np.abs(bands[0] - bands[4]).mean() > 0.01
  whole = guide.mean(-1).ravel()
  assert min(np.corrcoef(band, whole)[0, 1] for band in bands) > 0.5
  with pytest.raises(InputError, match=r'data\.bands is 1'):
    open_source(bands=1)
  with pytest.raises(IndexError):
    source.read_raw(3)


def batches(source, count, **data):
  stream = pipeline.train_batches(source, {**DATA, **data}, task='msf', seed=3)
  try:
    return list(itertools.islice(stream, count))
  finally:
    stream.close()


@pytest.mark.parametrize('how', wald.DEGRADES)
@pytest.mark.parametrize('ratio', [2, 4])
def test_batches_of_cubes(ratio, how) -> None:
  source = open_source()
  for batch in batches(source, 2, ratio=ratio, degrade=how):
    low, guide = batch['sources']
    side = 16 // ratio
    assert low.shape == (4, side, side, 5)
    assert guide.shape == (4, 16, 16, 2)
    assert batch['reference'].shape == (4, 16, 16, 5)
    np.testing.assert_array_equal(
      low, wald.degrade(batch['reference'], ratio=ratio, how=how)
    )
    # The patch is somewhere in its cube, with its guide.
    for row, index in enumerate(batch['index']):
      whole = source.read_raw(int(index))
      patch = batch['reference'][row]
      first = np.argwhere((whole.reference == patch[0, 0]).all(-1))
      found = [
        (y, x)
        for y, x in first
        if np.array_equal(whole.reference[y : y + 16, x : x + 16], patch)
      ]
      assert found
      y, x = found[0]
      np.testing.assert_array_equal(
        guide[row], whole.sources[0][y : y + 16, x : x + 16]
      )


def test_patches_must_fit_into_the_cubes(tmp_path) -> None:
  write_scenes(tmp_path / 'set', finer=1)
  source = open_source(tmp_path / 'set', holdout=0.0)
  with pytest.raises(InputError, match=r'24x20, smaller than data\.size 32x32'):
    batches(source, 1, size=(32, 32))


def test_cubes_of_different_bands_are_refused(tmp_path) -> None:
  write_scenes(tmp_path / 'set', finer=1)
  np.save(tmp_path / 'set' / '2_ms.npy', np.zeros((20, 24, 4), 'u1'))
  source = open_source(tmp_path / 'set', holdout=0.0)
  with pytest.raises(InputError, match='5 bands with its guide'):
    batches(source, 3)


def test_real_cubes(shared_data) -> None:
  source = open_source(shared_data / 'msf' / 'landsat7', holdout=0.34)
  assert len(source) == 8
  (batch,) = batches(source, 1, size=(64, 64))
  assert batch['reference'].shape == (4, 64, 64, 6)
  assert batch['sources'][1].shape == (4, 64, 64, 1)
  source = open_source(shared_data / 'msf' / 'cave', holdout=0.0)
  scene = source.read(0)
  assert [s.shape for s in scene.sources] == [(128, 128, 31), (256, 256, 3)]
