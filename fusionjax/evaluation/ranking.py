"""Which values are the best and the second best."""

import math
from collections.abc import Sequence

from fusionjax.evaluation.result import Report
from fusionjax.metrics import METRICS

BEST, SECOND = 0, 1


def rank(name: str, values: Sequence[float]) -> list[int | None]:
  """Ranks values of a metric; its direction decides.

  Args:
    name: a metric.
    values: values of it.

  Returns:
    How many of the values are better than each, so that equal values share
    a rank; None for NaN and infinities, which have none.
  """
  sign = -1 if METRICS[name].direction == 'higher' else 1
  finite = [sign * value for value in values if math.isfinite(value)]
  return [
    sum(other < sign * value for other in finite)
    if math.isfinite(value)
    else None
    for value in values
  ]


def mark_means(report: Report) -> dict[tuple[str, str], int]:
  """Finds the best and the second best mean of each metric.

  Rows of papers do not compete: their pictures are others. Neither does a
  row that is alone, nor do rows without a common scene.

  Args:
    report: the report.

  Returns:
    (method, metric) -> `BEST` or `SECOND`.
  """
  measured = [each for each in report.methods if each.kind != 'paper']
  if len(measured) < 2 or not report.comparable:
    return {}
  marks = {}
  for name in report.metrics:
    ranks = rank(name, [each.means[name] for each in measured])
    for each, place in zip(measured, ranks, strict=True):
      if place in (BEST, SECOND):
        marks[each.name, name] = place
  return marks
