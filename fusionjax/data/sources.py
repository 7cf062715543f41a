"""Sources of scenes: a folder of images, or synthetic scenes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusionjax.data import (
  buckets,
  cache,
  depth,
  folder,
  pictures,
  radiance,
  splitting,
  synthetic,
  wald,
)
from fusionjax.data.singles import SinglesSource, Source
from fusionjax.errors import InputError
from fusionjax.methods import registry

SPLITS = ('train', 'test', 'all')
# What the data part of a config may leave out.
DEFAULTS: dict[str, Any] = {
  'root': '',
  'name': '',
  'data_dir': '',
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
  'loader': 'auto',
  'cache_bytes': cache.DEFAULT_BYTES,
}


def open_source(
  data: Mapping[str, Any], *, task: str, seed: int, split: str
) -> Source:
  """Opens the scenes that a config asks for.

  Args:
    data: the config's `data` part; see `DEFAULTS` for its keys. `root` is a
      folder, or several (a sequence, or separated by commas: one per source);
      `name` a data set of `catalogue.CARDS` that was prepared, below
      `data_dir`. Without either, scenes are synthetic.
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
  if options['name']:
    # Not above: TensorFlow is loaded by those alone who read what it wrote.
    from fusionjax.data import prepared

    source = prepared.open_prepared(options, task=task, split=split)
    return _singled(source, options, split)
  if not roots:
    source = _open_synthetic(options, task=task, seed=seed, split=split)
    return _singled(source, options, split)
  row = registry.get_task(task)
  if row.depth and roots[0].suffix.lower() == '.mat':
    return depth.NYUSource(roots[0], split=split, **depth_options(options))
  found = folder.find_scenes(roots, task=task)
  scenes = splitting.part(
    found.scenes, split, holdout=float(options['holdout']), where=roots[0]
  )
  name = '+'.join(root.name for root in roots)
  description = f'{found.describe()}\n  {split}: {len(scenes)} scenes'
  if row.guided:
    return wald.CubeSource(
      scenes, name=name, description=description, **wald_options(options)
    )
  if row.depth:
    return depth.DepthSource(
      scenes, name=name, description=description, **depth_options(options)
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
  source = pictures.FolderSource(
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


def depth_options(options: Mapping[str, Any]) -> dict[str, Any]:
  """What of a config's data part the sources of depth take."""
  return {
    'ratio': int(options['ratio']),
    'cache_bytes': int(options['cache_bytes']),
  }


def wald_options(options: Mapping[str, Any]) -> dict[str, Any]:
  """What of a config's data part the sources of cubes take."""
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
    return tuple(buckets.local(r) for r in several)
  if ',' in root and not Path(root).exists():
    return tuple(buckets.local(r.strip()) for r in root.split(','))
  return (buckets.local(root),)


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
      **wald_options(options),
    )
  if registry.get_task(task).depth:
    return depth.SyntheticDepth(
      length=length,
      seed=seed,
      split='train' if split == 'train' else 'test',
      **depth_options(options),
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
