"""Benchmark runs on small pictures: rows, means, resuming, and files."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusionjax import metrics
from fusionjax.errors import InputError
from fusionjax.evaluation import benchmark, contenders, summary
from fusionjax.evaluation.journal import Journal
from fusionjax.evaluation.result import Method, Report, Scene
from fusionjax.models import FFMEF

_NAMES = ('qw', 'qy')
_SCENES = ('bay', 'cliff [x]', 'dune_2')


class _Model:
  """Stands in for a network: a weighted mean; counts its calls."""

  def __init__(self, task='mef', share=0.5):
    self.name, self.method, self.task = f'mean-{task}', 'ffmef', task
    self.module = FFMEF(channels=4)
    self.variables = {'share': np.float32(share)}
    self.calls = 0

  def fuse(self, images, *, names=None):
    self.calls += 1
    share = float(self.variables['share'])
    fused = share * images[0] + (1 - share) * images[-1]
    return fused.astype(images[0].dtype)


@pytest.fixture
def data(tmp_path: Path) -> Path:
  """A folder of three pairs, NAME_A.png and NAME_B.png."""
  rng = np.random.default_rng(5)
  folder = tmp_path / 'data'
  folder.mkdir()
  for at, name in enumerate(_SCENES):
    under = rng.integers(0, 120, (30 + at, 40, 3)).astype(np.uint8)
    Image.fromarray(under).save(folder / f'{name}_A.png')
    Image.fromarray(under + 100).save(folder / f'{name}_B.png')
  return folder


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> _Model:
  """The model that `load_model` gives, whatever it is asked for."""
  held = _Model()
  monkeypatch.setattr(contenders, 'load_model', lambda *args, **options: held)
  return held


def _plan(data: Path, **options) -> benchmark.Plan:
  options = {'models': ['any'], 'metrics': _NAMES, **options}
  return benchmark.plan_benchmark(
    'mefb', [data], data.parent / 'out', **options
  )


def test_rows_are_what_evaluate_says(data, model):
  seen = []
  plan = _plan(data)
  finished = benchmark.run_benchmark(
    plan, progress=lambda *args: seen.append(args)
  )
  report = finished.report
  assert finished.failed == ()
  assert report.averaged is None
  assert (report.benchmark, report.toolbox) == ('mefb', 'mefb')
  assert [scene.name for scene in report.scenes] == list(_SCENES)
  assert report.scenes[0].sources == (
    ('A', data / 'bay_A.png'),
    ('B', data / 'bay_B.png'),
  )
  kinds = {each.name: each.kind for each in report.methods}
  assert kinds == {
    'mean-mef': 'model',
    'average': 'baseline',
    'maximum': 'baseline',
    'laplacian': 'baseline',
    **({'mertens': 'baseline'} if 'mertens' in kinds else {}),
    'FFMEF (paper)': 'paper',
  }
  assert len(seen) == 3 * (len(kinds) - 1) == seen[-1][0]
  for each in report.methods:
    if each.kind == 'paper':
      assert (each.scores, each.pictures) == ({}, {})
      assert each.means['qw'] == 0.8357
      continue
    for scene in report.scenes:
      picture, *sources = (
        np.asarray(Image.open(path))
        for path in (
          each.pictures[scene.name],
          *(path for _, path in scene.sources),
        )
      )
      assert each.scores[scene.name] == metrics.evaluate(
        picture, sources, metrics=_NAMES
      )
    values = [each.scores[scene]['qw'] for scene in _SCENES]
    assert each.means['qw'] == pytest.approx(np.mean(values), rel=1e-15)
  assert any('3 scenes; 100 were published' in note for note in report.notes)


def test_a_rerun_does_nothing_twice(data, model, monkeypatch):
  first = benchmark.run_benchmark(_plan(data)).report
  assert model.calls == 3
  counted = []
  whole = metrics.evaluate

  def evaluate(*args, **options):
    counted.append(options['metrics'])
    return whole(*args, **options)

  monkeypatch.setattr(benchmark.metrics_lib, 'evaluate', evaluate)
  assert benchmark.run_benchmark(_plan(data)).report == first
  assert (model.calls, counted) == (3, [])
  # Another picture, another source, other weights: that much is done again.
  plan = _plan(data, baselines=False)
  out = data.parent / 'out' / 'fused' / 'mean-mef'
  Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(out / 'bay.png')
  benchmark.run_benchmark(plan)
  assert (model.calls, len(counted)) == (3, 1)
  (data / 'bay_A.png').write_bytes((data / 'bay_B.png').read_bytes())
  benchmark.run_benchmark(plan)
  assert (model.calls, len(counted)) == (4, 2)
  model.variables = {'share': np.float32(0.25)}
  benchmark.run_benchmark(_plan(data, baselines=False))
  # The sources of bay are alike now: its picture is the same, and scored.
  assert (model.calls, len(counted)) == (7, 4)
  benchmark.run_benchmark(_plan(data, baselines=False), fresh=True)
  assert (model.calls, len(counted)) == (10, 7)
  # More metrics than before.
  benchmark.run_benchmark(_plan(data, baselines=False, metrics=['qw', 'qc']))
  assert (model.calls, len(counted)) == (10, 10)


def test_an_interrupt_keeps_what_is_done(data, model):
  def stop(done, count, name):
    if done == 2:
      raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    benchmark.run_benchmark(_plan(data, baselines=False), progress=stop)
  journal = data.parent / 'out' / benchmark.JOURNAL
  kept = [json.loads(line) for line in journal.read_text().splitlines()]
  assert len(kept) >= 4
  # A line that was cut in the middle is done again.
  journal.write_text(journal.read_text()[:-20])
  finished = benchmark.run_benchmark(_plan(data, baselines=False))
  assert finished.failed == ()
  assert set(finished.report.methods[0].scores) == set(_SCENES)
  assert 3 <= model.calls <= 4
  assert Journal(journal).get(kept[0]['key']) == kept[0]['value']


def test_means_are_of_shared_scenes_and_failures_are_named(data, model):
  folder = data.parent / 'theirs'
  folder.mkdir()
  under = Image.open(data / 'bay_A.png')
  under.save(folder / 'bay_theirs.png')
  under.save(folder / 'dune_2.png')  # Of another size.
  plan = _plan(data, folders=[f'old={folder}'], baselines=False)
  finished = benchmark.run_benchmark(plan)
  failed = dict(finished.failed)
  assert 'must share one size' in failed['old: dune_2']
  assert 'no picture cliff [x].*' in failed['old: cliff [x]']
  ours, old, _ = finished.report.methods
  assert (ours.kind, old.kind) == ('model', 'folder')
  assert old.pictures == {'bay': folder / 'bay_theirs.png'}
  assert len(ours.scores) == 3
  assert ours.means == ours.scores['bay']
  assert finished.report.averaged == 1 and finished.report.comparable
  assert finished.report.notes[0] == (
    'Means are of the 1 scenes that every row has: of 3 scenes old has 1.'
  )


def test_images_of_the_data_without_a_partner_fail(data, model):
  (data / 'bay_B.png').unlink()
  finished = benchmark.run_benchmark(_plan(data, baselines=False))
  assert [scene.name for scene in finished.report.scenes] == [*_SCENES[1:]]
  ((path, why),) = finished.failed
  assert path == str(data / 'bay_A.png') and why


def test_rows_without_a_common_scene_say_so(data, model):
  folders = []
  for name, scene in (('p', 'bay'), ('q', 'dune_2')):
    folder = data.parent / name
    folder.mkdir()
    Image.open(data / f'{scene}_B.png').save(folder / f'{scene}.png')
    folders.append(f'{folder}')
  plan = _plan(data, models=[], folders=folders, baselines=False)
  report = benchmark.run_benchmark(plan).report
  assert [each.name for each in report.methods[:2]] == ['p', 'q']
  assert report.notes[0].startswith('Rows have no scene in common')
  assert report.averaged == 0 and not report.comparable
  assert report.methods[0].means == report.methods[0].scores['bay']


def test_tables_choose_metrics_and_toolbox(data, model):
  plan = _plan(data, table='mgdn-1', metrics=['viff', 'mef_ssim'][1:])
  assert plan.toolbox == 'mefb'
  names = [each.name for each in plan.papers]
  assert names[0] == 'SPD-MEF (paper)' and names[-1] == 'MGDN (paper)'
  assert _plan(data, table='none').papers == ()
  assert [each.name for each in _plan(data).papers] == ['FFMEF (paper)']
  with pytest.raises(InputError, match='Table ffmef-4 is about vifb'):
    _plan(data, table='ffmef-4')


def test_a_toolbox_of_ones_choice(data, model):
  plan = _plan(data, toolbox='lt', metrics=())
  assert plan.toolbox == 'lt' and plan.papers == ()
  assert {'vifp', 'ms_ssim'} <= set(plan.metrics)
  assert _plan(data, toolbox='lt', metrics=['sf']).metrics == ('sf',)
  with pytest.raises(InputError, match='has a toolbox of its own'):
    _plan(data, toolbox='lt', table='mgdn-1')
  with pytest.raises(InputError, match="Unknown toolbox 'matlab'"):
    _plan(data, toolbox='matlab')


def test_a_model_of_another_task_is_noted(data, monkeypatch):
  held = _Model('ivf')
  monkeypatch.setattr(contenders, 'load_model', lambda *args, **options: held)
  plan = _plan(data, models=['mine=any'], limit=2)
  assert plan.contenders[0].name == 'mine'
  note = plan.contenders[0].note
  assert 'infrared-visible fusion; this is multi-exposure fusion' in note
  assert 'taken as infrared and visible' in note
  assert len(plan.scenes) == 2
  assert any('The first 2 of 3 scenes' in each for each in plan.notes)


def test_only_scenes_marked_as_test(data, model):
  for split, names in (('train', _SCENES[:2]), ('test', _SCENES[2:])):
    (data / split).mkdir()
    for name in names:
      for side in 'AB':
        file = f'{name}_{side}.png'
        (data / file).rename(data / split / file)
  plan = _plan(data)
  assert [scene.name for scene in plan.scenes] == ['dune_2']
  assert plan.notes[0].startswith('1 scenes marked as test, of 3 here')


def test_what_cannot_be_planned(data, model):
  with pytest.raises(InputError, match='Unknown benchmark'):
    benchmark.plan_benchmark('mefbb', [data], data.parent / 'out')
  with pytest.raises(InputError, match='lies in'):
    benchmark.plan_benchmark('mefb', [data], data / 'out')
  with pytest.raises(InputError, match='is a file'):
    benchmark.plan_benchmark('mefb', [data], data / 'bay_A.png')
  with pytest.raises(InputError, match='nothing to score'):
    _plan(data, models=[], baselines=False)
  with pytest.raises(InputError, match='Two rows would be called average'):
    _plan(data, models=['average=any'])
  with pytest.raises(InputError, match='Two rows would be called mean-mef'):
    _plan(data, models=['any', 'any'])
  with pytest.raises(InputError, match='expected NAME=PATH'):
    _plan(data, models=['=any'])
  with pytest.raises(InputError, match='psnr_mu compare with a true result'):
    _plan(data, metrics=['psnr_mu'])


def test_all_metrics_of_stacks_leave_out_those_of_pairs(tmp_path, model):
  rng = np.random.default_rng(3)
  for name in ('hill', 'lake'):
    (tmp_path / 'data' / name).mkdir(parents=True)
    for at in range(3):
      grey = rng.integers(0, 255, (32, 32)).astype(np.uint8)
      Image.fromarray(grey).save(tmp_path / 'data' / name / f'{at}.png')
  plan = _plan(tmp_path / 'data', metrics=['all'])
  assert 'qw' in plan.metrics and 'qc' not in plan.metrics
  (note,) = (note for note in plan.notes if 'take fewer sources' in note)
  assert re.search(r'\bqc\b', note) and not re.search(r'\bqw\b', note)
  assert 'qc' in _plan(tmp_path / 'data', metrics=['qw', 'qc']).metrics


def test_like_is_for_checkpoints_that_need_it(data, tmp_path, monkeypatch):
  asked = []

  def load(path, *, like=None):
    asked.append((path, like))
    return _Model()

  monkeypatch.setattr(contenders, 'load_model', load)
  workdir = tmp_path / 'run'
  workdir.mkdir()
  (workdir / 'weights.safetensors').touch()
  for given in ('ffmef-mef', 'new=mef.pth', str(workdir)):
    contenders.open_model(given, like='ffmef-mef', task='mef')
  assert asked == [
    ('ffmef-mef', None),
    ('mef.pth', 'ffmef-mef'),
    (str(workdir), None),
  ]


def test_float_pictures_stay_floats(tmp_path):
  rng = np.random.default_rng(0)
  for side in ('a', 'b'):
    (tmp_path / side).mkdir()
    np.save(tmp_path / side / '1.npy', np.float32(rng.random((24, 30))))
  plan = benchmark.plan_benchmark(
    'lytro', [tmp_path / 'a', tmp_path / 'b'], tmp_path / 'out', metrics=['qy']
  )
  finished = benchmark.run_benchmark(plan)
  assert finished.failed == ()
  assert finished.report.methods[0].pictures['1'].suffix == '.npy'


def _report() -> Report:
  def row(name, kind, qw, niqe, **options):
    means = {'qw': qw, 'niqe': niqe}
    scores = {} if kind == 'paper' else {'a|b': means}
    return Method(name, kind, scores, means, {}, **options)

  return Report(
    title='A <title>',
    benchmark='mefb',
    toolbox='mefb',
    version='1.2.3',
    metrics=('qw', 'niqe'),
    scenes=(Scene('a|b', ()),),
    methods=(
      row('one', 'model', 0.5, 3.0, note='by us'),
      row('t_w_o', 'baseline', 0.7, 2.0),
      row('three', 'baseline', 0.6, float('nan')),
      row('four', 'paper', 0.9, 1.0, note='table 1'),
    ),
    notes=('a note',),
  )


def test_summary_marks_the_best_and_names_the_rest():
  text = summary.format_summary(
    _report(), failed=[('one: c', 'its file\nis empty')], command='fusionjax x'
  )
  assert text.splitlines()[:9] == [
    '# A \\<title>',
    '',
    '1 scene, definitions of the toolbox `mefb`, fusionjax 1.2.3. '
    'Arithmetic means over 1 scene; the best **bold**, the second best in '
    '*italics*, rows of papers apart.',
    '',
    '| method | qw \N{UPWARDS ARROW} | niqe \N{DOWNWARDS ARROW} |',
    '|---|---:|---:|',
    '| one | 0.5000 | *3.0000* |',
    '| t\\_w\\_o | **0.7000** | **2.0000** |',
    '| three | *0.6000* | nan |',
  ]
  assert '| four | 0.9000 | 1.0000 |' in text
  assert '- one: model, by us' in text
  assert '- one: c: its file is empty' in text
  assert text.endswith('## Command\n\n    fusionjax x\n')


def test_scores_of_all_scenes_and_their_means(tmp_path):
  summary.write_scores(_report(), tmp_path / 'scores.csv')
  with (tmp_path / 'scores.csv').open(newline='') as file:
    rows = list(csv.DictReader(file))
  assert list(rows[0]) == [
    *('method', 'kind', 'scene', 'qw', 'niqe', 'toolbox', 'version')
  ]
  assert [(row['method'], row['scene']) for row in rows] == [
    *(('one', 'a|b'), ('one', 'mean'), ('t_w_o', 'a|b'), ('t_w_o', 'mean')),
    *(('three', 'a|b'), ('three', 'mean'), ('four', 'mean')),
  ]
  assert rows[-1] == {
    'method': 'four',
    'kind': 'paper',
    'scene': 'mean',
    'qw': '0.9',
    'niqe': '1.0',
    'toolbox': 'mefb',
    'version': '1.2.3',
  }
