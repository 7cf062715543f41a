"""The training loop: steps, log, validation, checkpoints, and a last word."""

import contextlib
import itertools
import math
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import ml_collections

from fusionjax import errors
from fusionjax.data import pipeline
from fusionjax.training import checkpoints as checkpoints_lib
from fusionjax.training import health, outputs, progress, signals
from fusionjax.training import mesh as mesh_lib
from fusionjax.training import run as run_lib


def train(
  config: ml_collections.ConfigDict, workdir: Path | str, *, command: str = ''
) -> None:
  """Trains as a config says, or goes on where a run was stopped.

  Writes checkpoints, `weights.safetensors`, `scores.csv`, `samples.png` and a
  TensorBoard log. SIGTERM and SIGINT save and stop.

  Args:
    config: a training config; see `configs/`.
    workdir: the folder of the run.
    command: how this training was started, for the metadata of the weights.

  Raises:
    errors.InputError: if the config, the data or the folder do not fit.
    health.TrainingError: if a metric is NaN or infinite.
    KeyboardInterrupt: after SIGINT, when all is saved.
    SystemExit: with 143 after SIGTERM, when all is saved; schedulers would
      take 0 for the end of the training.
  """
  console = progress.Console(quiet=jax.process_index() > 0)
  workdir = Path(workdir)
  run = run_lib.open_run(config)
  make_folder(workdir)
  checkpoints_lib.check_same_run(workdir, run.config)
  _introduce(run, console)
  with (
    signals.StopSignals() as stop,
    contextlib.closing(
      checkpoints_lib.Checkpoints(
        workdir / 'checkpoints',
        keep=run.config['checkpoint']['keep'],
        best=run.config['checkpoint']['best'],
        say=console.say,
      )
    ) as checkpoints,
    contextlib.closing(console),
  ):
    training = Training(run, workdir, checkpoints, console, command)
    stopped = training.go(stop)
  if stopped == signal.SIGINT:
    raise KeyboardInterrupt
  if stopped:
    sys.exit(128 + stopped)


def make_folder(workdir: Path) -> None:
  """Makes the folder of a run.

  Raises:
    errors.InputError: if it cannot be made or written.
  """
  try:
    workdir.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise errors.InputError(
      f'The folder {workdir} cannot be made: {error.strerror}. Give another '
      '--workdir.'
    ) from error
  if not os.access(workdir, os.W_OK):
    raise errors.InputError(
      f'The folder {workdir} cannot be written. Give another --workdir.'
    )


def _introduce(run: run_lib.Run, console: progress.Console) -> None:
  """Says what is trained, on which data and devices."""
  data = run.config['data']
  if not (data['root'] or data.get('name')):
    console.say(
      'data.root and data.name are empty: training on the built-in synthetic'
      ' source.'
    )
  console.say(run.source.describe())
  used, there = run.mesh.devices.size, jax.device_count()
  kind = jax.devices()[0].platform
  which = f'{used} of {there}' if used < there else f'{used}'
  console.say(
    f'{run.method.title}, task {run.task}: {run.steps} steps of batch '
    f'{run.batch_size} on {which} {kind} device{"s" if there > 1 else ""}.'
  )


