"""Scores of fused pictures and of models, scene by scene, and their table."""

import csv
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from fusionjax import metrics as metrics_lib
from fusionjax.data.folder import find_scenes
from fusionjax.data.images import read_image
from fusionjax.data.scenes import Scene
from fusionjax.errors import InputError
from fusionjax.evaluation.matching import match_fused
from fusionjax.inference.model import FusionModel
from fusionjax.inference.writing import check_writable
from fusionjax.metrics import registry
from fusionjax.pretrained.replacing import replacing

IMAGE = 'image'
MEAN = 'mean'

# A line of a table: `image` -> name, then metric -> value.
Row = Mapping[str, str | float]
# Called before each scene with its number from 0, the count, and its name.
Progress = Callable[[int, int, str], None]


@dataclasses.dataclass(frozen=True)
class Scores:
  """Scores of a set of scenes.

  Attributes:
    rows: one row a scene: `image` and the value of each metric.
    failed: (scene, why) of the scenes that could not be scored.
    metrics: names of the metrics.
    toolbox: whose definitions they are.
  """

  rows: tuple[Row, ...]
  failed: tuple[tuple[str, str], ...]
  metrics: tuple[str, ...]
  toolbox: str

  @property
  def mean(self) -> dict[str, float]:
    """Means over the scenes, by metric; empty without a scene."""
    if not self.rows:
      return {}
    return {
      name: float(np.mean([float(row[name]) for row in self.rows]))
      for name in self.metrics
    }

  @property
  def table(self) -> list[Row]:
    """The rows, and the row `mean` at the end."""
    if not self.rows:
      return []
    return [*self.rows, {IMAGE: MEAN, **self.mean}]


def score_folder(
  fused: Path | str,
  sources: Sequence[Path | str],
  *,
  metrics: str | Sequence[str] = 'all',
  toolbox: str = 'mefb',
  output: Path | str | None = None,
  task: str | None = None,
  progress: Progress | None = None,
) -> Scores:
  """Scores the fused pictures in a folder against their sources.

  Args:
    fused: folder of fused pictures, named after their scenes (see
      `matching.match_fused`).
    sources: one folder of scenes in any layout, or one folder per source.
    metrics: names of metrics, or `all`.
    toolbox: whose definitions and colour rule.
    output: CSV file to write: a row per picture, and `mean` at the end.
    task: a task, if the order of the sources should be its order.
    progress: called before each scene.

  Returns:
    The scores. Scenes whose picture is missing, damaged or of another size
    are in `failed`, the others are scored.

  Raises:
    InputError: if a folder, a metric or the toolbox is unknown, no picture
      fits a scene, or the table cannot be written.
  """
  names = _prepare(metrics, toolbox=toolbox, output=output)
  found = find_scenes(sources, task=task)
  matches = match_fused(fused, found.scenes)
  pictures = dict(matches.pairs)

  def fuse(scene: Scene, images: list[np.ndarray]) -> np.ndarray:
    return read_image(pictures[scene])

  scores = _score(
    list(pictures), fuse, metrics=names, toolbox=toolbox, progress=progress
  )
  failed = (*matches.failed, *scores.failed)
  return _finish(dataclasses.replace(scores, failed=failed), output)


def score_model(
  model: FusionModel,
  scenes: Iterable[Scene],
  *,
  metrics: str | Sequence[str] = 'all',
  toolbox: str = 'mefb',
  output: Path | str | None = None,
  progress: Progress | None = None,
) -> Scores:
  """Fuses scenes with a model and scores the results.

  Args:
    model: the model.
    scenes: the scenes, such as `find_scenes([...], task=model.task).scenes`.
    metrics: names of metrics, or `all`.
    toolbox: whose definitions and colour rule.
    output: CSV file to write: a row per scene, and `mean` at the end.
    progress: called before each scene.

  Returns:
    The scores. Scenes that cannot be read or fused are in `failed`.

  Raises:
    InputError: if a metric or the toolbox is unknown, or the table cannot be
      written.
  """
  names = _prepare(metrics, toolbox=toolbox, output=output)

  def fuse(scene: Scene, images: list[np.ndarray]) -> np.ndarray:
    return model.fuse(images, names=[str(path) for path in scene.sources])

  scores = _score(
    list(scenes), fuse, metrics=names, toolbox=toolbox, progress=progress
  )
  return _finish(scores, output)


