"""Stops a training whose numbers are no longer numbers."""

import math
from collections.abc import Callable, Mapping, Sequence


class TrainingError(RuntimeError):
  """A training that cannot go on; the message is one line."""


def check_finite(
  history: Sequence[Mapping[str, float]],
  *,
  first_step: int,
  batch_of: Callable[[int], str] = lambda offset: '',
) -> None:
  """Checks the metrics of a window of steps.

  Args:
    history: metrics of consecutive steps.
    first_step: the step, counted from 1, of the first entry.
    batch_of: says of an entry which samples its batch had; empty for nothing.

  Raises:
    TrainingError: with the first metric that is NaN or infinite, its step and
      batch, and the window.
  """
  for offset, metrics in enumerate(history):
    bad = {k: v for k, v in metrics.items() if not math.isfinite(v)}
    if bad:
      name, value = next(iter(bad.items()))
      others = f' ({", ".join(list(bad)[1:])} too)' if len(bad) > 1 else ''
      batch = batch_of(offset)
      batch = f', in the batch of {batch}' if batch else ''
      raise TrainingError(
        f'{name} is {value} at step {first_step + offset}{others}{batch}; '
        f'found in steps {first_step} to {first_step + len(history) - 1}. '
        'Checkpoints are from before it. Look at these samples, or try a '
        'lower optimizer.learning_rate or an optimizer.clip_norm, such as 1.'
      )
