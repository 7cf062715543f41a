"""Scoring folders and models, end to end on small files."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusionjax import metrics
from fusionjax.data.folder import find_scenes
from fusionjax.errors import InputError
from fusionjax.evaluation import scores as scores_lib

NAMES = ('en', 'qabf', 'mef_ssim')


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, list[np.ndarray]]:
  """Three scenes under `tmp_path`: folders under, over and fused."""
  rng = np.random.default_rng(5)
  scenes = {}
  for name, size in (
    ('bay', (48, 60)),
    ('cliff', (50, 45)),
    ('dune', (44, 44)),
  ):
    under = rng.integers(0, 120, (*size, 3)).astype(np.uint8)
    over = (under + 100).astype(np.uint8)
    fused = (under + 50).astype(np.uint8)
    scenes[name] = [fused, under, over]
    for folder, picture in zip(
      ('fused', 'under', 'over'), scenes[name], strict=True
    ):
      (tmp_path / folder).mkdir(exist_ok=True)
      Image.fromarray(picture).save(tmp_path / folder / f'{name}.png')
  return scenes


def _score(tmp_path: Path, **options) -> scores_lib.Scores:
  return scores_lib.score_folder(
    tmp_path / 'fused',
    [tmp_path / 'under', tmp_path / 'over'],
    metrics=NAMES,
    **options,
  )


def test_a_folder_gives_rows_a_mean_and_a_file(tmp_path, pictures):
  output = tmp_path / 'out' / 'scores.csv'
  seen = []
  scores = _score(
    tmp_path, output=output, progress=lambda *args: seen.append(args)
  )
  assert seen == [(0, 3, 'bay'), (1, 3, 'cliff'), (2, 3, 'dune')]
  assert scores.failed == ()
  for row in scores.rows:
    fused, *sources = pictures[row['image']]
    expected = metrics.evaluate(fused, sources, metrics=NAMES)
    assert {name: row[name] for name in NAMES} == expected
  with output.open(newline='') as file:
    rows = list(csv.DictReader(file))
  assert list(rows[0]) == ['image', *NAMES]
  assert [row['image'] for row in rows] == ['bay', 'cliff', 'dune', 'mean']
  values = [float(row['qabf']) for row in rows]
  assert values[-1] == pytest.approx(np.mean(values[:3]), rel=1e-15)
  assert [path.name for path in output.parent.iterdir()] == ['scores.csv']


def test_bad_pictures_are_named_and_the_rest_is_scored(tmp_path, pictures):
  fused = tmp_path / 'fused'
  (fused / 'bay.png').write_text('no picture')
  Image.fromarray(pictures['cliff'][0][:40]).save(fused / 'cliff.png')
  scores = _score(tmp_path)
  assert [row['image'] for row in scores.rows] == ['dune']
  failed = dict(scores.failed)
  assert 'bay.png' in failed['bay']
  assert '45x40' in failed['cliff'] and '45x50' in failed['cliff']
  (fused / 'bay.png').unlink()
  assert 'no picture bay.*' in dict(_score(tmp_path).failed)['bay']


def test_names_and_output_are_checked_before_the_work(tmp_path, pictures):
  with pytest.raises(InputError, match='Unknown toolbox'):
    _score(tmp_path, toolbox='mefbb')
  with pytest.raises(InputError, match='cannot be written'):
    _score(tmp_path, output=tmp_path / 'fused' / 'bay.png' / 'scores.csv')
  with pytest.raises(InputError, match='There is no folder'):
    scores_lib.score_folder(tmp_path / 'fused', [tmp_path / 'absent'])


class _Average:
  """Stands in for a model: the mean of its images, bad on one size."""

  def fuse(self, images, *, names=None):
    if images[0].shape[0] == 50:
      raise InputError(f'{names[0]} is not to its taste. Take another.')
    return np.mean(images, axis=0).astype(images[0].dtype)


def test_a_model_is_scored_scene_by_scene(tmp_path, pictures):
  found = find_scenes([tmp_path / 'under', tmp_path / 'over'])
  output = tmp_path / 'model.csv'
  scores = scores_lib.score_model(
    _Average(), found.scenes, metrics=NAMES, output=output
  )
  assert [row['image'] for row in scores.rows] == ['bay', 'dune']
  assert 'cliff.png' in dict(scores.failed)['cliff']
  _, *sources = pictures['bay']
  fused = np.mean(sources, axis=0).astype(np.uint8)
  assert scores.rows[0] == {
    'image': 'bay',
    **metrics.evaluate(fused, sources, metrics=NAMES),
  }
  assert output.read_text().splitlines()[-1].startswith('mean,')


def test_models_are_compared_on_the_scenes_they_share(tmp_path, pictures):
  found = find_scenes([tmp_path / 'under', tmp_path / 'over'])
  average = scores_lib.score_model(_Average(), found.scenes, metrics=NAMES)
  folder = _score(tmp_path)
  rows = scores_lib.compare({'average': average, 'folder': folder})
  assert [row['model'] for row in rows] == ['average', 'folder']
  assert {row['images'] for row in rows} == {'2'}
  both = [row['en'] for row in folder.rows if row['image'] != 'cliff']
  assert rows[1]['en'] == pytest.approx(np.mean(both))
  with pytest.raises(InputError, match='no scored scene in common'):
    scores_lib.compare(
      {'a': average, 'b': scores_lib.Scores((), (), NAMES, 'mefb')}
    )


def test_a_table_lines_up():
  rows = [{'image': 'a', 'en': 7.0}, {'image': 'longer', 'en': 12.34567}]
  assert scores_lib.format_table(rows).splitlines() == [
    'image        en',
    '------  -------',
    'a        7.0000',
    'longer  12.3457',
  ]
  assert scores_lib.format_table([]) == ''
