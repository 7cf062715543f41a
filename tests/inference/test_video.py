"""Videos: frame by frame, rate and length kept, mismatches named."""

import fractions
import types
import weakref

import numpy as np
import pytest

from fusionjax import cli
from fusionjax.errors import InputError
from fusionjax.inference import video
from fusionjax.inference.model import FusionModel

av = pytest.importorskip('av')

_RATE = fractions.Fraction(30000, 1001)


def _film(path, level, *, frames=12, size=(48, 64), rate=_RATE):
  with av.open(str(path), 'w') as film:
    stream = film.add_stream('libx264', rate=rate, options={'crf': '5'})
    stream.height, stream.width = size
    stream.pix_fmt = 'yuv420p'
    for at in range(frames):
      image = np.full((*size, 3), level + 4 * at, np.uint8)
      film.mux(stream.encode(av.VideoFrame.from_ndarray(image, 'rgb24')))
    film.mux(stream.encode())
  return path


def _read(path):
  with av.open(str(path)) as film:
    rate = film.streams.video[0].average_rate
    frames = [f.to_ndarray(format='rgb24') for f in film.decode(video=0)]
  return rate, np.stack(frames)


def _mean(images, *, names):
  return np.mean(images, axis=0).astype(np.uint8)


_MODEL = types.SimpleNamespace(fuse=_mean, task='ivf')


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.webm', '.avi', '.mov'])
def test_frame_by_frame(tmp_path, suffix):
  pair = [_film(tmp_path / 'a.mp4', 20), _film(tmp_path / 'b.mp4', 120)]
  seen = []
  film = video.fuse_videos(
    _MODEL,
    pair,
    tmp_path / 'new' / f'c{suffix}',
    move=lambda done, count, name: seen.append((done, count)),
  )
  assert (film.frames, film.size, film.rate) == (12, (48, 64), _RATE)
  assert film.longer == ()
  assert seen[0] == (1, 12) and len(seen) == 12
  rate, frames = _read(tmp_path / 'new' / f'c{suffix}')
  assert float(rate) == pytest.approx(float(_RATE), rel=1e-3)
  assert len(frames) == 12
  expected = 70 + 4 * np.arange(12)
  np.testing.assert_allclose(frames.mean(axis=(1, 2, 3)), expected, atol=3)


def test_odd_sizes_and_grey(tmp_path):
  pair = [_film(tmp_path / f'{name}.mp4', 20) for name in 'ab']
  model = types.SimpleNamespace(
    fuse=lambda images, *, names: images[0][:47, :63, 0], task='ivf'
  )
  film = video.fuse_videos(model, pair, tmp_path / 'c.mp4')
  assert film.size == (47, 63)
  _, frames = _read(tmp_path / 'c.mp4')
  assert frames.shape == (12, 47, 63, 3)


def test_no_more_than_a_few_frames_are_held(tmp_path):
  pair = [_film(tmp_path / f'{n}.mp4', 20, frames=58) for n in 'ab']
  held, most = [], []

  def fuse(images, *, names):
    held.extend(weakref.ref(image) for image in images)
    most.append(sum(ref() is not None for ref in held))
    return images[0] // 2

  model = types.SimpleNamespace(fuse=fuse, task='ivf')
  assert video.fuse_videos(model, pair, tmp_path / 'c.mp4').frames == 58
  assert max(most) <= 6


def test_lengths(tmp_path, capsys):
  pair = [
    _film(tmp_path / 'a.mp4', 20, frames=5),
    _film(tmp_path / 'b.mp4', 120, frames=9),
  ]
  film = video.fuse_videos(_MODEL, pair, tmp_path / 'c.mp4')
  assert film.frames == 5 and film.longer == (pair[1],)
  assert len(_read(tmp_path / 'c.mp4')[1]) == 5


@pytest.mark.parametrize('after', [0, 3])
def test_a_frame_that_fails_leaves_nothing(tmp_path, after):
  pair = [_film(tmp_path / f'{name}.mp4', 20) for name in 'ab']
  count = iter(range(99))

  def fuse(images, *, names):
    if next(count) == after:
      raise InputError('no such frame')
    return images[0]

  model = types.SimpleNamespace(fuse=fuse, task='ivf')
  with pytest.raises(InputError, match='no such frame'):
    video.fuse_videos(model, pair, tmp_path / 'c.mp4')
  assert sorted(tmp_path.iterdir()) == sorted(pair)


def test_refusals(tmp_path, monkeypatch):
  first = _film(tmp_path / 'a.mp4', 20)
  (tmp_path / 'words.mp4').write_text('these are words')
  data = first.read_bytes()
  (tmp_path / 'cut.mp4').write_bytes(data[: len(data) // 2])
  (tmp_path / 'x.png').write_bytes(b'')
  cases = {
    'slow.mp4': 'share one frame rate',
    'small.mp4': 'share one size',
    'words.mp4': r'words\.mp4: FFmpeg says',
    'cut.mp4': r'cut\.mp4: FFmpeg says',
    'x.png': 'no video among videos',
    'no.mp4': 'does not exist',
  }
  _film(tmp_path / 'slow.mp4', 20, rate=25)
  _film(tmp_path / 'small.mp4', 20, size=(32, 64))
  before = sorted(tmp_path.iterdir())
  for name, message in cases.items():
    with pytest.raises(InputError, match=message):
      video.fuse_videos(_MODEL, [first, tmp_path / name], tmp_path / 'o.mp4')
  second = tmp_path / 'b.mp4'
  second.write_bytes(data)
  for output, message in (
    ('o.png', 'is no video'),
    ('a.mp4', 'is one of the sources'),
    ('slow.mp4', 'exists already'),
  ):
    with pytest.raises(InputError, match=message):
      video.fuse_videos(_MODEL, [first, second], tmp_path / output)
  with pytest.raises(InputError, match='3 images are too many'):
    video.fuse_videos(_MODEL, [first] * 3, tmp_path / 'o.mp4')
  cubes = FusionModel(None, {}, 'x', 'csc_msfn', 'msf')
  with pytest.raises(InputError, match='Videos are pictures'):
    video.fuse_videos(cubes, [first, second], tmp_path / 'o.mp4')
  assert sorted(tmp_path.iterdir()) == sorted([*before, second])
  monkeypatch.setattr(video.importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(InputError, match='pip install av'):
    video.fuse_videos(_MODEL, [first, second], tmp_path / 'o.mp4')


def test_command(tmp_path, capsys):
  pair = [
    _film(tmp_path / 'ir.mp4', 20, frames=4),
    _film(tmp_path / 'vis.mp4', 120, frames=6),
  ]
  output = tmp_path / 'fused.mp4'
  argv = ['fuse', *map(str, pair), '-o', str(output), '--model', 'ffmef-ivf']
  assert cli.main(argv) == 1
  captured = capsys.readouterr()
  assert '4 frames of 64x48, 29.97 a second, from ir.mp4, vis.mp4' in (
    captured.out
  )
  assert captured.err.splitlines() == [
    f'fusionjax: {pair[1]} is longer: what comes after 4 frames was left out.'
  ]
  assert cli.main([*argv, '--align', 'crop']) == 2
  assert 'not for videos' in capsys.readouterr().err