def compare(scores: Mapping[str, Scores]) -> list[Row]:
  """Means of several models or folders, one row each.

  Only scenes that all of them have count, so that the means are of the same
  pictures.

  Args:
    scores: scores by the name of the model or folder.

  Returns:
    Rows of `model`, `images` (how many count), and metrics.

  Raises:
    InputError: if they share no scene.
  """
  images = [{str(row[IMAGE]) for row in each.rows} for each in scores.values()]
  shared = set.intersection(*images) if images else set()
  if not shared:
    raise InputError(
      f'{", ".join(scores)} have no scored scene in common. Score them on one '
      'set of scenes.'
    )
  rows: list[Row] = []
  for name, each in scores.items():
    kept = tuple(row for row in each.rows if row[IMAGE] in shared)
    mean = dataclasses.replace(each, rows=kept).mean
    rows.append({'model': name, 'images': str(len(kept)), **mean})
  return rows


def write_table(path: Path | str, rows: Sequence[Row]) -> None:
  """Writes rows as CSV with all digits; the file appears when it is whole.

  Args:
    path: the file. Its folder is made if it is missing.
    rows: rows of the same columns.

  Raises:
    InputError: if the file cannot be written.
  """
  path = Path(path)
  check_writable(path.parent)
  path.parent.mkdir(parents=True, exist_ok=True)
  with (
    replacing(path) as temporary,
    temporary.open('w', newline='', encoding='utf-8') as file,
  ):
    writer = csv.DictWriter(file, list(rows[0]), lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)


def format_table(rows: Sequence[Row]) -> str:
  """Rows as text for the terminal: columns aligned, values with 4 digits.

  Args:
    rows: rows of the same columns, such as `Scores.table`.

  Returns:
    A heading, a rule and a line per row; empty without rows.
  """
  if not rows:
    return ''
  columns = list(rows[0])
  cells = [
    columns,
    *([_cell(row[column]) for column in columns] for row in rows),
  ]
  widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
  text = [isinstance(rows[0][column], str) for column in columns]
  lines = [
    '  '.join(
      cell.ljust(width) if left else cell.rjust(width)
      for cell, width, left in zip(line, widths, text, strict=True)
    ).rstrip()
    for line in cells
  ]
  rule = '  '.join('-' * width for width in widths)
  return '\n'.join([lines[0], rule, *lines[1:]])


def _cell(value: str | float) -> str:
  return value if isinstance(value, str) else f'{value:.4f}'


def _prepare(
  metrics: str | Sequence[str],
  *,
  toolbox: str,
  output: Path | str | None,
) -> tuple[str, ...]:
  """Checks names and the output before the work begins."""
  if output is not None:
    check_writable(Path(output).parent)
  return registry.select(metrics, toolbox=toolbox)


def _score(
  scenes: Sequence[Scene],
  fuse: Callable[[Scene, list[np.ndarray]], np.ndarray],
  *,
  metrics: tuple[str, ...],
  toolbox: str,
  progress: Progress | None,
) -> Scores:
  rows: list[Row] = []
  failed = []
  for at, scene in enumerate(scenes):
    if progress:
      progress(at, len(scenes), scene.name)
    try:
      images = [read_image(path) for path in scene.sources]
      values = metrics_lib.evaluate(
        fuse(scene, images), images, metrics=metrics, toolbox=toolbox
      )
    except InputError as error:
      failed.append((scene.name, str(error)))
    else:
      rows.append({IMAGE: scene.name, **values})
  return Scores(tuple(rows), tuple(failed), metrics, toolbox)


def _finish(scores: Scores, output: Path | str | None) -> Scores:
  if output is not None and scores.rows:
    write_table(output, scores.table)
  return scores
