"""`fusionjax models`: the list of models."""

import argparse
from typing import TYPE_CHECKING

from fusionjax.commands import console
from fusionjax.methods import registry

if TYPE_CHECKING:
  from fusionjax.commands.console import Commands


def add(commands: 'Commands') -> None:
  """Adds the options of `models`.

  Args:
    commands: the sub-commands of the parser.
  """
  parser = commands.add_parser(
    'models', help='list the models', description='Lists the models.'
  )
  parser.add_argument('--task', help='only the models of this task')
  parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
  """Lists the models.

  Args:
    args: the options.

  Returns:
    The exit code.
  """
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
  return console.DONE
