"""Cubes to train on by the protocol of Wald.

A cube is taken as the wanted result, and what is to be fused is made from it:
a cube of lower resolution, and a guide of the resolution of the first. A guide
that is finer than the cube is reduced to its size.

References:
  Wald, Ranchin, Mangolini, Fusion of satellite images of different spatial
  resolutions, PE&RS 1997.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from fusionjax.data import cache, cubes, textures
from fusionjax.data.scenes import Example, Scene
from fusionjax.errors import InputError

DEGRADES = ('nearest', 'average')
SIZE = (192, 256)


def degrade(cube: np.ndarray, *, ratio: int, how: str) -> np.ndarray:
  """Reduces a cube.

  Args:
    cube: [..., h, w, bands] float; rows and columns beyond a multiple of the
      ratio are left out.
    ratio: by how much.
    how: 'nearest' takes rows and columns 0, ratio, 2 ratio ..., as the
      published CSC-MSFN does; 'average' takes means of squares.

  Returns:
    [..., h // ratio, w // ratio, bands].

  Raises:
    InputError: if `how` is unknown, the ratio below 2 or the cube too small.
  """
  check_degrade(ratio, how)
  h, w = (side // ratio for side in cube.shape[-3:-1])
  if not h * w:
    raise InputError(
      f'A cube of {cube.shape[-2]}x{cube.shape[-3]} cannot be reduced by '
      f'{ratio}. Set data.ratio lower.'
    )
  cut = cube[..., : h * ratio, : w * ratio, :]
  if how == 'nearest':
    return cut[..., ::ratio, ::ratio, :]
  blocks = cut.reshape(*cut.shape[:-3], h, ratio, w, ratio, cut.shape[-1])
  return blocks.mean(axis=(-4, -2), dtype=cube.dtype)


def check_degrade(ratio: int, how: str) -> None:
  """Checks the options of `degrade`.

  Raises:
    InputError: if one is out of range.
  """
  if how not in DEGRADES:
    raise InputError(
      f'data.degrade is {how!r}. Give one of {", ".join(DEGRADES)}.'
    )
  if ratio < 2:
    raise InputError(f'data.ratio is {ratio}. Give 2 or more.')


class _WaldSource:
  """What sources of cubes share: how examples are made from whole cubes."""

  name: str

  def __init__(self, *, ratio: int, degrade: str, cache_bytes: int):
    check_degrade(ratio, degrade)
    self._ratio = ratio
    self._degrade = degrade
    self._cache = cache.ExampleCache(cache_bytes)

  def _whole(self, index: int) -> Example:
    """The guide as the only source, and the cube as the reference."""
    raise NotImplementedError

  def read_raw(self, index: int) -> Example:
    """Reads a scene before it is reduced.

    Raises:
      InputError: if a file is no cube, or the sizes do not fit.
    """
    return self._cache.get(index, lambda: self._whole(index))

  def read(self, index: int) -> Example:
    """Reads a scene: the reduced cube, the guide, and the cube as reference.

    Raises:
      InputError: if a file is no cube, or the sizes do not fit.
    """
    whole = self.read_raw(index).to_unit()
    assert whole.reference is not None
    reduced = degrade(whole.reference, ratio=self._ratio, how=self._degrade)
    h, w = (side * self._ratio for side in reduced.shape[:2])
    return Example(
      whole.name,
      (reduced, whole.sources[0][:h, :w]),
      whole.reference[:h, :w],
      cubes=True,
    )


class CubeSource(_WaldSource):
  """Cubes of files, with their guides."""

  def __init__(
    self,
    scenes: Sequence[Scene],
    *,
    name: str,
    description: str,
    ratio: int = 2,
    degrade: str = 'nearest',
    cache_bytes: int = cache.DEFAULT_BYTES,
  ):
    """Takes scenes; no file is read yet.

    Args:
      scenes: files of cubes, perhaps several a cube, and of guides. Without
        one a guide is made of the bands: see `colours`.
      name: the data set's name.
      description: what `describe` says.
      ratio: see `degrade`.
      degrade: see `degrade`.
      cache_bytes: limit of the memory for decoded cubes.
    """
    super().__init__(ratio=ratio, degrade=degrade, cache_bytes=cache_bytes)
    self.name = name
    self.scenes = tuple(scenes)
    self._description = description

  def __len__(self) -> int:
    return len(self.scenes)

  def describe(self) -> str:
    """Says what was found in the folder."""
    return self._description

  def _whole(self, index: int) -> Example:
    scene = self.scenes[index]
    cube, guide = self._load(scene)
    if guide is None:
      guide = colours(cube)
    elif guide.shape[:2] != cube.shape[:2]:
      guide = _reduced(guide, cube.shape[:2], f'The guide of {scene.name}')
    return Example(scene.name, (guide,), cube, cubes=True)

  def _load(self, scene: Scene) -> tuple[np.ndarray, np.ndarray | None]:
    """The cube of a scene, and its guide where it has one."""
    bands, guide_file = cubes.split_guide(scene.sources)
    cube = cubes.read_cubes(bands)
    return cube, None if guide_file is None else cubes.read_cube(guide_file)


def colours(cube: np.ndarray) -> np.ndarray:
  """Makes a guide of three channels from a cube without one.

  Args:
    cube: [h, w, bands], from short to long waves.

  Returns:
    [h, w, 3] float32 in [0, 1]: the means of the last, the middle and the
    first third of the bands.

  Raises:
    InputError: if there are fewer than three bands.
  """
  bands = cube.shape[-1]
  if bands < 3:
    raise InputError(
      f'A cube of {bands} bands has no colours to make a guide of. Give its '
      'guide beside it.'
    )
  unit = cubes.to_unit(cube)
  edges = [round(bands * third / 3) for third in range(4)]
  means = [
    unit[..., low:high].mean(axis=-1) for low, high in itertools.pairwise(edges)
  ]
  return np.stack(means[::-1], axis=-1)


def _reduced(
  guide: np.ndarray, size: tuple[int, ...], path: object
) -> np.ndarray:
  """Averages a finer guide to the size of its cube, float32 in [0, 1]."""
  import PIL.Image

  height, width = size
  if guide.shape[0] < height or guide.shape[1] < width:
    raise InputError(
      f'{path} is {guide.shape[1]}x{guide.shape[0]}, smaller than its cube of '
      f'{width}x{height}. A guide is as fine as its cube, or finer.'
    )
  unit = cubes.to_unit(guide)
  box = PIL.Image.Resampling.BOX
  planes = [
    PIL.Image.fromarray(np.ascontiguousarray(unit[..., channel])).resize(
      (width, height), box
    )
    for channel in range(unit.shape[-1])
  ]
  return np.stack([np.asarray(plane) for plane in planes], axis=-1)


class SyntheticCubes(_WaldSource):
  """Cubes made from photographs when they are read.

  Six maps of abundance, the colours of a photograph and their squares, are
  mixed by spectra that are smooth curves over the bands; light that tilts
  slowly over the picture makes no two places quite alike. The guide is the
  response of broad filters, means of neighbouring bands, with a little noise.
  The cube before it is reduced is the exact truth.
  """

  def __init__(
    self,
    *,
    length: int,
    seed: int,
    split: str,
    bands: int,
    guide_channels: int,
    ratio: int = 2,
    degrade: str = 'nearest',
    cache_bytes: int = cache.DEFAULT_BYTES,
  ):
    """Describes the cubes; nothing is made yet.

    Args:
      length: number of cubes.
      seed: any integer.
      split: 'train' or 'test', of different photographs and numbers.
      bands: of a cube.
      guide_channels: of a guide, at most as many as bands.
      ratio: see `degrade`.
      degrade: see `degrade`.
      cache_bytes: limit of the memory for cubes that were made.

    Raises:
      InputError: if the numbers of bands and channels do not fit.
    """
    super().__init__(ratio=ratio, degrade=degrade, cache_bytes=cache_bytes)
    if not 1 <= guide_channels <= bands:
      raise InputError(
        f'data.bands is {bands} and data.guide_channels {guide_channels}. Give '
        'at least one of each, and no more channels than bands.'
      )
    self.name = 'synthetic-msf'
    self.split = split
    self._length = length
    self._bands = bands
    self._guide_channels = guide_channels
    self._seed = seed

  def __len__(self) -> int:
    return self._length

  def describe(self) -> str:
    """Says what the cubes are made of."""
    return (
      f'built-in synthetic cubes ({self.split}): {self._length} of '
      f'{self._bands} bands, {SIZE[1]}x{SIZE[0]}, with guides of '
      f'{self._guide_channels}, made from CC0 and public-domain photographs'
    )

  def _whole(self, index: int) -> Example:
    if not 0 <= index < self._length:
      raise IndexError(index)
    rng = textures.scene_generator(self._seed, split=self.split, index=index)
    cube = self._cube(rng)
    groups = np.array_split(cube, self._guide_channels, axis=-1)
    guide = np.stack([group.mean(axis=-1) for group in groups[::-1]], axis=-1)
    noise = rng.standard_normal(guide.shape, np.float32)
    guide = np.clip(guide + np.float32(0.004) * noise, 0, 1)
    name = f'{self.split}-{index:04d}'
    return Example(name, (guide,), cube, cubes=True)

  def _cube(self, rng: np.random.Generator) -> np.ndarray:
    name, _ = textures.choose(rng, split=self.split)
    photo = textures.photo_crop(rng, name=name, size=SIZE)
    rgb = np.asarray(photo, np.float32) / np.float32(255)
    parts = np.concatenate([rgb, rgb * rgb], axis=-1)
    # Smooth spectra: waves over the bands, of positive shares.
    places = np.linspace(0, 1, self._bands, dtype=np.float32)
    phases = rng.uniform(0, 1, 6).astype(np.float32)
    turns = rng.uniform(0.3, 0.8, 6).astype(np.float32)
    waves = turns[:, None] * places[None] + phases[:, None]
    shares = 1.05 + np.cos(2 * np.pi * waves).astype(np.float32)
    shares /= shares.sum(axis=0, keepdims=True)
    cube = parts @ shares
    field = textures.smooth_field(rng, size=SIZE, cells=3)[..., None]
    tilt = np.linspace(-0.15, 0.15, self._bands, dtype=np.float32)
    return np.clip(cube * (1 + tilt * (2 * field - 1)), 0, 1)
