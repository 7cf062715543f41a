"""`fusionjax convert`: a published checkpoint to a weight file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import fusionjax
from fusionjax.commands import console
from fusionjax.errors import InputError

if TYPE_CHECKING:
  from fusionjax.commands.console import Commands


def add(commands: 'Commands') -> None:
  """Adds the options of `convert`.

  Args:
    commands: the sub-commands of the parser.
  """
  parser = commands.add_parser(
    'convert',
    help='turn a published checkpoint into a weight file',
    description='Turns a published checkpoint into a safetensors file.',
  )
  parser.add_argument('model', metavar='CHECKPOINT', help=console.MODEL_HELP)
  parser.add_argument('--like', help=console.LIKE_HELP)
  parser.add_argument(
    '-o', '--output', required=True, help='the file to write (.safetensors)'
  )
  parser.add_argument(
    '--overwrite', action='store_true', help='replace a file that exists'
  )
  parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
  """Converts a checkpoint.

  Args:
    args: the options.

  Returns:
    The exit code.
  """
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
  return console.DONE
