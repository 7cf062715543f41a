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
  """

  pairs: tuple[tuple[Scene, Path], ...]
  failed: tuple[tuple[str, str], ...]


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
    InputError: if there is no such folder, or nothing in it fits a scene.
  """
  folder = Path(folder)
  if not folder.is_dir():
    raise InputError(
      f'{folder} is no folder. Name the folder that holds the fused pictures.'
    )
  names = [scene.name.casefold() for scene in scenes]
  split = len(set(names)) < len(names)
  homes: dict[Path, list[Scene]] = {}
  for scene in scenes:
    home = folder / scene.split if split else folder
    homes.setdefault(home, []).append(scene)
  pairs, failed = [], []
  for home, members in homes.items():
    fits = _fits(home, [scene.name for scene in members])
    for scene in members:
      files = fits[scene.name.casefold()]
      if len(files) == 1:
        pairs.append((scene, files[0]))
      else:
        failed.append((scene.name, _why(home, scene.name, files)))
  if not pairs:
    raise InputError(
      f'No single picture in {folder} fits a scene: {failed[0][1]}'
      if failed
      else f'There is no scene to match with {folder}.'
    )
  return Matches(tuple(pairs), tuple(failed))


def _fits(folder: Path, names: Sequence[str]) -> Mapping[str, list[Path]]:
  """Pictures by the scene that they fit, a full match before a prefix."""
  files = sorted(folder.iterdir()) if folder.is_dir() else []
  by_length = sorted((name.casefold() for name in names), key=len)[::-1]
  whole: dict[str, list[Path]] = collections.defaultdict(list)
  begun: dict[str, list[Path]] = collections.defaultdict(list)
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
  return {name: whole[name] or begun[name] for name in by_length}


def _why(folder: Path, name: str, files: Sequence[Path]) -> str:
  if not files:
    return (
      f'no picture {name}.* or {name}_*.* in {folder}. Fuse it, or rename '
      'its picture.'
    )
  listed = ', '.join(file.name for file in files[:3])
  more = f' and {len(files) - 3} more' if len(files) > 3 else ''
  return f'{listed}{more} in {folder} fit {name} alike. Keep one.'
