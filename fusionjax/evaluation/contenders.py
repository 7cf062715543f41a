"""Who takes part in a benchmark: models, folders of results, baselines."""

import dataclasses
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import jax
import numpy as np

import fusionjax
from fusionjax.data.scenes import Scene
from fusionjax.errors import InputError
from fusionjax.evaluation import baselines
from fusionjax.evaluation.matching import label_scenes, match_fused
from fusionjax.inference.load import load_model
from fusionjax.inference.model import FusionModel
from fusionjax.methods import registry
from fusionjax.pretrained import weights

# From images and what errors call them to the fused image.
Fuse = Callable[[Sequence[np.ndarray], Sequence[str]], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Contender:
  """A row of the benchmark that is measured.

  Attributes:
    name: what the row is called, and the folder of its pictures.
    kind: what it is.
    note: what a reader should know of it.
    fuse: makes a picture; None where pictures are given. May be called from
      several threads.
    stamp: another text for every other `fuse`.
    pictures: scene -> given picture.
    failed: (scene, why) of the scenes without a given picture.
  """

  name: str
  kind: Literal['model', 'baseline', 'folder']
  note: str = ''
  fuse: Fuse | None = None
  stamp: str = ''
  pictures: Mapping[str, Path] = dataclasses.field(default_factory=dict)
  failed: tuple[tuple[str, str], ...] = ()


def open_model(given: str, *, like: str | None, task: str) -> Contender:
  """Loads a model.

  Args:
    given: what `load_model` takes, perhaps after a name: `mine=runs/x`.
    like: the model of published checkpoints; others do not need it.
    task: the task of the benchmark.

  Returns:
    The contender. A model of another task is noted as such.

  Raises:
    InputError: if there is no such model.
  """
  name, path = _named(given)
  model = load_model(path, like=like if _needs_like(path) else None)
  trained = registry.get_task(model.task)
  note = f'{model.method}, weights for {trained.title} fusion'
  if model.task != task:
    expected = registry.TASKS.get(task)
    note += f'; this is {expected.title if expected else task} fusion'
    if trained.ordered:
      note += f', its sources taken as {" and ".join(trained.sources)}'
  # One picture at a time: the network has threads of its own, and needs
  # memory.
  turn = threading.Lock()

  def fuse(images: Sequence[np.ndarray], names: Sequence[str]) -> np.ndarray:
    with turn:
      return model.fuse(images, names=names)

  return Contender(
    _folder_name(name or model.name),
    'model',
    note,
    fuse=fuse,
    stamp=_stamp_model(model),
  )


def open_folder(given: str, scenes: Sequence[Scene]) -> Contender:
  """Takes the fused pictures of a folder.

  Args:
    given: `NAME=DIR`, or a folder whose name is the row's.
    scenes: the scenes of the benchmark.

  Returns:
    The contender.

  Raises:
    InputError: if there is no such folder, or nothing in it fits a scene.
  """
  name, path = _named(given)
  matches = match_fused(path, scenes)
  labels = dict(zip(scenes, label_scenes(scenes), strict=True))
  return Contender(
    _folder_name(name or Path(path).resolve().name),
    'folder',
    f'pictures in {Path(path).name}',
    pictures={labels[scene]: file for scene, file in matches.pairs},
    failed=matches.failed,
  )


def open_baselines() -> tuple[list[Contender], tuple[str, ...]]:
  """The classical rules that can run here.

  Returns:
    The contenders, and notes on those that cannot run.
  """
  missing = baselines.missing()
  found = []
  for name in baselines.RULES:
    if name in missing:
      continue

    def fuse(
      images: Sequence[np.ndarray], names: Sequence[str], rule: str = name
    ) -> np.ndarray:
      return baselines.fuse(rule, images, names=names)

    found.append(
      Contender(
        name,
        'baseline',
        'classical, no training',
        fuse=fuse,
        stamp=f'{name} {fusionjax.__version__}',
      )
    )
  return found, tuple(
    f'Baseline {name} {why}.' for name, why in missing.items()
  )


def check_names(contenders: Sequence[Contender]) -> None:
  """Checks that no two contenders share a name.

  Args:
    contenders: all of them.

  Raises:
    InputError: if two do.
  """
  seen: dict[str, str] = {}
  for each in contenders:
    # Some file systems do not tell upper from lower case.
    other = seen.setdefault(each.name.casefold(), each.kind)
    if sum(c.name.casefold() == each.name.casefold() for c in contenders) > 1:
      raise InputError(
        f'Two rows would be called {each.name} (a {other} is one). Name one: '
        '--model NAME=MODEL, --fused NAME=DIR.'
      )


def _named(given: str) -> tuple[str, str]:
  """Splits NAME=PATH; the name is empty where there is none."""
  name, equals, path = given.partition('=')
  if not equals or Path(given).exists() or '/' in name:
    return '', given
  if not name or not path:
    raise InputError(f'{given!r}: expected NAME=PATH.')
  return name, path


def _folder_name(name: str) -> str:
  if name in ('', '.', '..') or '/' in name or '\\' in name:
    raise InputError(f'{name!r} cannot name a folder. Give NAME=PATH.')
  return name


def _needs_like(path: str) -> bool:
  """Whether a model is a checkpoint that does not say what it is."""
  if (
    path in registry.MODELS or (Path(path) / weights.WORKDIR_WEIGHTS).is_file()
  ):
    return False
  ours = Path(path).suffix.lower() == '.safetensors' and Path(path).is_file()
  return not (ours and weights.is_ours(Path(path)))


def _stamp_model(model: FusionModel) -> str:
  digest = hashlib.sha256()
  options = sorted(weights.module_options(model.module).items())
  parts = (fusionjax.__version__, model.method, model.task, str(options))
  digest.update('\n'.join(parts).encode())
  for path, leaf in jax.tree_util.tree_leaves_with_path(model.variables):
    digest.update(jax.tree_util.keystr(path).encode())
    digest.update(np.asarray(leaf).tobytes())
  return digest.hexdigest()
