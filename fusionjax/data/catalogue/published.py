"""Finders of layouts that one owner alone uses."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from fusionjax.data import folder, headers, layouts
from fusionjax.data.catalogue.card import Finder, Listing
from fusionjax.data.catalogue.finding import by_number, placed, scenes_of
from fusionjax.data.scenes import Scene

NYU_FILE = 'nyu_depth_v2_labeled.mat'
# What the files of exposures are called, in EV, and those of radiance.
EXPOSURE_FILES = ('exposure.txt', 'input_exp.txt', 'ev.txt')
RADIANCE_FILES = ('HDRImg.hdr', 'ref_hdr.hdr', 'ref_hdr_aligned.hdr')


def radiance_of(scene: Path) -> Path | None:
  """The file with the true radiance of a scene's folder, or None."""
  known = [scene / name for name in RADIANCE_FILES]
  found = [path for path in known if path.is_file()]
  alone = sorted(scene.glob('*.hdr'))
  return next(iter(found or alone[: len(alone) == 1]), None)


def exposures_of(scene: Path) -> Path | None:
  """The file with the exposures of a scene's folder, or None."""
  known = [scene / name for name in EXPOSURE_FILES]
  return next((path for path in known if path.is_file()), None)


def exposures_with_radiance(*, default: str) -> Finder:
  """Makes a finder of folders of three exposures and their radiance.

  Args:
    default: the split of scenes that lie in no folder of a split.

  Returns:
    The finder; scenes without radiance or exposures are left out.
  """

  def find(root: Path) -> Listing:
    listing = placed(folder.find_scenes([root], task='hdr'), default)
    kept, left_out = [], []
    aside = (*EXPOSURE_FILES, *RADIANCE_FILES)
    for scene in listing.scenes:
      place = scene.sources[0].parent
      if radiance_of(place) and exposures_of(place):
        kept.append(scene)
      else:
        left_out.append((place, 'no radiance (.hdr) or no exposures (.txt)'))
    rest = [item for item in listing.left_out if item[0].name not in aside]
    return Listing(tuple(kept), (*rest, *left_out))

  return find


def near_infrared(*, validation: Sequence[str], test: Sequence[str]) -> Finder:
  """Makes a finder of `KIND/0000_rgb.tiff, KIND/0000_nir.tiff`.

  Args:
    validation: kinds of scenes for validation.
    test: kinds of scenes for tests.

  Returns:
    The finder; near infrared comes first.
  """

  def find(root: Path) -> Listing:
    drafts = []
    left_out = []
    for path in sorted(root.rglob('*_nir.*')):
      if not headers.is_image(path):
        continue
      kind = path.parent.name
      name = path.name[: path.name.rindex('_nir.')]
      beside = sorted(path.parent.glob(f'{name}_rgb.*'))
      if not beside:
        left_out.append((path, 'no partner _rgb'))
        continue
      split = 'validation' if kind in validation else 'train'
      split = 'test' if kind in test else split
      drafts.append((f'{kind}_{name}', split, (path, beside[0])))
    found = scenes_of(root, drafts, expected='KIND/0000_nir.tiff, _rgb.tiff')
    return dataclasses.replace(found, left_out=tuple(left_out))

  return find


def nyu(root: Path) -> Listing:
  """Finds the pairs of NYU v2: in the .mat file, or taken out of it."""
  # A listing of data sets needs neither this nor JAX, which it imports.
  from fusionjax.data import depth

  path = root if root.is_file() else root / NYU_FILE
  last = depth.NYU_TRAIN
  splits = {'train': range(last), 'test': range(last, 1_000_000)}
  rule = by_number(r'^(\d+)$', splits)
  if not path.is_file():
    return placed(folder.find_scenes([root], task='gdsr'), rule)
  source = depth.NYUSource(path, split='all')
  scenes = []
  for number in range(len(source)):
    name = f'{number:04d}'
    scene = Scene(name, name, (path,))
    scenes.append(dataclasses.replace(scene, split=rule(scene)))
  return Listing(tuple(scenes))


def rgbdd(root: Path) -> Listing:
  """Finds `models/models_train/N/N_RGB.jpg` with its `N_HR_gt.png`."""
  drafts, left_out = [], []
  for path in sorted(root.rglob('*_RGB.jpg')):
    name = path.name.removesuffix('_RGB.jpg')
    truth = path.with_name(f'{name}_HR_gt.png')
    folders = [part.casefold() for part in path.relative_to(root).parts[:-1]]
    test = any(part.endswith('test') for part in folders)
    if truth.is_file():
      split = 'test' if test else 'train'
      drafts.append((name, split, (path, truth)))
    else:
      left_out.append((path, f'no {truth.name}'))
  found = scenes_of(root, drafts, expected='N/N_RGB.jpg with N/N_HR_gt.png')
  return dataclasses.replace(found, left_out=tuple(left_out))


def cave(root: Path) -> Listing:
  """Finds cubes as 31 pictures of their bands, or as .mat files."""
  drafts = []
  for first in sorted(root.rglob('*_ms_01.png')):
    name = first.name.removesuffix('_ms_01.png')
    bands = [
      path
      for path in first.parent.iterdir()
      if re.fullmatch(re.escape(name) + r'_ms_\d\d\.png', path.name)
    ]
    drafts.append((name, 'train', tuple(sorted(bands))))
  if not drafts:
    return cubes_of_mat(root)
  return scenes_of(root, drafts, expected='NAME_ms_01.png ... NAME_ms_31.png')


def cubes_of_mat(root: Path) -> Listing:
  """Finds cubes, one in each .mat file."""
  paths = layouts.list_folder(root).images
  drafts = [
    (path.stem.removesuffix('_ms'), 'train', (path,))
    for path in paths
    if path.suffix.lower() == '.mat'
  ]
  return scenes_of(root, drafts, expected='a .mat file of a cube per scene')
