"""The layouts of image sets: from files in folders to drafts of scenes."""

import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fusionjax.data import headers, naming

# More images than this in one folder are a collection, not one scene.
MAX_STACK = 24
# So many images without any pairing in their names may be one stack.
_MAX_LONE_STACK = 12
# So many folders without role words may be parallel, if they are this full.
_MAX_PARALLEL = 4
_MIN_PARALLEL_FILES = 12

UNDERSTOOD = (
  'a folder per scene (scene/1.jpg, scene/2.jpg); parallel folders, one per '
  'source (ir/7.png, vis/7.png); pairs side by side (NAME_A.png, NAME_B.png '
  'or IR7.png, VIS7.png); any of them below train/ and test/'
)


@dataclasses.dataclass(frozen=True)
class Item:
  """An image of a scene: its file and what its name says it is."""

  path: Path
  role: str | None
  label: str


@dataclasses.dataclass(frozen=True)
class Draft:
  """A scene before its sources are ordered and checked."""

  name: str
  items: tuple[Item, ...]
  split: str = ''


@dataclasses.dataclass
class Layout:
  """One reading of a folder.

  Attributes:
    title: what the layout is called.
    drafts: its scenes.
    left_out: what has no place in them.
    sure: whether names of folders leave no doubt, so that no other reading
      is tried, even where that would place more images.
  """

  title: str
  drafts: list[Draft]
  left_out: list[tuple[Path, str]]
  sure: bool = False

  @property
  def covered(self) -> int:
    """The number of images that are in a scene."""
    return sum(len(draft.items) for draft in self.drafts)


@dataclasses.dataclass(frozen=True)
class Listing:
  """What lies directly in a folder, in natural order, hidden files not."""

  images: tuple[Path, ...]
  folders: tuple[Path, ...]
  others: tuple[Path, ...]


def list_folder(folder: Path) -> Listing:
  """Lists a folder."""
  paths = [path for path in folder.iterdir() if not headers.is_hidden(path)]
  paths.sort(key=lambda path: naming.natural_key(path.name))
  folders = tuple(path for path in paths if path.is_dir())
  files = [path for path in paths if not path.is_dir()]
  images = tuple(path for path in files if headers.is_image(path))
  others = tuple(path for path in files if not headers.is_image(path))
  return Listing(images, folders, others)


def scene_folders(folders: Sequence[Path]) -> Layout:
  """Reads a folder per scene: every image in it is one of its sources.

  A folder of references (`Label`) may lie among them, with one for each scene
  whose name is that of the scene's folder, as in SICE.
  """
  layout = Layout('a folder per scene', [], [])
  folders, references = _apart(folders)
  for folder in folders:
    listing = list_folder(folder)
    layout.left_out += [(path, 'not an image') for path in listing.others]
    count = len(listing.images)
    if count < 2:
      layout.left_out.append((folder, 'one image only, no scene'))
    elif count > MAX_STACK:
      why = f'{count} images, more than one scene has'
      layout.left_out.append((folder, why))
    else:
      items = stack(listing.images)
      wanted = references.pop(folder.name.casefold(), None)
      if wanted and naming.REFERENCE not in [item.role for item in items]:
        extra = Item(wanted, naming.REFERENCE, wanted.parent.name)
        items = (*items, extra)
      layout.drafts.append(Draft(folder.name, items))
  layout.left_out += [
    (path, 'a reference of no scene') for path in references.values()
  ]
  return layout


def _apart(
  folders: Sequence[Path],
) -> tuple[list[Path], dict[str, Path]]:
  """Takes a folder of references from those of scenes, its files by name."""
  names = {folder.name.casefold() for folder in folders}
  for folder in folders:
    files = {path.stem.casefold(): path for path in list_folder(folder).images}
    if naming.role_of(folder.name) == naming.REFERENCE and names & set(files):
      return [other for other in folders if other != folder], files
  return list(folders), {}


def stack(paths: Sequence[Path]) -> tuple[Item, ...]:
  """The images of one scene, with roles where the names tell them apart."""
  roles = [naming.role_of(path.stem) for path in paths]
  sources = [role for role in roles if role != naming.REFERENCE]
  if None in sources or len(set(sources)) != len(sources):
    # Names such as `pan_1, pan_2`: the words do not tell the images apart.
    roles = [r if r == naming.REFERENCE else None for r in roles]
  if len(sources) < 2:
    roles = [None] * len(paths)
  return tuple(
    Item(path, role, path.stem) for path, role in zip(paths, roles, strict=True)
  )


