"""`fusionjax evaluate`: scores of fused images, or of a model."""

import argparse
import dataclasses
from typing import TYPE_CHECKING

from fusionjax.commands import compiled, console
from fusionjax.errors import InputError

if TYPE_CHECKING:
  from fusionjax.commands.console import Commands
  from fusionjax.evaluation.pool import Progress
  from fusionjax.evaluation.scores import Scores

_HELP = """\
Scores fused images against their sources, or what a model makes of the
sources.

  fusionjax evaluate --fused fused/ --sources under/ over/ -o scores.csv
  fusionjax evaluate --fused fused/ --metrics en niqe
  fusionjax evaluate --fused hdr/ --sources truth/ --metrics psnr_mu \\
    --toolbox mgdn
  fusionjax evaluate --model ffmef-mef --sources stacks/ --metrics en,qabf

A fused image belongs to the scene whose name it has, or begins with
(Chair.png, Chair_ffmef.png). Images are never resized: one of another size
is named and left out, and the exit code is 1. Grey against colour follows the
rule of the toolbox: a grey image stands beside each channel of a colour image
(mefb, vifb), or all become grey (most others)."""


def add(commands: 'Commands') -> None:
  """Adds the options of `evaluate`.

  Args:
    commands: the sub-commands of the parser.
  """
  parser = commands.add_parser(
    'evaluate',
    help='score fused images, or a model',
    description=_HELP,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  what = parser.add_mutually_exclusive_group(required=True)
  what.add_argument('--fused', help='folder of fused images')
  what.add_argument(
    '--model', help=f'instead of fused images: {console.MODEL_HELP}'
  )
  parser.add_argument('--like', help=console.LIKE_HELP)
  parser.add_argument(
    '--sources',
    nargs='+',
    default=[],
    metavar='DIR',
    help='folder of the scenes, or one folder per source; for metrics of HDR'
    ' and depth the folder of the true results; may be left out where all'
    ' metrics look at the fused image alone',
  )
  parser.add_argument(
    '--metrics',
    nargs='+',
    default=['all'],
    metavar='NAME',
    help='names of metrics, or all (default): those that the toolbox defines',
  )
  parser.add_argument(
    '--toolbox', default='mefb', help='whose definitions (default: mefb)'
  )
  parser.add_argument(
    '--task', help='a task, if sources are to be put in its order'
  )
  parser.add_argument(
    '-o',
    '--output',
    action='append',
    default=[],
    metavar='FILE',
    help='scores of all images (.csv or .json); may be given twice',
  )
  compiled.add_option(parser)
  parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
  """Scores a folder of fused images, or a model.

  Args:
    args: the options.

  Returns:
    The exit code.
  """
  from fusionjax.commands import terminal
  from fusionjax.commands.progress import progress_bar
  from fusionjax.evaluation import tables

  tables.check_outputs(args.output)
  with progress_bar() as progress:
    scores = _score(args, progress)
  for name, why in scores.failed:
    console.complain(f'{name} failed: {why}')
  if scores.rows:
    for path in args.output:
      tables.write_scores(path, scores)
    terminal.print_scores(scores, outputs=args.output)
    for path in args.output:
      print(f'{path}: {len(scores.rows)} images, and their mean')
  for note in scores.notes:
    print(note)
  return console.SOME_FAILED if scores.failed else console.DONE


def split_names(given: list[str]) -> list[str]:
  """Names that were given apart, or with commas between them.

  Args:
    given: such as `['en', 'ag,qabf']`.
  """
  return [name for word in given for name in word.split(',') if name]


def _score(args: argparse.Namespace, progress: 'Progress | None') -> 'Scores':
  from fusionjax.evaluation import scores as scores_lib

  names = split_names(args.metrics)
  metrics = 'all' if names == ['all'] else names
  if args.fused:
    return scores_lib.score_folder(
      args.fused,
      args.sources,
      metrics=metrics,
      toolbox=args.toolbox,
      task=args.task,
      progress=progress,
    )
  if not args.sources:
    raise InputError('--model needs --sources: the images to fuse.')
  from fusionjax.data.folder import find_scenes
  from fusionjax.inference.load import load_model

  model = load_model(args.model, like=args.like)
  found = find_scenes(args.sources, task=args.task or model.task)
  print(found.describe())
  scores = scores_lib.score_model(
    model,
    found.scenes,
    metrics=metrics,
    toolbox=args.toolbox,
    progress=progress,
  )
  left_out = scores_lib.list_left_out(found)
  return dataclasses.replace(scores, failed=(*left_out, *scores.failed))
