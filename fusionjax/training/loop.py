"""The training loop: steps, log, validation, checkpoints, and a last word."""

import contextlib
import itertools
import math
import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import jax
import ml_collections

from fusionjax import errors
from fusionjax.data import pipeline
from fusionjax.methods import base
from fusionjax.training import checkpoints as checkpoints_lib
from fusionjax.training import (
  distributed,
  health,
  outputs,
  profiling,
  progress,
  provenance,
  same_run,
  signals,
  summary,
)
from fusionjax.training import mesh as mesh_lib
from fusionjax.training import run as run_lib
from fusionjax.training import step as step_lib
from fusionjax.training import workdir as workdir_lib

# Steps that the devices may be behind.
_AHEAD = 2


def train(
  config: ml_collections.ConfigDict,
  workdir: Path | str,
  *,
  command: str = '',
  profile: tuple[int, int] | None = None,
) -> None:
  """Trains as a config says, or goes on where a run was stopped.

  Writes checkpoints, `weights.safetensors`, `scores.csv`, `samples.png`,
  `log.jsonl` and a TensorBoard log. SIGTERM and SIGINT save and stop; after
  SIGTERM that is all: whoever preempts gets an exit code of 0.

  Args:
    config: a training config; see `configs/`.
    workdir: the folder of the run, or one in a bucket: `gs://...`,
      `s3://...`, `az://...`; see `workdir`.
    command: how this training was started, for the metadata of the weights.
    profile: the first and the last step to profile, counted from 1.

  Raises:
    errors.InputError: if the config, the data or the folder do not fit, or do
      not any more.
    health.TrainingError: if a metric is NaN or infinite.
    KeyboardInterrupt: after SIGINT, when all is saved.
  """
  console = progress.Console(quiet=jax.process_index() > 0)
  run = run_lib.open_run(config)
  with (
    signals.StopSignals() as stop,
    workdir_lib.opened(workdir) as place,
    contextlib.closing(_open(run, place, console)) as checkpoints,
    contextlib.closing(console),
  ):
    try:
      training = Training(run, place, checkpoints, console, command)
      stopped = training.go(stop, profile=profile)
    except jax.errors.JaxRuntimeError as error:
      distributed.stop_alone(error)
    except errors.InputError as error:
      # Perhaps this process alone: to close would wait for the others.
      distributed.leave_with(error)
      raise
  if stopped == signal.SIGINT:
    raise KeyboardInterrupt


def _open(
  run: run_lib.Run, place: workdir_lib.Workdir, console: progress.Console
) -> checkpoints_lib.Checkpoints:
  """Opens the checkpoints in a folder that is that of this training."""
  make_folder(place.folder)
  same_run.check_same_run(place.folder, run.config)
  _introduce(run, console)
  return checkpoints_lib.Checkpoints(
    place.folder / 'checkpoints',
    keep=run.config['checkpoint']['keep'],
    best=run.config['checkpoint']['best'],
    damaged=run.config['checkpoint']['damaged'],
    alone=place.mirrored,
    say=console.say,
  )


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
  # To ask for the rights is not enough: the file system may be read-only.
  probe = workdir / f'.{secrets.token_hex(4)}.part'
  try:
    probe.touch()
    probe.unlink()
  except OSError as error:
    raise errors.InputError(
      f'The folder {workdir} cannot be written: {error.strerror}. Give another '
      '--workdir.'
    ) from error


def _introduce(run: run_lib.Run, console: progress.Console) -> None:
  """Says what is trained, on which data and devices."""
  data = run.config['data']
  if not (data['root'] or data.get('name')):
    console.say(
      'data.root and data.name are empty: training on the built-in synthetic'
      ' source.'
    )
  console.say(run.source.describe())
  console.say(
    f'{run.method.title}, task {run.task}: {run.steps} steps of batch '
    f'{run.batch_size} on {summary.describe_devices(run.mesh)}.'
  )
  console.say(f'{summary.describe_state(run.abstract_state())}.')
  parts = run.compute.accumulation
  if parts > 1:
    some = 'batch_stats' in base.abstract_variables(
      run.method, run.module, run.task
    )
    own = '; its batch norms see a part at a time' if some else ''
    console.say(f'The network is computed in {parts} parts of the batch{own}.')