def named_folders(folders: Sequence[Path]) -> Layout:
  """Reads folders that the user named as sources, one per source."""
  roles = {folder: naming.role_of(folder.name) for folder in folders}
  if None in roles.values() or len(set(roles.values())) != len(folders):
    roles = {
      folder: role if role == naming.REFERENCE else None
      for folder, role in roles.items()
    }
  return match_folders(roles)


def parallel(folders: Sequence[Path]) -> Layout | None:
  """Reads parallel folders, one per source, if that is what they are.

  Args:
    folders: folders with images.

  Returns:
    The layout, or None where neither the folders' names nor their many
    equally named files show that they are parallel.
  """
  roles = {folder: naming.role_of(folder.name) for folder in folders}
  known = {
    folder: role
    for folder, role in roles.items()
    if role and not naming.is_annotation(folder.name)
  }
  sources = set(known.values()) - {naming.REFERENCE}
  distinct = len(set(known.values())) == len(known)
  if distinct and len(sources) >= 2 and 2 * len(known) >= len(folders):
    layout = match_folders(known)
    why = 'no source that its name would tell'
    layout.left_out += [(f, why) for f in folders if f not in known]
    # Folders `A` and `B` may be scenes; `ir` and `vis` are sources.
    letters = all(len(role) == 1 for role in sources)
    layout.sure = bool(layout.drafts) and not letters
    return layout
  if known or not _look_parallel(folders):
    return None
  return match_folders(roles)


def _look_parallel(folders: Sequence[Path]) -> bool:
  if not 2 <= len(folders) <= _MAX_PARALLEL:
    return False
  stems = [
    {path.stem.casefold() for path in list_folder(folder).images}
    for folder in folders
  ]
  shared = set.intersection(*stems)
  return len(shared) > _MIN_PARALLEL_FILES


def match_folders(roles: Mapping[Path, str | None]) -> Layout:
  """Matches the files of parallel folders by the surest rule that works.

  Args:
    roles: the folders, and what each holds as far as it is known.

  Returns:
    The layout; a scene needs a file of each folder but the reference's.
  """
  images: dict[Path, list[Path]] = {}
  left_out = []
  for folder in roles:
    listing = list_folder(folder)
    left_out += [(path, 'not an image') for path in listing.others]
    unique: dict[str, Path] = {}
    for path in listing.images:
      first = unique.setdefault(path.stem.casefold(), path)
      if first != path:
        left_out.append((path, f'same name as {first.name}'))
    images[folder] = list(unique.values())
  drafts, incomplete = match_files(images, roles)
  names = ', '.join(folder.name for folder in roles)
  title = f'parallel folders ({names})'
  return Layout(title, drafts, left_out + incomplete)


def match_files(
  images: Mapping[Path, Sequence[Path]],
  roles: Mapping[Path, str | None],
  *,
  names: Mapping[Path, str] | None = None,
) -> tuple[list[Draft], list[tuple[Path, str]]]:
  """Matches the files of sources by the surest rule that works.

  Args:
    images: the files of each source; a source is a folder or a pattern.
    roles: what each source holds as far as it is known.
    names: what scenes are called and matched by, of every file; their stems
      by default.

  Returns:
    The scenes, each with a file of every source but the reference's, and
    (path, why) of the files without a counterpart.
  """
  needed = [f for f, role in roles.items() if role != naming.REFERENCE]
  called = names or {p: p.stem for paths in images.values() for p in paths}
  # Of rules that find as many scenes, the one that leaves the fewest files
  # over: references are not needed, but wanted.
  best = max(
    (_match(images, needed, key, called) for key in _MATCH_RULES),
    key=lambda match: (len(match[0]), -len(match[1])),
  )
  complete, incomplete = best
  drafts = []
  for key, files in complete.items():
    items = tuple(
      Item(path, roles[folder], folder.name) for folder, path in files.items()
    )
    own = called[items[0].path]
    same = len({called[item.path].casefold() for item in items}) == 1
    drafts.append(Draft(own if same else key or own, items))
  return drafts, [
    (path, f'no counterpart in {missing}') for path, missing in incomplete
  ]


