"""What a training leaves in its folder, written by the first host alone."""

import datetime
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from fusionjax.methods import registry
from fusionjax.pretrained import weights
from fusionjax.training import (
  judges,
  progress,
  samples,
  scalars,
  scores,
  validation,
)
from fusionjax.training import run as run_lib
from fusionjax.training import state as state_lib

WEIGHTS = 'weights.safetensors'
SCORES = 'scores.csv'
SAMPLES = 'samples.png'


class Outputs:
  """The weights, scores, samples and logs of one training."""

  def __init__(
    self,
    run: run_lib.Run,
    workdir: Path,
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
    self.workdir = workdir
    self._run = run
    self._say = say
    self._command = command
    self._first = jax.process_index() == 0
    self._initial: dict[str, Any] | None = None
    self._heldout = run.open_heldout()
    self._fuse = validation.make_fuse(run.method, run.module, task=run.task)
    self._toolbox = run.config['eval']['toolbox']
    self._metrics = judges.select(
      run.config['eval']['metrics'], task=run.task, toolbox=self._toolbox
    )
    self._table = scores.ScoreTable(workdir / SCORES, metrics=self._metrics)
    self._table.forget_after(start_step)
    self._latest: tuple[int, dict[str, float]] = (-1, {})
    self._log = None
    if self._first and start_step < run.steps:
      self._log = scalars.ScalarLog(
        workdir / 'tensorboard', start_step=start_step
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
    """Writes scalars for TensorBoard.

    Args:
      step: the step.
      values: values by tag.
    """
    if self._log:
      self._log.write(step, values)

  def scores_at(self, step: int) -> dict[str, float] | None:
    """The mean scores of a step, if it was validated."""
    return self._latest[1] if self._latest[0] == step else None

  def validate(self, step: int, state: state_lib.TrainState) -> None:
    """Scores the held-out scenes and notes the scores.

    Args:
      step: the step.
      state: its state.
    """
    if not len(self._heldout):
      return
    means = np.zeros(len(self._metrics))
    if self._first:
      found = validation.score_scenes(
        self._fuse,
        validation.to_host(state.variables_to_keep()),
        validation.first_scenes(
          self._heldout, self._run.config['eval']['scenes']
        ),
        metrics=self._metrics,
        toolbox=self._toolbox,
      )
      self._table.add(step, found)
      mean = found[scores.MEAN]
      means = np.array([mean[name] for name in self._metrics])
      self.write_scalars(step, {f'eval/{k}': v for k, v in mean.items()})
      text = validation.format_means(found)
      scenes = progress.number(len(found) - 1, 'held-out scene')
      self._say(f'step {step}: {scenes}: {text}')
    if jax.process_count() > 1:
      # Every host must agree on the best checkpoint.
      means = multihost_utils.broadcast_one_to_all(means)
    named = zip(self._metrics, means.tolist(), strict=True)
    self._latest = (step, dict(named))

  def write_weights(
    self, step: int, state: state_lib.TrainState, *, seconds: float
  ) -> None:
    """Writes the weights for users: averaged where the config says so.

    Args:
      step: the step.
      state: its state.
      seconds: how long the training took up to here.
    """
    if not self._first:
      return
    config = self._run.config
    mean = self._table.means(step) or {}
    weights.save_weights(
      self.workdir / WEIGHTS,
      validation.to_host(state.variables_to_keep()),
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
    if self._first:
      self._write_samples(before, validation.to_host(state.variables_to_keep()))
      self._say(f'Done: {self.workdir} holds {WEIGHTS}, {SCORES}, {SAMPLES}.')
    if self._log:
      self._log.close()
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
      every = [
        judges.to_picture(
          x, radiance=registry.get_task(self._run.task).radiance
        )
        for x in (*scene.sources, *fused)
      ]
      rows.append((scene.name, every))
    if not rows:
      return
    # Scenes may have several numbers of sources; a sheet has one.
    most = max(len(pictures) for _, pictures in rows)
    rows = [row for row in rows if len(row[1]) == most]
    names = registry.get_task(self._run.task).sources
    titles = [
      names[i] if i < len(names) and names[i] != '...' else f'source {i + 1}'
      for i in range(most - 2)
    ]
    samples.write_samples(
      self.workdir / SAMPLES,
      rows,
      columns=[*titles, 'fused before training', 'fused after training'],
    )
