"""Tables on the terminal."""

from collections.abc import Callable, Sequence

import rich.box
from rich.console import Console
from rich.table import Table
from rich.text import Text

import fusionjax
from fusionjax.evaluation import ranking, tables
from fusionjax.evaluation.result import Method, Report
from fusionjax.evaluation.scores import IMAGE, MEAN, Scores
from fusionjax.metrics import METRICS

# Of the best value of a metric, and of the second best.
_STYLES = ('bold', 'underline')


def print_scores(scores: Scores, *, outputs: Sequence[str]) -> None:
  """Prints scores: a row an image if that fits, else the means, one a line.

  Args:
    scores: the scores, of at least one image.
    outputs: the files that hold all of them.
  """
  console = _console()
  _say(console, _title(scores.toolbox, len(scores.rows)))
  table = _table()
  _column(table, IMAGE)
  for name in scores.metrics:
    table.add_column(_label(console, name), justify='right', no_wrap=True)
  for row in scores.table:
    values = [tables.format_value(float(row[name])) for name in scores.metrics]
    if row[IMAGE] == MEAN:
      table.add_section()
    table.add_row(Text(str(row[IMAGE])), *values)
  if _fits(console, table):
    console.print(table)
    return
  means = _table()
  _column(means, 'metric')
  _column(means, '')
  means.add_column(MEAN, justify='right', no_wrap=True)
  for name, value in scores.mean.items():
    title = Text(METRICS[name].title)
    means.add_row(_label(console, name), title, tables.format_value(value))
  console.print(means)
  if not outputs:
    _say(console, 'For the values of each image give -o scores.csv.')


def print_report(report: Report) -> None:
  """Prints the means of a benchmark: methods by metrics, or across.

  The best value of a metric is bold, the second best underlined; rows of
  papers do not compete.

  Args:
    report: the report.
  """
  console = _console()
  cell = _make_cell(report)

  def across(methods: Sequence[Method]) -> Table:
    table = _table()
    _column(table, 'metric')
    for method in methods:
      table.add_column(Text(method.name), justify='right', no_wrap=True)
    for name in report.metrics:
      values = [cell(method, name) for method in methods]
      table.add_row(_label(console, name), *values)
    return table

  _say(console, _title(report.toolbox, len(report.scenes)))
  rows = _table()
  _column(rows, 'method')
  for name in report.metrics:
    rows.add_column(_label(console, name), justify='right', no_wrap=True)
  for method in report.methods:
    values = [cell(method, name) for name in report.metrics]
    rows.add_row(Text(method.name), *values)
  if _fits(console, rows):
    console.print(rows)
    return
  columns: list[Method] = []
  for method in report.methods:
    if columns and not _fits(console, across([*columns, method])):
      console.print(across(columns))
      columns = []
    columns.append(method)
  console.print(across(columns))


def _make_cell(report: Report) -> Callable[[Method, str], Text]:
  """From a row and a metric to what the table shows of it."""
  marks = ranking.mark_means(report)

  def cell(method: Method, name: str) -> Text:
    if name not in method.means:
      return Text('-')
    # A paper's row may have the name of a measured one.
    place = None if method.kind == 'paper' else marks.get((method.name, name))
    style = '' if place is None else _STYLES[place]
    return Text(tables.format_value(method.means[name]), style=style)

  return cell


def _console() -> Console:
  # No markup: names of files may hold brackets.
  return Console(markup=False, highlight=False)


def _table() -> Table:
  return Table(box=rich.box.SIMPLE_HEAD)


def _column(table: Table, name: str) -> None:
  table.add_column(name, no_wrap=True)


def _label(console: Console, name: str) -> Text:
  """A metric with the direction in which it gets better."""
  arrows = {'higher': '\N{UPWARDS ARROW}', 'lower': '\N{DOWNWARDS ARROW}'}
  if not console.encoding.startswith('utf'):
    arrows = {'higher': '^', 'lower': 'v'}
  return Text(f'{name} {arrows[METRICS[name].direction]}')


def _fits(console: Console, table: Table) -> bool:
  wide = console.options.update(width=100_000)
  return console.measure(table, options=wide).maximum <= console.width


def _say(console: Console, text: str) -> None:
  console.print(text, soft_wrap=True)


def _title(toolbox: str, images: int) -> str:
  count = f'{images} image{"s" if images != 1 else ""}'
  return f'toolbox {toolbox}, fusionjax {fusionjax.__version__}, {count}'