def label(source: Path) -> str:
  """What a source is called: a folder by its name, a pattern as it is."""
  return source.name if source.is_dir() else str(source)


def _folded(names: list[str]) -> list[str]:
  return [name.casefold() for name in names]


def _roles_off(names: list[str]) -> list[str]:
  return [naming.without_role(name).casefold() for name in names]


def _numbers(names: list[str]) -> list[str]:
  return [naming.numbers(name) for name in names]


_MATCH_RULES: tuple[Callable[[list[str]], list[str]], ...] = (
  _folded,
  _roles_off,
  naming.varying_words,
  _numbers,
)


def _match(
  images: Mapping[Path, Sequence[Path]],
  needed: Sequence[Path],
  rule: Callable[[list[str]], list[str]],
  called: Mapping[Path, str],
) -> tuple[dict[str, dict[Path, Path]], list[tuple[Path, str]]]:
  """Matches by one rule: complete sets by key, and files without partners."""
  by_key: dict[str, dict[Path, Path]] = collections.defaultdict(dict)
  incomplete = []
  for folder, paths in images.items():
    keys = rule([called[path] for path in paths])
    often = collections.Counter(keys)
    for key, path in zip(keys, paths, strict=True):
      if often[key] == 1:
        by_key[key][folder] = path
      else:
        incomplete.append((path, 'the other folders: its name is ambiguous'))
  complete = {}
  for key, files in by_key.items():
    missing = [label(folder) for folder in needed if folder not in files]
    if missing:
      incomplete += [(path, ' and '.join(missing)) for path in files.values()]
    else:
      complete[key] = {f: files[f] for f in images if f in files}
  return complete, incomplete


def side_by_side(images: Sequence[Path]) -> Layout:
  """Reads images of many scenes in one folder, paired by their names."""
  cubes = [path for path in images if path.suffix.lower() == '.mat']
  if cubes and len(cubes) == len(images):
    drafts = [
      Draft(path.stem, (Item(path, naming.role_of(path.stem), path.stem),))
      for path in cubes
    ]
    return Layout('a cube per file', drafts, [])
  attempts = [
    _split_by(images, title, rule) for title, rule in naming.SPLIT_RULES
  ]
  best = max(attempts, key=lambda layout: layout.covered)
  if 2 * best.covered > len(images):
    return best
  if 2 <= len(images) <= _MAX_LONE_STACK:
    name = images[0].parent.name
    return Layout('one scene', [Draft(name, stack(images))], [])
  why = 'its name has no partner'
  return Layout('one folder', [], [(path, why) for path in images])


def _split_by(
  images: Sequence[Path],
  title: str,
  rule: Callable[[str], naming.Split | None],
) -> Layout:
  """Pairs images by one rule for their names."""
  layout = Layout(title, [], [])
  by_key: dict[str, dict[str, Path]] = collections.defaultdict(dict)
  shown: dict[str, str] = {}
  for path in images:
    split = rule(path.stem)
    if split is None:
      layout.left_out.append((path, 'its name has no partner'))
      continue
    name, label = split
    shown.setdefault(name.casefold(), name)
    first = by_key[name.casefold()].setdefault(label, path)
    if first != path:
      layout.left_out.append((path, f'same scene and source as {first.name}'))
  needed = _needed_labels(list(by_key.values()))
  for key, files in by_key.items():
    missing = sorted(needed - set(files))
    if missing or not 2 <= len(files) <= MAX_STACK:
      why = f'no partner {", ".join(missing)}' if missing else 'no partner'
      layout.left_out += [(path, why) for path in files.values()]
      continue
    items = tuple(
      Item(path, naming.role_of(label), label) for label, path in files.items()
    )
    layout.drafts.append(Draft(shown[key] or items[0].path.stem, items))
  return layout


def _needed_labels(scenes: Sequence[dict[str, Path]]) -> set[str]:
  """The sources that a scene must have: those of most scenes."""
  paired = [files for files in scenes if len(files) > 1]
  counts = collections.Counter(label for files in paired for label in files)
  if all(label.isdecimal() for label in counts):
    return set()  # Numbered stacks may differ in length.
  return {
    label
    for label, count in counts.items()
    if 2 * count > len(paired) and naming.role_of(label) != naming.REFERENCE
  }
