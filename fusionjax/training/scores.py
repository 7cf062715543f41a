"""Tables of scores as CSV: one row per scene, and their mean."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fusionjax.pretrained.replacing import replacing

Scores = Mapping[str, Mapping[str, float]]
MEAN = 'mean'


class ScoreTable:
  """The file `scores.csv` of a training: step, scene, metrics."""

  def __init__(self, path: Path, *, metrics: Sequence[str]):
    """Reads the table that is there.

    Args:
      path: the CSV file.
      metrics: names of the metrics, the columns.
    """
    self._path = path
    self._metrics = tuple(metrics)
    self._rows: list[dict[str, str]] = []
    if path.exists():
      with path.open(newline='', encoding='utf-8') as file:
        self._rows = list(csv.DictReader(file))

  def forget_after(self, step: int) -> None:
    """Drops rows beyond a step: a resume computes them again."""
    self._rows = [row for row in self._rows if int(row['step']) <= step]

  def add(self, step: int, scores: Scores) -> None:
    """Replaces the rows of a step and writes the file.

    Args:
      step: the step.
      scores: metrics by scene; the scene `mean` is the mean.
    """
    self._rows = [row for row in self._rows if int(row['step']) != step]
    self._rows += _rows(scores, {'step': str(step)})
    write_table(self._path, self._rows, ('step', 'scene', *self._metrics))

  def means(self, step: int) -> dict[str, float] | None:
    """The mean scores at a step; None where they are not in the table."""
    for row in self._rows:
      if int(row['step']) == step and row['scene'] == MEAN:
        return {k: float(row[k]) for k in self._metrics if row.get(k)}
    return None


def collect(
  names: Sequence[str], rows: np.ndarray, *, metrics: Sequence[str]
) -> dict[str, dict[str, float]]:
  """Puts scores by the names of their scenes.

  Args:
    names: of n scenes; the second one of a name is `NAME (2)`.
    rows: [n, m] float64, values of the metrics.
    metrics: names of the m metrics.

  Returns:
    Metrics by scene, and their means under `mean`; empty without scenes.
  """
  scores: dict[str, dict[str, float]] = {}
  for name, row in zip(names, rows, strict=True):
    unique = name if name not in scores else f'{name} (2)'
    scores[unique] = dict(zip(metrics, row.tolist(), strict=True))
  if scores:
    scores[MEAN] = {
      name: float(np.mean([values[name] for values in scores.values()]))
      for name in metrics
    }
  return scores


def _rows(scores: Scores, first: Mapping[str, str]) -> list[dict[str, str]]:
  return [
    {**first, 'scene': scene, **{k: f'{v:.6g}' for k, v in values.items()}}
    for scene, values in scores.items()
  ]


def write_scores(path: Path, scores: Scores, *, metrics: Sequence[str]) -> None:
  """Writes scores as CSV: scene, metrics.

  Args:
    path: the file.
    scores: metrics by scene.
    metrics: names of the metrics, the columns.
  """
  write_table(path, _rows(scores, {}), ('scene', *metrics))


def write_table(
  path: Path, rows: Sequence[Mapping[str, object]], columns: Sequence[str]
) -> None:
  """Writes rows as CSV under a temporary name, then renames.

  Args:
    path: the file. Its folder is made if it is missing.
    rows: values by column; numbers keep all digits.
    columns: the first columns; those that only rows have follow.

  Raises:
    InputError: if the file cannot be written.
  """
  # Columns of an earlier run with other metrics stay.
  known = dict.fromkeys(columns)
  for row in rows:
    known.update(dict.fromkeys(row))
  with (
    replacing(path) as temporary,
    temporary.open('w', newline='', encoding='utf-8') as file,
  ):
    writer = csv.DictWriter(file, list(known), lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
