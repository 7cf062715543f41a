"""Finding the scenes of an image set, in whatever layout it comes."""

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from fusionjax.data import cubes, headers, images, layouts, naming
from fusionjax.data.scenes import Found, Scene, group_names
from fusionjax.errors import InputError
from fusionjax.methods import registry

_SPLITS = {
  'train': 'train',
  'training': 'train',
  'test': 'test',
  'testing': 'test',
  'val': 'test',
  'valid': 'test',
  'validation': 'test',
  'eval': 'test',
}


def find_scenes(
  roots: Sequence[Path | str],
  *,
  task: str | None = None,
  any_size: bool = False,
  max_pixels: int = images.MAX_PIXELS,
) -> Found:
  """Finds the scenes in a folder, or in parallel folders.

  Files are recognised by their names (`naming.ROLES`) and only their headers
  are read. Hidden files are passed over in silence; everything else that is
  in no scene is named in `left_out`.

  Args:
    roots: one folder in any layout (`layouts.UNDERSTOOD`), or one folder per
      source, whose files are matched by their names.
    task: a key of `registry.TASKS`: sources come in its order and scenes of
      unequal sizes are left out. None, or a task that is not there, takes
      everything in the order of the roles, else of the names.
    any_size: whether the sources of a scene may be of unequal sizes.
    max_pixels: images of more are left out.

  Returns:
    The scenes and what was left out.

  Raises:
    InputError: if a folder is missing or nothing in it is a scene.
  """
  folders = tuple(Path(root) for root in roots)
  if not folders:
    raise InputError('No data folder was given. Name one or more folders.')
  for folder in folders:
    _check_folder(folder)
  for index, folder in enumerate(folders):
    if folder.resolve() in {other.resolve() for other in folders[:index]}:
      raise InputError(f'{folder} was given twice. Give one folder per source.')
  if len(folders) == 1:
    layout = _inspect(folders[0])
  else:
    layout = layouts.named_folders(folders)
    above = {folder.resolve().parent for folder in folders}
    if len(above) == 1:
      tables = sorted(p for p in above.pop().glob('*.csv'))
      table = next((p for p in tables if _read_split_table(p)), None)
      layout.drafts = _split_by_table(layout.drafts, table)
  return finish(
    folders, layout, task=task, any_size=any_size, max_pixels=max_pixels
  )


def _check_folder(folder: Path) -> None:
  if not folder.exists():
    raise InputError(
      f'There is no folder {folder}. Expected {layouts.UNDERSTOOD}.'
    )
  if not folder.is_dir():
    raise InputError(f'{folder} is a file. Name the folder that holds it.')


def _nothing() -> layouts.Layout:
  return layouts.Layout('nothing', [], [])


def _inspect(root: Path, *, splits: bool = True) -> layouts.Layout:
  """Reads a folder by the layout that places most of its images."""
  listing = layouts.list_folder(root)
  if splits:
    by_split = _split_folders(listing) or _sources_then_splits(listing)
    if by_split:
      return by_split
  full = [f for f in listing.folders if layouts.list_folder(f).images]
  attempts = []
  if len(full) > 1:
    side = layouts.parallel(full)
    attempts.extend([side] if side else [])
  if listing.images:
    attempts.append(layouts.side_by_side(listing.images))
  if full:
    attempts.append(layouts.scene_folders(full))
  if not attempts:
    return _nested(listing)
  best = max(attempts, key=lambda a: (a.sure, a.covered), default=_nothing())
  return _with_rest(best, listing)


def _nested(listing: layouts.Listing) -> layouts.Layout:
  """Reads folders that hold no images but folders: KAIST's set00/V000/lwir.

  Each is read by itself, and names its scenes: `set00_V000_I00001`.
  """
  drafts: list[layouts.Draft] = []
  left_out = [(path, 'not an image') for path in listing.others]
  titles = []
  for folder in listing.folders:
    layout = _inspect(folder)
    if not layout.drafts and not layout.left_out:
      layout.left_out = [(folder, 'no images in it')]
    drafts += [
      dataclasses.replace(draft, name=f'{folder.name}_{draft.name}')
      for draft in layout.drafts
    ]
    left_out += layout.left_out
    titles += [layout.title] if layout.drafts else []
  if not titles:
    return layouts.Layout('nothing', [], left_out)
  inner = titles[0].removeprefix('nested folders, in each ')
  return layouts.Layout(f'nested folders, in each {inner}', drafts, left_out)


