"""Sources of scenes: a folder of images, or synthetic scenes."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusionjax.data import (
  cache,
  depth,
  folder,
  images,
  radiance,
  synthetic,
  wald,
)
from fusionjax.data.scenes import Example, Found, Scene
from fusionjax.data.singles import SinglesSource, Source
from fusionjax.errors import InputError
from fusionjax.methods import registry

SPLITS = ('train', 'test', 'all')
# What the data part of a config may leave out.
DEFAULTS: dict[str, Any] = {
  'root': '',
  'batch_size': 2,
  'size': (128, 128),
  'crop': (0.5, 1.0),
  'flip': True,
  'swap': False,
  'sources': 2,
  'repeat': False,
  'singles': False,
  'resize': True,
  'rotate': False,
  'ratio': 2,
  'degrade': 'nearest',
  'bands': 6,
  'guide_channels': 1,
  'holdout': 0.1,
  'scenes': 44,
  'shuffle': True,
  'cache_bytes': cache.DEFAULT_BYTES,
}


class FolderSource:
  """Scenes of image files, decoded once and kept up to a limit."""

  def __init__(
    self,
    scenes: Sequence[Scene],
    *,
    name: str,
    description: str,
    by_brightness: bool = False,
    limit: int | None = None,
    cache_bytes: int = cache.DEFAULT_BYTES,
  ):
    """Takes scenes; no image is read yet.

    Args:
      scenes: what `find_scenes` found, or a part of it.
      name: the data set's name.
      description: what `describe` says.
      by_brightness: whether images come dark to bright by their means,
        instead of in the scene's order.
      limit: at most so many sources per scene, spread evenly over the
        brackets that have more (ordered dark to bright); None for all.
      cache_bytes: limit of the memory for decoded images.
    """
    self.name = name
    self.scenes = tuple(scenes)
    self._description = description
    self._by_brightness = by_brightness
    self._limit = limit
    self._cache = cache.ExampleCache(cache_bytes)
    # A reference is used where every scene has one.
    self._referenced = all(scene.reference for scene in self.scenes)

  def __len__(self) -> int:
    return len(self.scenes)

  def describe(self) -> str:
    """Says what was found in the folder."""
    return self._description

  def read_raw(self, index: int) -> Example:
    """Reads a scene with the values of its files.

    Raises:
      InputError: if a file is no image, or the sizes differ.
    """
    scene = self.scenes[index]
    return self._cache.get(index, lambda: self._decoded(scene))

  def read(self, index: int) -> Example:
    """Reads a scene: [h, w, 3] float32 RGB in [0, 1] per source.

    Raises:
      InputError: if a file is no image, or the sizes differ.
    """
    return self.read_raw(index).to_unit()

  def _decoded(self, scene: Scene) -> Example:
    arrays = [images.read_image(path) for path in scene.sources]
    files = list(scene.sources)
    reference = None
    if self._referenced and scene.reference:
      reference = images.read_image(scene.reference)
      files.append(scene.reference)
    every = arrays if reference is None else [*arrays, reference]
    _check_sizes(scene, files, every)
    kept = min(len(arrays), self._limit or len(arrays))
    if self._by_brightness or kept < len(arrays):
      arrays.sort(key=_brightness)
    if kept < len(arrays):
      spread = np.linspace(0, len(arrays) - 1, kept)
      arrays = [arrays[i] for i in np.rint(spread).astype(int)]
    return Example(scene.name, tuple(arrays), reference)


def _brightness(image: np.ndarray) -> float:
  """The mean in units of the largest value, whatever the bit depth."""
  mean = float(image.mean(dtype=np.float64))
  if np.issubdtype(image.dtype, np.integer):
    return mean / float(np.iinfo(image.dtype).max)
  return mean


def _check_sizes(
  scene: Scene, files: Sequence[Path], arrays: Sequence[np.ndarray]
) -> None:
  height, width = arrays[0].shape[:2]
  for path, array in zip(files, arrays, strict=True):
    if array.shape[:2] != (height, width):
      raise InputError(
        f'Images of a scene must share one size: {files[0]} is '
        f'{width}x{height}, {path} is {array.shape[1]}x{array.shape[0]}. '
        f'Resize one, or take scene {scene.name} out.'
      )


def open_source(
  data: Mapping[str, Any], *, task: str, seed: int, split: str
) -> Source:
  """Opens the scenes that a config asks for.

  Args:
    data: the config's `data` part; see `DEFAULTS` for its keys. `root` is a
      folder, several (a sequence, or separated by commas: one per source),
      or empty for synthetic scenes.
    task: a key of `registry.TASKS`.
    seed: of the synthetic scenes; files do not depend on it.
    split: 'train' or 'test'. A layout with splits of its own keeps them;
      else about a `holdout` part of the scenes is held out, whole groups of
      siblings at a time, chosen by a hash of their names. With `holdout` 0
      nothing is. A held-out scene has exactly `sources` images: of longer
      brackets those that are spread evenly from the darkest to the
      brightest. 'all' is every scene, marked or not, read as held-out ones.

  Returns:
    A source; its length is 0 where nothing is held out.

  Raises:
    InputError: if the folder has no scenes, too few of them to hold some
      out, or a scene with fewer sources than a sample takes.
  """
  if split not in SPLITS:
    raise ValueError(f'split is one of {SPLITS}, not {split!r}')
  options = {**DEFAULTS, **data}
  sources = _checked_sources(options, task)
  roots = _roots(options['root'])
  if not roots:
    source = _open_synthetic(options, task=task, seed=seed, split=split)
    return _singled(source, options, split)
  row = registry.get_task(task)
  if row.depth and roots[0].suffix.lower() == '.mat':
    return depth.NYUSource(roots[0], split=split, **_depth_options(options))
  found = folder.find_scenes(roots, task=task)
  scenes = _part(found, split, holdout=float(options['holdout']))
  name = '+'.join(root.name for root in roots)
  description = f'{found.describe()}\n  {split}: {len(scenes)} scenes'
  if row.guided:
    return wald.CubeSource(
      scenes, name=name, description=description, **_wald_options(options)
    )
  if row.depth:
    return depth.DepthSource(
      scenes, name=name, description=description, **_depth_options(options)
    )
  if row.radiance:
    return radiance.RadianceSource(
      scenes,
      name=name,
      description=description,
      cache_bytes=int(options['cache_bytes']),
    )
  for scene in scenes:
    if len(scene.sources) < sources and not options['repeat']:
      raise InputError(
        f'Scene {scene.name} has {len(scene.sources)} sources, and '
        f'data.sources is {sources}. Lower it, set data.repeat, or take the '
        'scene out.'
      )
  brackets = task == 'mef'
  source = FolderSource(
    scenes,
    name=name,
    description=description,
    by_brightness=brackets and split == 'train',
    limit=None if split == 'train' or row.ordered else sources,
    cache_bytes=int(options['cache_bytes']),
  )
  return _singled(source, options, split)


def _singled(source: Source, options: Mapping[str, Any], split: str) -> Source:
  """Takes the training scenes apart where the config says so."""
  if options['singles'] and split == 'train':
    return SinglesSource(source, images=int(options['sources']))
  return source


def _depth_options(options: Mapping[str, Any]) -> dict[str, Any]:
  return {
    'ratio': int(options['ratio']),
    'cache_bytes': int(options['cache_bytes']),
  }


def _wald_options(options: Mapping[str, Any]) -> dict[str, Any]:
  return {
    'ratio': int(options['ratio']),
    'degrade': options['degrade'],
    'cache_bytes': int(options['cache_bytes']),
  }


def _roots(root: Any) -> tuple[Path, ...]:
  if not root:
    return ()
  if not isinstance(root, str):
    several = [root] if isinstance(root, Path) else root
    return tuple(Path(r).expanduser() for r in several)
  if ',' in root and not Path(root).exists():
    return tuple(Path(r.strip()).expanduser() for r in root.split(','))
  return (Path(root).expanduser(),)


def _checked_sources(options: Mapping[str, Any], task: str) -> int:
  """Checks the numbers of a config's data part; returns `sources`."""
  known = registry.get_task(task)
  sources = int(options['sources'])
  most = known.max_sources
  if sources < known.min_sources or (most is not None and sources > most):
    takes = f'{known.min_sources}' + (' or more' if most is None else '')
    raise InputError(
      f'data.sources is {sources}, and {known.title} fusion takes {takes}. '
      f'Set it to {known.min_sources}.'
    )
  if not 0 <= float(options['holdout']) < 1:
    raise InputError(
      f'data.holdout is {options["holdout"]}, and must be in [0, 1): the '
      'part of the scenes that is kept out of training.'
    )
  return sources


