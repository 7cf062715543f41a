"""The table of metrics. To add a metric, add its function and its row."""

import textwrap
from collections.abc import Sequence

from fusionjax import errors
from fusionjax.metrics.catalogue import (
  fidelity,
  gradient,
  hdr,
  information,
  natural,
  perception,
  structure,
)
from fusionjax.metrics.metric import ANY, Metric
from fusionjax.metrics.toolboxes import TOOLBOXES

METRICS: dict[str, Metric] = {
  row.name: row
  for family in (
    information,
    fidelity,
    gradient,
    structure,
    perception,
    hdr,
    natural,
  )
  for row in family.ROWS
}


def select(metrics: str | Sequence[str], *, toolbox: str) -> tuple[str, ...]:
  """Names of the metrics that are asked for, checked.

  Args:
    metrics: names, one name, or `all`: every metric that the toolbox itself
      defines.
    toolbox: a key of `TOOLBOXES`.

  Returns:
    Names in the order given, each once.

  Raises:
    errors.InputError: if a name or the toolbox is unknown, or the toolbox
      does not have the metric.
  """
  if toolbox not in TOOLBOXES:
    raise errors.unknown_name('toolbox', toolbox, TOOLBOXES)
  names = [metrics] if isinstance(metrics, str) else list(metrics)
  if not names:
    raise errors.InputError(
      f'No metric is asked for. Name some of {", ".join(METRICS)}, or all.'
    )
  if 'all' in names:
    at = names.index('all')
    names[at : at + 1] = [
      name for name, metric in METRICS.items() if toolbox in metric.variants
    ]
  for name in names:
    if name not in METRICS:
      raise errors.unknown_name('metric', name, [*METRICS, 'all'])
    if METRICS[name].variant(toolbox) is None:
      offers = ', '.join(METRICS[name].variants)
      raise errors.InputError(
        f'Toolbox {toolbox!r} does not define metric {name!r}. '
        f'Toolboxes that do: {offers}.'
      )
  return tuple(dict.fromkeys(names))


def describe() -> str:
  """The table of metrics and toolboxes as plain text, 80 columns wide."""
  blocks = [_describe_metric(metric) for metric in METRICS.values()]
  lines = [
    _field(name, f'{each.title}. {each.colour}. Used by: {each.used_by}.')
    for name, each in TOOLBOXES.items()
  ]
  return '\n\n'.join([*blocks, 'Toolboxes\n' + '\n'.join(lines)]) + '\n'


def _describe_metric(metric: Metric) -> str:
  rules: dict[str, list[str]] = {}
  for toolbox, variant in metric.variants.items():
    name = 'every toolbox' if toolbox == ANY else toolbox
    rules.setdefault(variant.colour.title, []).append(name)
  rows = [
    ('formula', metric.formula),
    ('range', f'{metric.range}, {metric.direction} is better'),
    ('sources', count(metric.sources)),
    (
      'colour',
      '; '.join(f'{", ".join(boxes)}: {rule}' for rule, boxes in rules.items()),
    ),
    ('paper', metric.paper),
    ('tables', '; '.join(metric.tables)),
    ('quirks', ' '.join(metric.quirks)),
  ]
  rows = [row for row in rows if row[1]]
  head = f'{metric.name} - {metric.title}'
  return '\n'.join([head, *(_field(*row) for row in rows)])


def count(sources: tuple[int, int | None]) -> str:
  least, most = sources
  if most == 0:
    return 'none, the fused image alone'
  if most is None:
    return f'{least} or more'
  return str(least) if least == most else f'{least} to {most}'


def _field(name: str, text: str) -> str:
  return textwrap.fill(
    text,
    width=80,
    initial_indent=f'  {name:<10}',
    subsequent_indent=' ' * 12,
    break_long_words=False,
  )
