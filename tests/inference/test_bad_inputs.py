"""Thousands of bad files: each is named in one line, and nothing else breaks.

A flipped bit does not always make a bad file: then the result is whole.
"""

import contextlib
import errno
import io
import os
import resource
import shutil
import signal
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from fusionjax import cli
from fusionjax.data import cubes, depth
from fusionjax.data.images import read_image
from fusionjax.errors import InputError
from fusionjax.inference import radiance

_HEIGHT, _WIDTH = 24, 32
_CUTS, _FLIPS = 118, 60
_LEAST = 2000


def _levels(channels, dtype=np.uint8):
  rng = np.random.default_rng(channels)
  shape = (_HEIGHT, _WIDTH, channels) if channels > 1 else (_HEIGHT, _WIDTH)
  if np.issubdtype(dtype, np.floating):
    return rng.random(shape).astype(dtype)
  return rng.integers(0, np.iinfo(dtype).max, shape, dtype)


def _pillow(kind, channels, **options):
  buffer = io.BytesIO()
  image = Image.fromarray(_levels(channels))
  if kind == 'palette':
    kind, image = 'PNG', image.convert('P')
  elif kind == 'cmyk':
    kind, image = 'JPEG', Image.frombytes('CMYK', image.size, image.tobytes())
  image.save(buffer, kind, **options)
  return buffer.getvalue()


def _tiff(channels, dtype, **options):
  buffer = io.BytesIO()
  kind = 'rgb' if channels > 1 else 'minisblack'
  tifffile.imwrite(
    buffer, _levels(channels, dtype), photometric=kind, **options
  )
  return buffer.getvalue()


def _npy(array):
  buffer = io.BytesIO()
  np.save(buffer, array)
  return buffer.getvalue()


def _deep_png():
  from fusionjax.inference import encoding

  content = encoding.Content(_levels(3, np.uint16), _levels(1, np.uint16))
  return encoding.encode(content, suffix='.png')


# Suffix and bytes of whole files.
_WHOLE = {
  'png': ('.png', _pillow('PNG', 3)),
  'png16': ('.png', _deep_png()),
  'palette': ('.png', _pillow('palette', 3)),
  'jpeg': ('.jpg', _pillow('JPEG', 3)),
  'progressive': ('.jpeg', _pillow('JPEG', 3, progressive=True)),
  'cmyk': ('.jpg', _pillow('cmyk', 4)),
  'tiff': ('.tif', _pillow('TIFF', 3)),
  'lzw': ('.tif', _pillow('TIFF', 3, compression='tiff_lzw')),
  'tiff16': ('.tif', _tiff(3, np.uint16, compression='zlib')),
  'float': ('.tiff', _tiff(3, np.float32)),
  'webp': ('.webp', _pillow('WEBP', 3)),
  'bmp': ('.bmp', _pillow('BMP', 3)),
  'npy': ('.npy', _npy(_levels(3))),
  'npy16': ('.npy', _npy(_levels(3, np.uint16))),
}


def _chunk(kind, data):
  check = struct.pack('>I', zlib.crc32(kind + data))
  return struct.pack('>I', len(data)) + kind + data + check


def _bombs(side=60_000):
  """Small files that claim 60,000 x 60,000 pixels."""
  size = struct.pack('>II', side, side)
  data = zlib.compress(bytes(1000))
  png = b'\x89PNG\r\n\x1a\n'
  for bits, colour in ((8, 2), (16, 6), (1, 0)):
    header = size + bytes([bits, colour, 0, 0, 0])
    parts = _chunk(b'IHDR', header), _chunk(b'IDAT', data), _chunk(b'IEND', b'')
    yield '.png', png + b''.join(parts)
  bmp = bytearray(_WHOLE['bmp'][1])
  bmp[18:26] = struct.pack('<ii', side, side)
  yield '.bmp', bytes(bmp)
  for name in ('tiff', 'tiff16', 'float'):
    tiff = _WHOLE[name][1]
    for tag in (256, 257):
      at = tiff.index(struct.pack('<H', tag), 8)
      tiff = tiff[: at + 2] + struct.pack('<HII', 4, 1, side) + tiff[at + 12 :]
    yield '.tif', tiff
  jpeg = bytearray(_WHOLE['jpeg'][1])
  at = jpeg.index(b'\xff\xc0') + 5
  jpeg[at : at + 4] = struct.pack('>HH', side, side)
  yield '.jpg', bytes(jpeg)
  for shape in ((side, side, 3), (side, side), (2**40, 2**40)):
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
      head, {'descr': '|u1', 'fortran_order': False, 'shape': shape}
    )
    yield '.npy', head.getvalue() + bytes(100)