def _open_synthetic(
  options: Mapping[str, Any], *, task: str, seed: int, split: str
) -> Source:
  length = int(options['scenes'])
  if length < 1:
    raise InputError(f'data.scenes is {length}. Set it to 1 or more.')
  if split == 'test':
    holdout = float(options['holdout'])
    length = max(1, round(holdout * length)) if holdout else 0
  if registry.get_task(task).guided:
    return wald.SyntheticCubes(
      length=length,
      seed=seed,
      split='train' if split == 'train' else 'test',
      bands=int(options['bands']),
      guide_channels=int(options['guide_channels']),
      **_wald_options(options),
    )
  if registry.get_task(task).depth:
    return depth.SyntheticDepth(
      length=length,
      seed=seed,
      split='train' if split == 'train' else 'test',
      **_depth_options(options),
    )
  if registry.get_task(task).radiance:
    return radiance.SyntheticRadiance(
      length=length,
      seed=seed,
      split='train' if split == 'train' else 'test',
      cache_bytes=int(options['cache_bytes']),
    )
  return synthetic.SyntheticSource(
    task,
    length=length,
    seed=seed,
    split='train' if split == 'train' else 'test',
    sources=int(options['sources']),
    cache_bytes=int(options['cache_bytes']),
  )


def _part(found: Found, split: str, *, holdout: float) -> list[Scene]:
  """The scenes of a split."""
  if split == 'all':
    return list(found.scenes)
  named = {scene.split for scene in found.scenes}
  if named >= {'train', 'test'}:
    return [scene for scene in found.scenes if scene.split == split]
  if 'test' in named and split == 'train':
    raise InputError(
      f'{found.roots[0]} has only a test split. Give the folder with the '
      'training scenes, or the test folder itself to train on it.'
    )
  if 'test' in named:
    return [scene for scene in found.scenes if scene.split == 'test']
  held = held_out_groups(found.scenes, holdout=holdout)
  wanted = split == 'test'
  return [scene for scene in found.scenes if (scene.group in held) == wanted]


