import numpy as np
from PIL import Image

from fusionjax.training import samples

_RED, _GREEN, _BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)


def _picture(colour, shape):
  return np.broadcast_to(np.array(colour, np.uint8), (*shape, 3)).copy()


def _has(sheet, colour):
  """Columns of the sheet that show a colour."""
  return np.flatnonzero((sheet == np.array(colour)).all(-1).sum(0) > 50)


def test_sheet_shows_all_pictures_in_columns(tmp_path):
  path = tmp_path / 'samples.png'
  wide, tall = (60, 90), (300, 40)
  rows = [
    ('first', [_picture(c, wide) for c in (_RED, _GREEN, _BLUE)]),
    ('second', [_picture(c, tall) for c in (_RED, _GREEN, _BLUE)]),
  ]
  samples.write_samples(path, rows, columns=['under', 'over', 'fused'])
  sheet = np.asarray(Image.open(path))
  ranges = [_has(sheet, colour) for colour in (_RED, _GREEN, _BLUE)]
  assert ranges[0].max() < ranges[1].min() <= ranges[1].max() < ranges[2].min()
  # Labels: ink on paper above the pictures.
  assert (sheet[:20] < 100).all(-1).any()
  assert list(tmp_path.iterdir()) == [path]


def test_aspect_is_kept(tmp_path):
  path = tmp_path / 'samples.png'
  rows = [('scene', [_picture(_RED, (100, 200))])]
  samples.write_samples(path, rows, columns=['source'])
  red = (np.asarray(Image.open(path)) == np.array(_RED)).all(-1)
  height, width = red.any(1).sum(), red.any(0).sum()
  assert abs(width / height - 2) < 0.05
