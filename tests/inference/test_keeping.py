"""What follows pictures to the fused file: depth, alpha, EXIF, profile."""

import types

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

import fusionjax
from fusionjax import cli
from fusionjax.data.images import read_image, read_picture
from fusionjax.inference import encoding, files, transparency, writing

_ORIENTATION, _MAKE, _ARTIST, _EXIF = 0x0112, 0x010F, 0x013B, 0x8769
_WIDTH, _EXPOSURE, _NOTES = 0xA002, 0x829A, 0x927C
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
_CMYK = _SRGB[:16] + b'CMYK' + _SRGB[20:]
_MODEL = types.SimpleNamespace(
  fuse=lambda images, *, names: np.mean(images, axis=0).astype(images[0].dtype),
  expect=list,
  compiled_for=tuple,
)


def _noise(channels=3, size=(24, 32), dtype=np.uint8):
  shape = (*size, channels) if channels > 1 else size
  top = np.iinfo(dtype).max
  return np.random.default_rng(0).integers(0, top, shape, dtype, endpoint=True)


def _shot(path, *, mode='RGB', profile=_SRGB):
  """A JPEG as a camera writes it, 32 x 24, held upright."""
  exif = Image.Exif()
  exif[_ORIENTATION], exif[_MAKE], exif[_ARTIST] = 6, 'Maker', 'Someone'
  exif[_EXIF] = {_WIDTH: 32, 0xA003: 24, _EXPOSURE: 0.01, _NOTES: b'private'}
  levels = _noise(1 if mode == 'L' else len(mode))
  image = Image.fromarray(levels, mode)
  image.save(path, 'JPEG', exif=exif, icc_profile=profile, quality=98)
  return path


def _fuse(sources, output, **handling):
  plan = files.plan_jobs(sources, output, task='mef', overwrite=True)
  (outcome,) = files.run_jobs(
    _MODEL, plan, overwrite=True, handling=files.Handling(**handling)
  )
  assert outcome.error is None, outcome.error
  return Image.open(output)


def _check_exif(image, width, height):
  exif = image.getexif()
  assert (exif[_MAKE], exif[_ARTIST]) == ('Maker', 'Someone')
  assert exif.get(_ORIENTATION, 1) == 1
  details = exif.get_ifd(_EXIF)
  assert (details[_WIDTH], details[0xA003]) == (width, height)
  assert details[_EXPOSURE] == pytest.approx(0.01)
  assert _NOTES not in details


def test_jpeg_to_jpeg_keeps_metadata(tmp_path):
  pair = [_shot(tmp_path / name) for name in ('a.jpg', 'b.jpg')]
  fused = _fuse(pair, tmp_path / 'c.jpg')
  assert fused.size == (24, 32), 'the pictures were turned'
  _check_exif(fused, 24, 32)
  assert fused.info['icc_profile'] == _SRGB
  plain = _fuse(pair, tmp_path / 'c.jpg', metadata=False)
  assert 'icc_profile' not in plain.info and not plain.getexif()


@pytest.mark.parametrize('suffix', ['.png', '.webp', '.tif'])
def test_metadata_on_request(tmp_path, suffix):
  pair = [_shot(tmp_path / name) for name in ('a.jpg', 'b.jpg')]
  output = tmp_path / f'c{suffix}'
  plain = _fuse(pair, output)
  assert 'icc_profile' not in plain.info and _MAKE not in plain.getexif()
  fused = _fuse(pair, output, metadata=True)
  assert fused.info['icc_profile'] == _SRGB
  if suffix == '.tif':
    assert fused.getexif()[_MAKE] == 'Maker'
    assert _EXIF not in fused.getexif()
  else:
    _check_exif(fused, 24, 32)


def test_metadata_of_the_first_source(tmp_path):
  first = tmp_path / 'a.png'
  Image.fromarray(_noise(size=(32, 24))).save(first)
  second = _shot(tmp_path / 'b.jpg')
  fused = _fuse([first, second], tmp_path / 'c.jpg', metadata=True)
  assert 'icc_profile' not in fused.info and not fused.getexif()
  fused = _fuse([second, first], tmp_path / 'c.jpg')
  assert fused.info['icc_profile'] == _SRGB


def test_16_bit_png_with_metadata(tmp_path):
  picture = _noise(dtype=np.uint16)
  held = read_picture(_shot(tmp_path / 'a.jpg'), metadata=True).metadata
  writing.write_image(tmp_path / 'a.png', picture, metadata=held)
  np.testing.assert_array_equal(read_image(tmp_path / 'a.png'), picture)
  with Image.open(tmp_path / 'a.png') as image:
    assert image.info['icc_profile'] == _SRGB
    _check_exif(image, 32, 24)
  assert held == read_picture(_shot(tmp_path / 'a.jpg'), metadata=True).metadata


@pytest.mark.parametrize(
  ('mode', 'profile'), [('L', _SRGB), ('CMYK', _CMYK), ('RGB', b'odd')]
)
def test_a_profile_that_does_not_fit_is_left_out(tmp_path, mode, profile):
  pair = [
    _shot(tmp_path / name, mode=mode, profile=profile)
    for name in ('a.jpg', 'b.jpg')
  ]
  fused = _fuse(pair, tmp_path / 'c.jpg')
  assert 'icc_profile' not in fused.info
  _check_exif(fused, 24, 32)