def _odd_sizes():
  """One pixel, one row, one column."""
  for size in ((1, 1), (1, 32), (24, 1), (15, 400), (0, 5)):
    array = np.zeros(size, np.uint8)
    yield '.npy', _npy(array)
    if array.size:
      buffer = io.BytesIO()
      Image.fromarray(array).save(buffer, 'PNG')
      yield '.png', buffer.getvalue()
      buffer = io.BytesIO()
      tifffile.imwrite(buffer, array)
      yield '.tif', buffer.getvalue()


def _odd_numbers():
  """Pixels that are no levels."""
  for value in (np.nan, np.inf, -0.5, 7.0):
    levels = _levels(3, np.float32)
    levels[3, 4, 1] = value
    yield '.npy', _npy(levels)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, levels, photometric='rgb')
    yield '.tif', buffer.getvalue()
  for dtype in ('i4', 'i8', 'c8', '?', 'O', 'U3'):
    if dtype == 'O':
      buffer = io.BytesIO()
      np.save(buffer, np.array([[{}]], object), allow_pickle=True)
      yield '.npy', buffer.getvalue()
    else:
      yield '.npy', _npy(np.zeros((_HEIGHT, _WIDTH), dtype))
  yield '.npy', _npy(np.zeros((2, 3, 4, 5), np.uint8))
  yield '.npy', _npy(np.zeros((_HEIGHT, _WIDTH, 5), np.uint8))


def _wrong_suffixes():
  """No images at all, and those whose suffix is that of another reader."""
  others = {
    'text': b'these are words, no pixels\n' * 40,
    'gif': b'GIF89a' + bytes(200),
    'pdf': b'%PDF-1.7\n' + bytes(200),
    'zip': b'PK\x03\x04' + bytes(200),
    'pickle': b'\x80\x04\x95' + bytes(200),
    'svg': b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    'hdr': radiance.encode_hdr(_levels(3, np.float32)),
    'random': np.random.default_rng(0).bytes(3000),
    'empty': b'',
    'zeros': bytes(5000),
  }
  for suffix in ('.png', '.jpg', '.tif', '.webp', '.bmp', '.npy'):
    for data in others.values():
      yield suffix, data
    if suffix == '.npy':
      yield from (
        (suffix, data) for _, data in _WHOLE.values() if data[0] != 147
      )
    else:
      yield suffix, _WHOLE['npy'][1]


def _cut_and_flipped():
  rng = np.random.default_rng(0)
  for suffix, data in _WHOLE.values():
    for length in np.linspace(1, len(data) - 4, _CUTS).astype(int):
      yield suffix, data[:length]
    # Most flips where they hurt: in the first half kilobyte.
    ends = [min(len(data), 512)] * (2 * _FLIPS // 3) + [len(data)] * (
      _FLIPS // 3
    )
    for end in ends:
      flipped = bytearray(data)
      for at in rng.integers(0, end, rng.integers(1, 4)):
        flipped[at] ^= 1 << int(rng.integers(8))
      yield suffix, bytes(flipped)


def _corpus():
  for make in (
    *(_bombs, _odd_sizes, _odd_numbers, _wrong_suffixes),
    _cut_and_flipped,
  ):
    yield from make()


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
  """A folder of bad files, and one of a good partner for each."""
  top = tmp_path_factory.mktemp('corpus')
  good = io.BytesIO()
  Image.fromarray(_levels(3)).save(good, 'PNG')
  for name in ('bad', 'good'):
    (top / name).mkdir()
  for number, (suffix, data) in enumerate(_corpus()):
    (top / 'bad' / f'x{number:04d}{suffix}').write_bytes(data)
    (top / 'good' / f'x{number:04d}.png').write_bytes(good.getvalue())
  return top


def _lines(text):
  assert 'Traceback' not in text
  lines = text.splitlines()
  for line in lines:
    assert line.startswith('fusionjax: '), line
  return lines


def test_a_folder_of_bad_files(folders, tmp_path, capfd):
  argv = ['fuse', str(folders / 'bad'), str(folders / 'good')]
  assert cli.main([*argv, '-o', str(tmp_path / 'out')]) == 1
  captured = capfd.readouterr()
  named = {}
  for line in _lines(captured.err):
    assert len(line) < 600, line
    (name,) = {
      word
      for word in line.replace('/', ' ').replace('.', ' ').split()
      if word.startswith('x') and word[1:].isdecimal()
    }
    assert named.setdefault(name, line) is line, 'named twice'
  bad = {path.stem for path in (folders / 'bad').iterdir()}
  made = {path.stem for path in (tmp_path / 'out').iterdir()}
  assert set(named) | made == bad
  assert not set(named) & made
  assert len(named) >= _LEAST, f'{len(named)} bad of {len(bad)}'
  for path in (tmp_path / 'out').iterdir():
    assert path.suffix == '.png'
    assert read_image(path).shape[:2] == (_HEIGHT, _WIDTH)


