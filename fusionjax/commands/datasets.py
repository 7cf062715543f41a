"""`fusionjax datasets`: the data sets of the papers."""

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from fusionjax.commands import console
from fusionjax.errors import InputError
from fusionjax.methods import registry

if TYPE_CHECKING:
  from fusionjax.commands.console import Commands
  from fusionjax.data.catalogue import Card
  from fusionjax.data.checking import Check
  from fusionjax.data.scenes import Example
  from fusionjax.data.singles import Source

_HELP = """\
The data sets of the papers: where they are, whether yours is whole, and how
to train on them.

  fusionjax datasets list --task ivf
  fusionjax datasets info fusion_ivf/msrs
  fusionjax datasets check fusion_ivf/msrs MSRS/
  fusionjax datasets prepare fusion_ivf/msrs --manual-dir MSRS/
  fusionjax datasets preview fusion_ivf/msrs -o sheet.png
  fusionjax datasets preview synthetic/ivf -o sheet.png

A prepared set is a set of TensorFlow Datasets, and what --config.data.name
takes. A plain folder needs none of this: --config.data.root=DIR. Nothing is
ever downloaded."""
_SYNTHETIC = 'synthetic/'
# How many findings of one kind are named.
_NAMED = 5


def add(commands: 'Commands') -> None:
  """Adds the options of `datasets`.

  Args:
    commands: the sub-commands of the parser.
  """
  parser = commands.add_parser(
    'datasets',
    help='list, check, prepare and look at data sets',
    description=_HELP,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  actions = parser.add_subparsers(required=True, metavar='ACTION')
  action = actions.add_parser('list', help='list the data sets')
  action.add_argument('--task', help='only the data sets of this task')
  _add_data_dir(action)
  action.set_defaults(run=run_list)
  action = actions.add_parser('info', help='all that is known of a data set')
  _add_name(action)
  _add_data_dir(action)
  action.set_defaults(run=run_info)
  action = actions.add_parser(
    'check', help='count, read and compare the files of a data set'
  )
  _add_name(action)
  action.add_argument('folder', metavar='DIR', help='its files')
  action.add_argument(
    '--quick',
    action='store_true',
    help='names and headers alone: damage and duplicates are not found',
  )
  action.add_argument(
    '--against',
    nargs=2,
    metavar=('NAME', 'DIR'),
    help='another data set: duplicates are looked for between the two',
  )
  action.add_argument(
    '--near',
    type=float,
    metavar='X',
    help='correlation from which pictures count as near duplicates'
    ' (default: 0.8)',
  )
  action.set_defaults(run=run_check)
  action = actions.add_parser('prepare', help='write a data set for TFDS')
  _add_name(action)
  action.add_argument(
    '--manual-dir',
    default='',
    metavar='DIR',
    help='its files (default: downloads/manual below the prepared sets)',
  )
  action.add_argument(
    '--overwrite', action='store_true', help='replace what was prepared'
  )
  _add_data_dir(action)
  action.set_defaults(run=run_prepare)
  _add_preview(actions)


def _add_preview(actions: 'Commands') -> None:
  action = actions.add_parser('preview', help='a sheet of pictures')
  action.add_argument(
    'name',
    metavar='NAME',
    help='a prepared data set, synthetic/TASK, or a folder (with --task)',
  )
  action.add_argument('-o', '--output', required=True, help='the .png to write')
  action.add_argument('--task', help='the task that a folder is for')
  action.add_argument(
    '--scenes', type=int, default=4, help='how many scenes (default: 4)'
  )
  action.add_argument(
    '--overwrite', action='store_true', help='replace a file that exists'
  )
  _add_data_dir(action)
  action.set_defaults(run=run_preview)


def _add_name(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    'name', metavar='NAME', help='such as fusion_mef/sice, or sice'
  )


def _add_data_dir(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    '--data-dir',
    default='',
    metavar='DIR',
    help='prepared sets (default: $TFDS_DATA_DIR or ~/tensorflow_datasets)',
  )


def run_list(args: argparse.Namespace) -> int:
  """Lists the data sets.

  Args:
    args: the options.

  Returns:
    The exit code.
  """
  from fusionjax.data import catalogue, locations

  if args.task is not None:
    registry.get_task(args.task)
  rows = [('NAME', 'SCENES', 'PREPARED', 'SIZE', 'TERMS')]
  for card in catalogue.CARDS.values():
    if args.task in (None, card.task):
      there = locations.prepared_folder(card, args.data_dir) is not None
      total = f'{card.total:,}' if card.total else '?'
      yes = 'yes' if there else 'no'
      rows.append((card.full_name, total, yes, card.size, card.licence))
  widths = [max(len(row[i]) for row in rows) for i in range(3)]
  columns = shutil.get_terminal_size().columns
  for row in rows:
    name, total, is_there, size, terms = row
    start = (
      f'{name:<{widths[0]}}  {total:>{widths[1]}}  {is_there:<{widths[2]}}'
    )
    line = f'{start}  {size}; {terms}'
    cut = len(line) > columns > len(start) + 8
    print(f'{line[: columns - 3]}...' if cut else line)
  return console.DONE


def run_info(args: argparse.Namespace) -> int:
  """Says all that is known of a data set.

  Args:
    args: the options.

  Returns:
    The exit code.
  """
  from fusionjax.data import catalogue, locations

  card = catalogue.get_card(args.name)
  print(card.instructions())
  counts = ', '.join(f'{count:,} {split}' for split, count in _counts(card))
  print(f'  Scenes: {counts or "unknown"}; {card.size} (W x H), {card.dtype}')
  print(f'  Splits: {card.splits}.')
  for leak in card.leaks:
    print(f'  Beware: {leak}.')
  there = locations.prepared_folder(card, args.data_dir)
  command = f'fusionjax datasets prepare {card.full_name} --manual-dir DIR'
  print(f'  Prepared: {there or f"no; {command}"}')
  print(f'\n{card.citation}' if card.citation else '')
  return console.DONE


def _counts(card: 'Card') -> list[tuple[str, int]]:
  return list(card.counts.items())


def run_check(args: argparse.Namespace) -> int:
  """Checks the files of a data set.

  Args:
    args: the options.

  Returns:
    The exit code: 1 where something is wrong.
  """
  from fusionjax.commands.progress import progress_bar
  from fusionjax.data import catalogue, checking, duplicates

  card = catalogue.get_card(args.name)
  near = duplicates.NEAR if args.near is None else args.near
  if not 0 < near <= 1:
    raise InputError(f'--near is {near}. Give a number above 0, at most 1.')
  against = None
  if args.against:
    if args.quick:
      raise InputError('--against reads pictures, and --quick does not.')
    other, folder = args.against
    against = catalogue.get_card(other), Path(folder)
  with progress_bar(unit='scene') as move:
    found = checking.check(
      card,
      Path(args.folder),
      against=against,
      decode=not args.quick,
      near=near,
      move=move,
    )
  _tell(found, quick=args.quick)
  return console.DONE if found.whole else console.SOME_FAILED


def _tell(found: 'Check', *, quick: bool) -> None:
  """Says what a check found."""
  counts = ', '.join(f'{n:,} {split}' for split, n in found.counts.items())
  print(f'{found.card.full_name} in {found.folder}')
  print(f'  scenes: {counts}')
  for split, (there, published) in found.missing.items():
    print(f'  {split}: {there:,} scenes, and {published:,} are published')
  if found.sizes:
    by_area = sorted(found.sizes, key=lambda size: size[0] * size[1])
    ends = dict.fromkeys((by_area[0], by_area[-1]))
    which = ' to '.join(f'{w}x{h}' for w, h in ends)
    print(f'  sizes: {which} (W x H), {len(by_area)} distinct')
  pairs = found.mismatched
  rest = [item for item in found.left_out if item not in pairs]
  _name('in no scene', [f'{_short(path)}: {why}' for path, why in pairs])
  _name('beside the scenes', [f'{path.name}: {why}' for path, why in rest])
  _name('damaged', [f'scene {name}: {why}' for name, why in found.unreadable])
  exact = [pair for pair in found.alike if pair.exact]
  close = [pair for pair in found.alike if not pair.exact]
  for kind, alike in (('equal', exact), ('nearly equal', close)):
    _name(
      f'{kind}, between {found.sides}',
      [
        f'{_short(p.first)} and {_short(p.second)} ({p.likeness:.3f})'
        for p in alike
      ],
    )
  if quick:
    print('  not read: damage and duplicates are unknown (--quick)')
  elif not found.alike:
    print(f'  no duplicates between {found.sides}')


def _short(path: Path) -> str:
  return '/'.join(path.parts[-2:])


def _name(kind: str, lines: list[str]) -> None:
  if not lines:
    return
  print(f'  {kind}: {len(lines)}')
  for line in lines[:_NAMED]:
    print(f'    {line}')
  if len(lines) > _NAMED:
    print(f'    and {len(lines) - _NAMED} more')


def run_prepare(args: argparse.Namespace) -> int:
  """Prepares a data set.

  Args:
    args: the options.

  Returns:
    The exit code.
  """
  from fusionjax.data import catalogue, preparing

  card = catalogue.get_card(args.name)
  done = preparing.prepare(
    card,
    manual_dir=args.manual_dir,
    data_dir=args.data_dir,
    overwrite=args.overwrite,
  )
  print(f'{card.full_name}: {len(done.scenes):,} scenes, in {done.folder}')
  print(f'Train on it with --config.data.name={card.full_name}')
  return console.DONE


def run_preview(args: argparse.Namespace) -> int:
  """Writes a sheet of pictures.

  Args:
    args: the options.

  Returns:
    The exit code.
  """
  output = Path(args.output)
  if output.suffix.lower() != '.png':
    raise InputError(f'{output}: give the output as a .png file.')
  if output.exists() and not args.overwrite:
    raise InputError(
      f'{output} exists already. Give another name, or --overwrite.'
    )
  if args.scenes < 1:
    raise InputError(f'--scenes is {args.scenes}. Give 1 or more.')
  from fusionjax.data import showing
  from fusionjax.training import samples

  task, source = _open(args)
  count = min(args.scenes, len(source))
  if not count:
    raise InputError(f'{source.name} has no scenes to show.')
  # Spread over the set: neighbours are often alike.
  places = [number * len(source) // count for number in range(count)]
  shown: list[Example] = [source.read(place) for place in places]
  rows = [(e.name, showing.pictures(e, task)) for e in shown]
  widest = max(shown, key=lambda e: len(e.sources))
  columns = showing.titles(widest, task)
  samples.write_samples(
    output, [(n, _padded(p, len(columns))) for n, p in rows], columns=columns
  )
  print(source.describe())
  print(f'{output}: {count} scenes')
  return console.DONE


def _padded(pictures: list, count: int) -> list:
  """White pictures for exposures that a scene has fewer of."""
  return pictures + [pictures[0] * 0 + 255] * (count - len(pictures))


def _open(args: argparse.Namespace) -> tuple[str, 'Source']:
  """The task and the source of what is to be shown."""
  from fusionjax.data import catalogue, sources

  data: dict = {'holdout': 0.0, 'scenes': args.scenes}
  if args.name.startswith(_SYNTHETIC):
    task = args.name.removeprefix(_SYNTHETIC)
    registry.get_task(task)
  elif Path(args.name).exists():
    if args.task is None:
      raise InputError(
        f'{args.name} is a folder. Say what it is for: --task '
        f'{"|".join(registry.TASKS)}.'
      )
    task, data['root'] = args.task, args.name
  else:
    card = catalogue.get_card(args.name)
    task, data['name'] = card.task, card.full_name
    data['data_dir'] = args.data_dir
  data['sources'] = registry.get_task(task).min_sources
  data['ratio'] = 4 if task == 'gdsr' else 2
  return task, sources.open_source(data, task=task, seed=0, split='all')
