"""Previews and crops for the page."""

import io

import numpy as np
import pytest
from PIL import Image

from fusionjax.evaluation import pictures


def _decode(data: bytes) -> np.ndarray:
  return np.asarray(Image.open(io.BytesIO(data)))


def _noise(seed: int, size: tuple[int, ...]) -> np.ndarray:
  return np.random.default_rng(seed).integers(0, 255, size).astype(np.uint8)


def test_eight_bits_by_the_stated_rule():
  deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
  np.testing.assert_array_equal(
    pictures.to_levels(deep), np.round(deep / 257.0).astype(np.uint8)
  )
  real = np.float32([[-1, 0, 0.5], [1, 2, 0.25]])
  np.testing.assert_array_equal(
    pictures.to_levels(real), [[0, 0, 128], [255, 255, 64]]
  )
  strange = np.float32([[np.nan, np.inf, -np.inf]])
  np.testing.assert_array_equal(pictures.to_levels(strange), [[0, 255, 0]])
  levels = _noise(0, (3, 4, 3))
  assert pictures.to_levels(levels) is levels


def test_side_of_previews_falls_with_their_number():
  sides = [pictures.preview_side(count) for count in (1, 160, 400, 800, 10**6)]
  assert sides == sorted(sides, reverse=True)
  assert sides[0] == 960 and sides[-1] == 256
  assert 480 <= sides[2] <= 560
  assert pictures.preview_side(0) == 960
  assert '512 pixels a side' in pictures.describe(512)


def test_previews_are_scaled_and_crops_are_not(tmp_path):
  size = (300, 500)
  files = []
  for at in range(3):
    smooth = np.repeat(np.repeat(_noise(at, (60, 100)), 5, 0), 5, 1)
    Image.fromarray(smooth).save(tmp_path / f'{at}.png')
    files.append(tmp_path / f'{at}.png')
  drawn = pictures.draw_scene(files, results=[2], side=128)
  assert [view.size for view in drawn.views] == [size] * 3
  left, top, width, height = drawn.box
  # A quarter of the shorter side.
  assert (width * 500, height * 300) == (75, 75)
  x, y = round(left * 500), round(top * 300)
  for file, view in zip(files, drawn.views, strict=True):
    assert _decode(view.preview).shape == (77, 128)
    crop = _decode(view.crop).astype(int)
    exact = np.asarray(Image.open(file))[y : y + 75, x : x + 75]
    assert crop.shape == (75, 75)
    assert np.abs(crop - exact).mean() < 6


def test_the_crop_is_where_details_of_the_results_differ(tmp_path):
  base = _noise(0, (200, 240, 3))
  files = []
  for at in range(3):
    picture = base.copy()
    picture[110:160, 20:70] = _noise(at + 1, (50, 50, 3))
    # Another brightness is no other detail.
    np.save(tmp_path / f'{at}.npy', (picture / 2 + 20 * at).astype(np.uint8))
    files.append(tmp_path / f'{at}.npy')
  left, top, _, _ = pictures.draw_scene(files, results=[0, 2], side=960).box
  assert abs(left * 240 - 20) <= 3 and abs(top * 200 - 110) <= 3
  # Of one picture alone: where it has detail.
  flat = np.full((200, 240, 3), 9, np.uint8)
  flat[30:80, 150:200] = _noise(5, (50, 50, 3))
  np.save(tmp_path / 'flat.npy', flat)
  box = pictures.draw_scene([tmp_path / 'flat.npy'], results=[0], side=960).box
  assert abs(box[0] * 240 - 150) <= 2 and abs(box[1] * 200 - 30) <= 2


@pytest.mark.parametrize(
  ('size', 'preview', 'crop'),
  [((17, 16), (17, 16), 16), ((40, 3000), (3, 256), 40)],
)
def test_small_and_long_pictures(tmp_path, size, preview, crop):
  np.save(tmp_path / 'a.npy', _noise(0, size))
  drawn = pictures.draw_scene([tmp_path / 'a.npy'], results=[0], side=256)
  assert _decode(drawn.views[0].preview).shape == preview
  assert _decode(drawn.views[0].crop).shape == (crop, crop)
  left, top, width, height = drawn.box
  assert (width * size[1], height * size[0]) == pytest.approx((crop, crop))
  assert 0 <= left <= 1 - width and 0 <= top <= 1 - height


def test_what_cannot_be_read_leaves_a_note(tmp_path):
  (tmp_path / 'bad.png').write_text('words')
  np.save(tmp_path / 'good.npy', _noise(0, (64, 64)))
  files = [tmp_path / 'bad.png', tmp_path / 'good.npy', tmp_path / 'no.png']
  drawn = pictures.draw_scene(files, results=[1, 2], side=256)
  bad, good, absent = drawn.views
  assert 'bad.png is not an image' in bad.error and bad.preview == b''
  assert good.error == '' and _decode(good.preview).shape == (64, 64)
  assert 'does not exist' in absent.error
  drawn = pictures.draw_scene(files[:1], results=[], side=256)
  assert drawn.box is None and drawn.views[0].error
