"""Scores of fused pictures and of models, scene by scene."""

import dataclasses
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from fusionjax import metrics as metrics_lib
from fusionjax.data import layouts
from fusionjax.data.folder import find_scenes
from fusionjax.data.images import IMAGE_SUFFIXES, read_image
from fusionjax.data.scenes import Found, Scene
from fusionjax.errors import InputError
from fusionjax.evaluation import choice, pool
from fusionjax.evaluation.matching import label_scenes, match_fused
from fusionjax.inference.model import FusionModel

IMAGE = 'image'
MEAN = 'mean'

# A line of a table: `image` -> name, then metric -> value.
Row = Mapping[str, str | float]
# (what, why) of what could not be scored.
Failures = tuple[tuple[str, str], ...]
# From a scene and its source images to the fused picture.
Fuse = Callable[[Scene, list[np.ndarray]], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Scores:
  """Scores of a set of scenes.

  Attributes:
    rows: one row a scene: `image` and the value of each metric.
    failed: (scene, why) of the scenes that could not be scored.
    metrics: names of the metrics.
    toolbox: whose definitions they are.
    notes: what was left out, and values that are no numbers.
  """

  rows: tuple[Row, ...]
  failed: tuple[tuple[str, str], ...]
  metrics: tuple[str, ...]
  toolbox: str
  notes: tuple[str, ...] = ()

  @property
  def mean(self) -> dict[str, float]:
    """Means over the scenes, by metric; empty without a scene."""
    return mean_of(self.rows, self.metrics) if self.rows else {}

  @property
  def table(self) -> list[Row]:
    """The rows, and the row `mean` at the end."""
    if not self.rows:
      return []
    return [*self.rows, {IMAGE: MEAN, **self.mean}]


def mean_of(
  rows: Iterable[Mapping[str, str | float]], names: Sequence[str]
) -> dict[str, float]:
  """Means of columns.

  Args:
    rows: at least one row.
    names: the columns.

  Returns:
    The mean of each; a value that is no number makes it one.
  """
  rows = list(rows)
  # Of infinities of both signs there is no mean, and no need for a warning.
  with np.errstate(invalid='ignore'):
    return {
      name: float(np.mean([float(row[name]) for row in rows])) for name in names
    }


def find_strange(
  scores: Mapping[str, Mapping[str, str | float]], names: Sequence[str]
) -> tuple[str, ...]:
  """Says which values are NaN or infinite, because they spoil a mean.

  Args:
    scores: values of metrics by scene.
    names: the metrics.

  Returns:
    A sentence for each metric that has such values.
  """
  notes = []
  for name in names:
    scenes = [
      scene
      for scene, values in scores.items()
      if not np.isfinite(float(values[name]))
    ]
    if scenes:
      more = f' and {len(scenes) - 3} more' if len(scenes) > 3 else ''
      notes.append(
        f'{name} is no finite number in {", ".join(scenes[:3])}{more}; its '
        'mean includes that.'
      )
  return tuple(notes)


def score_folder(
  fused: Path | str,
  sources: Sequence[Path | str] = (),
  *,
  metrics: str | Sequence[str] = 'all',
  toolbox: str = 'mefb',
  task: str | None = None,
  progress: pool.Progress | None = None,
) -> Scores:
  """Scores the fused pictures in a folder against their sources.

  Args:
    fused: folder of fused pictures, named after their scenes (see
      `matching.match_fused`).
    sources: one folder of scenes in any layout, or one folder per source;
      for metrics of HDR and depth the one folder of the true results, named
      like the fused pictures; none where every metric looks at the fused
      picture alone.
    metrics: names of metrics, or `all` (see `choice.choose`).
    toolbox: whose definitions and colour rule.
    task: a task, if the order of the sources should be its order.
    progress: called when a scene is done.

  Returns:
    The scores, in the order of the scenes. Scenes whose picture is missing,
    damaged or of another size are in `failed`, the others are scored: no
    picture is ever resized.

  Raises:
    InputError: if a folder, a metric or the toolbox is unknown, or no picture
      fits a scene.
  """
  names, notes = choice.choose(metrics, toolbox=toolbox)
  scenes, left_out, read_as = _scenes_of(fused, sources, names=names, task=task)
  names, more = _fit(names, scenes, metrics)
  try:
    matches = match_fused(fused, scenes)
  except InputError as error:
    # Often the sources were meant as another layout than they were read as.
    raise InputError(f'{error}{read_as}') from error
  pictures = dict(matches.pairs)
  if matches.unused:
    more = (*more, f'In no scene: {_list(matches.unused)}.')

  def fuse(scene: Scene, images: list[np.ndarray]) -> np.ndarray:
    return read_image(pictures[scene])

  scores = _score(
    list(pictures), fuse, metrics=names, toolbox=toolbox, progress=progress
  )
  return dataclasses.replace(
    scores,
    failed=(*left_out, *matches.failed, *scores.failed),
    notes=(*notes, *more, *scores.notes),
  )


def score_model(
  model: FusionModel,
  scenes: Iterable[Scene],
  *,
  metrics: str | Sequence[str] = 'all',
  toolbox: str = 'mefb',
  progress: pool.Progress | None = None,
) -> Scores:
  """Fuses scenes with a model and scores the results.

  Args:
    model: the model.
    scenes: the scenes, such as `find_scenes([...], task=model.task).scenes`.
    metrics: names of metrics, or `all` (see `choice.choose`).
    toolbox: whose definitions and colour rule.
    progress: called when a scene is done.

  Returns:
    The scores, in the order of the scenes. Scenes that cannot be read or
    fused are in `failed`.

  Raises:
    InputError: if a metric or the toolbox is unknown, or compares with a
      true result, or two scenes share a name.
  """
  names, notes = choice.choose(metrics, toolbox=toolbox)
  if choice.needs_truth(names):
    raise InputError(
      f'{", ".join(names)} compare with a true result. Fuse first, then score '
      'the folder of fused pictures (--fused).'
    )
  scenes = list(scenes)
  names, more = _fit(names, scenes, metrics)
  # One network at a time: it has threads of its own, and needs memory.
  turn = threading.Lock()

  def fuse(scene: Scene, images: list[np.ndarray]) -> np.ndarray:
    with turn:
      return model.fuse(images, names=[str(path) for path in scene.sources])

  scores = _score(
    scenes, fuse, metrics=names, toolbox=toolbox, progress=progress
  )
  return dataclasses.replace(scores, notes=(*notes, *more, *scores.notes))


def _scenes_of(
  fused: Path | str,
  sources: Sequence[Path | str],
  *,
  names: Sequence[str],
  task: str | None,
) -> tuple[Sequence[Scene], Failures, str]:
  """The scenes that a folder of fused pictures is about.

  Returns:
    The scenes, what of the sources is in none, and lines on how the sources
    were read.
  """
  if choice.needs_truth(names):
    if len(sources) != 1:
      raise InputError(
        f'{", ".join(names)} compare with the true result. Give its folder, '
        f'and no other, as the sources; {len(sources)} came.'
      )
    return _single(sources[0], with_source=True), (), ''
  if sources:
    found = find_scenes(sources, task=task)
    return found.scenes, list_left_out(found), f'\n{found.describe()}'
  if choice.needs_sources(names):
    needy = [name for name in names if choice.needs_sources([name])]
    raise InputError(
      f'{", ".join(needy)} compare with the sources. Name their folders with '
      '--sources, or choose other metrics.'
    )
  return _single(fused, with_source=False), (), ''


def list_left_out(found: Found) -> Failures:
  """The images of a search for scenes that are in no scene, and why.

  Args:
    found: what was found.
  """
  return tuple(
    (str(path), why)
    for path, why in found.left_out
    if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES
  )


def _list(paths: Sequence[Path]) -> str:
  more = f' and {len(paths) - 3} more' if len(paths) > 3 else ''
  return ', '.join(path.name for path in paths[:3]) + more


def _single(folder: Path | str, *, with_source: bool) -> list[Scene]:
  """Each picture of a folder as a scene of its own."""
  if not Path(folder).is_dir():
    raise InputError(f'{folder} is no folder. Name a folder of pictures.')
  images = layouts.list_folder(Path(folder)).images
  if not images:
    raise InputError(f'There is no picture in {folder}. Name another folder.')
  return [
    Scene(path.stem, path.stem, (path,) if with_source else ())
    for path in images
  ]


def _fit(
  names: tuple[str, ...],
  scenes: Sequence[Scene],
  metrics: str | Sequence[str],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
  most = max((len(scene.sources) for scene in scenes), default=0)
  return choice.fit(names, most=most, asked=not choice.is_all(metrics))


def _score(
  scenes: Sequence[Scene],
  fuse: Fuse,
  *,
  metrics: tuple[str, ...],
  toolbox: str,
  progress: pool.Progress | None,
) -> Scores:
  labels = label_scenes(scenes)

  def score(scene: Scene) -> dict[str, float]:
    images = [read_image(path) for path in scene.sources]
    fused = fuse(scene, images)
    return metrics_lib.evaluate(fused, images, metrics=metrics, toolbox=toolbox)

  found = pool.attempt_all(score, scenes, names=labels, progress=progress)
  rows: dict[str, dict[str, float]] = {}
  failed = []
  for label, values in zip(labels, found, strict=True):
    if isinstance(values, InputError):
      failed.append((label, str(values)))
    else:
      rows[label] = values
  return Scores(
    tuple({IMAGE: label, **values} for label, values in rows.items()),
    tuple(failed),
    metrics,
    toolbox,
    find_strange(rows, metrics),
  )
