"""Reads the scenes of published data sets as named fields.

Pictures are given as their files, so that a builder can keep a JPEG as it is;
what is measured (depths, radiance, cubes) is given as arrays.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fusionjax.data import cubes, depth, images, mat_file, radiance
from fusionjax.data.catalogue import published
from fusionjax.data.catalogue.card import Card
from fusionjax.data.radiance_files import read_hdr
from fusionjax.data.scenes import Scene
from fusionjax.errors import InputError

Fields = dict[str, Any]

# Names of the fields that are one picture each, of the tasks with an order.
ORDERED = {
  'ivf': ('infrared', 'visible'),
  'medical': ('functional', 'anatomical'),
}
# Name of the field of all pictures, of the tasks without one.
STACKED = {'mef': 'exposures', 'mff': 'sources', 'hdr': 'exposures'}


def load(card: Card, scene: Scene) -> Fields:
  """Reads a scene.

  Args:
    card: of its data set.
    scene: one that `card.find` found.

  Returns:
    Fields by name: paths of pictures (a list of them where a scene has any
    number), arrays of other things, `exposure_values` in EV (none where no
    file says them).

  Raises:
    InputError: if a file is missing or damaged.
  """
  return _LOADERS[card.task](card, scene)


def decoded(fields: Mapping[str, Any]) -> Fields:
  """Reads the pictures of fields too.

  Raises:
    InputError: if a file is damaged.
  """

  def read(value: Any) -> Any:
    if isinstance(value, Path):
      return images.read_image(value)
    if isinstance(value, list) and value and isinstance(value[0], Path):
      return [images.read_image(path) for path in value]
    return value

  return {name: read(value) for name, value in fields.items()}


def _stack(card: Card, scene: Scene) -> Fields:
  fields: Fields = {STACKED[card.task]: list(scene.sources)}
  if card.task == 'mef':
    fields['exposure_values'] = _exposures(scene)
  if card.reference:
    if scene.reference is None:
      raise InputError(
        f'Scene {scene.name} of {card.full_name} has no reference. Add it, or'
        ' take the scene out.'
      )
    fields['reference'] = scene.reference
  return fields


def _exposures(scene: Scene) -> list[float]:
  """The exposures in EV that a file beside the pictures says, or none."""
  path = published.exposures_of(scene.sources[0].parent)
  try:
    words = path.read_text(encoding='utf-8').split() if path else []
    values = [float(word) for word in words]
  except ValueError:
    return []
  return values if len(values) == len(scene.sources) else []


def _ordered(card: Card, scene: Scene) -> Fields:
  return dict(zip(ORDERED[card.task], scene.sources, strict=True))


def _radiance(card: Card, scene: Scene) -> Fields:
  folder = scene.sources[0].parent
  truth, exposures = (
    find(folder) for find in (published.radiance_of, published.exposures_of)
  )
  if truth is None or exposures is None:
    raise InputError(f'{folder} has no radiance (.hdr) or exposures (.txt).')
  return {
    'exposures': list(scene.sources),
    'exposure_values': radiance.read_exposures(exposures),
    'radiance': read_hdr(truth),
  }


@functools.lru_cache(maxsize=2)
def _nyu(path: Path) -> depth.NYUSource:
  return depth.NYUSource(path, split='all')


def _depth(card: Card, scene: Scene) -> Fields:
  if scene.sources[0].suffix.lower() == '.mat':
    rgb, metres = _nyu(scene.sources[0]).pair(int(scene.name))
    return {'colour': rgb, 'depth': metres}
  colour, truth = scene.sources
  return {'colour': colour, 'depth': depth.read_depth(truth)}


def _cube(card: Card, scene: Scene) -> Fields:
  bands, guide = list(scene.sources), None
  if card.bands[1]:
    bands, guide = cubes.split_guide(scene.sources)
  if card.dtype == 'float32' and bands[0].suffix.lower() == '.mat':
    cube = _floats(bands[0])
  elif card.dtype == 'uint16':
    cube = _deep(bands)
  else:
    cube = cubes.read_cubes(bands)
  fields: Fields = {'cube': cube}
  if card.bands[1]:
    if guide is None:
      raise InputError(f'Scene {scene.name} of {card.full_name} has no guide.')
    fields['guide'] = cubes.read_cube(guide)
  return fields


def _deep(bands: list[Path]) -> np.ndarray:
  """A cube of 16 bits; a scene of CAVE has bands of 8, in grey colours."""
  parts = []
  for path in bands:
    part = cubes.read_cube(path)
    if len(bands) > 1 and (part == part[..., :1]).all():
      part = part[..., :1]
    deep = part.dtype != np.uint8
    parts.append(part if deep else part.astype(np.uint16) * np.uint16(257))
  if len({part.shape for part in parts}) > 1:
    raise InputError(f'{bands[0]} and its other bands differ in size.')
  return np.concatenate(parts, axis=-1)


def _floats(path: Path) -> np.ndarray:
  """A cube of measured values of any range, in float32."""
  arrays = {k: a for k, a in mat_file.read_mat(path).items() if a.ndim == 3}
  if not arrays:
    raise InputError(f'{path} holds no array of three axes.')
  largest = max(arrays.values(), key=lambda array: array.size)
  return arrays.get('ref', largest).astype(np.float32)


_LOADERS: dict[str, Callable[[Card, Scene], Fields]] = {
  'mef': _stack,
  'mff': _stack,
  'ivf': _ordered,
  'medical': _ordered,
  'hdr': _radiance,
  'gdsr': _depth,
  'msf': _cube,
}
