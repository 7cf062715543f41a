"""The command `fusionjax`: fuse, evaluate, convert, models.

JAX is imported by the sub-commands that compute, not by this file: help and
listings answer at once.
"""

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import fusionjax
from fusionjax.errors import InputError
from fusionjax.methods import registry

if TYPE_CHECKING:
  from fusionjax.inference.files import Outcome

DONE, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

_FUSE_HELP = """\
Fuses two or more images of one scene, or all scenes of folders.

  fusionjax fuse under.jpg over.jpg -o fused.png
  fusionjax fuse infrared/ visible/ -o fused/ --model ffmef-ivf
  fusionjax fuse stacks/ -o fused/

A single folder may hold a folder per scene, pairs by suffix (NAME_A.png,
NAME_B.png) or a folder per source."""

_MODEL_HELP = (
  'a name that `fusionjax models` lists, the workdir of a training, a weight'
  ' file, or a published checkpoint with --like'
)
_LIKE_HELP = 'the name of the model that a published checkpoint belongs to'


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the command line.

  Args:
    argv: arguments; those of the process by default.

  Returns:
    The exit code: 0 done, 1 some inputs failed, 2 bad input.
  """
  args = _parser().parse_args(argv)
  # What is wrong with a file is said once, and by us.
  logging.getLogger('tifffile').addHandler(logging.NullHandler())
  try:
    with warnings.catch_warnings():
      warnings.filterwarnings('ignore', module='PIL')
      return args.run(args)
  except InputError as error:
    _complain(str(error))
    return BAD_INPUT
  except OSError as error:
    # A folder that may not be read or entered, wherever it is met.
    if error.filename is None:
      raise
    _complain(f'{error.filename}: {error.strerror}. Check its permissions.')
    return BAD_INPUT
  except KeyboardInterrupt:
    return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog='fusionjax', description='Image fusion in JAX.'
  )
  parser.add_argument(
    '--version', action='version', version=f'fusionjax {fusionjax.__version__}'
  )
  commands = parser.add_subparsers(required=True, metavar='COMMAND')
  _add_fuse(commands)
  _add_evaluate(commands)
  _add_convert(commands)
  _add_models(commands)
  return parser


def _add_fuse(
  commands: 'argparse._SubParsersAction[argparse.ArgumentParser]',
) -> None:
  parser = commands.add_parser(
    'fuse',
    help='fuse images, or folders of images',
    description=_FUSE_HELP,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument(
    'inputs', nargs='+', metavar='INPUT', help='images, or folders'
  )
  parser.add_argument(
    '-o',
    '--output',
    required=True,
    help='the file to write (.png, .jpg, .tif, .npy); a folder for folders',
  )
  parser.add_argument('--model', default='ffmef-mef', help=_MODEL_HELP)
  parser.add_argument('--like', help=_LIKE_HELP)
  parser.add_argument(
    '--suffix',
    default='.png',
    help='kind of the files written to a folder (default: .png)',
  )
  parser.add_argument(
    '--overwrite', action='store_true', help='replace files that exist'
  )
  parser.set_defaults(run=_fuse)


def _add_evaluate(
  commands: 'argparse._SubParsersAction[argparse.ArgumentParser]',
) -> None:
  parser = commands.add_parser(
    'evaluate',
    help='score fused images, or a model',
    description=(
      'Scores fused images against their sources, or what a model makes of'
      ' the sources.'
    ),
  )
  what = parser.add_mutually_exclusive_group(required=True)
  what.add_argument('--fused', help='folder of fused images')
  what.add_argument('--model', help=f'instead of fused images: {_MODEL_HELP}')
  parser.add_argument('--like', help=_LIKE_HELP)
  parser.add_argument(
    '--sources',
    required=True,
    nargs='+',
    help='folder of the scenes, or one folder per source',
  )
  parser.add_argument(
    '--metrics',
    nargs='+',
    default=['all'],
    help='names of metrics, or all (default)',
  )
  parser.add_argument(
    '--toolbox', default='mefb', help='whose definitions (default: mefb)'
  )
  parser.add_argument(
    '--task', help='a task, if sources are to be put in its order'
  )
  parser.add_argument('-o', '--output', help='table of all scores (.csv)')
  parser.set_defaults(run=_evaluate)


def _add_convert(
  commands: 'argparse._SubParsersAction[argparse.ArgumentParser]',
) -> None:
  parser = commands.add_parser(
    'convert',
    help='turn a published checkpoint into a weight file',
    description='Turns a published checkpoint into a safetensors file.',
  )
  parser.add_argument('model', metavar='CHECKPOINT', help=_MODEL_HELP)
  parser.add_argument('--like', help=_LIKE_HELP)
  parser.add_argument(
    '-o', '--output', required=True, help='the file to write (.safetensors)'
  )
  parser.add_argument(
    '--overwrite', action='store_true', help='replace a file that exists'
  )
  parser.set_defaults(run=_convert)


def _add_models(
  commands: 'argparse._SubParsersAction[argparse.ArgumentParser]',
) -> None:
  parser = commands.add_parser(
    'models', help='list the models', description='Lists the models.'
  )
  parser.add_argument('--task', help='only the models of this task')
  parser.set_defaults(run=_models)


def _fuse(args: argparse.Namespace) -> int:
  """Fuses files or folders."""
  from fusionjax.inference import files
  from fusionjax.inference.load import load_model

  model = load_model(args.model, like=args.like)
  plan = files.plan_jobs(
    args.inputs,
    args.output,
    task=model.task,
    suffix=args.suffix,
    overwrite=args.overwrite,
  )
  if plan.description:
    print(plan.description)
  for path, why in plan.failed:
    _complain(f'{path}: {why}')
  counts = {'fused': 0, 'exists': 0, 'failed': len(plan.failed)}
  for outcome in files.run_jobs(model, plan, overwrite=args.overwrite):
    if outcome.error is not None and not plan.description:
      raise outcome.error
    counts[outcome.status] += 1
    _report(outcome, model.name)
  if plan.description:
    print(
      f'{counts["fused"]} fused, {counts["exists"]} there already,'
      f' {counts["failed"]} failed'
    )
  return SOME_FAILED if counts['failed'] else DONE


def _report(outcome: 'Outcome', model: str) -> None:
  """Says what became of a scene."""
  job = outcome.job
  if outcome.error is not None:
    _complain(f'{job.name} failed: {outcome.error}')
  elif outcome.status == 'exists':
    print(f'{job.output} exists already, left as it is (see --overwrite)')
  else:
    height, width = outcome.size
    # Files of parallel folders have the same name: then with their folder.
    distinct = len({path.name for path in job.sources}) == len(job.sources)
    sources = ', '.join(
      path.name if distinct else f'{path.parent.name}/{path.name}'
      for path in job.sources
    )
    print(
      f'{job.output}: {width}x{height} from {sources} with {model} in'
      f' {outcome.seconds:.1f} s',
      flush=True,
    )


def _evaluate(args: argparse.Namespace) -> int:
  """Scores a folder of fused images, or a model."""
  from fusionjax.evaluation import scores as scores_lib

  names = [name for given in args.metrics for name in given.split(',') if name]
  options = {
    'metrics': 'all' if names == ['all'] else names,
    'toolbox': args.toolbox,
    'output': args.output,
    'progress': _evaluate_progress,
  }
  if args.model:
    from fusionjax.data.folder import find_scenes
    from fusionjax.inference.load import load_model

    model = load_model(args.model, like=args.like)
    found = find_scenes(args.sources, task=args.task or model.task)
    print(found.describe())
    scores = scores_lib.score_model(model, found.scenes, **options)
  else:
    scores = scores_lib.score_folder(
      args.fused, args.sources, task=args.task, **options
    )
  if sys.stderr.isatty():
    print('\r\033[K', end='', file=sys.stderr)
  for name, why in scores.failed:
    _complain(f'{name} failed: {why}')
  if scores.rows:
    print(scores_lib.format_table(scores.table))
    if args.output:
      print(f'{args.output}: {len(scores.rows)} images, and their mean')
  return SOME_FAILED if scores.failed else DONE


def _evaluate_progress(index: int, count: int, name: str) -> None:
  # To a terminal only: a pipe or a file wants the table alone.
  if sys.stderr.isatty():
    print(f'\r\033[K{index + 1}/{count} {name}', end='', file=sys.stderr)


def _convert(args: argparse.Namespace) -> int:
  """Converts a checkpoint."""
  output = Path(args.output)
  if output.suffix != '.safetensors':
    raise InputError(f'{output}: give the output as a .safetensors file.')
  if output.exists() and not args.overwrite:
    raise InputError(
      f'{output} exists already. Give another name, or --overwrite.'
    )
  from fusionjax.inference.load import load_model
  from fusionjax.pretrained import weights

  model = load_model(args.model, like=args.like)
  weights.save_weights(
    output,
    model.variables,
    method=model.method,
    task=model.task,
    options=weights.module_options(model.module),
    metadata={
      'source': Path(args.model).name,
      'written_by': f'fusionjax {fusionjax.__version__}',
    },
  )
  print(f'{output}: {model.method}-{model.task} from {args.model}')
  return DONE


def _models(args: argparse.Namespace) -> int:
  """Lists the models."""
  from fusionjax.pretrained import weights

  names = registry.list_models(args.task)
  width = max((len(name) for name in names), default=0)
  for name in names:
    method, task = registry.get_model(name)
    row = registry.get_task(task)
    ships = '' if weights.is_shipped(name) else '  (no weights: needs --like)'
    print(
      f'{name:<{width}}  {method}  {row.title}: {", ".join(row.sources)}{ships}'
    )
  return DONE


def _complain(text: str) -> None:
  print(f'fusionjax: {text}', file=sys.stderr, flush=True)


if __name__ == '__main__':
  sys.exit(main())
