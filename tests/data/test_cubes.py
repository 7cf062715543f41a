"""Cubes in every kind of file, and the guides beside them."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from fusionjax.data import cubes
from fusionjax.data.folder import find_scenes
from fusionjax.errors import InputError
from fusionjax.inference import writing

RNG = np.random.default_rng(0)


def cube(bands: int, dtype: str = 'u1') -> np.ndarray:
  values = RNG.random((12, 14, bands))
  if dtype == 'f4':
    return values.astype('f4')
  return (values * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize('dtype', ['u1', 'u2', 'f4'])
@pytest.mark.parametrize('bands', [2, 4, 6, 31])
@pytest.mark.parametrize('suffix', ['.npy', '.tif'])
def test_written_cubes_are_read(tmp_path, suffix, bands, dtype) -> None:
  array = cube(bands, dtype)
  path = tmp_path / f'a{suffix}'
  writing.write_image(path, array)
  read = cubes.read_cube(path)
  assert read.dtype == array.dtype
  np.testing.assert_array_equal(read, array)


def test_other_cubes_are_not_written_as_pictures(tmp_path) -> None:
  with pytest.raises(InputError, match=r'\.png holds no 6 channels'):
    writing.write_image(tmp_path / 'a.png', cube(6))
  assert not list(tmp_path.iterdir())


def test_bands_as_pages_and_as_planes(tmp_path) -> None:
  array = cube(5, 'u2')
  planes = np.moveaxis(array, -1, 0)
  tifffile.imwrite(tmp_path / 'pages.tif', planes, photometric='minisblack')
  tifffile.imwrite(
    tmp_path / 'planes.tif',
    planes,
    photometric='minisblack',
    planarconfig='separate',
  )
  for name in ('pages', 'planes'):
    read = cubes.read_cube(tmp_path / f'{name}.tif')
    np.testing.assert_array_equal(read, array)


def test_the_largest_array_of_a_mat_file(tmp_path) -> None:
  scipy_io = pytest.importorskip('scipy.io')
  array = cube(7, 'u2')
  scipy_io.savemat(
    tmp_path / 'a.mat', {'small': array[:3], 'big': array, 'flat': array[0]}
  )
  np.testing.assert_array_equal(cubes.read_cube(tmp_path / 'a.mat'), array)
  scipy_io.savemat(tmp_path / 'b.mat', {'flat': array[0]})
  with pytest.raises(InputError, match='three axes'):
    cubes.read_cube(tmp_path / 'b.mat')


def test_bands_in_several_files(tmp_path) -> None:
  first, second = cube(3), cube(3)
  Image.fromarray(first).save(tmp_path / 'a.png')
  Image.fromarray(second).save(tmp_path / 'b.png')
  read = cubes.read_cubes([tmp_path / 'a.png', tmp_path / 'b.png'])
  np.testing.assert_array_equal(read, np.concatenate([first, second], -1))
  np.save(tmp_path / 'c.npy', cube(2, 'u2'))
  with pytest.raises(InputError, match='must share size and dtype'):
    cubes.read_cubes([tmp_path / 'a.png', tmp_path / 'c.npy'])


@pytest.mark.parametrize(
  ('array', 'words'),
  [
    (np.zeros((3, 4, 5), 'i4'), 'holds int32'),
    (np.full((3, 4, 5), 1.5, 'f4'), r'expected \[0, 1\]'),
    (np.full((3, 4, 5), np.nan, 'f4'), r'expected \[0, 1\]'),
    (np.zeros(5, 'u1'), 'shape'),
    (np.zeros((0, 4, 5), 'u1'), 'empty'),
  ],
)
def test_arrays_that_are_no_cubes(tmp_path, array, words) -> None:
  np.save(tmp_path / 'a.npy', array)
  with pytest.raises(InputError, match=words):
    cubes.read_cube(tmp_path / 'a.npy')


def test_files_that_are_no_cubes(tmp_path) -> None:
  with pytest.raises(InputError, match='is no file'):
    cubes.read_cube(tmp_path / 'a.npy')
  with pytest.raises(InputError, match='unknown kind'):
    cubes.read_cube(tmp_path / 'a.raw')
  for name in ('a.npy', 'a.tif'):
    (tmp_path / name).write_bytes(b'nothing')
    with pytest.raises(InputError):
      cubes.read_cube(tmp_path / name)


@pytest.mark.parametrize(
  ('names', 'guide'),
  [
    (['1_ms_b123', '1_ms_b456', '1_pan'], '1_pan'),
    (['1_pan', '1_ms'], '1_pan'),
    (['scene_ms', 'scene_RGB'], 'scene_RGB'),
    (['cube', 'picture'], 'picture'),
    (['balloons_ms'], None),
    (['1_ms_123', '1_ms_456'], None),
    (['cube'], None),
  ],
)
def test_which_file_is_the_guide(names, guide) -> None:
  paths = [Path(f'{name}.png') for name in names]
  bands, found = cubes.split_guide(paths)
  assert found == (Path(f'{guide}.png') if guide else None)
  assert bands == [path for path in paths if path != found]


def test_to_unit() -> None:
  array = np.array([[[0, 255]]], 'u1')
  unit = cubes.to_unit(array)
  np.testing.assert_array_equal(unit, [[[0, 1]]])
  assert unit.dtype == np.float32


def test_real_sets(shared_data) -> None:
  found = find_scenes([shared_data / 'msf' / 'landsat7'], task='msf')
  assert len(found.scenes) == 12 and not found.left_out
  for scene in found.scenes:
    assert [path.stem[3:] for path in scene.sources] == [
      'ms_b123',
      'ms_b456',
      'pan',
    ]
  bands, guide = cubes.split_guide(found.scenes[0].sources)
  assert cubes.read_cubes(bands).shape == (400, 400, 6)
  assert cubes.read_cube(guide).shape == (800, 800, 1)
  found = find_scenes([shared_data / 'msf' / 'cave'], task='msf')
  assert len(found.scenes) == 1
  cube = cubes.read_cube(found.scenes[0].sources[0])
  assert (cube.shape, cube.dtype) == ((256, 256, 31), np.uint16)
