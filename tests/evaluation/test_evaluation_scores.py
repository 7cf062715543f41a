"""Scoring folders and models, end to end on small files."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusionjax import metrics
from fusionjax.data.folder import find_scenes
from fusionjax.errors import InputError
from fusionjax.evaluation import choice
from fusionjax.evaluation import scores as scores_lib
from fusionjax.metrics import Variant, colour

NAMES = ('qw', 'qy', 'mef_ssim')


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
    **{'metrics': NAMES, **options},
  )


def test_a_folder_gives_rows_in_order_and_a_mean(tmp_path, pictures):
  seen = []
  scores = _score(tmp_path, progress=lambda *args: seen.append(args))
  assert [done for done, _, _ in seen] == [1, 2, 3]
  assert {name for _, _, name in seen} == {'bay', 'cliff', 'dune'}
  assert (scores.failed, scores.notes) == ((), ())
  for row in scores.rows:
    fused, *sources = pictures[row['image']]
    expected = metrics.evaluate(fused, sources, metrics=NAMES)
    assert {name: row[name] for name in NAMES} == expected
  assert [row['image'] for row in scores.table] == [
    *('bay', 'cliff', 'dune', 'mean')
  ]
  values = [row['qy'] for row in scores.rows]
  assert scores.mean['qy'] == pytest.approx(np.mean(values), rel=1e-15)


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


def test_what_has_no_partner_is_named(tmp_path, pictures):
  (tmp_path / 'over' / 'bay.png').unlink()
  scores = _score(tmp_path)
  assert [row['image'] for row in scores.rows] == ['cliff', 'dune']
  ((path, why),) = scores.failed
  assert path == str(tmp_path / 'under' / 'bay.png')
  assert 'over' in why
  assert scores.notes == ('In no scene: bay.png.',)


def test_grey_against_colour_is_scored_by_the_rule(tmp_path, pictures):
  _, under, over = pictures['bay']
  grey = under[..., 0]
  for folder in ('under', 'fused'):
    for path in (tmp_path / folder).iterdir():
      path.unlink()
  Image.fromarray(grey).save(tmp_path / 'under' / 'bay.png')
  Image.fromarray(over).save(tmp_path / 'fused' / 'bay.png')
  scores = _score(tmp_path, metrics='ssim', toolbox='vifb')
  assert scores.rows[0]['ssim'] == pytest.approx(
    metrics.evaluate(over, [grey, over], metrics='ssim', toolbox='vifb')['ssim']
  )


def test_sources_that_were_read_as_something_else_are_described(
  tmp_path, pictures
):
  # One folder of three pictures is a stack of three exposures.
  with pytest.raises(InputError, match=r'no picture under\.\*') as raised:
    scores_lib.score_folder(
      tmp_path / 'fused', [tmp_path / 'under'], metrics='qw'
    )
  assert '1 scene of 3 sources' in str(raised.value)


def test_names_are_checked_before_the_work(tmp_path, pictures):
  with pytest.raises(InputError, match='Unknown toolbox'):
    _score(tmp_path, toolbox='mefbb')
  with pytest.raises(InputError, match='There is no folder'):
    scores_lib.score_folder(tmp_path / 'fused', [tmp_path / 'absent'])


def test_metrics_of_the_fused_picture_need_no_sources(tmp_path, pictures):
  scores = scores_lib.score_folder(tmp_path / 'fused', metrics='piqe')
  assert [row['image'] for row in scores.rows] == ['bay', 'cliff', 'dune']
  fused = pictures['bay'][0]
  assert (
    scores.rows[0]['piqe']
    == metrics.evaluate(fused, [], metrics='piqe')['piqe']
  )
  with pytest.raises(InputError, match='qw compare with the sources'):
    scores_lib.score_folder(tmp_path / 'fused', metrics=('piqe', 'qw'))
  with pytest.raises(InputError, match='no picture in'):
    scores_lib.score_folder(tmp_path, metrics='piqe')


def _add_reference_metric(monkeypatch) -> None:
  """A metric of a true result: the mean square of the difference."""

  def error(fused, sources, *, size=None):
    difference = fused - sources[0]
    return (difference * difference).sum()

  row = dataclasses.replace(
    metrics.METRICS['mef_ssim'],
    name='error',
    sources=(1, 1),
    min_size=1,
    values='stored',
    reference=True,
    variants={'mefb': Variant(error, colour.GREY)},
  )
  monkeypatch.setitem(metrics.METRICS, 'error', row)


def test_metrics_of_a_true_result(tmp_path, pictures, monkeypatch):
  _add_reference_metric(monkeypatch)
  truth = tmp_path / 'truth'
  truth.mkdir()
  np.save(truth / 'a.npy', np.full((8, 9), 0.25, np.float32))
  (tmp_path / 'hdr').mkdir()
  np.save(tmp_path / 'hdr' / 'a_ours.npy', np.full((8, 9), 0.5, np.float32))
  scores = scores_lib.score_folder(
    tmp_path / 'hdr', [truth], metrics=['error'], toolbox='mefb'
  )
  assert scores.rows[0]['image'] == 'a'
  assert scores.rows[0]['error'] == pytest.approx(0.0625 * 72)
  with pytest.raises(InputError, match='Give its folder'):
    scores_lib.score_folder(
      tmp_path / 'hdr', [truth, tmp_path / 'over'], metrics=['error']
    )
  with pytest.raises(InputError, match='two runs'):
    _score(tmp_path, metrics=('qw', 'error'))
  names, notes = choice.choose('all', toolbox='mefb')
  assert 'error' not in names and 'qw' in names
  assert 'error, which compare with a true result' in notes[0]


def test_all_leaves_out_what_takes_fewer_sources():
  assert metrics.METRICS['qc'].sources == (2, 2)
  assert choice.fit(('qw', 'qc'), most=2, asked=False) == (('qw', 'qc'), ())
  assert choice.fit(('qw', 'qc'), most=5, asked=True) == (('qw', 'qc'), ())
  kept, notes = choice.fit(('qw', 'qc'), most=5, asked=False)
  assert kept == ('qw',)
  assert notes == ('Left out: qc, which take fewer sources than the 5 here.',)


class _Average:
  """Stands in for a model: the mean of its images, bad on one size."""

  def fuse(self, images, *, names=None):
    if images[0].shape[0] == 50:
      raise InputError(f'{names[0]} is not to its taste. Take another.')
    return np.mean(images, axis=0).astype(images[0].dtype)


def test_a_model_is_scored_scene_by_scene(tmp_path, pictures):
  found = find_scenes([tmp_path / 'under', tmp_path / 'over'])
  scores = scores_lib.score_model(_Average(), found.scenes, metrics=NAMES)
  assert [row['image'] for row in scores.rows] == ['bay', 'dune']
  assert 'cliff.png' in dict(scores.failed)['cliff']
  _, *sources = pictures['bay']
  fused = np.mean(sources, axis=0).astype(np.uint8)
  assert scores.rows[0] == {
    'image': 'bay',
    **metrics.evaluate(fused, sources, metrics=NAMES),
  }


def test_values_that_are_no_numbers_are_named():
  scores = {'a': {'qy': 0.5}, 'b': {'qy': math.nan}, 'c': {'qy': math.inf}}
  assert scores_lib.find_strange(scores, ['qy']) == (
    'qy is no finite number in b, c; its mean includes that.',
  )
  assert math.isnan(scores_lib.mean_of(scores.values(), ['qy'])['qy'])
  assert scores_lib.find_strange({'a': {'qy': 0.5}}, ['qy']) == ()
