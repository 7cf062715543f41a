"""The progress line: step, loss and parts, images per second, time left."""

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO


class Console:
  """Prints lines, and on a terminal one line that is written over."""

  def __init__(self, *, stream: TextIO | None = None, quiet: bool = False):
    """Opens the console.

    Args:
      stream: where to print; standard output by default.
      quiet: whether to print nothing, as all hosts but the first do.
    """
    self._stream = sys.stdout if stream is None else stream
    self._quiet = quiet
    # Rows of the terminal that the open line takes; 0 where none is open.
    self._open_rows = 0

  def say(self, line: str) -> None:
    """Prints a line that stays."""
    self._write(f'{self._end()}{line}\n')

  def show(self, line: str) -> None:
    """Prints a line that the next one replaces, on a terminal."""
    if self._stream.isatty():
      # Back to the first row of the line before, which may have wrapped, and
      # clear what it left behind.
      up = f'\x1b[{self._open_rows - 1}A' if self._open_rows > 1 else ''
      self._write(f'{up}\r\x1b[J{line}')
      columns = shutil.get_terminal_size().columns
      self._open_rows = 1 + (len(line) - 1) // columns
    else:
      self.say(line)

  def close(self) -> None:
    """Ends the line that is open on a terminal."""
    self._write(self._end())

  def _end(self) -> str:
    end = '\n' if self._open_rows else ''
    self._open_rows = 0
    return end

  def _write(self, text: str) -> None:
    if text and not self._quiet:
      self._stream.write(text)
      self._stream.flush()


class Progress:
  """Measures where a training is and shows it."""

  def __init__(
    self,
    console: Console,
    *,
    steps: int,
    start_step: int,
    batch_size: int,
    clock: Callable[[], float] = time.monotonic,
  ):
    """Starts the clock.

    Args:
      console: where to show it.
      steps: steps of the whole training.
      start_step: steps that were done before.
      batch_size: samples of a step.
      clock: seconds.
    """
    self._console = console
    self._steps = steps
    self._batch_size = batch_size
    self._clock = clock
    self._step = start_step
    self._since = clock()
    self._paused_at: float | None = None
    self._rate = 0.0

  def pause(self) -> None:
    """Stops the clock, for a validation or a save."""
    self._paused_at = self._clock()

  def resume(self) -> None:
    """Starts the clock again."""
    if self._paused_at is not None:
      self._since += self._clock() - self._paused_at
      self._paused_at = None

  def update(
    self, step: int, metrics: Mapping[str, float], *, memory: str = ''
  ) -> float:
    """Shows the line of a step.

    Args:
      step: steps done.
      metrics: `loss`, its parts and `gradient_norm`.
      memory: what the devices hold, as text; empty to say nothing of it.

    Returns:
      Images per second since the last line.
    """
    now = self._clock()
    # No step was timed yet when the first one ends at a log interval.
    done = step - self._step
    rate = done / max(now - self._since, 1e-9) if done else self._rate
    self._rate = (self._rate + rate) / 2 if self._rate else rate
    self._step, self._since = step, now
    width = len(str(self._steps))
    words = [f'step {step:{width}d}/{self._steps}']
    words += [f'{name} {_short(value)}' for name, value in metrics.items()]
    if rate:
      left = (self._steps - step) / self._rate
      words.append(f'{rate * self._batch_size:.1f} images/s')
      words.append(f'{duration(left)} left')
    if memory:
      words.append(memory)
    self._console.show('  '.join(words))
    return rate * self._batch_size


def _short(value: float) -> str:
  return f'{value:.4f}' if 1e-3 <= abs(value) < 1e4 else f'{value:.3g}'


def duration(seconds: float) -> str:
  """Seconds as text: `9 s`, `3 min 20 s` or `5 h 02 min`."""
  total = round(seconds)
  if total < 60:
    return f'{total} s'
  if total < 3600:
    return f'{total // 60} min {total % 60:02d} s'
  return f'{total // 3600} h {total % 3600 // 60:02d} min'


def number(count: int, noun: str) -> str:
  """A number of things as text: `1 scene`, `3 scenes`."""
  return f'{count} {noun}{"" if count == 1 else "s"}'