def held_out_groups(
  scenes: Sequence[Scene], *, holdout: float
) -> frozenset[str]:
  """Chooses the groups of siblings that are kept out of training.

  Groups are taken in the order of a hash of their names, as long as they
  fit: so the choice depends on no seed, and hardly on other scenes.

  Args:
    scenes: all scenes.
    holdout: the wanted part of the scenes, in [0, 1).

  Returns:
    Names of groups: of at least one scene where `holdout` is above 0, and
    never of all.

  Raises:
    InputError: if there is but one group, so that nothing would be left.
  """
  if holdout == 0:
    return frozenset()
  sizes: dict[str, int] = {}
  for scene in scenes:
    sizes[scene.group] = sizes.get(scene.group, 0) + 1
  if len(sizes) < 2:
    raise InputError(
      f'Fewer scenes than needed: {len(scenes)} of one kind '
      f'({scenes[0].name}), and data.holdout {holdout} keeps some out of '
      'training. Set it to 0 or add scenes.'
    )
  wanted = max(1, round(holdout * len(scenes)))
  order = sorted(sizes, key=_hash)
  held: set[str] = set()
  total = 0
  for group in order:
    if total + sizes[group] <= wanted and len(held) < len(sizes) - 1:
      held.add(group)
      total += sizes[group]
  return frozenset(held or {min(order, key=lambda group: sizes[group])})


def _hash(name: str) -> str:
  return hashlib.sha256(name.encode()).hexdigest()
