"""Depth maps: files, units, and samples for super-resolution."""

import numpy as np
import pytest
from PIL import Image

from fusionjax.data import depth, pipeline, sources
from fusionjax.errors import InputError
from fusionjax.training import judges

RNG = np.random.default_rng(0)


def scene(folder, name: str, *, kind: str = '.npy', size=(40, 48)):
  """Writes a colour picture and a depth map; returns the depths."""
  rgb = RNG.integers(0, 256, (*size, 3), np.uint8)
  (folder / 'RGB').mkdir(parents=True, exist_ok=True)
  (folder / 'Depth').mkdir(exist_ok=True)
  Image.fromarray(rgb).save(folder / 'RGB' / f'{name}.png')
  if kind == '.npy':
    metres = RNG.uniform(1, 6, size).astype(np.float32)
    np.save(folder / 'Depth' / f'{name}.npy', metres)
    return metres
  levels = RNG.integers(20, 200, size, np.uint8)
  Image.fromarray(levels).save(folder / 'Depth' / f'{name}{kind}')
  return levels


def options(root, **others):
  return {'root': str(root), 'holdout': 0, 'resize': False, **others}


@pytest.mark.parametrize('kind', ['.npy', '.png'])
def test_a_folder_of_depth(tmp_path, kind) -> None:
  maps = [scene(tmp_path, f'{i}', kind=kind) for i in range(2)]
  source = sources.open_source(
    options(tmp_path, ratio=4), task='gdsr', seed=0, split='train'
  )
  assert '(colour, depth)' in source.describe()
  example = source.read(1)
  colour, upsampled = example.sources
  assert colour.shape == (40, 48, 3) and colour.max() <= 1
  assert upsampled.shape == example.reference.shape == (40, 48, 1)
  assert example.limits == (maps[1].min(), maps[1].max())
  restored = depth.restored(example.reference, example)[..., 0]
  np.testing.assert_allclose(restored, maps[1], atol=1e-4)
  small = depth.reduce(example.reference, ratio=4)
  assert small.shape == (10, 12, 1)
  batch = next(
    pipeline.train_batches(
      source,
      options(tmp_path, ratio=4, size=(16, 32), batch_size=2),
      task='gdsr',
      seed=0,
    )
  )
  shapes = [x.shape for x in (*batch['sources'], batch['reference'])]
  assert shapes == [(2, 16, 32, 3), (2, 16, 32, 1), (2, 16, 32, 1)]


def test_the_labelled_file_of_nyu(tmp_path, monkeypatch) -> None:
  h5py = pytest.importorskip('h5py')
  path = tmp_path / 'nyu_depth_v2_labeled.mat'
  images = RNG.integers(0, 256, (3, 3, 20, 16), np.uint8)
  depths = RNG.uniform(1, 5, (3, 20, 16)).astype(np.float32)
  with h5py.File(path, 'w') as file:
    file['images'], file['depths'] = images, depths
  monkeypatch.setattr(depth, 'NYU_TRAIN', 2)
  found = {
    split: sources.open_source(
      options(path, ratio=2), task='gdsr', seed=0, split=split
    )
    for split in ('train', 'test', 'all')
  }
  assert [len(s) for s in found.values()] == [2, 1, 3]
  example = found['test'].read(0)
  # MATLAB's axes come in reverse.
  assert example.sources[0].shape == (16, 20, 3)
  np.testing.assert_allclose(
    example.sources[0][3, 5] * 255, images[2, :, 5, 3], atol=1e-4
  )
  restored = depth.restored(example.reference, example)[..., 0]
  np.testing.assert_allclose(restored, depths[2].T, atol=1e-5)
  (tmp_path / 'other.mat').write_bytes(b'no')
  with pytest.raises(InputError, match='no HDF5 file'):
    depth.NYUSource(tmp_path / 'other.mat', split='all')


def test_synthetic_depth_has_edges() -> None:
  source = depth.SyntheticDepth(length=2, seed=1, split='train')
  first, again = source.read(0), source.read(0)
  np.testing.assert_array_equal(first.reference, again.reference)
  assert np.abs(np.diff(first.reference[..., 0], axis=1)).max() > 0.1
  assert np.any(first.sources[1] != first.reference)
  other = depth.SyntheticDepth(length=2, seed=2, split='train').read(0)
  assert np.any(other.reference != first.reference)


def test_errors_are_in_the_unit_of_the_protocol(tmp_path) -> None:
  scene(tmp_path, 'a')
  scene(tmp_path, 'b')
  example = sources.open_source(
    options(tmp_path, ratio=4), task='gdsr', seed=0, split='train'
  ).read(0)
  low, high = example.limits
  metrics = judges.select('all', task='gdsr', toolbox='mgdn/nyu')
  # A hundredth of the range everywhere, but at the two ends of it.
  off = np.clip(example.reference + 0.01, 0, 1)
  found = judges.score(off, example, metrics=metrics, toolbox='mgdn/nyu')
  np.testing.assert_allclose(found['depth_rmse'], high - low, rtol=2e-2)
  gain = 20 * np.log10(found['bicubic_rmse'] / found['depth_rmse'])
  np.testing.assert_allclose(found['gain_db'], gain)
  perfect = judges.score(
    example.reference, example, metrics=('depth_rmse',), toolbox='mgdn/nyu'
  )
  np.testing.assert_allclose(perfect['depth_rmse'], 0, atol=1e-4)


@pytest.mark.parametrize(
  ('array', 'words'),
  [
    (np.ones((4, 4, 3), np.float32), 'a depth map is'),
    (np.full((4, 4), np.nan, np.float32), 'no numbers'),
  ],
)
def test_files_that_are_no_depth(tmp_path, array, words) -> None:
  np.save(tmp_path / 'x.npy', array)
  with pytest.raises(InputError, match=words):
    depth.read_depth(tmp_path / 'x.npy')


def test_ratios_that_leave_nothing() -> None:
  with pytest.raises(InputError, match='cannot be reduced by 16'):
    depth.reduce(np.ones((8, 40, 1), np.float32), ratio=16)
