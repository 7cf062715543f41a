import csv

import pytest

from fusionjax.training import scores


def _rows(path):
  with path.open(newline='') as file:
    return list(csv.DictReader(file))


def _scores(value):
  return {'a, b': {'en': value}, 'mean': {'en': value}}


def test_rows_by_step_and_scene(tmp_path):
  path = tmp_path / 'scores.csv'
  table = scores.ScoreTable(path, metrics=['en'])
  table.add(0, _scores(1.0))
  table.add(5, _scores(2.5))
  assert _rows(path) == [
    {'step': '0', 'scene': 'a, b', 'en': '1'},
    {'step': '0', 'scene': 'mean', 'en': '1'},
    {'step': '5', 'scene': 'a, b', 'en': '2.5'},
    {'step': '5', 'scene': 'mean', 'en': '2.5'},
  ]
  assert table.means(5) == {'en': 2.5}
  assert table.means(6) is None


def test_a_resume_replaces_later_rows(tmp_path):
  path = tmp_path / 'scores.csv'
  for_run = scores.ScoreTable(path, metrics=['en'])
  for step in (0, 5, 10):
    for_run.add(step, _scores(step))
  resumed = scores.ScoreTable(path, metrics=['en'])
  resumed.forget_after(5)
  resumed.add(10, _scores(7.0))
  assert [row['step'] for row in _rows(path)] == ['0', '0', '5', '5'] + [
    '10'
  ] * 2
  assert resumed.means(10) == {'en': 7.0}


def test_other_metrics_join_the_columns(tmp_path):
  path = tmp_path / 'scores.csv'
  scores.ScoreTable(path, metrics=['en']).add(0, _scores(1.0))
  table = scores.ScoreTable(path, metrics=['ag'])
  table.add(5, {'mean': {'ag': 3.0}})
  assert list(_rows(path)[0]) == ['step', 'scene', 'ag', 'en']
  assert table.means(5) == {'ag': 3.0}


def test_table_without_steps(tmp_path):
  path = tmp_path / 'evaluation.csv'
  scores.write_scores(path, _scores(1.25), metrics=['en'])
  assert path.read_text() == 'scene,en\n"a, b",1.25\nmean,1.25\n'
  assert list(tmp_path.iterdir()) == [path]


def test_values_keep_six_digits(tmp_path):
  path = tmp_path / 'evaluation.csv'
  scores.write_scores(path, {'mean': {'en': 7.00412345}}, metrics=['en'])
  assert float(_rows(path)[0]['en']) == pytest.approx(7.00412, abs=1e-9)
