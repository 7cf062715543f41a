"""Writing of pictures: what is written is read again, or is not there."""

import os

import numpy as np
import pytest
from PIL import Image

from fusionjax.data.images import read_image
from fusionjax.errors import InputError
from fusionjax.inference import writing


def _picture(dtype, channels):
  rng = np.random.default_rng(0)
  shape = (11, 13, 3) if channels == 3 else (11, 13)
  if np.issubdtype(dtype, np.floating):
    return rng.random(shape, 'f4').astype(dtype)
  return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('suffix', ['.png', '.TIF', '.tiff', '.npy'])
def test_integers_come_back(tmp_path, suffix, dtype, channels):
  picture = _picture(dtype, channels)
  path = tmp_path / 'new' / f'a{suffix}'
  writing.write_image(path, picture)
  read = read_image(path)
  assert read.dtype == dtype
  np.testing.assert_array_equal(read, picture)
  assert os.listdir(path.parent) == [path.name]


def test_16_bit_png_is_well_formed(tmp_path):
  picture = _picture(np.uint16, 3)
  writing.write_image(tmp_path / 'a.png', picture)
  with Image.open(tmp_path / 'a.png') as image:
    image.verify()
  with Image.open(tmp_path / 'a.png') as image:
    np.testing.assert_array_equal(np.asarray(image), picture >> 8)


@pytest.mark.parametrize('suffix', ['.tif', '.npy'])
def test_floats_come_back(tmp_path, suffix):
  picture = _picture(np.float32, 3)
  writing.write_image(tmp_path / f'a{suffix}', picture)
  np.testing.assert_array_equal(read_image(tmp_path / f'a{suffix}'), picture)


def test_floats_become_16_bit_png(tmp_path):
  picture = np.float32([[0, 0.5, 1, 1.5]])
  writing.write_image(tmp_path / 'a.png', picture)
  read = read_image(tmp_path / 'a.png')
  np.testing.assert_array_equal(read, [[0, 32768, 65535, 65535]])


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize('channels', [1, 3])
def test_jpeg_is_close(tmp_path, dtype, channels):
  shape = (32, 32, 3) if channels == 3 else (32, 32, 1)
  unit = np.broadcast_to(np.linspace(0, 1, 32)[:, None, None], shape)
  integer = np.issubdtype(dtype, np.integer)
  top = np.iinfo(dtype).max if integer else 1
  writing.write_image(tmp_path / 'a.jpg', (unit * top).astype(dtype))
  read = read_image(tmp_path / 'a.jpg')
  assert read.shape == (shape if channels == 3 else shape[:2])
  np.testing.assert_allclose(read.reshape(shape), unit * 255, atol=4)


def test_unknown_suffix(tmp_path):
  for name in ('a.gif', 'a'):
    with pytest.raises(InputError, match='cannot write'):
      writing.write_image(tmp_path / name, _picture(np.uint8, 3))
  assert os.listdir(tmp_path) == []


def test_jpeg_has_a_largest_side(tmp_path):
  wide = np.zeros((1, 65501), np.uint8)
  with pytest.raises(InputError, match=r'is 65501x1, and JPEG takes 65500'):
    writing.write_image(tmp_path / 'a.jpg', wide)
  assert os.listdir(tmp_path) == []
  writing.write_image(tmp_path / 'a.jpg', wide[:, :65500])


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
  def full(self, data):
    with self.open('wb') as file:
      file.write(data[:10])
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(writing.Path, 'write_bytes', full)
  with pytest.raises(InputError, match=r'a\.png cannot be written: No space'):
    writing.write_image(tmp_path / 'a.png', _picture(np.uint8, 3))
  assert os.listdir(tmp_path) == []


def test_writable(tmp_path):
  writing.check_writable(tmp_path / 'a' / 'b')
  assert os.listdir(tmp_path) == []
  (tmp_path / 'file').write_bytes(b'')
  for folder in (tmp_path / 'file', tmp_path / 'file' / 'b'):
    with pytest.raises(InputError, match=r'cannot be written: .* is a file'):
      writing.check_writable(folder)


def test_no_permission(tmp_path, monkeypatch):
  monkeypatch.setattr(writing.os, 'access', lambda path, mode: False)
  with pytest.raises(InputError, match='no permission to write'):
    writing.check_writable(tmp_path / 'a')
