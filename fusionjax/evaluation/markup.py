"""The parts of the page that are text: tables and lists as HTML."""

from collections.abc import Sequence
from html import escape

from fusionjax.evaluation import ranking
from fusionjax.evaluation.result import Method, Report
from fusionjax.evaluation.summary import say_means
from fusionjax.evaluation.tables import format_value
from fusionjax.metrics import METRICS

ARROWS = {
  'higher': '\N{UPWARDS ARROW}',
  'lower': '\N{DOWNWARDS ARROW}',
}
# A list of more items is folded.
_FOLDED = 8
_CLASSES = {ranking.BEST: 'best', ranking.SECOND: 'second'}


def table_of_means(report: Report) -> str:
  """The table of methods and metrics; its headings are buttons.

  Args:
    report: the report.

  Returns:
    A `table` element.
  """
  marks = ranking.mark_means(report)
  heads = ''.join(_heading(name) for name in report.metrics)
  rows = ''.join(
    _row(at, each, report.metrics, marks)
    for at, each in enumerate(report.methods)
  )
  return (
    '<table id="means"><thead><tr><th scope="col" aria-sort="none" '
    'data-better="name"><button type="button">method</button></th>'
    f'{heads}</tr></thead><tbody>{rows}</tbody></table>'
  )


def legend(report: Report) -> str:
  """Says how the table is to be read."""
  marked = (
    'The <span class="best">best</span> and the '
    '<span class="second">second best</span> measured value of each metric '
    'are marked. '
    if ranking.mark_means(report)
    else ''
  )
  papers = (
    'Rows in italics are printed in papers, not measured here, and do not '
    'compete. '
    if any(each.kind == 'paper' for each in report.methods)
    else ''
  )
  return (
    f'<p class="legend">{say_means(report)}; {ARROWS["higher"]} higher is '
    f'better, {ARROWS["lower"]} lower is better. '
    f'{marked}{papers}A click on a heading sorts.</p>'
  )


def metric_guide(metrics: Sequence[str]) -> str:
  """A table that says what the metrics are.

  Args:
    metrics: their names.

  Returns:
    A `table` element.
  """
  rows = ''.join(
    '<tr><th scope="row"><code>{}</code></th><td>{}</td><td><code>{}</code>'
    '</td><td>{}</td><td>{}</td></tr>'.format(
      name,
      escape(METRICS[name].title),
      escape(METRICS[name].formula),
      escape(METRICS[name].range),
      f'{ARROWS[METRICS[name].direction]}&nbsp;{METRICS[name].direction}',
    )
    for name in metrics
  )
  return (
    '<table class="guide"><thead><tr><th scope="col">metric</th>'
    '<th scope="col">title</th><th scope="col">formula</th>'
    '<th scope="col">range</th><th scope="col">better</th></tr></thead>'
    f'<tbody>{rows}</tbody></table>'
  )


def section(name: str, title: str, items: Sequence[str]) -> str:
  """A list under a heading, folded if it is long; nothing without items.

  Args:
    name: the id of the section.
    title: its heading.
    items: texts, not yet escaped.
  """
  listed = ''.join(f'<li>{escape(item)}</li>' for item in items)
  if not listed:
    return ''
  listed = f'<ul>{listed}</ul>'
  if len(items) > _FOLDED:
    listed = f'<details><summary>{len(items)}</summary>{listed}</details>'
  return f'<section id="{name}"><h2>{title}</h2>{listed}</section>'


def _heading(name: str) -> str:
  metric = METRICS[name]
  return (
    f'<th scope="col" aria-sort="none" data-better="{metric.direction}">'
    f'<button type="button" title="{escape(metric.title)}, {metric.direction} '
    f'is better">{escape(name)}&nbsp;{ARROWS[metric.direction]}</button></th>'
  )


def _row(
  at: int,
  method: Method,
  metrics: Sequence[str],
  marks: dict[tuple[str, str], int],
) -> str:
  cells = ''.join(
    _cell(
      method.means.get(name),
      # A paper's row may have the name of a measured one.
      None if method.kind == 'paper' else marks.get((method.name, name)),
    )
    for name in metrics
  )
  kind = '' if method.kind == 'paper' else f'<small>{method.kind}</small>'
  return (
    f'<tr class="k-{method.kind}" data-at="{at}"><th scope="row" '
    f'title="{escape(method.note)}" data-value="{escape(method.name)}">'
    f'<i></i>{escape(method.name)} {kind}</th>{cells}</tr>'
  )


def _cell(value: float | None, place: int | None) -> str:
  if value is None:
    return '<td></td>'
  mark = '' if place is None else f' class="{_CLASSES[place]}"'
  return (
    f'<td{mark} data-value="{value!r}" title="{value!r}">'
    f'{format_value(value)}</td>'
  )