def test_bad_files_one_by_one(folders, tmp_path, capfd):
  output = tmp_path / 'out' / 'fused.png'
  certain = [
    path
    for number, path in enumerate(sorted((folders / 'bad').iterdir()))
    if number < 15 or number % 160 == 0
  ]
  codes = []
  for path in certain:
    argv = ['fuse', str(path), str(folders / 'good' / f'{path.stem}.png')]
    codes.append(cli.main([*argv, '-o', str(output), '--dry-run']))
    lines = _lines(capfd.readouterr().err)
    assert len(lines) == (codes[-1] != 0)
    assert codes[-1] == 0 or path.stem in lines[0]
    assert not output.parent.exists()
  # What its header does not tell only reading finds.
  assert set(codes) == {0, 2} and codes.count(2) > len(codes) / 2


def test_bad_files_among_good_ones(folders, tmp_path, capfd):
  """Files whose pixels are bad fail after the plan, with exit code 2."""
  output = tmp_path / 'fused.png'
  for suffix, data in _odd_numbers():
    path = tmp_path / f'bad{suffix}'
    path.write_bytes(data)
    argv = ['fuse', str(path), str(folders / 'good' / 'x0000.png')]
    assert cli.main([*argv, '-o', str(output)]) == 2
    (line,) = _lines(capfd.readouterr().err)
    assert path.name in line
    path.unlink()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('read', [cubes.read_cube, depth.read_depth])
def test_bad_cubes_and_depth_maps(folders, read):
  refused = 0
  for path in sorted((folders / 'bad').iterdir())[::4]:
    try:
      assert read(path).size
    except InputError as error:
      refused += 1
      assert path.name in str(error) and '\n' not in str(error)
  assert refused > 300


def _good_pair(folder):
  for name in ('a.png', 'b.png'):
    Image.fromarray(_levels(3)).save(folder / name)
  return [str(folder / name) for name in ('a.png', 'b.png')]


def test_folders_with_the_names_of_files(tmp_path, capfd):
  first, _ = _good_pair(tmp_path)
  (tmp_path / 'c.png').mkdir()
  argv = ['fuse', first, str(tmp_path / 'c.png'), '-o', str(tmp_path / 'o.png')]
  assert cli.main(argv) == 2
  (line,) = _lines(capfd.readouterr().err)
  assert 'c.png is a folder among files' in line
  argv = ['fuse', first, first, '-o', str(tmp_path / 'c.png')]
  assert cli.main(argv) == 2
  assert 'c.png is a folder. Give the file' in capfd.readouterr().err


@contextlib.contextmanager
def _as_nobody():
  """Whoever may read everything gives that up for a while."""
  root = os.geteuid() == 0
  if root:
    os.seteuid(65534)
  try:
    yield
  finally:
    if root:
      os.seteuid(0)


def test_no_permission_to_read(capfd):
  # Not below the folder of the tests, which only its owner may enter.
  folder = Path(tempfile.gettempdir()) / f'fusionjax-{os.getpid()}'
  folder.mkdir(mode=0o777)
  folder.chmod(0o777)
  try:
    first, second = _good_pair(folder)
    os.chmod(second, 0)
    with _as_nobody():
      with pytest.raises(InputError, match=r'b\.png cannot be read: Perm'):
        read_image(second)
      assert read_image(first).shape == (_HEIGHT, _WIDTH, 3)
  finally:
    shutil.rmtree(folder)


@contextlib.contextmanager
def _small_files(size):
  """The system refuses to write files of more bytes."""
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
  resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_file_that_cannot_be_finished(tmp_path, capsys):
  pair = _good_pair(tmp_path)
  output = tmp_path / 'fused.png'
  with _small_files(500):
    code = cli.main(['fuse', *pair, '-o', str(output)])
  assert code == 2
  (line,) = _lines(capsys.readouterr().err)
  assert str(output) in line and os.strerror(errno.EFBIG) in line
  assert sorted(path.name for path in tmp_path.iterdir()) == ['a.png', 'b.png']


def test_a_full_disk(tmp_path, capsys):
  disk = tmp_path / 'disk'
  disk.mkdir()
  mount = ['mount', '-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', str(disk)]
  if (
    shutil.which('mount') is None
    or subprocess.run(mount, capture_output=True, check=False).returncode
  ):
    pytest.skip('no disk can be mounted here; the test above has a limit')
  try:
    (disk / 'filler').write_bytes(bytes(6000))
    pair = _good_pair(tmp_path)
    argv = ['fuse', *pair, '-o', str(disk / 'fused.npy')]
    assert cli.main(argv) == 2
    (line,) = _lines(capsys.readouterr().err)
    assert 'fused.npy' in line and os.strerror(errno.ENOSPC) in line
    assert [path.name for path in disk.iterdir()] == ['filler']
  finally:
    subprocess.run(['umount', str(disk)], check=True)