def _with_rest(
  best: layouts.Layout, listing: layouts.Listing
) -> layouts.Layout:
  """Adds to what a layout left out the files that it did not look at."""
  used = {item.path for draft in best.drafts for item in draft.items}
  seen = used | {path for path, _ in best.left_out}
  touched = seen | {path.parent for path in seen}
  extra = [
    (path, 'beside the folders of the scenes')
    for path in listing.images
    if path not in seen
  ]
  for folder in listing.folders:
    if folder not in touched:
      full = bool(layouts.list_folder(folder).images)
      why = 'beside the images of the scenes'
      why = why if full else 'no images directly in it'
      extra.append((folder, why))
  table = next((p for p in listing.others if _read_split_table(p)), None)
  extra += [(p, 'not an image') for p in listing.others if p != table]
  drafts = _split_by_table(best.drafts, table)
  return layouts.Layout(best.title, drafts, best.left_out + extra)


def _split_folders(listing: layouts.Listing) -> layouts.Layout | None:
  """Reads train/ and test/, each in a layout of its own."""
  named = [f for f in listing.folders if f.name.lower() in _SPLITS]
  rest = [f for f in listing.folders if f not in named]
  if not named or listing.images or any(map(_has_images, rest)):
    return None
  drafts: list[layouts.Draft] = []
  left_out = [(path, 'not an image') for path in listing.others]
  left_out += [(path, 'no images in it') for path in rest]
  titles = []
  for folder in named:
    layout = _inspect(folder, splits=False)
    split = _SPLITS[folder.name.lower()]
    drafts += [dataclasses.replace(d, split=split) for d in layout.drafts]
    left_out += layout.left_out
    titles.append(layout.title)
  names = ', '.join(folder.name for folder in named)
  title = f'split folders ({names}), in each {titles[0]}'
  return layouts.Layout(title, drafts, left_out)


def _has_images(folder: Path) -> bool:
  """Whether a folder, or a folder in it, has images."""
  listing = layouts.list_folder(folder)
  return bool(listing.images) or any(
    layouts.list_folder(inner).images for inner in listing.folders
  )


def _sources_then_splits(
  listing: layouts.Listing,
) -> layouts.Layout | None:
  """Reads ir/train, ir/test, vis/train, vis/test."""
  sources = [f for f in listing.folders if naming.role_of(f.name)]
  names = {
    inner.name
    for folder in sources
    for inner in layouts.list_folder(folder).folders
    if inner.name.lower() in _SPLITS
  }
  if len(sources) < 2 or not names:
    return None
  drafts: list[layouts.Draft] = []
  left_out = [(path, 'not an image') for path in listing.others]
  for name in sorted(names, reverse=True):
    folders = [f / name for f in sources if (f / name).is_dir()]
    roles = {f / name: naming.role_of(f.name) for f in sources}
    layout = layouts.match_folders({f: roles[f] for f in folders})
    split = _SPLITS[name.lower()]
    drafts += [dataclasses.replace(d, split=split) for d in layout.drafts]
    left_out += layout.left_out
  title = f'parallel folders ({", ".join(f.name for f in sources)}) with splits'
  return layouts.Layout(title, drafts, left_out) if drafts else None


def _read_split_table(path: Path) -> dict[str, str]:
  """Reads a CSV table of names and splits; empty where it is none."""
  if path.suffix.lower() != '.csv':
    return {}
  try:
    with path.open(newline='', encoding='utf-8-sig') as file:
      rows = [
        {(k or '').strip().lower(): v or '' for k, v in row.items()}
        for row in csv.DictReader(file, restkey='rest')
      ]
  except (OSError, UnicodeDecodeError, csv.Error):
    return {}
  return {
    Path(row['name'].strip()).stem.casefold(): _SPLITS[row['split'].lower()]
    for row in rows
    if row.get('name') and row.get('split', '').lower() in _SPLITS
  }


def _split_by_table(
  drafts: list[layouts.Draft], table: Path | None
) -> list[layouts.Draft]:
  splits = _read_split_table(table) if table else {}
  if not splits:
    return drafts
  placed = []
  for draft in drafts:
    names = [draft.name, *(item.path.stem for item in draft.items)]
    found = [splits[n.casefold()] for n in names if n.casefold() in splits]
    split = found[0] if found else draft.split
    placed.append(dataclasses.replace(draft, split=split))
  return placed


