"""Whether the files of a published data set are whole, and leak nothing."""

import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from fusionjax.data import duplicates, headers
from fusionjax.data.catalogue import loading
from fusionjax.data.catalogue.card import Card, Listing, locate
from fusionjax.data.duplicates import Print
from fusionjax.data.scenes import Scene
from fusionjax.errors import InputError

# Fields that are no source: what is wanted, or measured.
_NO_SOURCES = ('reference', 'depth', 'radiance', 'guide', 'exposure_values')
_TRAIN = 'train'

Move = Callable[[int, int, str], None]


@dataclasses.dataclass(frozen=True)
class Check:
  """What was found.

  Attributes:
    card: the data set.
    folder: where its files are.
    counts: scenes per split.
    sizes: (width, height) -> pictures of this size; empty if none was read.
    left_out: (path, why) of files that are in no scene.
    unreadable: (scene, why) of scenes with damaged files.
    alike: pictures that lie on both sides.
    sides: what the sides are.
  """

  card: Card
  folder: Path
  counts: dict[str, int]
  sizes: dict[tuple[int, int], int]
  left_out: tuple[tuple[Path, str], ...]
  unreadable: tuple[tuple[str, str], ...]
  alike: tuple[duplicates.Pair, ...]
  sides: str

  @property
  def missing(self) -> dict[str, tuple[int, int]]:
    """Splits whose number of scenes is not the published one: (is, should)."""
    if not set(self.counts) <= set(self.card.counts):
      # Divided otherwise: the whole must be there.
      there, total = sum(self.counts.values()), self.card.total
      return {'in all': (there, total)} if total not in (0, there) else {}
    return {
      split: (self.counts.get(split, 0), count)
      for split, count in self.card.counts.items()
      if self.counts.get(split, 0) != count
    }

  @property
  def mismatched(self) -> tuple[tuple[Path, str], ...]:
    """What was left out and is a picture: it lacks its partners."""
    return tuple(
      (path, why)
      for path, why in self.left_out
      if headers.is_image(path) and not path.is_dir()
    )

  @property
  def whole(self) -> bool:
    """Whether nothing was found that is wrong."""
    found = (self.missing, self.mismatched, self.unreadable, self.alike)
    return not any(found)


def check(
  card: Card,
  folder: Path,
  *,
  against: tuple[Card, Path] | None = None,
  decode: bool = True,
  near: float = duplicates.NEAR,
  move: Move | None = None,
) -> Check:
  """Checks the files of a data set.

  Args:
    card: the data set.
    folder: its own folder, or one with such a folder in it.
    against: another data set and its folder: duplicates are looked for
      between the two, whatever their splits.
    decode: whether pictures are read, too: without that none is found to be
      damaged, and no duplicates are found.
    near: the least correlation of near duplicates.
    move: is told how many scenes are done, of how many, and which is next.

  Returns:
    What was found.

  Raises:
    InputError: if there are no scenes at all.
  """
  folder, listing = _find(card, folder)
  counts = collections.Counter(scene.split for scene in listing.scenes)
  if not decode:
    left_out = listing.left_out
    return Check(card, folder, dict(counts), {}, left_out, (), (), '')
  sizes, unreadable, prints = _read(card, listing, move)
  if against:
    other, place = against
    _, there, theirs = _read(other, _find(other, place)[1], move)
    unreadable += there
    sides = f'{card.full_name} and {other.full_name}'
    alike = duplicates.find(_all(prints), _all(theirs), near=near)
  else:
    sides, alike = _within(prints, near)
  return Check(
    card,
    folder,
    dict(counts),
    sizes,
    listing.left_out,
    tuple(unreadable),
    tuple(alike),
    sides,
  )


def _find(card: Card, folder: Path) -> tuple[Path, Listing]:
  """Where a set lies in a folder, and its scenes."""
  if not folder.is_dir():
    raise InputError(f'There is no folder {folder}. Give that of the data set.')
  folder = locate(card, folder)
  return folder, card.find(folder)


def _all(prints: Mapping[str, Sequence[Print]]) -> list[Print]:
  return [one for split in sorted(prints) for one in prints[split]]


def _within(
  prints: dict[str, list[Print]], near: float
) -> tuple[str, list[duplicates.Pair]]:
  """Pictures that are alike within a set, and between what they were found."""
  train = prints.pop(_TRAIN, [])
  others = _all(prints)
  if train and others:
    sides = f'train and {", ".join(sorted(prints))}'
    return sides, duplicates.find(train, others, near=near)
  # Any part may be held out, but siblings by name stay together.
  every = train or others
  alike = duplicates.find(every, every, near=near, across_groups=True)
  return 'scenes of different groups', _once(alike)


def _read(
  card: Card, listing: Listing, move: Move | None
) -> tuple[
  dict[tuple[int, int], int],
  list[tuple[str, str]],
  dict[str, list[Print]],
]:
  """Reads all scenes: sizes, what is damaged, and prints by split."""
  sizes: collections.Counter[tuple[int, int]] = collections.Counter()
  unreadable = []
  prints: dict[str, list[Print]] = collections.defaultdict(list)
  for number, scene in enumerate(listing.scenes):
    if move:
      move(number, len(listing.scenes), scene.name)
    try:
      pictures = _sources(card, scene)
    except InputError as error:
      unreadable.append((scene.name, str(error)))
      continue
    for path, picture in pictures:
      sizes[picture.shape[1], picture.shape[0]] += 1
      kept = duplicates.make_print(path, picture, group=scene.group)
      prints[scene.split].append(kept)
  return dict(sizes), unreadable, prints


def _sources(card: Card, scene: Scene) -> list[tuple[Path, np.ndarray]]:
  """The sources of a scene with their files, after reading all of it."""
  found = loading.load(card, scene)
  read = loading.decoded(found)
  pictures = []
  for key, value in read.items():
    if key in _NO_SOURCES:
      continue
    many = value if isinstance(value, list) else [value]
    files = found[key] if isinstance(found[key], list) else [found[key]]
    for path, picture in zip(files, many, strict=True):
      # Of what lies in a file with other scenes, the scene's name.
      named = path if isinstance(path, Path) else Path(scene.name)
      pictures.append((named, picture))
  return pictures


def _once(pairs: list[duplicates.Pair]) -> list[duplicates.Pair]:
  """Each pair once, whichever side it was found from."""
  seen = set()
  kept = []
  for pair in pairs:
    key = frozenset((pair.first, pair.second))
    if key not in seen:
      seen.add(key)
      kept.append(pair)
  return kept
