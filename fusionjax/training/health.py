"""Stops a training whose numbers are no longer numbers."""

import math
from collections.abc import Mapping, Sequence


class TrainingError(RuntimeError):
  """A training that cannot go on; the message is one line."""


def check_finite(
  history: Sequence[Mapping[str, float]], *, first_step: int
) -> None:
  """Checks the metrics of a window of steps.

  Args:
    history: metrics of consecutive steps.
    first_step: the step, counted from 1, of the first entry.

  Raises:
    TrainingError: with the first metric that is NaN or infinite, its step and
      the window.
  """
  for offset, metrics in enumerate(history):
    bad = {k: v for k, v in metrics.items() if not math.isfinite(v)}
    if bad:
      name, value = next(iter(bad.items()))
      others = f' ({", ".join(list(bad)[1:])} too)' if len(bad) > 1 else ''
      raise TrainingError(
        f'{name} is {value} at step {first_step + offset}{others}; found in '
        f'steps {first_step} to {first_step + len(history) - 1}. Try a lower '
        'optimizer.learning_rate or an optimizer.clip_norm, such as 1.'
      )
