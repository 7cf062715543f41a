"""`fusionjax fuse`: images, or folders of images, to fused images."""

import argparse
from typing import TYPE_CHECKING

from fusionjax.commands import console

if TYPE_CHECKING:
  from fusionjax.commands.console import Commands
  from fusionjax.inference.files import Outcome

_HELP = """\
Fuses two or more images of one scene, or all scenes of folders.

  fusionjax fuse under.jpg over.jpg -o fused.png
  fusionjax fuse infrared/ visible/ -o fused/ --model ffmef-ivf
  fusionjax fuse stacks/ -o fused/
  fusionjax fuse ir.png vis.png -o fused.png --model csc_ivfn-ivf \\
    --color visible
  fusionjax fuse bands.npy pan.png -o cube.tif --model csc_msfn-msf

A single folder may hold a folder per scene, pairs by suffix (NAME_A.png,
NAME_B.png) or a folder per source."""


def add(commands: 'Commands') -> None:
  """Adds the options of `fuse`.

  Args:
    commands: the sub-commands of the parser.
  """
  parser = commands.add_parser(
    'fuse',
    help='fuse images, or folders of images',
    description=_HELP,
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
  parser.add_argument('--model', default='ffmef-mef', help=console.MODEL_HELP)
  parser.add_argument('--like', help=console.LIKE_HELP)
  parser.add_argument(
    '--suffix',
    help='kind of the files written to a folder (default: .png; cubes: .tif)',
  )
  parser.add_argument(
    '--color',
    metavar='KIND',
    help='colour of the result, for models that leave a choice: csc_ivfn'
    ' gives grey, or with `visible` the colour of the visible image',
  )
  parser.add_argument(
    '--stretch',
    action=argparse.BooleanOptionalAction,
    help='whether csc_mefn stretches its result to the full range, as'
    ' published (default: yes)',
  )
  parser.add_argument(
    '--exposures',
    metavar='EV,EV,EV',
    help='of the three images for mgdn-hdr, in EV, such as --exposures=-2,0,2'
    ' (default: these, from the darkest image to the brightest)',
  )
  parser.add_argument(
    '--overwrite', action='store_true', help='replace files that exist'
  )
  parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
  """Fuses files or folders.

  Args:
    args: the options.

  Returns:
    The exit code.
  """
  from fusionjax.inference import files
  from fusionjax.inference.load import load_model

  model = load_model(args.model, like=args.like)
  given = {'color': args.color, 'stretch': args.stretch}
  options = {name: value for name, value in given.items() if value is not None}
  model.check_options(options)
  if args.exposures is not None:
    options['exposures'] = _numbers(args.exposures)
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
    console.complain(f'{path}: {why}')
  counts = {'fused': 0, 'exists': 0, 'failed': len(plan.failed)}
  for outcome in files.run_jobs(
    model, plan, overwrite=args.overwrite, options=options
  ):
    if outcome.error is not None and not plan.description:
      raise outcome.error
    counts[outcome.status] += 1
    _report(outcome, model.name)
  if plan.description:
    print(
      f'{counts["fused"]} fused, {counts["exists"]} there already,'
      f' {counts["failed"]} failed'
    )
  return console.SOME_FAILED if counts['failed'] else console.DONE


def _numbers(text: str) -> tuple[float, ...]:
  """Reads numbers between commas."""
  from fusionjax.errors import InputError

  try:
    return tuple(float(word) for word in text.split(','))
  except ValueError as error:
    raise InputError(
      f'--exposures is {text!r}. Give three numbers, such as -2,0,2.'
    ) from error


def _report(outcome: 'Outcome', model: str) -> None:
  """Says what became of a scene."""
  job = outcome.job
  if outcome.error is not None:
    console.complain(f'{job.name} failed: {outcome.error}')
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