def finish(
  roots: tuple[Path, ...],
  layout: layouts.Layout,
  *,
  task: str | None,
  any_size: bool = False,
  max_pixels: int = images.MAX_PIXELS,
) -> Found:
  """Orders the sources of a layout, checks the headers, and names groups.

  Args:
    roots: where it was found.
    layout: its scenes.
    task: as in `find_scenes`.
    any_size: as in `find_scenes`.
    max_pixels: as in `find_scenes`.

  Returns:
    The scenes and what was left out.

  Raises:
    InputError: if nothing is a scene.
  """
  row = registry.TASKS.get(task or '')
  left_out = list(layout.left_out)
  known: dict[Path, headers.Header] = {}
  kept: list[tuple[layouts.Draft, list[layouts.Item], Path | None]] = []
  for draft in layout.drafts:
    sources, reference, extra = _ordered(draft, row)
    left_out += extra
    paths = [item.path for item in sources]
    every = [*paths, reference] if reference else paths
    known.update({path: _header(path, row, max_pixels) for path in every})
    problem = _problem(paths, reference, known, row, any_size=any_size)
    if problem:
      left_out.append(problem)
    else:
      kept.append((draft, sources, reference))
  if not kept:
    raise _no_scenes(roots, left_out)
  kept.sort(key=lambda k: (k[0].split == 'test', naming.natural_key(k[0].name)))
  groups = group_names([draft.name for draft, _, _ in kept])
  scenes = tuple(
    Scene(
      draft.name,
      group,
      tuple(item.path for item in sources),
      reference,
      draft.split,
    )
    for group, (draft, sources, reference) in zip(groups, kept, strict=True)
  )
  roles = {tuple(item.role or '' for item in sources) for _, sources, _ in kept}
  same = roles.pop() if len(roles) == 1 else ()
  return Found(
    scenes,
    layout.title,
    roots,
    same if all(same) else (),
    tuple(left_out),
    known,
  )


def _header(
  path: Path, task: registry.Task | None, max_pixels: int
) -> headers.Header:
  """Reads a header; what is no picture may still be a cube."""
  header = headers.read_header(path, max_pixels=max_pixels)
  cube = task is not None and task.measures
  return headers.Header() if cube and header.problem else header


def _ordered(
  draft: layouts.Draft, task: registry.Task | None
) -> tuple[list[layouts.Item], Path | None, list[tuple[Path, str]]]:
  """Splits a draft into sources in the task's order, reference and rest."""
  references = [i for i in draft.items if i.role == naming.REFERENCE]
  sources = [i for i in draft.items if i.role != naming.REFERENCE]
  rest = [(item.path, 'a second reference') for item in references[1:]]
  by_role = {item.role: item for item in sources if item.role}
  if len(by_role) == len(sources):
    sources.sort(key=lambda item: naming.rank(item.role))
  if task and task.guided:
    # A cube may lie in several files; what guides it comes last.
    sources.sort(key=lambda item: item.role in cubes.GUIDE_ROLES)
  elif task and task.max_sources and len(sources) > task.max_sources:
    if 'visible' not in by_role and 'colour' in by_role:
      by_role['visible'] = by_role['colour']
    if all(role in by_role for role in task.sources):
      chosen = [by_role[role] for role in task.sources]
      why = f'no source of {task.title} fusion'
      rest += [(i.path, why) for i in sources if i not in chosen]
      sources = chosen
  return sources, references[0].path if references else None, rest


def _problem(
  paths: list[Path],
  reference: Path | None,
  known: dict[Path, headers.Header],
  task: registry.Task | None,
  *,
  any_size: bool,
) -> tuple[Path, str] | None:
  """Why a scene cannot be used: the file to name, and the reason."""
  every = [*paths, reference] if reference else paths
  for path in every:
    if known[path].problem:
      return path, known[path].problem
  if task is None or task.guided or task.depth:
    return None
  most = task.max_sources
  if len(paths) < task.min_sources or (most and len(paths) > most):
    takes = ', '.join(task.sources)
    count = f'{len(paths)} source{"s" if len(paths) > 1 else ""}'
    return paths[0], f'{count} in its scene; {task.title} takes {takes}'
  if any_size:
    return None
  sizes = {path: known[path].size for path in every if known[path].size}
  for path, size in sizes.items():
    first, expected = next(iter(sizes.items()))
    if size != expected and size and expected:
      return path, (
        f'{size[1]}x{size[0]}, but {first.name} is '
        f'{expected[1]}x{expected[0]}: sizes in a scene must be equal'
      )
  return None


def _no_scenes(
  roots: tuple[Path, ...], left_out: list[tuple[Path, str]]
) -> InputError:
  where = ' and '.join(str(root) for root in roots)
  reasons = '; '.join(f'{path.name}: {why}' for path, why in left_out[:3])
  more = f' and {len(left_out) - 3} more' if len(left_out) > 3 else ''
  found = f' ({reasons}{more})' if reasons else ' (no images)'
  return InputError(
    f'No scenes in {where}{found}. Expected {layouts.UNDERSTOOD}.'
  )
