"""Which fused picture belongs to which scene, by their names."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from fusionjax.data.images import IMAGE_SUFFIXES
from fusionjax.data.scenes import Scene
from fusionjax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Matches:
  """Fused pictures by scene.

  Attributes:
    pairs: scenes with their fused pictures, in the order of the scenes.
    failed: (scene, why) for those without exactly one picture.
    unused: pictures that fit no scene.
  """

  pairs: tuple[tuple[Scene, Path], ...]
  failed: tuple[tuple[str, str], ...]
  unused: tuple[Path, ...] = ()


def match_fused(folder: Path | str, scenes: Sequence[Scene]) -> Matches:
  """Finds the fused picture of each scene in a folder.

  A picture belongs to the scene whose name its stem is, or with which its
  stem begins before a separator: `Chair.png`, `Chair_ffmef.png`. The longer
  name wins, so that `Chair_2_ffmef.png` belongs to `Chair_2` if there is one.
  Case does not count. Where the train and the test split share a name, each
  has its folder, `train` and `test`, as `fusionjax fuse` writes them.

  Args:
    folder: folder of the fused pictures.
    scenes: the scenes.

  Returns:
    The matches.

  Raises:
    InputError: if there is no such folder, nothing in it fits a scene, or
      scenes share a name.
  """
  folder = Path(folder)
  if not folder.is_dir():
    raise InputError(
      f'{folder} is no folder. Name the folder that holds the fused pictures.'
    )
  homes: dict[Path, list[tuple[str, Scene]]] = {}
  for label, scene in zip(label_scenes(scenes), scenes, strict=True):
    # The part of the label before the name: the split, where it is needed.
    home = folder / label[: -len(scene.name)]
    homes.setdefault(home, []).append((label, scene))
  pairs, failed = [], []
  unused: list[Path] = []
  for home, members in homes.items():
    fits, rest = _fits(home, [scene.name for _, scene in members])
    unused += rest
    for label, scene in members:
      files = fits[scene.name.casefold()]
      if len(files) == 1:
        pairs.append((scene, files[0]))
      else:
        failed.append((label, _why(home, scene.name, files)))
  if not pairs:
    raise InputError(
      f'No single picture in {folder} fits a scene: {failed[0][1]}'
      if failed
      else f'There is no scene to match with {folder}.'
    )
  return Matches(tuple(pairs), tuple(failed), tuple(unused))


def label_scenes(scenes: Sequence[Scene]) -> list[str]:
  """Gives each scene a name of its own, which is also a path in a folder.

  Args:
    scenes: the scenes.

  Returns:
    Their names; where some of them share a name, whatever its case, all
    names after their split: `train/a`, `test/a`.

  Raises:
    InputError: if scenes share even that.
  """
  names = [scene.name for scene in scenes]
  if _distinct(names):
    return names
  labels = [
    f'{scene.split}/{scene.name}' if scene.split else scene.name
    for scene in scenes
  ]
  if _distinct(labels):
    return labels
  counts = collections.Counter(label.casefold() for label in labels)
  label, count = counts.most_common(1)[0]
  files = [
    str(scene.sources[0])
    for scene, other in zip(scenes, labels, strict=True)
    if other.casefold() == label
  ]
  raise InputError(
    f'{count} scenes are called {label}: {", ".join(files[:3])}. Rename them, '
    'or score their folders one by one.'
  )


def _distinct(names: Sequence[str]) -> bool:
  # Some file systems do not tell upper from lower case.
  return len({name.casefold() for name in names}) == len(names)


def _fits(
  folder: Path, names: Sequence[str]
) -> tuple[Mapping[str, list[Path]], list[Path]]:
  """Pictures by the scene that they fit, a full match before a prefix.

  And those that fit none.
  """
  files = sorted(folder.iterdir()) if folder.is_dir() else []
  by_length = sorted((name.casefold() for name in names), key=len)[::-1]
  whole: dict[str, list[Path]] = collections.defaultdict(list)
  begun: dict[str, list[Path]] = collections.defaultdict(list)
  unused = []
  for file in files:
    if file.suffix.lower() not in IMAGE_SUFFIXES or file.name[0] == '.':
      continue
    stem = file.stem.casefold()
    for name in by_length:
      if stem == name:
        whole[name].append(file)
        break
      if stem.startswith(name) and not stem[len(name)].isalnum():
        begun[name].append(file)
        break
    else:
      unused.append(file)
  return {name: whole[name] or begun[name] for name in by_length}, unused


def _why(folder: Path, name: str, files: Sequence[Path]) -> str:
  if not files:
    return (
      f'no picture {name}.* or {name}_*.* in {folder}. Fuse it, or rename '
      'its picture.'
    )
  listed = ', '.join(file.name for file in files[:3])
  more = f' and {len(files) - 3} more' if len(files) > 3 else ''
  return f'{listed}{more} in {folder} fit {name} alike. Keep one.'
