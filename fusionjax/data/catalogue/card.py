"""What is known of a published data set, and how its files are found."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from fusionjax.data.scenes import Scene

# Of pages of owners that were read, and that say nothing; and of the others.
NOT_STATED = 'not stated where the owner offers it'
UNSEEN = 'not verified here: read the terms where the owner offers it'


@dataclasses.dataclass(frozen=True)
class Listing:
  """The scenes of a published data set that lie in a folder.

  Attributes:
    scenes: in the order of their names; `split` is filled in each.
    left_out: (path, why) of files that are in no scene.
  """

  scenes: tuple[Scene, ...]
  left_out: tuple[tuple[Path, str], ...] = ()


Finder = Callable[[Path], Listing]


@dataclasses.dataclass(frozen=True)
class Card:
  """A data set: facts for people, and what a builder must know.

  Attributes:
    name: its name within the task, such as `sice`.
    task: a key of `registry.TASKS`.
    title: what it is, in one line.
    size: height and width in words, as W x H.
    homepage: where the owner offers it; '' of files that are the user's.
    licence: the terms as the owner states them.
    layout: the files that are expected, a line each, below the folder.
    splits: what the splits are and who uses them so.
    citation: BibTeX.
    find: finds the scenes in a folder.
    counts: published number of scenes per split; empty where unknown.
    reference: whether every scene has the wanted result.
    dtype: of the pictures; of gdsr of the depths, of msf of the cubes.
    bands: of a cube; of its guide, 0 where it has none.
    large: whether it is prepared in parallel with Apache Beam if installed.
    download: size and checksums of the archives, where the owner states them.
    leaks: what to beware of.
    unverified: what of all this could not be checked against the owner's files.
  """

  name: str
  task: str
  title: str
  size: str
  homepage: str
  licence: str
  layout: tuple[str, ...]
  splits: str
  citation: str
  find: Finder
  counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
  reference: bool = False
  dtype: str = 'uint8'
  bands: tuple[int, int] = (0, 0)
  large: bool = False
  download: str = ''
  leaks: tuple[str, ...] = ()
  unverified: str = ''

  @property
  def builder(self) -> str:
    """The name of the TFDS builder."""
    return f'fusion_{self.task}'

  @property
  def full_name(self) -> str:
    """What configs and commands call it: `fusion_mef/sice`."""
    return f'{self.builder}/{self.name}'

  @property
  def total(self) -> int:
    """Published number of scenes; 0 where unknown."""
    return sum(self.counts.values())

  def instructions(self) -> str:
    """Says where to get it and where to put it."""
    lines = [
      f'{self.full_name}: {self.title}.',
      f'  Owner: {self.homepage or "you"}',
      f'  Terms: {self.licence}.',
    ]
    if self.download:
      lines.append(f'  Archives: {self.download}.')
    lines.append(f'  Put below manual_dir/{self.name}/, or manual_dir itself:')
    lines += [f'    {line}' for line in self.layout]
    if self.unverified:
      lines.append(f'  Not verified: {self.unverified}.')
    return '\n'.join(lines)


def locate(card: Card, folder: Path) -> Path:
  """Returns the folder of a data set below a folder for manual data.

  Args:
    card: the data set.
    folder: its own folder, or one that holds `sice/`, `fusion_mef/sice/`.
  """
  for inner in (folder / card.builder / card.name, folder / card.name):
    if inner.is_dir():
      return inner
  return folder
