"""Classical rules: known results, kinds of images, and errors."""

import sys
import types

import numpy as np
import pytest

from fusionjax.errors import InputError
from fusionjax.evaluation import baselines


def _noise(*shape, seed=0, high=256, dtype=np.uint8):
  return np.random.default_rng(seed).integers(0, high, shape).astype(dtype)


def test_average_and_maximum_of_any_number():
  images = [_noise(20, 17, 3, seed=seed) for seed in range(3)]
  average = baselines.fuse('average', images)
  exact = np.mean(np.stack(images).astype(float), axis=0)
  assert (average.dtype, average.shape) == (np.uint8, (20, 17, 3))
  assert np.abs(average - exact).max() <= 0.5 + 1e-4
  np.testing.assert_array_equal(
    baselines.fuse('maximum', images), np.max(images, axis=0)
  )


@pytest.mark.parametrize('name', ['average', 'maximum', 'laplacian'])
@pytest.mark.parametrize('size', [(16, 16), (37, 70), (129, 64), (16, 21)])
def test_equal_images_come_back(name, size):
  image = _noise(*size, 3)
  np.testing.assert_array_equal(baselines.fuse(name, [image, image]), image)


def test_laplacian_takes_the_sharp_side_of_each():
  sharp = _noise(64, 96, seed=3)
  flat = np.full((64, 96), int(sharp.mean()), np.uint8)
  left, right = sharp.copy(), sharp.copy()
  left[:, 48:], right[:, :48] = flat[:, 48:], flat[:, :48]
  fused = baselines.fuse('laplacian', [left, right]).astype(int)
  average = baselines.fuse('average', [left, right]).astype(int)
  # Away from the seam, whose coarse levels see both.
  inner = np.r_[0:24, 72:96]
  error = np.abs(fused - sharp)[:, inner].mean()
  assert error < 0.35 * np.abs(average - sharp)[:, inner].mean()


def test_grey_colour_and_depth():
  grey, colour = _noise(20, 20), _noise(20, 20, 3, seed=1)
  assert baselines.fuse('laplacian', [grey, grey]).shape == (20, 20)
  mixed = baselines.fuse('maximum', [grey, colour])
  np.testing.assert_array_equal(mixed, np.maximum(grey[..., None], colour))
  deep = _noise(20, 20, high=65536, dtype=np.uint16)
  np.testing.assert_array_equal(baselines.fuse('maximum', [deep, deep]), deep)
  real = np.float32(deep / 65535)
  fused = baselines.fuse('average', [real, real])
  assert fused.dtype == np.float32
  np.testing.assert_allclose(fused, real, atol=1e-6)


def test_what_cannot_be_fused():
  with pytest.raises(InputError, match='a is 20x20, b is 20x21'):
    baselines.fuse(
      'average', [_noise(20, 20), _noise(21, 20)], names=['a', 'b']
    )
  with pytest.raises(InputError, match='Unknown baseline'):
    baselines.fuse('avrage', [_noise(20, 20)])
  with pytest.raises(InputError, match=r'expected in 0\.\.1'):
    baselines.fuse('average', [np.full((20, 20), np.nan, np.float32)])


def test_mertens_is_opencv_s(monkeypatch):
  seen = {}

  class Merge:
    def process(self, pictures):
      seen['pictures'] = pictures
      return np.float32(pictures[0]) / 255 + 1

  module = types.SimpleNamespace(createMergeMertens=Merge)
  monkeypatch.setitem(sys.modules, 'cv2', module)
  monkeypatch.setattr(
    'importlib.util.find_spec', lambda name: module if name == 'cv2' else None
  )
  assert baselines.missing() == {}
  image = _noise(16, 18, 3)
  fused = baselines.fuse('mertens', [image, image])
  np.testing.assert_array_equal(seen['pictures'][1], image[..., ::-1])
  # Exposure fusion overshoots; the picture does not wrap around.
  assert (fused == 255).all()


def test_mertens_without_opencv(monkeypatch):
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  with pytest.raises(InputError, match='pip install opencv-python-headless'):
    baselines.fuse('mertens', [_noise(16, 16, 3)])
