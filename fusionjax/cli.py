"""The command `fusionjax`: fuse, evaluate, benchmark, convert, models,
datasets.

JAX is imported by the sub-commands that compute, not by this file: help and
listings answer at once.
"""

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Sequence

import fusionjax
from fusionjax.commands import (
  benchmark,
  compiled,
  console,
  convert,
  datasets,
  evaluate,
  fuse,
  models,
)
from fusionjax.errors import InputError

_COMMANDS = (fuse, evaluate, benchmark, convert, models, datasets)


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the command line.

  Args:
    argv: arguments; those of the process by default.

  Returns:
    The exit code: 0 done, 1 some inputs failed, 2 bad input.
  """
  given = sys.argv[1:] if argv is None else list(argv)
  args = _parser().parse_args(given)
  args.argv = given
  if getattr(args, 'cache', False):
    compiled.keep_programs(os.environ)
  # What is wrong with a file is said once, and by us.
  for name in ('tifffile', 'PIL'):
    logging.getLogger(name).addHandler(logging.NullHandler())
  try:
    with warnings.catch_warnings():
      warnings.filterwarnings('ignore', module='PIL')
      return args.run(args)
  except InputError as error:
    console.complain(str(error))
    return console.BAD_INPUT
  except OSError as error:
    # A folder that may not be read or entered, wherever it is met.
    if error.filename is None:
      raise
    console.complain(
      f'{error.filename}: {error.strerror}. Check its permissions.'
    )
    return console.BAD_INPUT
  except KeyboardInterrupt:
    return console.INTERRUPTED


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog='fusionjax', description='Image fusion in JAX.'
  )
  parser.add_argument(
    '--version', action='version', version=f'fusionjax {fusionjax.__version__}'
  )
  commands = parser.add_subparsers(required=True, metavar='COMMAND')
  for command in _COMMANDS:
    command.add(commands)
  return parser


if __name__ == '__main__':
  sys.exit(main())
