"""MATLAB files read as plain data."""

import struct

import numpy as np
import pytest

from fusionjax.data import mat_file
from fusionjax.errors import InputError

scipy_io = pytest.importorskip('scipy.io')
RNG = np.random.default_rng(0)


@pytest.mark.parametrize('compressed', [False, True])
@pytest.mark.parametrize(
  'dtype', ['u1', 'i1', 'u2', 'i2', 'u4', 'i4', 'f4', 'f8']
)
def test_what_was_saved_is_read(tmp_path, compressed, dtype) -> None:
  arrays = {
    'cube': (RNG.random((5, 6, 7)) * 100).astype(dtype),
    'plane': (RNG.random((3, 4)) * 100).astype(dtype),
    # Small enough for the tag itself.
    'x': np.ones((1, 1), dtype),
  }
  path = tmp_path / 'a.mat'
  scipy_io.savemat(path, arrays, do_compression=compressed)
  read = mat_file.read_mat(path)
  assert set(read) == set(arrays)
  for name, array in arrays.items():
    assert read[name].dtype == array.dtype
    np.testing.assert_array_equal(read[name], array)


def test_other_things_are_passed_over(tmp_path) -> None:
  path = tmp_path / 'a.mat'
  scipy_io.savemat(
    path,
    {
      'text': 'hello',
      'cell': np.array([1, 'a'], object),
      'structure': {'a': 1.0},
      'complex': np.ones(3) * 1j,
      'numbers': np.arange(6.0).reshape(2, 3),
    },
  )
  read = mat_file.read_mat(path)
  assert list(read) == ['numbers']
  np.testing.assert_array_equal(read['numbers'], [[0, 1, 2], [3, 4, 5]])


def test_files_that_are_none(tmp_path) -> None:
  path = tmp_path / 'a.mat'
  with pytest.raises(InputError, match='cannot be read'):
    mat_file.read_mat(path)
  path.write_bytes(b'nothing')
  with pytest.raises(InputError, match=r'is no \.mat file'):
    mat_file.read_mat(path)
  path.write_bytes(b'\x89HDF\r\n\x1a\n' + bytes(200))
  with pytest.raises(InputError, match=r'version 7\.3'):
    mat_file.read_mat(path)


@pytest.mark.parametrize('compressed', [False, True])
def test_damaged_files(tmp_path, compressed) -> None:
  path = tmp_path / 'a.mat'
  scipy_io.savemat(
    path, {'x': RNG.random((9, 9, 9))}, do_compression=compressed
  )
  whole = path.read_bytes()
  for cut in (140, 200, len(whole) // 2, len(whole) - 1):
    path.write_bytes(whole[:cut])
    with pytest.raises(InputError, match='damaged or truncated'):
      mat_file.read_mat(path)
  # A shape that the numbers do not fill.
  if not compressed:
    at = whole.index(struct.pack('<3i', 9, 9, 9))
    path.write_bytes(
      whole[:at] + struct.pack('<3i', 9, 9, 8) + whole[at + 12 :]
    )
    with pytest.raises(InputError, match='damaged'):
      mat_file.read_mat(path)
