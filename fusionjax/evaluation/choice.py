"""Which metrics can be had from the pictures that there are."""

from collections.abc import Sequence

from fusionjax.errors import InputError
from fusionjax.metrics import METRICS, registry

ALL = 'all'


def needs_sources(names: Sequence[str]) -> bool:
  """Whether some of the metrics look at more than the fused picture.

  Args:
    names: keys of `METRICS`.
  """
  return any(METRICS[name].sources[1] != 0 for name in names)


def needs_truth(names: Sequence[str]) -> bool:
  """Whether the metrics compare with a true result, not with sources.

  Args:
    names: keys of `METRICS`.

  Raises:
    InputError: if some do and others compare with sources.
  """
  truth = [name for name in names if METRICS[name].reference]
  rest = [
    name
    for name in names
    if name not in truth and METRICS[name].sources[1] != 0
  ]
  if truth and rest:
    raise InputError(
      f'{", ".join(truth)} compare with the true result, {", ".join(rest)} '
      'with the sources. Score them in two runs.'
    )
  return bool(truth)


def choose(
  metrics: str | Sequence[str], *, toolbox: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
  """Names of the metrics that are asked for, before any picture is seen.

  `all` means the metrics that compare with sources, and those of the fused
  picture alone, where the toolbox has such; metrics of a true result are
  then left out.

  Args:
    metrics: names, or `all`.
    toolbox: a key of `TOOLBOXES`.

  Returns:
    The names, and notes on what was left out.

  Raises:
    InputError: if a name or the toolbox is unknown, or they do not fit.
  """
  names = registry.select(metrics, toolbox=toolbox)
  if not is_all(metrics):
    needs_truth(names)
    return names, ()
  truth = [name for name in names if METRICS[name].reference]
  rest = tuple(name for name in names if name not in truth)
  if not truth or not needs_sources(rest):
    return names, ()
  left_out = f'Left out: {", ".join(truth)}, which compare with a true result.'
  return rest, (left_out,)


def fit(
  names: Sequence[str], *, most: int, asked: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
  """Leaves out the metrics that take fewer sources than the scenes have.

  Args:
    names: keys of `METRICS`.
    most: the largest number of sources of a scene.
    asked: whether the metrics were named one by one; then all are kept, and
      the scenes with too many sources fail.

  Returns:
    The names, and notes on what was left out.
  """

  def takes(name: str) -> bool:
    limit = METRICS[name].sources[1]
    return not limit or most <= limit

  kept = tuple(name for name in names if asked or takes(name))
  if len(kept) == len(names):
    return tuple(names), ()
  left_out = ', '.join(name for name in names if name not in kept)
  note = f'Left out: {left_out}, which take fewer sources than the {most} here.'
  return kept, (note,)


def is_all(metrics: str | Sequence[str]) -> bool:
  """Whether `all` is asked for, alone or among names."""
  return metrics == ALL or (not isinstance(metrics, str) and ALL in metrics)
