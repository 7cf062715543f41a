"""Data sets that `fusionjax datasets prepare` wrote, as sources."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from fusionjax.data import (
  catalogue,
  depth,
  images,
  locations,
  pictures,
  radiance,
  records,
  sources,
  splitting,
  wald,
)
from fusionjax.data.catalogue import loading
from fusionjax.data.scenes import Scene
from fusionjax.data.singles import Source
from fusionjax.errors import InputError


@dataclasses.dataclass(frozen=True)
class _Record(Scene):
  """A scene of a prepared set: where its record is."""

  stored: str = ''
  place: int = 0


class Prepared:
  """What TFDS wrote of one data set: its scenes, and their fields."""

  def __init__(self, name: str, *, data_dir: str = ''):
    """Opens a data set; no picture is read yet.

    Args:
      name: `fusion_mef/sice`, or `sice`.
      data_dir: see `locations.data_folder`.

    Raises:
      InputError: if there is no such set, or it is not prepared.
    """
    self.card = catalogue.get_card(name)
    folder = locations.prepared_folder(self.card, data_dir)
    if folder is None:
      where = locations.data_folder(data_dir)
      place = f' --data-dir={where}' if data_dir else ''
      raise InputError(
        f'{self.card.full_name} is not prepared in {where}. Run: fusionjax'
        f' datasets prepare {self.card.full_name} --manual-dir=DIR{place}'
      )
    locations.require_tfds()
    self.folder = folder
    self._opened: dict[str, records.Records] = {}
    self._builder = _open_builder(str(folder))
    self.scenes = self._scenes()

  def _scenes(self) -> tuple[Scene, ...]:
    named = dict(self._builder.info.metadata or {}).get('scenes', {})
    scenes: list[Scene] = []
    for stored, pairs in named.items():
      count = self._builder.info.splits[stored].num_examples
      if count != len(pairs):
        raise InputError(
          f'{self.folder} has {count} examples of {stored}, and names'
          f' {len(pairs)}. Prepare it again.'
        )
      split = 'test' if stored == 'validation' else stored
      scenes += [
        _Record(name, group, (), None, split, stored, place)
        for place, (name, group) in enumerate(pairs)
      ]
    if not scenes:
      raise InputError(f'{self.folder} names no scenes. Prepare it again.')
    return tuple(scenes)

  def fields(self, scene: Scene) -> dict[str, Any]:
    """Reads the fields of a scene, as `loading.decoded` gives them.

    Raises:
      InputError: if the record is damaged.
    """
    assert isinstance(scene, _Record)
    data = self._files(scene.stored)[scene.place]
    return _decode(data, self._builder.info.features, scene.name)

  def _files(self, stored: str) -> records.Records:
    if stored not in self._opened:
      self._opened[stored] = self._open_files(stored)
    return self._opened[stored]

  def _open_files(self, stored: str) -> records.Records:
    info = self._builder.info
    kind = info.file_format.file_suffix
    if kind != 'tfrecord':
      raise InputError(
        f'{self.folder} is of {kind} files, and tfrecord is read. Prepare it'
        ' again.'
      )
    return records.Records(info.splits[stored].filepaths)


@functools.lru_cache(maxsize=8)
def _open_builder(folder: str) -> Any:
  from fusionjax.data import pipeline

  pipeline.tensorflow()
  import tensorflow_datasets as tfds

  return tfds.builder_from_directory(folder)


def _decode(data: bytes, features: Any, name: str) -> dict[str, Any]:
  """Decodes a record: pictures by this package, other fields by TFDS."""
  import tensorflow as tf
  import tensorflow_datasets as tfds

  stored = tf.train.Example.FromString(data).features.feature
  fields: dict[str, Any] = {}
  others = {}
  for key, feature in features.items():
    inner = getattr(feature, 'feature', feature)
    if not isinstance(inner, tfds.features.Image):
      others[key] = feature
      continue
    decoded = [
      images.decode_image(bytes(value), name=f'{key} of {name}')
      for value in stored[key].bytes_list.value
    ]
    fields[key] = decoded if inner is not feature else decoded[0]
  rest = tfds.features.FeaturesDict(others).deserialize_example_np(data)
  return {**rest, **fields}


class _Pictures(pictures.FolderSource):
  """Pictures of a prepared set."""

  def __init__(self, data: Prepared, *args: Any, **options: Any):
    super().__init__(*args, **options)
    self._data = data

  def _load(self, scene: Scene) -> tuple[list[np.ndarray], np.ndarray | None]:
    fields = self._data.fields(scene)
    task = self._data.card.task
    if task in loading.STACKED:
      return list(fields[loading.STACKED[task]]), fields.get('reference')
    return [fields[key] for key in loading.ORDERED[task]], None


class _Radiance(radiance.RadianceSource):
  """Exposures and radiance of a prepared set."""

  def __init__(self, data: Prepared, *args: Any, **options: Any):
    super().__init__(*args, **options)
    self._data = data

  def _load(
    self, scene: Scene
  ) -> tuple[list[float], list[np.ndarray], np.ndarray]:
    fields = self._data.fields(scene)
    values = [float(value) for value in fields['exposure_values']]
    return values, list(fields['exposures']), fields['radiance']


class _Depth(depth.DepthSource):
  """Colours and depths of a prepared set."""

  def __init__(self, data: Prepared, *args: Any, **options: Any):
    super().__init__(*args, **options)
    self._data = data

  def _load(self, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    fields = self._data.fields(scene)
    return fields['colour'], fields['depth']


class _Cubes(wald.CubeSource):
  """Cubes of a prepared set."""

  def __init__(self, data: Prepared, *args: Any, **options: Any):
    super().__init__(*args, **options)
    self._data = data

  def _load(self, scene: Scene) -> tuple[np.ndarray, np.ndarray | None]:
    fields = self._data.fields(scene)
    cube = fields['cube']
    if cube.dtype == np.float32:
      # Measured values have a scale of their own.
      cube = cube / np.float32(max(1.0, float(cube.max())))
    return cube, fields.get('guide')


def open_prepared(
  options: Mapping[str, Any], *, task: str, split: str
) -> Source:
  """Opens the scenes of the data set that a config names.

  Args:
    options: the config's `data` part; every key of `sources.DEFAULTS`.
    task: a key of `registry.TASKS`.
    split: 'train', 'test' or 'all', see `sources.open_source`.

  Returns:
    A source.

  Raises:
    InputError: if the set is unknown, not prepared, or of another task.
  """
  if options['root']:
    raise InputError(
      f'data.name is {options["name"]} and data.root {options["root"]}. Give'
      ' one of them.'
    )
  card = catalogue.get_card(str(options['name']))
  if card.task != task:
    names = ', '.join(c.full_name for c in catalogue.cards_of(task))
    raise InputError(
      f'{card.full_name} is of task {card.task}, and the config of {task}.'
      f' Give one of {names}.'
    )
  data = Prepared(card.full_name, data_dir=str(options['data_dir']))
  scenes = splitting.part(
    data.scenes,
    split,
    holdout=float(options['holdout']),
    where=card.full_name,
  )
  said = {
    'name': card.full_name,
    'description': (
      f'{card.full_name}: {card.title}, prepared in {data.folder}\n'
      f'  {split}: {len(scenes)} scenes'
    ),
  }
  if task == 'msf':
    return _Cubes(data, scenes, **said, **sources.wald_options(options))
  if task == 'gdsr':
    return _Depth(data, scenes, **said, **sources.depth_options(options))
  size = {'cache_bytes': int(options['cache_bytes'])}
  if task == 'hdr':
    return _Radiance(data, scenes, **said, **size)
  ordered = task in loading.ORDERED
  return _Pictures(
    data,
    scenes,
    **said,
    by_brightness=task == 'mef' and split == 'train',
    limit=None if split == 'train' or ordered else int(options['sources']),
    **size,
  )
