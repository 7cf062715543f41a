"""Every row of docs/files.md: a file of that mode is read as the row says."""

import importlib.util
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from fusionjax.data import images, radiance_files
from fusionjax.inference import radiance, writing

_TOP = Path(__file__).resolve().parents[2]
_TOP = Path(os.environ.get('FUSIONJAX_TOP', _TOP))
_SIZE = (20, 23)
_SUFFIXES = {'PNG': '.png', 'JPEG': '.jpg', 'TIFF': '.tif', 'BMP': '.bmp'}


def _page():
  spec = importlib.util.spec_from_file_location('page', _TOP / 'docs/files.py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


_PAGE = _page()
_MODES = _PAGE.MODES


def _noise(channels, dtype=np.uint8):
  rng = np.random.default_rng(0)
  shape = (*_SIZE, channels) if channels else _SIZE
  if np.issubdtype(dtype, np.floating):
    return rng.random(shape).astype(dtype)
  return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def _smooth(channels):
  ramp = np.linspace(40, 220, _SIZE[1], dtype='f4')[None, :, None]
  levels = np.broadcast_to(ramp, (*_SIZE, channels)).astype(np.uint8)
  return levels if channels > 1 else levels[..., 0]


def _split(levels):
  """Colours and alpha of levels whose last channel is alpha."""
  colours = levels[..., :-1]
  return colours[..., 0] if colours.shape[-1] == 1 else colours, levels[..., -1]


def _pillow(path, mode, **options):
  """Saves noise; gives colours and alpha."""
  channels = {'L': 0, 'LA': 2, 'RGB': 3, 'RGBA': 4}[mode]
  levels = _noise(channels)
  Image.fromarray(levels).save(path, **options)
  return _split(levels) if mode in ('LA', 'RGBA') else (levels, None)


def _two_levels(path):
  bits = _noise(0) > 127
  Image.fromarray(bits).save(path)
  return bits * np.uint8(255), None


def _deep_png(path, channels):
  """Written by our own encoder, which test_writing judges by Pillow."""
  levels = _noise(channels, np.uint16)
  colours, alpha = _split(levels) if channels in (2, 4) else (levels, None)
  writing.write_image(path, colours, alpha=alpha)
  return colours, alpha


def _palette(path, **options):
  index = _noise(0) % 4
  colours = np.uint8([[9, 20, 30], [200, 10, 0], [7, 7, 7], [255, 0, 128]])
  image = Image.fromarray(index, 'L')
  image.putpalette(colours.ravel().tolist())
  image.save(path, **options)
  alpha = None
  if options:
    alpha = np.uint8([0, 255, 128, 255])[index]
  return colours[index], alpha


def _insert_key(path, key):
  """Names a transparent colour in a PNG."""
  data = path.read_bytes()
  end = data.index(b'IDAT') - 4
  body = struct.pack(f'>{len(key)}H', *key)
  check = struct.pack('>I', zlib.crc32(b'tRNS' + body))
  chunk = struct.pack('>I', len(body)) + b'tRNS' + body + check
  path.write_bytes(data[:end] + chunk + data[end:])


def _keyed(path, channels, dtype):
  levels = _noise(channels, dtype)
  levels[3:9, 4:11] = 77
  writing.write_image(path, levels)
  _insert_key(path, [77] * (channels or 1))
  same = levels == 77
  clear = same.all(axis=-1) if channels else same
  top = np.iinfo(dtype).max
  return levels, np.where(clear, 0, top).astype(dtype)


def _jpeg(path, mode):
  if mode == 'CMYK':
    Image.fromarray(_smooth(4), 'CMYK').save(path, quality=100)
    light = 255 - _smooth(4)[..., :3].astype('f4')
    return light * light / 255, None
  levels = _smooth(1 if mode == 'L' else 3)
  Image.fromarray(levels).save(path, quality=100)
  return levels, None


def _tiff(path, channels, dtype=np.uint16, **options):
  levels = _noise(channels, dtype)
  options.setdefault('photometric', 'rgb' if channels > 2 else 'minisblack')
  if channels in (2, 4):
    options.setdefault('extrasamples', ['unassalpha'])
  if channels:
    options['planarconfig'] = 'contig'
  tifffile.imwrite(path, levels, **options)
  return _split(levels) if channels in (2, 4) else (levels, None)


def _white_is_zero(path, dtype):
  levels, _ = _tiff(path, 0, dtype, photometric='miniswhite')
  return np.iinfo(dtype).max - levels, None


def _multiplied(path):
  colours = _noise(3, np.uint16)
  alpha = np.maximum(_noise(0, np.uint16), 30000)
  shares = alpha[..., None] / 65535
  stored = np.rint(colours * shares).astype(np.uint16)
  tifffile.imwrite(
    path,
    np.concatenate([stored, alpha[..., None]], -1),
    photometric='rgb',
    planarconfig='contig',
    extrasamples=['assocalpha'],
  )
  return colours, alpha


def _inks(path, dtype):
  levels = _noise(4, dtype)
  tifffile.imwrite(path, levels, photometric='separated', planarconfig='contig')
  top = np.iinfo(dtype).max
  light = top - levels.astype('f8')
  return light[..., :3] * light[..., 3:] / top, None


def _npy(path, channels, dtype):
  levels = _noise(channels, dtype)
  np.save(path, levels)
  return levels, None


def _hdr(path):
  levels = _noise(3, np.float32)
  path.write_bytes(radiance.encode_hdr(levels))
  return levels, None


def _exr(path, channels):
  exr = pytest.importorskip('OpenEXR')
  levels = _noise(channels, np.float32)
  if channels:
    path.write_bytes(radiance.encode_exr(levels))
  else:
    header = {'compression': exr.ZIP_COMPRESSION, 'type': exr.scanlineimage}
    exr.File(header, {'Z': levels}).write(str(path))
  return levels, None


_MAKERS = {
  ('PNG', 'black and white'): _two_levels,
  ('PNG', 'grey, 8 bits'): lambda p: _pillow(p, 'L'),
  ('PNG', 'grey, 16 bits'): lambda p: _deep_png(p, 0),
  ('PNG', 'grey + alpha, 8 bits'): lambda p: _pillow(p, 'LA'),
  ('PNG', 'grey + alpha, 16 bits'): lambda p: _deep_png(p, 2),
  ('PNG', 'grey with a transparent level, 16 bits'): lambda p: _keyed(
    p, 0, np.uint16
  ),
  ('PNG', 'RGB, 8 bits'): lambda p: _pillow(p, 'RGB'),
  ('PNG', 'RGB, 16 bits'): lambda p: _deep_png(p, 3),
  ('PNG', 'RGB with a transparent colour, 8 bits'): lambda p: _keyed(
    p, 3, np.uint8
  ),
  ('PNG', 'RGB with a transparent colour, 16 bits'): lambda p: _keyed(
    p, 3, np.uint16
  ),
  ('PNG', 'RGBA, 8 bits'): lambda p: _pillow(p, 'RGBA'),
  ('PNG', 'RGBA, 16 bits'): lambda p: _deep_png(p, 4),
  ('PNG', 'palette'): _palette,
  ('PNG', 'palette with transparent colours'): lambda p: _palette(
    p, transparency=bytes([0, 255, 128])
  ),
  ('JPEG', 'grey'): lambda p: _jpeg(p, 'L'),
  ('JPEG', 'RGB (YCbCr)'): lambda p: _jpeg(p, 'RGB'),
  ('JPEG', 'CMYK'): lambda p: _jpeg(p, 'CMYK'),
  ('TIFF', 'black and white'): _two_levels,
  ('TIFF', 'grey, 8 bits'): lambda p: _tiff(p, 0, np.uint8),
  ('TIFF', 'grey, 16 bits'): lambda p: _tiff(p, 0),
  ('TIFF', 'grey, white is zero, 8 bits'): lambda p: _white_is_zero(
    p, np.uint8
  ),
  ('TIFF', 'grey, white is zero, 16 bits'): lambda p: _white_is_zero(
    p, np.uint16
  ),
  ('TIFF', 'grey, float'): lambda p: _tiff(p, 0, np.float32),
  ('TIFF', 'grey + alpha, 8 bits'): lambda p: _tiff(p, 2, np.uint8),
  ('TIFF', 'grey + alpha, 16 bits'): lambda p: _tiff(p, 2),
  ('TIFF', 'RGB, 8 bits'): lambda p: _tiff(p, 3, np.uint8),
  ('TIFF', 'RGB, 16 bits'): lambda p: _tiff(p, 3),
  ('TIFF', 'RGB, float'): lambda p: _tiff(p, 3, np.float64),
  ('TIFF', 'RGBA, 8 bits'): lambda p: _tiff(p, 4, np.uint8),
  ('TIFF', 'RGBA, 16 bits'): lambda p: _tiff(p, 4),
  ('TIFF', 'RGBA, colours multiplied by alpha, 16 bits'): _multiplied,
  ('TIFF', 'palette'): _palette,
  ('TIFF', 'CMYK, 8 bits'): lambda p: _inks(p, np.uint8),
  ('TIFF', 'CMYK, 16 bits'): lambda p: _inks(p, np.uint16),
  ('WebP', 'RGB'): lambda p: _pillow(p, 'RGB', lossless=True),
  ('WebP', 'RGBA'): lambda p: _pillow(p, 'RGBA', lossless=True, exact=True),
  ('BMP', 'black and white'): _two_levels,
  ('BMP', 'palette'): _palette,
  ('BMP', 'RGB'): lambda p: _pillow(p, 'RGB'),
  ('.npy', '[h, w] or [h, w, 1], uint8'): lambda p: _npy(p, 0, np.uint8),
  ('.npy', '[h, w, 3], uint16'): lambda p: _npy(p, 3, np.uint16),
  ('.npy', '[h, w, 3], float of any size'): lambda p: _npy(p, 3, np.float64),
  ('.hdr', 'RGB and exponent'): _hdr,
  ('.exr', 'R, G, B'): lambda p: _exr(p, 3),
  ('.exr', 'one channel'): lambda p: _exr(p, 0),
}
# Of 255 and of 65535 levels; of floats in parts of 1.
_TOLERANCE = {
  ('JPEG', 'grey'): 2,
  ('JPEG', 'RGB (YCbCr)'): 2,
  ('JPEG', 'CMYK'): 3,
  ('TIFF', 'RGBA, colours multiplied by alpha, 16 bits'): 2,
  ('TIFF', 'CMYK, 8 bits'): 1,
  ('TIFF', 'CMYK, 16 bits'): 1,
  ('.hdr', 'RGB and exponent'): 1 / 100,
  ('TIFF', 'RGB, float'): 1e-7,
  ('.npy', '[h, w, 3], float of any size'): 1e-7,
}


def test_page_is_up_to_date():
  kept = _PAGE.PAGE.read_text(encoding='utf-8')
  assert kept == _PAGE.page(), 'run: python docs/files.py'


def test_every_row_has_a_file():
  assert {(kind, mode) for kind, mode, _, _ in _MODES} == set(_MAKERS)


@pytest.mark.parametrize('row', _MODES, ids=lambda row: f'{row[0]} {row[1]}')
def test_modes(tmp_path, row):
  kind, mode, read_as, alpha_from = row
  suffix = _SUFFIXES.get(kind) or f'.{kind.lower().lstrip(".")}'
  path = tmp_path / f'a{suffix}'
  colours, alpha = _MAKERS[kind, mode](path)
  picture = images.read_picture(path)
  dtype, channels = read_as.split(',')[0].split()
  assert picture.pixels.dtype == dtype
  assert picture.pixels.shape == (*_SIZE, 3)[: 3 if channels == 'RGB' else 2]
  np.testing.assert_allclose(
    picture.pixels.astype('f8'),
    colours,
    atol=_TOLERANCE.get((kind, mode), 0),
    rtol=0,
  )
  assert (picture.alpha is not None) == bool(alpha_from)
  if alpha is not None:
    assert picture.alpha.dtype == picture.pixels.dtype
    np.testing.assert_array_equal(picture.alpha, alpha)
  np.testing.assert_array_equal(images.read_image(path), picture.pixels)
  assert images.image_size(path) == _SIZE


def test_opaque_alpha_is_none(tmp_path):
  Image.new('RGBA', (9, 8), (1, 2, 3, 255)).save(tmp_path / 'a.png')
  assert images.read_picture(tmp_path / 'a.png').alpha is None


def test_cmyk_with_a_profile_goes_by_it(tmp_path):
  # There is no CMYK profile to ship; one that makes no sense is passed over.
  image = Image.fromarray(_smooth(4), 'CMYK')
  image.save(tmp_path / 'plain.jpg', quality=100)
  image.save(tmp_path / 'odd.jpg', quality=100, icc_profile=b'no profile')
  plain, odd = (
    images.read_image(tmp_path / name) for name in ('plain.jpg', 'odd.jpg')
  )
  np.testing.assert_array_equal(plain, odd)


def test_lzw_of_deep_colour_says_what_is_missing(tmp_path, monkeypatch):
  image = Image.fromarray(_noise(0, np.uint16))
  image.save(tmp_path / 'a.tif', compression='tiff_lzw')
  assert images.read_image(tmp_path / 'a.tif').dtype == np.uint16
  data = bytearray((tmp_path / 'a.tif').read_bytes())
  # The tag of photometric interpretation: white is zero.
  at = data.index(struct.pack('<HHI', 262, 3, 1)) + 8
  data[at] = 0
  (tmp_path / 'a.tif').write_bytes(data)
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(images.InputError, match='pip install imagecodecs'):
    images.read_image(tmp_path / 'a.tif')


def test_depth_map_of_an_exr(tmp_path):
  exr = pytest.importorskip('OpenEXR')
  depth = 40 * _noise(0, np.float32)
  header = {'compression': exr.ZIP_COMPRESSION, 'type': exr.scanlineimage}
  exr.File(header, {'Y': depth}).write(str(tmp_path / 'a.exr'))
  read = radiance_files.read_exr(tmp_path / 'a.exr')
  np.testing.assert_array_equal(read, depth)
  exr.File(header, {'U': depth, 'V': depth}).write(str(tmp_path / 'b.exr'))
  with pytest.raises(images.InputError, match='channels U, V, expected R, G'):
    images.read_image(tmp_path / 'b.exr')
  with pytest.raises(images.InputError, match='more than 100 pixels'):
    images.read_image(tmp_path / 'a.exr', max_pixels=100)
