"""The log of a training as JSON lines: one object a line, one line an event."""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path

from fusionjax.pretrained.replacing import replacing


class Journal:
  """The file `log.jsonl` of a training.

  Each line has `step`, `time` (seconds since 1970) and values by name, such
  as `train/loss`. A line that a kill has cut short is dropped.
  """

  def __init__(self, path: Path, *, start_step: int = 0):
    """Opens the file, without what it holds beyond a step.

    Args:
      path: the file.
      start_step: the step to go on from: later ones are computed again.

    Raises:
      errors.InputError: if it cannot be written.
    """
    kept = [line for line in read(path) if line['step'] <= start_step]
    if not start_step:
      kept = []
    with replacing(path) as temporary:
      temporary.write_text(''.join(json.dumps(line) + '\n' for line in kept))
    self._file = path.open('a', encoding='utf-8')

  def write(self, step: int, values: Mapping[str, float]) -> None:
    """Writes the values of a step.

    Args:
      step: the step.
      values: values by name; what is no number is written as null.
    """
    sound = {k: v if math.isfinite(v) else None for k, v in values.items()}
    line = {'step': step, 'time': round(time.time(), 3), **sound}
    self._file.write(json.dumps(line) + '\n')
    self._file.flush()

  def close(self) -> None:
    """Closes the file."""
    self._file.close()


def read(path: Path) -> list[dict[str, float]]:
  """Reads the lines of a log.

  Args:
    path: the file.

  Returns:
    What the lines hold; nothing where there is no file.
  """
  lines = []
  if path.exists():
    for text in path.read_text(encoding='utf-8').splitlines():
      try:
        lines.append(json.loads(text))
      except ValueError:
        continue
  return lines