class Training:
  """One training from its start, or restart, to its end."""

  def __init__(
    self,
    run: run_lib.Run,
    workdir: Path,
    checkpoints: checkpoints_lib.Checkpoints,
    console: progress.Console,
    command: str,
  ):
    """Restores the newest checkpoint, or initialises at step 0."""
    self._run = run
    self._checkpoints = checkpoints
    self._console = console
    self._begun = time.monotonic()
    restored = checkpoints.restore(run.abstract_state())
    self.state, facts = restored or (run.create_state(), {})
    self.step = int(self.state.step)
    self._seconds = float(facts.get('seconds', 0.0))
    self._outputs = outputs.Outputs(
      run, workdir, say=console.say, command=command, start_step=self.step
    )
    # Metrics on the devices since the last fetch, and fetched since the log.
    self._pending: list[Mapping[str, jax.Array]] = []
    self._window: list[dict[str, float]] = []
    if restored and self.step < run.steps:
      console.say(f'Continuing after step {self.step} of {run.steps}.')

  def go(self, stop: signals.StopSignals) -> int | None:
    """Trains until the last step or a signal.

    Args:
      stop: the signals to listen to.

    Returns:
      The signal that stopped the training, or None at its end.
    """
    steps = self._run.steps
    if self.step >= steps and self._outputs.complete():
      self._console.say(
        f'This training is done: step {self.step} of {steps}, see '
        f'{self._outputs.workdir}. To go on, raise epochs or steps; for '
        'another training, give another --workdir.'
      )
      return None
    received = self._train(stop) if self.step < steps else None
    if received:
      self._console.say(
        f'{signal.Signals(received).name}: saved step {self.step} of {steps} '
        f'in {self._outputs.workdir}. The same command continues.'
      )
      return received
    self._outputs.finish(self.step, self.state, seconds=self._elapsed())
    return None

  def _elapsed(self) -> float:
    """Seconds of training, with those before a stop."""
    return self._seconds + time.monotonic() - self._begun

  def _batches(self) -> Iterator[dict[str, Any]]:
    """The batches from this step on, already on the devices."""
    batches = pipeline.train_batches(
      self._run.source,
      self._run.config['data'],
      task=self._run.task,
      seed=self._run.seed,
      start_step=self.step,
      process_index=jax.process_index(),
      process_count=jax.process_count(),
    )
    left = itertools.islice(batches, self._run.steps - self.step)
    return mesh_lib.prefetch(left, mesh=self._run.mesh)

  def _train(self, stop: signals.StopSignals) -> int | None:
    """Runs the steps that are left, with what is due between them."""
    batches = self._batches()
    if self.step == 0:
      self._outputs.keep_initial(self.state)
      self._outputs.validate(0, self.state)
    step_function = self._run.make_step()
    line: progress.Progress | None = None
    begun = time.monotonic()
    for batch in batches:
      self.state, metrics = step_function(self.state, batch)
      self.step += 1
      self._pending.append(metrics)
      if line is None:
        jax.block_until_ready(metrics)
        self._console.say(
          f'Compiled and ran the first step in {time.monotonic() - begun:.1f}'
          ' s.'
        )
        line = self._start_line()
      received = self._between_steps(line, stop)
      if received:
        return received
    return None

  def _between_steps(
    self, line: progress.Progress, stop: signals.StopSignals
  ) -> int | None:
    """Logs, validates and saves where it is due; returns a signal to stop."""
    last = self.step == self._run.steps
    logs = last or self._due('log')
    received = stop.received(agree=logs)
    if logs:
      self._log(line)
    validates = last or self._due('eval')
    if validates or received or self._due('checkpoint'):
      line.pause()
      # Never score, keep or ship numbers that are no numbers.
      self._fetch()
      if validates:
        self._outputs.validate(self.step, self.state)
      self._save(wait=bool(last or received))
      line.resume()
    return None if last else received

  def _start_line(self) -> progress.Progress:
    return progress.Progress(
      self._console,
      steps=self._run.steps,
      start_step=self.step,
      batch_size=self._run.batch_size,
    )

  def _due(self, what: str) -> bool:
    every = self._run.config[what]['every']
    return every > 0 and self.step % every == 0

  def _fetch(self) -> None:
    """Fetches and checks the metrics of the steps since the last time."""
    first = self.step - len(self._pending) + 1
    fetched = jax.device_get(self._pending)
    self._pending = []
    values = [_ordered(entry) for entry in fetched]
    health.check_finite(values, first_step=first)
    self._window += values

  def _log(self, line: progress.Progress) -> None:
    """Shows and writes the means of the metrics since the last time."""
    self._fetch()
    means = {
      name: math.fsum(entry[name] for entry in self._window) / len(self._window)
      for name in self._window[0]
    }
    self._window = []
    rate = line.update(self.step, means)
    self._outputs.write_scalars(
      self.step,
      {
        **{f'train/{name}': value for name, value in means.items()},
        'train/learning_rate': float(self._run.schedule(self.step - 1)),
        'train/images_per_second': rate,
      },
    )

  def _save(self, *, wait: bool) -> None:
    """Saves a checkpoint, and the weights of this step."""
    seconds = self._elapsed()
    self._checkpoints.save(
      self.state,
      facts={'seconds': seconds},
      scores=self._outputs.scores_at(self.step),
    )
    self._outputs.write_weights(self.step, self.state, seconds=seconds)
    if wait:
      self._checkpoints.wait()


def _ordered(metrics: Mapping[str, Any]) -> dict[str, float]:
  """Metrics as numbers: the loss, its parts, the norm of the gradient."""
  # A tree comes back from the devices sorted by name.
  names = sorted(
    metrics, key=lambda name: (name != 'loss', name == 'gradient_norm', name)
  )
  return {name: float(metrics[name]) for name in names}
