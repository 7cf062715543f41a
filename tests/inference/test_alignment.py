"""Sources taken by hand: known shifts and turns are found and undone."""

import importlib.util
import types

import numpy as np
import pytest

from fusionjax import cli
from fusionjax.data import textures
from fusionjax.data.folder import find_scenes
from fusionjax.data.images import read_image, to_unit_rgb
from fusionjax.data.picture import Picture
from fusionjax.errors import InputError
from fusionjax.inference import alignment, files, registration, writing
from fusionjax.methods import registry

_PHOTOS = ('rocket.jpg', 'astronaut.png', 'coffee.png', 'chelsea.png')
_MEF, _IVF = registry.get_task('mef'), registry.get_task('ivf')
# What a test shows of a picture, away from the borders of what it was made of.
_MARGIN = 40


@pytest.fixture(scope='module')
def cv2():
  return pytest.importorskip('cv2')


def _photos():
  for name in _PHOTOS:
    photo = np.asarray(textures.photograph(name))[:400, :500]
    yield to_unit_rgb(photo) @ np.float32([0.299, 0.587, 0.114])


def _motion(rng, size, *, shift, degrees, whole):
  """A random matrix: from a place in the fixed picture to the moving one."""
  height, width = size
  angle = np.radians(rng.uniform(-degrees, degrees))
  x, y = rng.uniform(-shift, shift, 2)
  if whole:
    x, y = round(x), round(y)
  cos, sin = np.cos(angle), np.sin(angle)
  middle = np.array([(width - 1) / 2, (height - 1) / 2])
  turn = np.array([[cos, -sin], [sin, cos]])
  matrix = np.eye(3)
  matrix[:2, :2] = turn
  matrix[:2, 2] = middle - turn @ middle + [x, y]
  return matrix


def _moved(cv2, image, matrix):
  """A picture whose place `matrix @ p` shows what p of the image does."""
  size = image.shape[1::-1]
  return cv2.warpPerspective(
    image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
  )


def _inner(image):
  cut = slice(_MARGIN, -_MARGIN)
  return np.ascontiguousarray(np.clip(image[cut, cut], 0, 1), np.float32)


def _error(found, wanted, size):
  """Mean distance over a picture of where two matrices take its places."""
  if found is None:
    return np.inf
  y, x = np.mgrid[0 : size[0] : 9, 0 : size[1] : 9]
  places = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
  first, second = found.matrix @ places, wanted @ places
  return float(
    np.hypot(*(first[:2] / first[2] - second[:2] / second[2])).mean()
  )


def _share_found(cv2, pairs, motion, *, degrees=0.0, known=False):
  """The share of pairs whose motion is found within a pixel.

  Pairs that were taken one after the other are off by up to 3 pixels
  themselves: unless they are known to lie on each other, what is found
  without the motion counts as their own.
  """
  rng = np.random.default_rng(0)
  within = []
  corner = np.eye(3)
  corner[:2, 2] = _MARGIN
  for moving, fixed in pairs:
    matrix = _motion(
      rng, fixed.shape, shift=15, degrees=degrees, whole=motion == 'exposure'
    )
    other = _inner(fixed)
    own = np.eye(3)
    if not known:
      plain = registration.estimate(_inner(moving), other, motion=motion)
      own = np.eye(3) if plain is None else plain.matrix
    found = registration.estimate(
      _inner(_moved(cv2, moving, matrix)), other, motion=motion
    )
    wanted = np.linalg.inv(corner) @ matrix @ corner @ own
    within.append(_error(found, wanted, other.shape) <= 1)
  return np.mean(within), len(within)


def _made_pairs():
  """Two exposures with noise, or one with the edges of another modality."""
  rng = np.random.default_rng(1)
  for photo in _photos():
    for stops in (-1.5, -0.5, 0.5, 1.5, 2.0):
      exposed = np.clip(photo**2.2 * 2.0**stops, 0, 1) ** (1 / 2.2)
      noise = 0.01 * rng.standard_normal(photo.shape)
      yield exposed.astype('f4'), (photo + noise).astype('f4')


@pytest.mark.parametrize(
  ('motion', 'degrees'),
  [('translation', 0.0), ('exposure', 0.0), ('homography', 2.0)],
)
def test_made_pairs(cv2, motion, degrees):
  share, count = _share_found(
    cv2, _made_pairs(), motion, degrees=degrees, known=True
  )
  assert count == 20
  assert share >= 0.95


def test_modalities(cv2):
  pairs = [(1 - photo, photo) for photo in _photos()]
  share, _ = _share_found(cv2, pairs, 'translation', known=True)
  assert share == 1


def _real_pairs(folder, count):
  for scene in find_scenes([folder]).scenes[:count]:
    pair = [to_unit_rgb(read_image(path)) for path in scene.sources[:2]]
    yield [x @ np.float32([0.299, 0.587, 0.114]) for x in pair]


