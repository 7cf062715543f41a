"""What a training leaves in its folder, written by the first host alone."""

import contextlib
import datetime
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from fusionjax import errors
from fusionjax.methods import registry
from fusionjax.pretrained import weights
from fusionjax.training import (
  journal,
  judges,
  progress,
  samples,
  scalars,
  scores,
  stages,
  validation,
)
from fusionjax.training import run as run_lib
from fusionjax.training import state as state_lib
from fusionjax.training import workdir as workdir_lib

WEIGHTS = weights.WORKDIR_WEIGHTS
SCORES = 'scores.csv'
SAMPLES = 'samples.png'
JOURNAL = 'log.jsonl'


def _never() -> None:
  return None


class Outputs:
  """The weights, scores, samples and logs of one training."""

  def __init__(
    self,
    run: run_lib.Run,
    workdir: workdir_lib.Workdir,
    *,
    say: Callable[[str], None],
    command: str,
    start_step: int,
  ):
    """Opens the logs.

    Args:
      run: the parts of the training.
      workdir: the folder of the training.
      say: prints a line.
      command: how the training was started.
      start_step: the step to go on from.
    """
    self.workdir = workdir.folder
    self._name = workdir.name
    self._run = run
    self._say = say
    self._command = command
    self._first = jax.process_index() == 0
    self._initial: dict[str, Any] | None = None
    self._heldout = run.open_heldout()
    self._scene_names: dict[int, str] = {}
    self._fuse = validation.make_fuse(run.method, run.module, task=run.task)
    self._watch = stages.make_watch(run.method, run.module, task=run.task)
    self._toolbox = run.config['eval']['toolbox']
    self._metrics = judges.select(
      run.config['eval']['metrics'], task=run.task, toolbox=self._toolbox
    )
    self._table = scores.ScoreTable(
      self.workdir / SCORES, metrics=self._metrics
    )
    self._table.forget_after(start_step)
    self._latest: tuple[int, dict[str, float]] = (-1, {})
    self._log: scalars.ScalarLog | None = None
    self._journal: journal.Journal | None = None
    if self._first and start_step < run.steps:
      self._journal = journal.Journal(
        self.workdir / JOURNAL, start_step=start_step
      )
      self._log = scalars.ScalarLog(
        self.workdir / 'tensorboard', start_step=start_step
      )

  def keep_initial(self, state: state_lib.TrainState) -> None:
    """Keeps the variables of step 0, for the samples.

    Args:
      state: the state at step 0.
    """
    self._initial = validation.to_host(state.variables())

  def complete(self) -> bool:
    """Whether all that the end of a training writes is there."""
    names = (WEIGHTS, SAMPLES) if len(self._heldout) else (WEIGHTS,)
    return all((self.workdir / name).exists() for name in names)

  def write_scalars(self, step: int, values: Mapping[str, float]) -> None:
    """Writes scalars to TensorBoard's log and to the one of JSON lines.

    Args:
      step: the step.
      values: values by tag.

    Raises:
      errors.InputError: if they cannot be written.
    """
    if self._log and self._journal:
      with errors_of_writing(self.workdir):
        self._log.write(step, values)
        self._journal.write(step, values)

  def scores_at(self, step: int) -> dict[str, float] | None:
    """The mean scores of a step, if it was validated."""
    return self._latest[1] if self._latest[0] == step else None

  def owes_scores(self, step: int) -> bool:
    """Whether the scores of a step are missing, as the first host sees it."""
    if not len(self._heldout):
      return False
    missing = self._table.means(step) is None
    return bool(_from_first_host(np.array(missing)))

  def validate(
    self,
    step: int,
    state: state_lib.TrainState,
    *,
    interrupted: Callable[[], object] = _never,
  ) -> None:
    """Scores the held-out scenes, each process its share, and notes the scores.

    Args:
      step: the step.
      state: its state.
      interrupted: asked after each scene, of all processes, whether to leave
        off; then nothing is noted, and the scores are owed.
    """
    if not len(self._heldout):
      return
    # All hosts: a state may be split over them.
    variables = validation.to_host(state.variables_to_keep())
    rows = self._score(variables, interrupted)
    if rows is None:
      return
    if self._first:
      names = [self._name_scene(index) for index in range(len(rows))]
      found = scores.collect(names, rows, metrics=self._metrics)
      self._note(step, found)
      self._show(step, variables)
    # Every host must agree on the best checkpoint.
    means = dict(zip(self._metrics, rows.mean(axis=0).tolist(), strict=True))
    self._latest = (step, means)

  def _score(
    self, variables: Mapping[str, Any], interrupted: Callable[[], object]
  ) -> np.ndarray | None:
    """[scenes, metrics] on all processes; None where somebody interrupts."""
    processes, mine = jax.process_count(), jax.process_index()
    count = self._run.config['eval']['scenes'] or len(self._heldout)
    count = min(count, len(self._heldout))
    rounds = -(-count // processes)
    rows = np.full((rounds, len(self._metrics)), np.nan)
    for number in range(rounds):
      if interrupted():
        return None
      index = number * processes + mine
      if index < count:
        scene = self._heldout.read(index)
        self._scene_names[index] = scene.name
        found = validation.score_scene(
          self._fuse,
          variables,
          scene,
          metrics=self._metrics,
          toolbox=self._toolbox,
        )
        rows[number] = [found[name] for name in self._metrics]
    if interrupted():
      return None
    return _gather(rows)[:count]

  def _name_scene(self, index: int) -> str:
    """Names a scene; it is read where another process has scored it."""
    if index not in self._scene_names:
      self._scene_names[index] = self._heldout.read(index).name
    return self._scene_names[index]

  def _note(self, step: int, found: scores.Scores) -> None:
    """Writes and says the scores of a step."""
    with errors_of_writing(self.workdir):
      self._table.add(step, found)
    self.write_scalars(
      step, {f'eval/{k}': v for k, v in found[scores.MEAN].items()}
    )
    scenes = progress.number(len(found) - 1, 'held-out scene')
    self._say(f'step {step}: {scenes}: {validation.format_means(found)}')

  def _show(self, step: int, variables: Mapping[str, Any]) -> None:
    """Puts sources, results and stages of scenes into TensorBoard."""
    if not self._log:
      return
    count = self._run.config['eval']['samples']
    for scene in validation.first_scenes(self._heldout, count):
      fused = self._fuse(variables, scene.sources)
      pictures = self._pictures((*scene.sources, fused))
      titles = [*self._titles(len(pictures) - 1), 'fused']
      sheet = samples.sheet([(scene.name, pictures)], columns=titles)
      with errors_of_writing(self.workdir):
        self._log.write_image(step, f'scenes/{scene.name}', sheet)
    if not self._run.config['eval']['stages']:
      return
    for scene in validation.first_scenes(self._heldout, 1):
      sheet_of_stages = self._watch(variables, scene.sources)
      if sheet_of_stages:
        with errors_of_writing(self.workdir):
          self._log.write_image(step, f'stages/{scene.name}', sheet_of_stages)

  def write_weights(
    self, step: int, state: state_lib.TrainState, *, seconds: float
  ) -> None:
    """Writes the weights for users: averaged where the config says so.

    Args:
      step: the step.
      state: its state.
      seconds: how long the training took up to here.
    """
    # All hosts: a state may be split over them.
    variables = validation.to_host(state.variables_to_keep())
    if not self._first:
      return
    config = self._run.config
    mean = self._table.means(step) or {}
    weights.save_weights(
      self.workdir / WEIGHTS,
      variables,
      method=config['method'],
      task=config['task'],
      options=config['model'],
      metadata={
        'command': self._command,
        'seed': str(config['seed']),
        'steps': str(step),
        'data': self._run.source.name,
        'hours': f'{seconds / 3600:.4g}',
        'scores': json.dumps(mean),
        'date': datetime.date.today().isoformat(),
      },
    )

  def finish(
    self, step: int, state: state_lib.TrainState, *, seconds: float
  ) -> None:
    """Writes the weights and the samples, and says where they are.

    Args:
      step: the last step.
      state: its state.
      seconds: how long the training took.
    """
    self.write_weights(step, state, seconds=seconds)
    # After a resume the seed gives it again; on all hosts, since a state spans
    # their devices.
    before = self._initial or validation.to_host(
      self._run.create_state().variables()
    )
    after = validation.to_host(state.variables_to_keep())
    if self._first:
      self._write_samples(before, after)
      self._say(f'Done: {self._name} holds {WEIGHTS}, {SCORES}, {SAMPLES}.')
    for log in (self._log, self._journal):
      if log:
        log.close()
    if jax.process_count() > 1:
      multihost_utils.sync_global_devices('fusionjax training is done')

  def _write_samples(
    self, before: Mapping[str, Any], after: Mapping[str, Any]
  ) -> None:
    """Writes the sheet: sources, fused before and after training."""
    count = self._run.config['eval']['samples']
    rows = []
    for scene in validation.first_scenes(self._heldout, count):
      fused = [self._fuse(v, scene.sources) for v in (before, after)]
      rows.append((scene.name, self._pictures((*scene.sources, *fused))))
    if not rows:
      return
    # Scenes may have several numbers of sources; a sheet has one.
    most = max(len(pictures) for _, pictures in rows)
    rows = [row for row in rows if len(row[1]) == most]
    samples.write_samples(
      self.workdir / SAMPLES,
      rows,
      columns=[
        *self._titles(most - 2),
        'fused before training',
        'fused after training',
      ],
    )

  def _pictures(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What can be shown of sources and results."""
    radiance = registry.get_task(self._run.task).radiance
    return [judges.to_picture(x, radiance=radiance) for x in images]

  def _titles(self, count: int) -> list[str]:
    """Names of so many sources."""
    names = registry.get_task(self._run.task).sources
    return [
      names[i] if i < len(names) and names[i] != '...' else f'source {i + 1}'
      for i in range(count)
    ]


@contextlib.contextmanager
def errors_of_writing(folder: Path) -> Iterator[None]:
  """Says in one line that a folder cannot be written any more.

  Args:
    folder: where something is written.

  Raises:
    errors.InputError: in place of what the system raises.
  """
  try:
    yield
  except OSError as error:
    raise errors.InputError(
      f'{folder} cannot be written: {error.strerror or error}. Make room or '
      'give back the rights, and start again: the training goes on after its '
      'last checkpoint.'
    ) from error


def _gather(rows: np.ndarray) -> np.ndarray:
  """Rows [n, m] that each of p processes has, in turn: [n p, m]."""
  if jax.process_count() == 1:
    return rows
  # Bit by bit: JAX would round them to float32.
  bits = np.ascontiguousarray(rows).view(np.uint32)
  gathered = np.asarray(multihost_utils.process_allgather(bits))
  turns = np.ascontiguousarray(np.moveaxis(gathered, 0, 1)).view(np.float64)
  return turns.reshape(-1, rows.shape[1])


def _from_first_host(value: np.ndarray) -> np.ndarray:
  """What the first of several processes has, on all of them."""
  if jax.process_count() == 1:
    return value
  return np.asarray(multihost_utils.broadcast_one_to_all(value))
