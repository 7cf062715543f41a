"""A progress bar on the terminal."""

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
  BarColumn,
  MofNCompleteColumn,
  Progress,
  ProgressColumn,
  Task,
  TextColumn,
  TimeRemainingColumn,
)
from rich.text import Text

# Takes how many are done, how many there are, and what is being done.
Move = Callable[[int, int, str], None]


class _Rate(ProgressColumn):
  """How many a second, or how many seconds each."""

  def __init__(self, unit: str):
    super().__init__()
    self._unit = unit

  def render(self, task: Task) -> Text:
    return Text(describe_rate(task.finished_speed or task.speed, self._unit))


def describe_rate(speed: float | None, unit: str) -> str:
  """Says how fast something goes.

  Args:
    speed: units a second; None or 0 where it is not known yet.
    unit: what they are called, such as `image`.
  """
  if not speed:
    return ''
  if speed >= 1:
    return f'{speed:.1f} {unit}s/s'
  return f'{1 / speed:.1f} s/{unit}'


@contextlib.contextmanager
def progress_bar(*, unit: str = 'image') -> Iterator[Move | None]:
  """A bar on stderr while a block runs, with the rate and the time left.

  Args:
    unit: what is counted.

  Yields:
    What moves the bar; None where stderr is no terminal: a pipe or a file
    wants the results alone.
  """
  if not sys.stderr.isatty():
    yield None
    return
  bar = Progress(
    BarColumn(),
    MofNCompleteColumn(),
    _Rate(unit),
    TimeRemainingColumn(),
    TextColumn('{task.description}', markup=False),
    console=Console(stderr=True),
    transient=True,
    # Lines that are printed meanwhile stay above the bar; but what goes to a
    # pipe or a file is left alone.
    redirect_stdout=sys.stdout.isatty(),
    # The first image of a size takes longer: it is compiled.
    speed_estimate_period=120,
  )
  with bar:
    task = bar.add_task('', total=None)

    def move(done: int, count: int, name: str) -> None:
      bar.update(task, completed=done, total=count, description=name)

    yield move
