"""Published means from CSV files, such as those of the benchmarks' authors."""

import csv
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from fusionjax.errors import InputError
from fusionjax.evaluation.result import Method
from fusionjax.metrics import METRICS

# What the toolboxes call metrics, where it is not our name: letters and
# digits of theirs in lower case -> ours.
_THEIRS: Mapping[str, Mapping[str, str]] = {
  'mefb': {
    'crossentropy': 'ce',
    'entropy': 'en',
    'avggradient': 'ag',
    'edgeintensity': 'ei',
    'spatialfrequency': 'sf',
    'vif': 'viff',
  },
  'vifb': {
    'crossentropy': 'ce',
    'entropy': 'en',
    'mutinf': 'mi',
    'avggradient': 'ag',
    'edgeintensity': 'ei',
    'variance': 'sd',
    'spatialfrequency': 'sf',
  },
  'mfif': {'qmi': 'nmi', 'qg': 'qabf', 'qte': 'te'},
  'lt': {'vif': 'vifp'},
  'cddfuse': {'vif': 'vifp'},
  'cscfuse': {'vif': 'viff'},
  'mgdn': {},
  'hdrt': {},
}
_METHOD = 'method'
_MEAN = 'mean'
_NO_METRICS = (_METHOD, 'kind', 'scene', 'toolbox', 'version')


def read_published(
  path: Path | str, *, toolbox: str, metrics: Sequence[str]
) -> tuple[list[Method], tuple[str, ...]]:
  """Reads rows of published means.

  Args:
    path: CSV file with the column `method` and a column a metric, called as
      in the toolbox (`Entropy`, `Q_G`) or as here (`en`, `qabf`). A
      `scores.csv` of this package works too: of its rows those of the means
      are read.
    toolbox: the toolbox of the benchmark.
    metrics: the metrics of the benchmark.

  Returns:
    A row a method, of the kind `paper`, and notes on what was not read.

  Raises:
    InputError: if the file is no such table.
  """
  path = Path(path)
  rows = _read_rows(path)
  columns = [
    column for column in rows[0] if column and column not in _NO_METRICS
  ]
  known = {}
  for column in columns:
    name = _our_name(column, toolbox)
    if name in metrics:
      known[column] = name
  if not known:
    raise InputError(
      f'{path} has no column for a metric of this benchmark: it has '
      f'{", ".join(columns)}, and {", ".join(metrics)} are measured.'
    )
  methods = []
  for row in rows:
    if row.get('scene') not in (None, '', _MEAN):
      continue
    means = {}
    for column, name in known.items():
      value = _number(path, row, column)
      if value is not None:
        means[name] = value
    if row.get(_METHOD) and means:
      methods.append(
        Method(
          name=row[_METHOD],
          kind='paper',
          scores={},
          means=means,
          pictures={},
          note=f'published: {path.name}',
        )
      )
  skipped = [column for column in columns if column not in known]
  notes = (
    (f'{path.name}: not measured here, left out: {", ".join(skipped)}.',)
    if skipped
    else ()
  )
  return methods, notes


def _read_rows(path: Path) -> list[dict[str, str]]:
  if not path.is_file():
    raise InputError(f'{path} is no file. Name a CSV file of published means.')
  try:
    with path.open(newline='', encoding='utf-8-sig') as file:
      rows = list(csv.DictReader(file))
  except (UnicodeDecodeError, csv.Error) as error:
    raise InputError(
      f'{path} is no CSV file ({error}). Export it again.'
    ) from (error)
  except OSError as error:
    raise InputError(f'{path} cannot be read: {error.strerror}.') from error
  if not rows or _METHOD not in rows[0]:
    raise InputError(
      f'{path} has no column {_METHOD!r} or no row. Expected: '
      'method,Entropy,Qabf,... and a line a method.'
    )
  return rows


def _our_name(column: str, toolbox: str) -> str:
  plain = re.sub(r'[^a-z0-9]', '', column.lower())
  theirs = _THEIRS.get(toolbox, {})
  ours = {name.replace('_', ''): name for name in METRICS}
  return theirs.get(plain, ours.get(plain, ''))


def _number(path: Path, row: Mapping[str, str], column: str) -> float | None:
  text = (row.get(column) or '').strip()
  if not text:
    return None
  try:
    value = float(text)
  except ValueError as error:
    raise InputError(
      f'{path}: {column} of {row[_METHOD]} is {text!r}, expected a number.'
    ) from error
  return None if math.isnan(value) else value
