"""Scores a training's result on a data set: `--mode=evaluate`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import ml_collections

from fusionjax import errors
from fusionjax.data import scenes, sources
from fusionjax.pretrained import weights
from fusionjax.training import judges, outputs, progress, scores, validation
from fusionjax.training import run as run_lib
from fusionjax.training import workdir as workdir_lib

TABLE = 'evaluation.csv'


def evaluate(config: ml_collections.ConfigDict, workdir: Path | str) -> None:
  """Scores the weights of a training and writes `evaluation.csv`.

  The weights are those of the last checkpoint, averaged where the training
  does so. The scenes are those that are marked as test in the data of
  `config.data.root`; all of them where none are marked.

  Args:
    config: the config of the training, perhaps with another data.root or
      data.name.
    workdir: the folder of the training, or one in a bucket.

  Raises:
    errors.InputError: if there are no weights, or the data cannot be read.
  """
  with workdir_lib.opened(
    workdir, wanted=lambda name: name == outputs.WEIGHTS
  ) as place:
    _evaluate(config, place)


def _evaluate(
  config: ml_collections.ConfigDict, place: workdir_lib.Workdir
) -> None:
  console = progress.Console(quiet=jax.process_index() > 0)
  plain = config.to_dict()
  toolbox = plain['eval']['toolbox']
  names = judges.select(
    plain['eval']['metrics'], task=plain['task'], toolbox=toolbox
  )
  loaded = _load(plain, place.folder)
  method, module = run_lib.open_module({**plain, 'model': loaded.options})
  source = _open_scenes(plain)
  console.say(source.describe())
  found = validation.score_scenes(
    validation.make_fuse(method, module, task=plain['task']),
    loaded.variables,
    _with_progress(source, console),
    metrics=names,
    toolbox=toolbox,
  )
  if jax.process_index() == 0:
    scores.write_scores(place.folder / TABLE, found, metrics=names)
  means = validation.format_means(found)
  console.say(f'{progress.number(len(found) - 1, "scene")}: {means}')
  console.say(f'Wrote {place.name}/{TABLE}.')


def _load(config: Mapping[str, Any], workdir: Path) -> weights.Weights:
  """Loads what a training has written for its users."""
  path = workdir / outputs.WEIGHTS
  if not path.exists():
    raise errors.InputError(
      f'{workdir} holds no {outputs.WEIGHTS}. Train first, or give the '
      '--workdir of a training.'
    )
  loaded = weights.load_weights(path)
  if (loaded.method, loaded.task) != (config['method'], config['task']):
    raise errors.InputError(
      f'{path} is {loaded.method}-{loaded.task}, and the config is for '
      f'{config["method"]}-{config["task"]}. Give the config of the training.'
    )
  return loaded


def _open_scenes(config: Mapping[str, Any]) -> sources.Source:
  """Opens the scenes marked as test; all where none are marked."""
  which = {'task': config['task'], 'seed': config['seed']}
  if not (config['data']['root'] or config['data'].get('name')):
    return sources.open_source(config['data'], **which, split='test')
  data = {**config['data'], 'holdout': 0.0}
  marked = sources.open_source(data, **which, split='test')
  if len(marked):
    return marked
  return sources.open_source(data, **which, split='all')


def _with_progress(
  source: sources.Source, console: progress.Console
) -> Iterator[scenes.Example]:
  """Reads all scenes and says where it is."""
  for index in range(len(source)):
    scene = source.read(index)
    console.show(f'scene {index + 1}/{len(source)}  {scene.name}')
    yield scene
