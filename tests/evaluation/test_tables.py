"""Scores as files, and how they are written for people."""

import csv
import json
import math

import pytest

import fusionjax
from fusionjax.errors import InputError
from fusionjax.evaluation import tables
from fusionjax.evaluation.scores import Scores

_SCORES = Scores(
  rows=(
    {'image': 'a "b", c', 'qw': 1 / 3, 'niqe': 4.0},
    {'image': 'd', 'qw': math.nan, 'niqe': -math.inf},
  ),
  failed=(('e', 'its file is empty'),),
  metrics=('qw', 'niqe'),
  toolbox='mefb',
  notes=('a note',),
)


def test_csv_keeps_all_digits_and_says_whose_numbers(tmp_path):
  path = tmp_path / 'new' / 'scores.csv'
  tables.write_scores(path, _SCORES)
  with path.open(newline='') as file:
    rows = list(csv.DictReader(file))
  assert list(rows[0]) == ['image', 'qw', 'niqe', 'toolbox', 'version']
  assert [row['image'] for row in rows] == ['a "b", c', 'd', 'mean']
  assert float(rows[0]['qw']) == 1 / 3
  assert math.isnan(float(rows[2]['qw']))
  assert {row['toolbox'] for row in rows} == {'mefb'}
  assert {row['version'] for row in rows} == {fusionjax.__version__}
  assert [each.name for each in path.parent.iterdir()] == ['scores.csv']


def test_json_is_strict_and_says_all(tmp_path):
  path = tmp_path / 'scores.json'
  tables.write_scores(path, _SCORES)

  def refuse(constant):
    raise AssertionError(constant)

  record = json.loads(path.read_text('utf-8'), parse_constant=refuse)
  assert (record['toolbox'], record['version']) == (
    'mefb',
    fusionjax.__version__,
  )
  assert record['metrics']['niqe']['direction'] == 'lower'
  assert record['images'][0] == {'image': 'a "b", c', 'qw': 1 / 3, 'niqe': 4.0}
  assert record['images'][1]['qw'] == 'NaN'
  assert float(record['images'][1]['niqe']) == -math.inf
  assert record['failed'] == [{'image': 'e', 'why': 'its file is empty'}]
  assert record['notes'] == ['a note']


def test_outputs_are_checked_first(tmp_path):
  tables.check_outputs([tmp_path / 'a.csv', tmp_path / 'new' / 'b.JSON'])
  with pytest.raises(InputError, match=r'\.csv or \.json'):
    tables.check_outputs([tmp_path / 'a.xlsx'])
  (tmp_path / 'file').touch()
  with pytest.raises(InputError, match='cannot be written'):
    tables.check_outputs([tmp_path / 'file' / 'a.csv'])


@pytest.mark.parametrize(
  ('value', 'text'),
  [
    (7.03814, '7.0381'),
    (58906.21, '58906.2'),
    (-0.5, '-0.5000'),
    (0.0, '0.0000'),
    (2.314e-5, '2.31e-05'),
    (math.nan, 'nan'),
    (-math.inf, '-inf'),
  ],
)
def test_values_for_people(value, text):
  assert tables.format_value(value) == text
