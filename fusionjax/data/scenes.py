"""Scenes: which image files belong together, and what was found of them."""

import collections
import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fusionjax.data import cubes, images
from fusionjax.data import headers as headers_lib

# How many left-out files a description names one by one.
_NAMED = 5


@dataclasses.dataclass(frozen=True)
class Scene:
  """Images of one scene.

  Attributes:
    name: what the files have in common.
    group: near siblings (`Sunset_1`, `Sunset_2`) share it; a split into
      training and held-out scenes keeps groups together.
    sources: files in the order of the task.
    reference: the file of the wanted result, where there is one.
    split: 'train' or 'test' where the layout says so, else ''.
  """

  name: str
  group: str
  sources: tuple[Path, ...]
  reference: Path | None = None
  split: str = ''


@dataclasses.dataclass(frozen=True)
class Example:
  """The images of one scene.

  Attributes:
    name: the scene's name.
    sources: images in the order of the task; [h, w, 3] float32 in [0, 1]
      from `read`, [h, w] or [h, w, 3] as stored from `read_raw`.
    reference: the wanted result, of the same kind, or None.
    cubes: whether images are [h, w, bands] of any number of bands.
    limits: of a depth map the depths, in the unit of its file, that 0 and 1 of
      the reference stand for.
  """

  name: str
  sources: tuple[np.ndarray, ...]
  reference: np.ndarray | None = None
  cubes: bool = False
  limits: tuple[float, float] = (0.0, 1.0)

  def to_unit(self) -> 'Example':
    """Converts all images to float32 in [0, 1], those of no cubes to RGB."""
    convert = cubes.to_unit if self.cubes else images.to_unit_rgb
    reference = self.reference
    return dataclasses.replace(
      self,
      sources=tuple(convert(image) for image in self.sources),
      reference=None if reference is None else convert(reference),
    )


@dataclasses.dataclass(frozen=True)
class Found:
  """What a search for scenes found.

  Attributes:
    scenes: in natural order of their names, train before test.
    layout: how the files are laid out, in words.
    roots: the folders that were searched.
    roles: what the sources are, such as ('infrared', 'visible'); empty
      where nothing says it, and the order is that of the names.
    left_out: (path, why) of every file and folder that is in no scene.
    headers: sizes of the files, as far as their headers were read.
  """

  scenes: tuple[Scene, ...]
  layout: str
  roots: tuple[Path, ...]
  roles: tuple[str, ...] = ()
  left_out: tuple[tuple[Path, str], ...] = ()
  headers: Mapping[Path, headers_lib.Header] = dataclasses.field(
    default_factory=dict
  )

  def describe(self) -> str:
    """Says what was found and what was left out, in a few lines."""
    where = ', '.join(str(root) for root in self.roots)
    lines = [f'{where}: {self.layout}', f'  {self._counts()}']
    lines.extend(f'  {line}' for line in (self._sizes(), self._splits()))
    if self.left_out:
      lines.append(f'  left out: {len(self.left_out)}')
      for path, why in self.left_out[:_NAMED]:
        lines.append(f'    {path.name}: {why}')
      if len(self.left_out) > _NAMED:
        lines.append(f'    and {len(self.left_out) - _NAMED} more')
    return '\n'.join(line for line in lines if line.strip())

  def _counts(self) -> str:
    counts = sorted({len(scene.sources) for scene in self.scenes})
    sources = '-'.join(str(n) for n in dict.fromkeys((counts[0], counts[-1])))
    what = f' ({", ".join(self.roles)})' if self.roles else ''
    plural = '' if counts[-1] == 1 else 's'
    scenes = f'{len(self.scenes)} scene{"s" * (len(self.scenes) > 1)}'
    text = f'{scenes} of {sources} source{plural}{what}'
    references = sum(scene.reference is not None for scene in self.scenes)
    if references:
      text += f', {references} with a reference'
    if not self.roles and counts[-1] > 1:
      text += ', in the order of the names'
    return text

  def _sizes(self) -> str:
    known = [
      self.headers[path]
      for scene in self.scenes
      for path in scene.sources
      if path in self.headers and self.headers[path].size
    ]
    if not known:
      return 'sizes unknown before reading'
    sizes = {header.size for header in known if header.size}
    by_area = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    ends = ' to '.join(
      f'{w}x{h}' for h, w in dict.fromkeys((by_area[0], by_area[-1]))
    )
    grey = sum(header.grey is True for header in known)
    colours = {0: 'colour', len(known): 'grey'}.get(grey, 'grey and colour')
    distinct = f', {len(sizes)} distinct sizes' if len(sizes) > 1 else ''
    return f'{ends} (width x height){distinct}, {colours}'

  def _splits(self) -> str:
    splits = collections.Counter(scene.split for scene in self.scenes)
    named = [f'{splits[s]} {s}' for s in ('train', 'test') if splits[s]]
    if splits[''] and named:
      named.append(f'{splits[""]} in neither')
    return f'splits: {", ".join(named)}' if named else ''


def group_names(names: Sequence[str]) -> list[str]:
  """Groups scenes that differ by a trailing number only.

  Args:
    names: names of all scenes of a data set.

  Returns:
    The group of each: the name in lower case without trailing digits and
    separators. Where nothing is left of a name (`0012`), or more than half
    of all scenes would fall into one group (`lytro-01`, `lytro-02`), the
    number is the name, and each such scene is its own group.
  """
  folded = [name.casefold() for name in names]
  bases = [re.sub(r'[\W\d_]+$', '', name) for name in folded]
  sizes = collections.Counter(bases)
  return [
    base if base and 2 * sizes[base] <= len(names) else name
    for base, name in zip(bases, folded, strict=True)
  ]
