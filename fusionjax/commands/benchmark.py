"""`fusionjax benchmark`: fuse, score, and a table with pictures."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from fusionjax.commands import compiled, console
from fusionjax.commands.evaluate import split_names
from fusionjax.errors import InputError
from fusionjax.evaluation.benchmarks import BENCHMARKS
from fusionjax.evaluation.paper_tables import TABLES

if TYPE_CHECKING:
  from fusionjax.commands.console import Commands

_HELP = """\
Fuses the pictures of a benchmark with models and classical rules, scores them
as the papers do, and writes a report: index.html with the pictures,
summary.md, scores.csv, and the fused pictures.

  fusionjax benchmark mefb --data MEFB/ --model ffmef-mef --report out/
  fusionjax benchmark tno --data TNO/ --model ffmef-ivf --table cscfuse-1 \\
    --fused mine=results/ --report out/

The same command again goes on where the last run was stopped.

benchmarks:
"""


def add(commands: 'Commands') -> None:
  """Adds the options of `benchmark`.

  Args:
    commands: the sub-commands of the parser.
  """
  listed = '\n'.join(f'  {k:<10} {row.title}' for k, row in BENCHMARKS.items())
  parser = commands.add_parser(
    'benchmark',
    help='fuse and score a benchmark, and write a report with pictures',
    description=_HELP + listed,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument('name', metavar='NAME', help=', '.join(BENCHMARKS))
  parser.add_argument(
    '--data',
    required=True,
    nargs='+',
    metavar='DIR',
    help='folder of the scenes, or one folder per source',
  )
  parser.add_argument(
    '--report', required=True, metavar='DIR', help='folder of the report'
  )
  parser.add_argument(
    '--model',
    nargs='+',
    action='extend',
    default=[],
    help=f'{console.MODEL_HELP}; NAME=MODEL names its row',
  )
  parser.add_argument('--like', help=console.LIKE_HELP)
  parser.add_argument(
    '--fused',
    nargs='+',
    action='extend',
    default=[],
    metavar='NAME=DIR',
    help='fused pictures that were made elsewhere',
  )
  parser.add_argument(
    '--no-baselines',
    dest='baselines',
    action='store_false',
    help='without the classical rules',
  )
  parser.add_argument(
    '--table',
    metavar='TABLE',
    help='rows of a paper beside the measured ones, and its metrics by the'
    f' toolbox that fits: {", ".join(TABLES)}, or none',
  )
  parser.add_argument(
    '--published',
    nargs='+',
    action='extend',
    default=[],
    metavar='CSV',
    help='published means to show, columns called as in the toolbox',
  )
  parser.add_argument(
    '--metrics',
    nargs='+',
    default=[],
    metavar='NAME',
    help='metrics, if not those of the benchmark or table',
  )
  parser.add_argument(
    '--toolbox',
    metavar='TOOLBOX',
    help='by whose definitions, such as mefb or lt, if not those of the'
    ' benchmark; all of its metrics where none are named',
  )
  parser.add_argument(
    '--limit', type=int, metavar='N', help='the first N scenes only'
  )
  parser.add_argument(
    '--fresh',
    action='store_true',
    help='fuse and score again what an earlier run left in the report',
  )
  compiled.add_option(parser)
  parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
  """Runs a benchmark.

  Args:
    args: the options.

  Returns:
    The exit code.
  """
  if args.limit is not None and args.limit < 1:
    raise InputError(f'--limit {args.limit}: give 1 or more.')
  from fusionjax.commands import terminal
  from fusionjax.commands.progress import progress_bar
  from fusionjax.evaluation import benchmark, report, summary

  plan = benchmark.plan_benchmark(
    args.name,
    args.data,
    args.report,
    models=args.model,
    like=args.like,
    folders=args.fused,
    baselines=args.baselines,
    table=args.table,
    published_files=args.published,
    metrics=split_names(args.metrics),
    toolbox=args.toolbox,
    limit=args.limit,
  )
  print(plan.description, flush=True)
  with progress_bar() as progress:
    finished = benchmark.run_benchmark(
      plan, fresh=args.fresh, progress=progress
    )
  for what, why in finished.failed:
    console.complain(f'{what} failed: {why}')
  output = Path(args.report)
  command = shlex.join(['fusionjax', *args.argv])
  page = output / 'index.html'
  summary.write_scores(finished.report, output / 'scores.csv')
  summary.write_summary(
    finished.report,
    output / 'summary.md',
    failed=finished.failed,
    command=command,
  )
  with progress_bar() as progress:
    report.write_page(
      finished.report,
      page,
      failed=finished.failed,
      command=command,
      progress=progress,
    )
  terminal.print_report(finished.report)
  for note in finished.report.notes:
    print(note)
  size = page.stat().st_size / 1e6
  print(f'{page} ({size:.1f} MB), {output / "summary.md"}')
  return console.SOME_FAILED if finished.failed else console.DONE