class Training:
  """One training from its start, or restart, to its end."""

  def __init__(
    self,
    run: run_lib.Run,
    workdir: workdir_lib.Workdir,
    checkpoints: checkpoints_lib.Checkpoints,
    console: progress.Console,
    command: str,
  ):
    """Restores the newest checkpoint, or initialises at step 0."""
    self._run = run
    self._workdir = workdir
    self._checkpoints = checkpoints
    self._console = console
    self._begun = time.monotonic()
    restored = checkpoints.restore(run.abstract_state())
    self.state, facts = restored or (run.create_state(), {})
    self.step = int(self.state.step)
    self._seconds = float(facts.get('seconds', 0.0))
    self._facts = provenance.describe(run)
    self._outputs = outputs.Outputs(
      run, workdir, say=console.say, command=command, start_step=self.step
    )
    # Metrics and samples of the steps since the last fetch, on the devices;
    # and metrics fetched since the log.
    self._pending: list[tuple[Mapping[str, jax.Array], Any]] = []
    self._window: list[dict[str, float]] = []
    for line in provenance.differences(facts, self._facts):
      console.say(line)
    if restored and self.step < run.steps:
      console.say(f'Continuing after step {self.step} of {run.steps}.')

  def go(
    self,
    stop: signals.StopSignals,
    *,
    profile: tuple[int, int] | None = None,
  ) -> int | None:
    """Trains until the last step or a signal.

    Args:
      stop: the signals to listen to.
      profile: the first and the last step to profile.

    Returns:
      The signal that stopped the training, or None at its end.
    """
    steps = self._run.steps
    if self.step >= steps and self._outputs.complete():
      self._console.say(
        f'This training is done: step {self.step} of {steps}, see '
        f'{self._workdir.name}. To go on, raise epochs or steps; for '
        'another training, give another --workdir.'
      )
      return None
    self._profile = profiling.Profile(self._workdir.folder, profile)
    received = self._catch_up(stop)
    if not received and self.step < steps:
      received = self._train(stop)
    self._profile.close()
    if received:
      self._console.say(
        f'{signal.Signals(received).name}: saved step {self.step} of {steps} '
        f'in {self._workdir.name}. The same command continues.'
      )
      return received
    self._outputs.finish(self.step, self.state, seconds=self._elapsed())
    return None

  def _catch_up(self, stop: signals.StopSignals) -> int | None:
    """Scores the first step, or one that was stopped while it was scored."""
    if self.step == 0:
      self._outputs.keep_initial(self.state)
    due = self.step in (0, self._run.steps) or self._due('eval')
    if due and self._outputs.owes_scores(self.step):
      self._outputs.validate(self.step, self.state, interrupted=stop.received)
      if stop.received():
        self._save(wait=True)
    return stop.received()

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
    step_function: step_lib.Step | None = None
    line: progress.Progress | None = None
    while self.step < self._run.steps:
      batch = self._next(batches)
      if step_function is None:
        step_function = self._compile(batch)
      with self._profile.step(self.step + 1):
        self.state, metrics = step_function(self.state, batch)
        self._profile.wait_for(metrics)
      self.step += 1
      self._pending.append((metrics, batch['index']))
      if line is None:
        jax.block_until_ready(metrics)
        line = self._start_line()
      if len(self._pending) > _AHEAD:
        # Steps are put into a queue: who stops a training waits for these.
        jax.block_until_ready(self._pending[-1 - _AHEAD][0])
      received = self._between_steps(line, stop)
      if received:
        return received
    return None

  def _next(self, batches: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """The next batch; where there is none any more, what was done is saved."""
    try:
      return next(batches)
    except errors.InputError:
      # To save takes all processes, and perhaps only this one has no data.
      if not distributed.several() and self.step:
        self._fetch()
        self._save(wait=True)
        self._console.say(
          f'The data failed: saved step {self.step} of {self._run.steps}.'
        )
      raise

  def _compile(self, batch: Mapping[str, Any]) -> step_lib.Step:
    """Compiles the step, for these shapes once and for all."""
    begun = time.monotonic()
    function: Any = self._run.make_step()
    compiled = function.lower(self.state, batch).compile()
    took = summary.describe_time(time.monotonic() - begun)
    costs = summary.describe_costs(
      summary.costs(compiled), devices=self._run.mesh.devices.size
    )
    self._console.say(f'Compiled the step in {took}: {costs}.')
    return cast(step_lib.Step, compiled)

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
        self._outputs.validate(self.step, self.state, interrupted=stop.received)
        received = received or stop.received()
      self._save(wait=bool(last or received))
      line.resume()
    # At the last step only what is owed is left to do.
    done = last and not self._outputs.owes_scores(self.step)
    return None if done else received

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
    pending, self._pending = self._pending, []
    values = [_ordered(jax.device_get(metrics)) for metrics, _ in pending]
    health.check_finite(
      values,
      first_step=first,
      batch_of=lambda offset: provenance.name_samples(
        self._run.source, pending[offset][1]
      ),
    )
    self._window += values

  def _log(self, line: progress.Progress) -> None:
    """Shows and writes the means of the metrics since the last time."""
    self._fetch()
    means = {
      name: math.fsum(entry[name] for entry in self._window) / len(self._window)
      for name in self._window[0]
    }
    self._window = []
    memory = summary.device_memory()
    rate = line.update(self.step, means, memory=summary.size(memory))
    self._outputs.write_scalars(
      self.step,
      {
        **{f'train/{name}': value for name, value in means.items()},
        'train/learning_rate': float(self._run.schedule(self.step - 1)),
        'train/images_per_second': rate,
        'train/memory': float(memory),
      },
    )
    self._workdir.sync()

  def _save(self, *, wait: bool) -> None:
    """Saves a checkpoint, and the weights of this step."""
    seconds = self._elapsed()
    self._checkpoints.save(
      self.state,
      facts={**self._facts, 'seconds': seconds},
      scores=self._outputs.scores_at(self.step),
    )
    self._outputs.write_weights(self.step, self.state, seconds=seconds)
    if wait:
      self._checkpoints.wait()
      self._workdir.sync(wait=True)


def _ordered(metrics: Mapping[str, Any]) -> dict[str, float]:
  """Metrics as numbers: the loss, its parts, the norm of the gradient."""
  # A tree comes back from the devices sorted by name.
  names = sorted(
    metrics, key=lambda name: (name != 'loss', name == 'gradient_norm', name)
  )
  return {name: float(metrics[name]) for name in names}
