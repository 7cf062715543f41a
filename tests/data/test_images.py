"""Reading of image files: depth, orientation, and what is refused."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from fusionjax.data import images
from fusionjax.errors import InputError

_ORIENTATION = 0x0112


def _ramp(height=7, width=9, channels=3, dtype=np.uint16):
  rng = np.random.default_rng(0)
  shape = (height, width, channels) if channels else (height, width)
  return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def _chunk(kind, data):
  check = struct.pack('>I', zlib.crc32(kind + data))
  return struct.pack('>I', len(data)) + kind + data + check


def _paeth(left, up, corner):
  p = left + up - corner
  a, b, c = abs(p - left), abs(p - up), abs(p - corner)
  nearest = np.where(b <= c, up, corner)
  return np.where((a <= b) & (a <= c), left, nearest)


def _png(array, *, filter_type=0, extra=b''):
  """Writes a 16-bit PNG with one row filter, from the specification."""
  height, width, channels = array.shape
  rows = array.astype('>u2').reshape(height, -1).view(np.uint8).astype(int)
  step = rows.shape[1] // width
  left, up, corner = (np.zeros_like(rows) for _ in range(3))
  left[:, step:] = rows[:, :-step]
  up[1:] = rows[:-1]
  corner[1:, step:] = rows[:-1, :-step]
  predicted = (0, left, up, (left + up) // 2, _paeth(left, up, corner))
  coded = ((rows - predicted[filter_type]) % 256).astype(np.uint8)
  lines = b''.join(bytes([filter_type]) + row.tobytes() for row in coded)
  colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
  data = zlib.compress(lines)
  return b''.join(
    (
      b'\x89PNG\r\n\x1a\n',
      _chunk(
        b'IHDR',
        struct.pack('>IIBBBBB', width, height, 16, colour_type, 0, 0, 0),
      ),
      _chunk(b'IDAT', data[:20]),
      _chunk(b'IDAT', data[20:]),
      extra,
      _chunk(b'IEND', b''),
    )
  )


@pytest.mark.parametrize('filter_type', range(5))
@pytest.mark.parametrize('channels', [2, 3, 4])
def test_png_keeps_16_bits_of_colour(tmp_path, filter_type, channels):
  array = _ramp(channels=channels)
  path = tmp_path / 'a.png'
  path.write_bytes(_png(array, filter_type=filter_type))
  image = images.read_image(path)
  assert image.dtype == np.uint16
  # Alpha goes; the colours stay as they are stored.
  expected = array[..., 0] if channels == 2 else array[..., :3]
  np.testing.assert_array_equal(image, expected)


def test_interlaced_png_keeps_16_bits(tmp_path):
  array = _ramp(21, 18)
  passes = (
    array[0::8, 0::8],
    array[0::8, 4::8],
    array[4::8, 0::4],
    array[0::4, 2::4],
    array[2::4, 0::2],
    array[0::2, 1::2],
    array[1::2, 0::1],
  )
  lines = b''.join(
    b'\0' + row.astype('>u2').tobytes() for part in passes for row in part
  )
  header = struct.pack('>IIBBBBB', 18, 21, 16, 2, 0, 0, 1)
  (tmp_path / 'a.png').write_bytes(
    b'\x89PNG\r\n\x1a\n'
    + _chunk(b'IHDR', header)
    + _chunk(b'IDAT', zlib.compress(lines))
    + _chunk(b'IEND', b'')
  )
  np.testing.assert_array_equal(images.read_image(tmp_path / 'a.png'), array)


def test_png_keeps_16_bits_of_grey(tmp_path):
  array = _ramp(channels=0)
  Image.fromarray(array).save(tmp_path / 'a.PNG')
  image = images.read_image(tmp_path / 'a.PNG')
  assert image.dtype == np.uint16
  np.testing.assert_array_equal(image, array)


@pytest.mark.parametrize('suffix', ['.png', '.bmp', '.tif'])
@pytest.mark.parametrize('channels', [0, 3])
def test_8_bits_are_exact(tmp_path, suffix, channels):
  array = _ramp(channels=channels, dtype=np.uint8)
  path = tmp_path / f'a{suffix}'
  Image.fromarray(array).save(path)
  image = images.read_image(path)
  assert image.dtype == np.uint8
  np.testing.assert_array_equal(image, array)
  assert images.image_size(path) == (7, 9)


def test_lossless_webp(tmp_path):
  array = _ramp(channels=3, dtype=np.uint8)
  Image.fromarray(array).save(tmp_path / 'a.webp', lossless=True)
  np.testing.assert_array_equal(images.read_image(tmp_path / 'a.webp'), array)


@pytest.mark.parametrize('planar', ['contig', 'separate'])
@pytest.mark.parametrize('dtype', [np.uint16, np.float32])
def test_tiff_keeps_depth_of_colour(tmp_path, planar, dtype):
  array = _ramp()
  if dtype == np.float32:
    array = array.astype(dtype) / 65535
  stored = np.moveaxis(array, -1, 0) if planar == 'separate' else array
  path = tmp_path / 'a.tiff'
  tifffile.imwrite(path, stored, photometric='rgb', planarconfig=planar)
  image = images.read_image(path)
  assert image.dtype == dtype
  np.testing.assert_array_equal(image, array)
  assert images.image_size(path) == (7, 9)


def test_tiff_of_half_floats_and_grey_with_alpha(tmp_path):
  half = np.linspace(0, 1, 63, dtype='f2').reshape(7, 9)
  tifffile.imwrite(tmp_path / 'a.tif', half, photometric='minisblack')
  image = images.read_image(tmp_path / 'a.tif')
  assert image.dtype == np.float32
  np.testing.assert_array_equal(image, half)
  grey = _ramp(channels=2)
  tifffile.imwrite(
    tmp_path / 'b.tif',
    grey,
    photometric='minisblack',
    planarconfig='contig',
    extrasamples=['unassalpha'],
  )
  np.testing.assert_array_equal(
    images.read_image(tmp_path / 'b.tif'), grey[..., 0]
  )
  complex_ = np.zeros((7, 9), np.complex64)
  tifffile.imwrite(tmp_path / 'c.tif', complex_, photometric='minisblack')
  with pytest.raises(InputError, match='TIFF of complex64 is not read'):
    images.read_image(tmp_path / 'c.tif')


def test_tiff_keeps_depth_of_grey(tmp_path):
  for array in (_ramp(channels=0), np.linspace(0, 1, 63, dtype='f4')):
    array = array.reshape(7, 9)
    tifffile.imwrite(tmp_path / 'a.tif', array, photometric='minisblack')
    image = images.read_image(tmp_path / 'a.tif')
    assert image.dtype == array.dtype
    np.testing.assert_array_equal(image, array)


def test_palette_and_alpha_become_rgb(tmp_path):
  indices = np.arange(63, dtype=np.uint8).reshape(7, 9)
  colours = _ramp(256, 1, dtype=np.uint8)[:, 0]
  palette = Image.fromarray(indices).convert('P')
  palette.putpalette(colours.tobytes())
  palette.putdata(indices.ravel())
  palette.save(tmp_path / 'p.png')
  np.testing.assert_array_equal(
    images.read_image(tmp_path / 'p.png'), colours[indices]
  )
  rgba = _ramp(channels=4, dtype=np.uint8)
  Image.fromarray(rgba).save(tmp_path / 'a.png')
  np.testing.assert_array_equal(
    images.read_image(tmp_path / 'a.png'), rgba[..., :3]
  )


def test_cmyk_jpeg_becomes_rgb(tmp_path):
  red = Image.new('CMYK', (24, 16), (0, 255, 255, 0))
  red.save(tmp_path / 'a.jpg', quality=95)
  image = images.read_image(tmp_path / 'a.jpg')
  assert image.shape == (16, 24, 3)
  np.testing.assert_allclose(image[8, 8], [255, 0, 0], atol=4)


def _turned(array, orientation):
  """What a viewer shows, from the definition of the EXIF tag."""
  return {
    1: array,
    2: np.fliplr(array),
    3: np.rot90(array, 2),
    4: np.flipud(array),
    5: np.rot90(np.fliplr(array)),
    6: np.rot90(array, -1),
    7: np.rot90(np.fliplr(array), -1),
    8: np.rot90(array),
  }[orientation]


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('kind', ['png', 'png16', 'late', 'tif', 'tif16'])
def test_orientation_is_applied(tmp_path, orientation, kind):
  exif = Image.Exif()
  exif[_ORIENTATION] = orientation
  dtype = np.uint16 if kind.endswith('16') else np.uint8
  array = _ramp(dtype=dtype)
  path = tmp_path / f'a.{kind[:3].replace("lat", "png")}'
  raw = exif.tobytes().removeprefix(b'Exif\0\0')
  if kind == 'png16':
    path.write_bytes(_png(array, extra=_chunk(b'eXIf', raw)))
  elif kind == 'late':
    # Some programs write the tag behind the pixels.
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, 'PNG')
    end = buffer.getvalue().index(b'IEND') - 4
    data = buffer.getvalue()
    path.write_bytes(data[:end] + _chunk(b'eXIf', raw) + data[end:])
  elif kind == 'tif16':
    tag = (_ORIENTATION, 'H', 1, orientation, False)
    tifffile.imwrite(path, array, photometric='rgb', extratags=[tag])
  else:
    Image.fromarray(array).save(path, exif=exif)
  expected = _turned(array, orientation)
  np.testing.assert_array_equal(images.read_image(path), expected)
  assert images.image_size(path) == expected.shape[:2]


def test_orientation_of_a_jpeg(tmp_path):
  array = np.zeros((16, 32, 3), np.uint8)
  array[:, 16:] = 255
  exif = Image.Exif()
  exif[_ORIENTATION] = 6
  path = tmp_path / 'a.JPG'
  Image.fromarray(array).save(path, 'JPEG', exif=exif)
  image = images.read_image(path)
  assert image.shape == (32, 16, 3)
  assert images.image_size(path) == (32, 16)
  assert image[:16].mean() < 5
  assert image[16:].mean() > 250


def test_size_reads_no_pixels(tmp_path):
  Image.fromarray(_ramp(64, 80, dtype=np.uint8)).save(tmp_path / 'a.jpg')
  data = (tmp_path / 'a.jpg').read_bytes()
  (tmp_path / 'a.jpg').write_bytes(data[: len(data) // 2])
  assert images.image_size(tmp_path / 'a.jpg') == (64, 80)
  with pytest.raises(InputError, match='truncated'):
    images.read_image(tmp_path / 'a.jpg')


@pytest.mark.parametrize('dtype', ['u1', 'u2', 'f4', 'f8'])
def test_npy(tmp_path, dtype):
  array = (_ramp(dtype=np.uint8) / 255).astype(dtype)
  np.save(tmp_path / 'a.npy', array)
  image = images.read_image(tmp_path / 'a.npy')
  assert image.dtype == ('f4' if dtype == 'f8' else dtype)
  np.testing.assert_array_equal(image, array.astype(image.dtype))
  assert images.image_size(tmp_path / 'a.npy') == (7, 9)


def test_unit_rgb():
  grey = np.array([[0, 128, 255]], np.uint8)
  expected = np.float32([0, 128 / 255, 1])
  for image in (grey, grey[..., None], np.repeat(grey[..., None], 3, -1)):
    unit = images.to_unit_rgb(image)
    assert unit.dtype == np.float32
    assert unit.shape == (1, 3, 3)
    np.testing.assert_array_equal(unit[0, :, 1], expected)
  deep = images.to_unit_rgb(np.uint16([[65535, 257]]))
  np.testing.assert_array_equal(deep[0, :, 0], np.float32([1, 1 / 255]))
  floats = np.float64([[0.25, 0.5]])
  assert images.to_unit_rgb(floats).dtype == np.float32
  np.testing.assert_array_equal(images.to_unit_rgb(floats)[..., 2], floats)
  for bad in (np.zeros((4, 4, 2), 'u1'), np.zeros((4, 4), 'i4')):
    with pytest.raises(InputError):
      images.to_unit_rgb(bad)


def _jpeg():
  buffer = io.BytesIO()
  Image.fromarray(_ramp(64, 64, dtype=np.uint8)).save(buffer, 'JPEG')
  return buffer.getvalue()


def _broken_png():
  data = bytearray(_png(_ramp(40, 40)))
  data[data.index(b'IDAT') + 12] ^= 255
  return bytes(data)


_BAD = {
  'absent.png': (None, 'does not exist'),
  'text.png': (b'these are words, no pixels\n', 'is not an image'),
  'cut.jpg': (_jpeg()[:1500], 'damaged or truncated'),
  'head.jpg': (_jpeg()[:30], 'not an image|damaged'),
  'cut.png': (_png(_ramp(40, 40))[:2000], 'damaged or truncated'),
  'bad.png': (_broken_png(), 'damaged or truncated'),
  'cut.tif': (b'II*\0\x08\0\0\0\x05', 'not an image|damaged'),
  'empty.png': (b'', r'empty \(0 bytes\)'),
  'empty.npy': (b'', r'empty \(0 bytes\)'),
  'torn.npy': (
    b'\x93NUMPY\x01\x00\x10\x00{"descr": (((  \n\n',
    'file of numbers',
  ),
  'text.npy': (b'no array', 'no .npy file'),
  'notes.txt': (b'words', 'unknown kind of image'),
}


@pytest.mark.parametrize('name', _BAD)
def test_bad_files_are_named_in_one_line(tmp_path, name):
  data, message = _BAD[name]
  path = tmp_path / name
  if data is not None:
    path.write_bytes(data)
  with pytest.raises(InputError, match=message) as raised:
    images.read_image(path)
  assert str(path) in str(raised.value)
  assert '\n' not in str(raised.value)


def test_folder_is_refused(tmp_path):
  with pytest.raises(InputError, match='is a folder'):
    images.read_image(tmp_path)


def test_pickled_npy_is_refused(tmp_path):
  np.save(tmp_path / 'a.npy', np.array([{}], object), allow_pickle=True)
  with pytest.raises(InputError, match='file of numbers'):
    images.read_image(tmp_path / 'a.npy')


def test_npy_of_another_shape_or_kind_is_refused(tmp_path):
  for array in (np.zeros((2, 3, 4, 5)), np.zeros((8, 8), 'i8')):
    np.save(tmp_path / 'a.npy', array)
    with pytest.raises(InputError, match='expected'):
      images.read_image(tmp_path / 'a.npy')


@pytest.mark.parametrize('suffix', ['.png', '.npy', '.tif'])
def test_too_many_pixels(tmp_path, suffix):
  path = tmp_path / f'a{suffix}'
  if suffix == '.npy':
    np.save(path, np.zeros((10, 10), 'u1'))
  elif suffix == '.tif':
    tifffile.imwrite(path, np.zeros((10, 10, 3), 'f4'), photometric='rgb')
  else:
    Image.new('L', (10, 10)).save(path)
  assert images.read_image(path, max_pixels=100).shape[:2] == (10, 10)
  with pytest.raises(InputError, match='10x10, more than 99 pixels'):
    images.read_image(path, max_pixels=99)


def test_pillows_own_limit_is_put_back(tmp_path, monkeypatch):
  monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 10)
  Image.new('L', (20, 20)).save(tmp_path / 'a.png')
  assert images.read_image(tmp_path / 'a.png').shape == (20, 20)
  assert Image.MAX_IMAGE_PIXELS == 10
