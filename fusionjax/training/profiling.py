"""A profile of some steps, for TensorBoard or xprof."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from fusionjax import errors

FOLDER = 'profile'


class Profile:
  """Traces the steps that were asked for, on the first process."""

  def __init__(self, workdir: Path, steps: tuple[int, int] | None):
    """Nothing is traced yet.

    Args:
      workdir: the folder of the training; the trace goes into `profile`.
      steps: the first and the last step to trace, counted from 1; None for
        no trace.
    """
    self._folder = workdir / FOLDER
    self._steps = steps if jax.process_index() == 0 else None
    self._running = False

  @contextlib.contextmanager
  def step(self, number: int) -> Iterator[None]:
    """Surrounds a step.

    Args:
      number: of the step, counted from 1.
    """
    if self._steps is None:
      yield
      return
    first, last = self._steps
    if not self._running and first <= number <= last:
      jax.profiler.start_trace(str(self._folder))
      self._running = True
    with jax.profiler.StepTraceAnnotation('train', step_num=number):
      yield
    if self._running and number >= last:
      self.close()

  def wait_for(self, value: Any) -> None:
    """Waits for a result while there is a trace: it is to be in it."""
    if self._running:
      jax.block_until_ready(value)

  def close(self) -> None:
    """Ends the trace and writes it."""
    if self._running:
      jax.profiler.stop_trace()
      self._running = False


def parse_steps(text: str) -> tuple[int, int] | None:
  """Reads the value of `--profile_steps`.

  Args:
    text: such as `10:15`; empty for none.

  Returns:
    The first and the last step.

  Raises:
    errors.InputError: if it is no pair of steps.
  """
  if not text:
    return None
  first, _, last = text.partition(':')
  if first.isdigit() and last.isdigit() and 1 <= int(first) <= int(last):
    return int(first), int(last)
  raise errors.InputError(
    f'profile_steps is {text}. Give the first and the last step, such as 10:15.'
  )
