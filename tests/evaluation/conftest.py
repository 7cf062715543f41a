"""A small report with awkward names, values and pictures."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusionjax.evaluation.result import Method, Report, Scene

# What would run if a name were taken for HTML.
EVIL = '<script>alert(1)</script>'
EVIL_FILE = '<img src=x onerror=alert(2)>.png'


def _picture(seed: int, size: tuple[int, int], *, level: int) -> np.ndarray:
  """Soft hills: flat at the left, busy at the right."""
  rng = np.random.default_rng(seed)
  height, width = size
  slope = np.linspace(0, 1, width)[None, :, None]
  noise = rng.normal(0, 40, (height, width, 1)) * slope**2
  hills = 40 * np.sin(np.arange(height) / 9)[:, None, None]
  grey = np.clip(level + hills + noise, 0, 255)
  return np.repeat(grey, 3, axis=2).astype(np.uint8)


@pytest.fixture
def report(tmp_path: Path) -> Report:
  """Two models, a folder, a baseline and two papers on four scenes."""
  names = ('bay', EVIL, 'cliff & "co"', 'dune')
  scenes, pictures = [], {'one': {}, 'two': {}, EVIL: {}, 'lone': {}}
  for at, name in enumerate(names):
    size = (60 + 4 * at, 90)
    files = []
    for side, level in (('under', 60), ('over', 190)):
      file = tmp_path / f'{at}_{side}.png'
      Image.fromarray(_picture(at, size, level=level)).save(file)
      files.append((side, file))
    scenes.append(Scene(name, tuple(files)))
    levels = (100, 110, 130, 150)
    for place, row in enumerate(pictures):
      if row == 'lone' and at:
        continue
      folder = tmp_path / f'row{place}'
      folder.mkdir(exist_ok=True)
      file = folder / (EVIL_FILE if at == 1 else f'{at}.png')
      Image.fromarray(_picture(at + 7, size, level=levels[place])).save(file)
      pictures[row][name] = file
  (tmp_path / 'row1' / '3.png').write_text('no picture')

  def row(name, kind, values, means, **options):
    scores = {
      scene: {'qw': value, 'niqe': 10 * value}
      for scene, value in zip(names, values, strict=False)
    }
    return Method(name, kind, scores, means, pictures.get(name, {}), **options)

  return Report(
    title='A <title> & more',
    benchmark='mefb',
    toolbox='mefb',
    version='1.2.3',
    metrics=('qw', 'niqe'),
    scenes=tuple(scenes),
    methods=(
      row(
        'one',
        'model',
        (0.5, 0.6, 0.7, 0.8),
        {'qw': 0.65, 'niqe': 6.5},
        note='by "us"',
      ),
      row(
        'two',
        'model',
        (0.4, 0.9, math.nan, 0.1),
        {'qw': math.nan, 'niqe': math.inf},
      ),
      row(
        EVIL,
        'folder',
        (0.2, 0.3, 0.2, 0.3),
        {'qw': 0.25, 'niqe': 2.5},
      ),
      row('lone', 'baseline', (0.9,), {'qw': 0.9, 'niqe': 9.0}),
      row('ink (paper)', 'paper', (), {'qw': 0.7}, note='table 1'),
      row('far (paper)', 'paper', (), {'qw': 99.0}, note='table 1'),
    ),
    notes=(f'{EVIL} is a note.',),
  )