@pytest.mark.parametrize(
  ('folder', 'motion', 'degrees'),
  [
    ('mff/lytro', 'translation', 0.0),
    ('mff/lytro', 'homography', 2.0),
    ('mef/mefb', 'exposure', 0.0),
  ],
)
def test_real_pairs(cv2, shared_data, folder, motion, degrees):
  pairs = _real_pairs(shared_data / folder, 20)
  share, count = _share_found(cv2, pairs, motion, degrees=degrees)
  assert count == 20
  assert share >= 0.95


def _picture(image, alpha=None):
  return Picture(np.rint(255 * image).astype(np.uint8), alpha)


@pytest.mark.parametrize(('task', 'moved'), [(_MEF, 1), (_IVF, 0)])
def test_pictures_are_moved_and_cut(cv2, task, moved):
  photo = next(_photos())
  shift = np.array([[1, 0, 6], [0, 1, -4], [0, 0, 1]], np.float64)
  pair = [_picture(_inner(photo))] * 2
  alpha = np.full(pair[0].pixels.shape, 200, np.uint8)
  pair[moved] = _picture(_inner(_moved(cv2, photo, shift)), alpha)
  aligned, notes = alignment.align(
    pair, kind='exposure', task=task, names=['a.png', 'b.png']
  )
  name = 'ab'[moved]
  assert notes == [f'{name}.png was off by (6.0, -4.0) pixels, 0.00 degrees']
  height, width = pair[0].pixels.shape
  assert [x.pixels.shape for x in aligned] == [(height - 4, width - 6)] * 2
  difference = aligned[0].pixels.astype(int) - aligned[1].pixels
  assert np.abs(difference).max() <= 1
  assert (aligned[moved].alpha == 200).all()
  assert aligned[1 - moved].alpha is None


def test_a_turn_is_undone(cv2):
  photo = next(_photos())
  matrix = _motion(
    np.random.default_rng(3), photo.shape, shift=5, degrees=2, whole=False
  )
  deep = Picture(_inner(_moved(cv2, photo, matrix)))
  aligned, _ = alignment.align(
    [Picture(_inner(photo)), deep],
    kind='homography',
    task=_MEF,
    names=['a', 'b'],
  )
  first, second = (x.pixels for x in aligned)
  assert first.dtype == second.dtype == np.float32
  assert second.min() >= 0 and second.max() <= 1
  assert np.abs(first - second).mean() < 0.01
  assert first.shape[0] > 0.9 * _inner(photo).shape[0] - 10


def test_crop():
  big = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40)
  aligned, notes = alignment.align(
    [Picture(big), Picture(big[1:29, 2:37, None].repeat(3, -1))],
    kind='crop',
    task=_MEF,
    names=['a', 'b'],
  )
  np.testing.assert_array_equal(aligned[0].pixels, big[1:29, 2:37])
  assert notes == ['a cropped from 40x30 to 35x28']


def test_nothing_in_common(cv2):
  flat = Picture(np.zeros((64, 64), np.uint8))
  textured = _picture(_inner(next(_photos()))[:64, :64])
  with pytest.raises(InputError, match=r'b could not be aligned with a'):
    alignment.align(
      [textured, flat], kind='translation', task=_MEF, names=['a', 'b']
    )


def test_what_no_hand_does_is_no_result(cv2):
  photo = next(_photos())
  far = np.ascontiguousarray(photo[:200, 150:350])
  near = np.ascontiguousarray(photo[:200, :200])
  found = registration.estimate(far, near, motion='homography')
  assert found is None or max(map(abs, found.shift)) <= 50
  upside_down = np.ascontiguousarray(photo[::-1, ::-1])
  found = registration.estimate(upside_down, photo, motion='homography')
  assert found is None or abs(found.degrees) <= 15


def test_without_opencv(monkeypatch):
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(InputError, match='pip install opencv-python-headless'):
    registration.load_opencv()


def test_files(tmp_path):
  model = types.SimpleNamespace(
    fuse=lambda images, *, names: images[0],
    expect=list,
    compiled_for=tuple,
    task='mef',
  )
  sizes = {'a.png': (24, 33), 'b.png': (25, 32)}
  for name, size in sizes.items():
    writing.write_image(tmp_path / name, np.full(size, 99, np.uint8))
  inputs = [tmp_path / name for name in sizes]
  with pytest.raises(InputError, match=r'33x24, .*32x25.*--align crop'):
    files.plan_jobs(inputs, tmp_path / 'o.png', task='mef')
  plan = files.plan_jobs(inputs, tmp_path / 'o.png', task='mef', any_size=True)
  handling = files.Handling(align='crop')
  (outcome,) = files.run_jobs(model, plan, handling=handling)
  assert outcome.error is None and outcome.size == (24, 32)
  assert len(outcome.notes) == 2
  assert read_image(tmp_path / 'o.png').shape == (24, 32)


def test_only_pictures_are_aligned(tmp_path, capsys):
  argv = ['fuse', 'a.npy', 'b.png', '-o', 'c.tif', '--model', 'csc_msfn-msf']
  assert cli.main([*argv, '--align', 'crop']) == 2
  assert '--align is for pictures' in capsys.readouterr().err
