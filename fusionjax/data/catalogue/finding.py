"""Finds the scenes of published data sets in their own layouts."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fusionjax.data import folder, layouts, naming
from fusionjax.data.catalogue.card import Finder, Listing
from fusionjax.data.scenes import Found, Scene, group_names
from fusionjax.errors import InputError

Place = Callable[[Scene], str]


def inner(root: Path, *names: str) -> Path | None:
  """The first folder of these names, whatever the case, or None."""
  if not root.is_dir():
    return None
  by_name = {p.name.casefold(): p for p in root.iterdir() if p.is_dir()}
  wanted = [by_name.get(name.casefold()) for name in names]
  return next((path for path in wanted if path), None)


def whole(
  task: str, *, split: str | Place, below: Sequence[str] = ()
) -> Finder:
  """Makes a finder of any layout that `find_scenes` understands.

  Args:
    task: a key of `registry.TASKS`.
    split: of the scenes whose layout says none: a name, or what gives it.
    below: folders to look in, if they are there; the first that is.

  Returns:
    The finder.
  """

  def find(root: Path) -> Listing:
    start = (inner(root, *below) if below else None) or root
    return placed(folder.find_scenes([start], task=task), split)

  return find


def placed(found: Found, split: str | Place) -> Listing:
  """Gives a split to every scene that has none."""
  scenes = []
  for scene in found.scenes:
    default = split if isinstance(split, str) else split(scene)
    scenes.append(dataclasses.replace(scene, split=scene.split or default))
  return Listing(tuple(scenes), found.left_out)


def parts(task: str, folders: Mapping[str, tuple[str, ...]]) -> Finder:
  """Makes a finder of folders that are splits, each in a layout of its own.

  Args:
    task: a key of `registry.TASKS`.
    folders: split -> the names that its folder may have. Scenes are called
      after the folder too: two parts may use the same names.

  Returns:
    The finder; a part that is absent is passed over.
  """

  def find(root: Path) -> Listing:
    scenes: list[Scene] = []
    left_out: list[tuple[Path, str]] = []
    for split, names in folders.items():
      start = inner(root, *names)
      if start is None:
        continue
      found = folder.find_scenes([start], task=task)
      prefix = start.name
      scenes += [
        dataclasses.replace(
          scene,
          name=f'{prefix}_{scene.name}',
          group=f'{prefix.casefold()}_{scene.group}',
          split=split,
        )
        for scene in found.scenes
      ]
      left_out += found.left_out
    if not scenes:
      wanted = ' and '.join(names[0] for names in folders.values())
      raise InputError(f'{root} has none of the folders {wanted}.')
    return Listing(tuple(scenes), tuple(left_out))

  return find


def parallel(
  task: str, folders: Mapping[str, tuple[str, ...]], *, split: str
) -> Finder:
  """Makes a finder of parallel folders whose names say nothing.

  Args:
    task: a key of `registry.TASKS`.
    folders: role (`naming.ROLES`) -> the names that its folder may have.
    split: of all scenes.

  Returns:
    The finder; without such folders it looks for any other layout.
  """
  anything = whole(task, split=split)

  def find(root: Path) -> Listing:
    paths = {inner(root, *names): role for role, names in folders.items()}
    if None in paths:
      return anything(root)
    roles: dict[Path, str | None] = {
      path: role for path, role in paths.items() if path
    }
    layout = layouts.match_folders(roles)
    return placed(folder.finish((root,), layout, task=task), split)

  return find


def by_number(pattern: str, splits: Mapping[str, range]) -> Place:
  """Makes a rule that gives a split by a number in the scene's name.

  Args:
    pattern: a regular expression; its group is the number.
    splits: split -> its numbers.

  Returns:
    The rule. A scene without such a number goes to the first split.
  """

  def place(scene: Scene) -> str:
    match = re.search(pattern, scene.name)
    number = int(match[1]) if match else -1
    names = [name for name, numbers in splits.items() if number in numbers]
    return (names or list(splits))[0]

  return place


def by_word(words: Mapping[str, Sequence[str]], *, rest: str) -> Place:
  """Makes a rule that gives a split by a word in the scene's name.

  Args:
    words: split -> words; the case does not count.
    rest: the split of all others.
  """

  def place(scene: Scene) -> str:
    name = scene.name.casefold()
    found = [s for s, these in words.items() if any(w in name for w in these)]
    return (found or [rest])[0]

  return place


def scenes_of(
  root: Path,
  drafts: Sequence[tuple[str, str, tuple[Path, ...]]],
  *,
  expected: str,
) -> Listing:
  """Makes a listing of scenes that were found by their names.

  Args:
    root: where they were looked for.
    drafts: (name, split, files) of each.
    expected: what was looked for, if there is nothing.

  Returns:
    The listing, in natural order.

  Raises:
    InputError: if there are no drafts.
  """
  if not drafts:
    raise InputError(f'No scenes in {root}. Expected {expected}.')
  order = sorted(drafts, key=lambda draft: naming.natural_key(draft[0]))
  groups = group_names([name for name, _, _ in order])
  return Listing(
    tuple(
      Scene(name, group, files, None, split)
      for group, (name, split, files) in zip(groups, order, strict=True)
    )
  )
