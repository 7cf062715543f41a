"""Scores as files and as text."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import fusionjax
from fusionjax.errors import InputError
from fusionjax.evaluation.scores import IMAGE, Scores
from fusionjax.inference.writing import check_writable
from fusionjax.metrics import METRICS
from fusionjax.pretrained.replacing import replacing
from fusionjax.training.scores import write_table

SUFFIXES = ('.csv', '.json')


def check_outputs(paths: Sequence[Path | str]) -> None:
  """Checks the files for scores before the work begins.

  Args:
    paths: the files.

  Raises:
    InputError: if a suffix is unknown, or a folder cannot be written.
  """
  for path in map(Path, paths):
    if path.suffix.lower() not in SUFFIXES:
      raise InputError(
        f'{path}: scores are written as {" or ".join(SUFFIXES)}. Give such a '
        'file.'
      )
    check_writable(path.parent)


def write_scores(path: Path | str, scores: Scores) -> None:
  """Writes the scores of all images and their means, with all digits.

  A CSV file has the columns `image`, the metrics, `toolbox` and `version`, a
  row an image and the row `mean` at the end. A JSON file says the same, the
  titles and directions of the metrics, and which scenes failed; NaN and
  infinities are the strings 'NaN', 'Infinity' and '-Infinity' there.

  Args:
    path: .csv or .json file. It appears when it is whole.
    scores: the scores.

  Raises:
    InputError: if the file cannot be written.
  """
  path = Path(path)
  if path.suffix.lower() == '.csv':
    made_by = {'toolbox': scores.toolbox, 'version': fusionjax.__version__}
    rows = [{**row, **made_by} for row in scores.table]
    write_table(path, rows, (IMAGE, *scores.metrics, *made_by))
    return
  record = {
    'toolbox': scores.toolbox,
    'version': fusionjax.__version__,
    'metrics': {
      name: {
        'title': METRICS[name].title,
        'direction': METRICS[name].direction,
      }
      for name in scores.metrics
    },
    'mean': _plain(scores.mean),
    'images': [_plain(row) for row in scores.rows],
    'failed': [{IMAGE: name, 'why': why} for name, why in scores.failed],
    'notes': list(scores.notes),
  }
  text = json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False)
  with replacing(path) as temporary:
    temporary.write_text(text + '\n', encoding='utf-8')


def _plain(
  row: Mapping[str, str | float] | Mapping[str, float],
) -> dict[str, str | float]:
  """A row that JSON can hold: it has no NaN and no infinity."""
  return {
    key: value
    if isinstance(value, str) or math.isfinite(value)
    else json.dumps(value)
    for key, value in row.items()
  }


def format_value(value: float) -> str:
  """A score for people: about four digits behind the point.

  Args:
    value: the score.

  Returns:
    `7.0381`, `58906.2`, `2.31e-05`, `nan`, `-inf`.
  """
  if not math.isfinite(value):
    return str(value)
  if abs(value) >= 1000:
    return f'{value:.1f}'
  return f'{value:.2e}' if 0 < abs(value) < 1e-3 else f'{value:.4f}'