@pytest.mark.parametrize('suffix', ['.png', '.webp', '.tif'])
@pytest.mark.parametrize('channels', [1, 3])
def test_alpha_is_kept(tmp_path, suffix, channels):
  colours, alpha = _noise(channels), _noise(1)
  for name in 'ab':
    writing.write_image(tmp_path / f'{name}.png', colours, alpha=alpha)
  pair = [tmp_path / 'a.png', tmp_path / 'b.png']
  output = tmp_path / f'c{suffix}'
  _fuse(pair, output, quality=encoding.Quality(lossless=True))
  fused = read_picture(output)
  np.testing.assert_array_equal(fused.alpha, alpha)
  if suffix == '.webp' and channels == 1:
    colours = np.repeat(colours[..., None], 3, -1)
  np.testing.assert_array_equal(fused.pixels, colours)


@pytest.mark.parametrize('suffix', ['.jpg', '.bmp', '.npy'])
def test_alpha_where_there_is_no_room(tmp_path, suffix):
  writing.write_image(tmp_path / f'a{suffix}', _noise(), alpha=_noise(1))
  read = read_picture(tmp_path / f'a{suffix}')
  assert read.alpha is None and read.pixels.shape == (24, 32, 3)


def test_rule_of_alpha():
  first, second = np.uint8([[0, 10, 255]]), np.uint16([[257, 0, 65535]])

  def fuse(planes, rule='largest', dtype=np.uint8):
    return transparency.fuse_alpha(planes, rule=rule, dtype=np.dtype(dtype))

  np.testing.assert_array_equal(fuse([first, second]), [[1, 10, 255]])
  deep = fuse([first, second], dtype=np.uint16)
  np.testing.assert_array_equal(deep, [[257, 2570, 65535]])
  assert fuse([first, second], dtype=np.float32).max() == 1
  np.testing.assert_array_equal(fuse([first, second], 'first'), first)
  np.testing.assert_array_equal(fuse([first, None], 'first'), first)
  assert fuse([first, None]) is None, 'one opaque source covers everything'
  assert fuse([first, second], 'drop') is None


def test_quality(tmp_path):
  picture = _noise(size=(64, 64))
  sizes = []
  for level in (30, 95):
    quality = encoding.Quality(level)
    for suffix in ('.jpg', '.webp'):
      path = tmp_path / f'{level}{suffix}'
      writing.write_image(path, picture, quality=quality)
      sizes.append(path.stat().st_size)
  assert sizes[0] < sizes[2] / 2 and sizes[1] < sizes[3] / 2
  path = tmp_path / 'a.webp'
  lossless = encoding.Quality(lossless=True)
  writing.write_image(path, picture, quality=lossless)
  np.testing.assert_array_equal(read_image(path), picture)
  writing.write_image(tmp_path / 'a.bmp', picture)
  np.testing.assert_array_equal(read_image(tmp_path / 'a.bmp'), picture)


def test_8_and_16_bits_fuse_to_the_same():
  rng = np.random.default_rng(0)
  across, down = np.linspace(0, 1, 32), np.linspace(1, 0.3, 24)
  ramp = across[None, :, None] * down[:, None, None]
  pair = [
    np.rint(255 * np.clip(ramp * gain + 0.02 * rng.random((24, 32, 3)), 0, 1))
    for gain in (0.4, 1.3)
  ]
  loaded = fusionjax.load_model('ffmef-mef')
  plain = loaded.fuse([p.astype(np.uint8) for p in pair])
  deep = loaded.fuse([(257 * p).astype(np.uint16) for p in pair])
  assert (plain.dtype, deep.dtype) == (np.uint8, np.uint16)
  assert np.abs(deep / 257 - plain).max() <= 1
  # As a camera gives 16 bits: with more than the 8-bit levels.
  finer = [
    np.clip(257 * p + rng.integers(-128, 129, p.shape), 0, 65535) for p in pair
  ]
  deep = loaded.fuse([p.astype(np.uint16) for p in finer])
  rounded = np.rint(deep / 257)
  assert np.mean(np.abs(rounded - plain) <= 1) > 0.99


def test_16_bits_through_files(tmp_path, capsys):
  for at, name in enumerate('ab'):
    tifffile.imwrite(
      tmp_path / f'{name}.tif',
      _noise(dtype=np.uint16) // (at + 1),
      photometric='rgb',
    )
  pair = [str(tmp_path / name) for name in ('a.tif', 'b.tif')]
  for suffix, dtype in (('png', 'u2'), ('tif', 'u2'), ('jpg', 'u1')):
    output = tmp_path / f'c.{suffix}'
    _fuse(pair, output)
    assert read_image(output).dtype == dtype
  for wrong in (('--quality', '0'), ('--max-pixels', '0')):
    argv = ['fuse', *pair, '-o', str(tmp_path / 'd.png'), *wrong]
    assert cli.main(argv) == 2
    assert wrong[0] in capsys.readouterr().err
  argv = ['fuse', *pair, '-o', str(tmp_path / 'd.png'), '--max-pixels', '99']
  assert cli.main(argv) == 2
  assert 'more than 99 pixels' in capsys.readouterr().err
