"""What a benchmark leaves besides its page: scores.csv and summary.md."""

from collections.abc import Sequence
from pathlib import Path

from fusionjax.evaluation import ranking
from fusionjax.evaluation.result import Method, Report
from fusionjax.evaluation.scores import MEAN
from fusionjax.evaluation.tables import format_value
from fusionjax.metrics import METRICS
from fusionjax.pretrained.replacing import replacing
from fusionjax.training.scores import write_table

# Of the best value, and of the second best.
_STYLES = ('**', '*')
_ARROWS = {
  'higher': '\N{UPWARDS ARROW}',
  'lower': '\N{DOWNWARDS ARROW}',
}


def write_scores(report: Report, path: Path) -> None:
  """Writes all scores as CSV, with all digits.

  Columns: method, kind, scene, the metrics, toolbox, version. A row a scene
  of every method, then its row `mean`; rows of papers have only that.

  Args:
    report: the report.
    path: the file.

  Raises:
    InputError: if it cannot be written.
  """
  rows: list[dict[str, object]] = []
  made_by = {'toolbox': report.toolbox, 'version': report.version}
  for method in report.methods:
    first = {'method': method.name, 'kind': method.kind}
    lines = {
      scene.name: method.scores[scene.name]
      for scene in report.scenes
      if scene.name in method.scores
    }
    for scene, values in lines.items():
      rows.append({**first, 'scene': scene, **values, **made_by})
    means = {k: v for k, v in method.means.items() if k in report.metrics}
    rows.append({**first, 'scene': MEAN, **means, **made_by})
  columns = ('method', 'kind', 'scene', *report.metrics, *made_by)
  write_table(path, rows, columns)


def write_summary(
  report: Report,
  path: Path,
  *,
  failed: Sequence[tuple[str, str]] = (),
  command: str = '',
) -> None:
  """Writes the table of means as Markdown.

  Args:
    report: the report.
    path: the file.
    failed: (what, why) of what could not be fused or scored.
    command: how the run was started.

  Raises:
    InputError: if it cannot be written.
  """
  with replacing(path) as temporary:
    text = format_summary(report, failed=failed, command=command)
    temporary.write_text(text, encoding='utf-8')


def format_summary(
  report: Report,
  *,
  failed: Sequence[tuple[str, str]] = (),
  command: str = '',
) -> str:
  """The table of means as Markdown.

  The best measured value of a metric is bold, the second best in italics;
  rows of papers do not compete: their pictures are others.

  Args:
    report: the report.
    failed: (what, why) of what could not be fused or scored.
    command: how the run was started.

  Returns:
    The text of `summary.md`.
  """
  count = len(report.scenes)
  lines = [
    f'# {_escaped(report.title)}',
    '',
    f'{count} scene{"s" if count != 1 else ""}, definitions of the toolbox '
    f'`{report.toolbox}`, fusionjax {report.version}. {say_means(report)}; the '
    'best **bold**, the second best in *italics*, rows of papers apart.',
    '',
    *_table(report),
  ]
  lines += _section('Rows', describe_rows(report.methods))
  lines += _section('Notes', report.notes)
  lines += _section('Failed', [f'{what}: {why}' for what, why in failed])
  if command:
    lines += ['', '## Command', '', f'    {command}']
  return '\n'.join(lines) + '\n'


def say_means(report: Report) -> str:
  """Says what the means are over.

  Args:
    report: the report.
  """
  count = len(report.scenes)
  if not report.comparable:
    return 'Arithmetic means, of other scenes in every row'
  scenes = f'{count} scene{"s" if count != 1 else ""}'
  if report.averaged is not None:
    scenes = f'the {report.averaged} of {scenes} that every row has'
  return f'Arithmetic means over {scenes}'


def _table(report: Report) -> list[str]:
  marks = ranking.mark_means(report)

  def cell(method: Method, name: str) -> str:
    if name not in method.means:
      return ''
    # A paper's row may have the name of a measured one.
    place = None if method.kind == 'paper' else marks.get((method.name, name))
    style = '' if place is None else _STYLES[place]
    return f'{style}{format_value(method.means[name])}{style}'

  heads = [
    f'{name} {_ARROWS[METRICS[name].direction]}' for name in report.metrics
  ]
  lines = [
    f'| method | {" | ".join(heads)} |',
    f'|---|{"---:|" * len(heads)}',
  ]
  for method in report.methods:
    cells = ' | '.join(cell(method, name) for name in report.metrics)
    lines.append(f'| {_escaped(method.name)} | {cells} |')
  return lines


def describe_rows(methods: Sequence[Method]) -> list[str]:
  """Says what the rows are.

  Args:
    methods: the rows.

  Returns:
    A line for the rows of one note, such as those of a paper.
  """
  names: dict[tuple[str, str], list[str]] = {}
  for each in methods:
    if each.note:
      names.setdefault((each.kind, each.note), []).append(each.name)
  return [
    f'{", ".join(members)}: {kind}, {note}'
    for (kind, note), members in names.items()
  ]


def _section(title: str, items: Sequence[str]) -> list[str]:
  if not items:
    return []
  listed = [f'- {_escaped(" ".join(item.split()))}' for item in items]
  return ['', f'## {title}', '', *listed]


def _escaped(text: str) -> str:
  """Keeps names of files from being read as Markdown."""
  for sign in '\\`*_|<[':
    text = text.replace(sign, f'\\{sign}')
  return text
