"""Depth maps: reading, and what is made of them for super-resolution."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from fusionjax.data import cache, images, npy, textures
from fusionjax.data.scenes import Example, Scene
from fusionjax.errors import InputError
from fusionjax.ops import resize

SIZE = (192, 256)
# The labelled part of NYU v2: the first pairs are for training.
NYU_TRAIN = 1000


def read_depth(
  path: Path | str, *, max_pixels: int = images.MAX_PIXELS
) -> np.ndarray:
  """Reads a depth map in the unit of its file.

  Args:
    path: .npy, a grey picture of 8 or 16 bits, or .exr of one channel.
    max_pixels: the largest height x width to read.

  Returns:
    [h, w] float32 of a .npy of floats (metres, say), else uint8 or uint16.

  Raises:
    InputError: if the file is no depth map, or holds NaN or infinity.
  """
  path = Path(path)
  if path.suffix.lower() != '.npy':
    depth = images.read_image(path, max_pixels=max_pixels)
  else:
    depth = npy.open_npy(path)
    if depth.dtype.kind not in 'uif':
      raise InputError(
        f'{path} holds {depth.dtype}, and depths are numbers. Save it as float.'
      )
    if depth.dtype not in (np.uint8, np.uint16):
      depth = depth.astype(np.float32)
  if depth.ndim == 3 and depth.shape[-1] == 1:
    depth = depth[..., 0]
  if depth.ndim != 2 or not depth.size:
    raise InputError(
      f'{path} has shape {list(depth.shape)}, and a depth map is [height,'
      ' width]. Give a grey picture or a .npy file.'
    )
  images.check_pixels(path, depth.shape[0], depth.shape[1], max_pixels)
  if not np.isfinite(depth).all():
    raise InputError(
      f'{path} holds depths that are no numbers. Fill the holes first.'
    )
  return depth


def normalise(depth: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
  """Brings depths to [0, 1].

  Args:
    depth: [h, w] in any unit.

  Returns:
    [h, w, 1] float32 whose least and largest value are 0 and 1 (0 where all
    are the same), and these two in the unit.
  """
  depth = np.asarray(depth, np.float32)
  low, high = float(depth.min()), float(depth.max())
  span = np.float32(high) - np.float32(low)
  unit = (depth - np.float32(low)) / (span if span > 0 else np.float32(1))
  return unit[..., None], (low, high)


def reduce(depth: np.ndarray, *, ratio: int) -> np.ndarray:
  """Makes a depth map of low resolution, bicubically and smoothed (Pillow).

  Args:
    depth: [h, w, 1] float32.
    ratio: by how much.

  Returns:
    [h // ratio, w // ratio, 1]; values may leave the range of the others.

  Raises:
    InputError: if nothing would be left.
  """
  height, width = (side // ratio for side in depth.shape[:2])
  if ratio < 2 or not height * width:
    raise InputError(
      f'A depth map of {depth.shape[1]}x{depth.shape[0]} cannot be reduced by'
      f' {ratio}. Set data.ratio to 2 or more, and below its sides.'
    )
  picture = PIL.Image.fromarray(np.ascontiguousarray(depth[..., 0]))
  small = picture.resize((width, height), PIL.Image.Resampling.BICUBIC)
  return np.asarray(small)[..., None]


def enlarge(depth: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
  """`ops.resize.bicubic` of one map [h, w, 1], in NumPy."""
  for axis, wanted in enumerate(size):
    if depth.shape[axis] == wanted:
      continue
    places, shares = resize.cubic_taps(depth.shape[axis], wanted)
    shape = [4, 1, 1, 1]
    shape[axis + 1] = wanted
    taken = np.stack([np.take(depth, p, axis=axis) for p in places])
    depth = np.sum(taken * shares.reshape(shape).astype(np.float32), axis=0)
  return depth


class _DepthSource:
  """What sources of colour and depth share: examples of whole maps."""

  name: str

  def __init__(self, *, ratio: int, cache_bytes: int):
    self._ratio = ratio
    self._cache = cache.ExampleCache(cache_bytes)

  def _pair(self, index: int) -> tuple[str, np.ndarray, np.ndarray]:
    """Name, colour [h, w, 3] in [0, 1] and true depth [h, w] in its unit."""
    raise NotImplementedError

  def read(self, index: int) -> Example:
    """Reads a scene.

    Returns:
      Colour and upsampled depth, and as reference the true depth in [0, 1].

    Raises:
      InputError: if a file cannot be read, or the sizes do not fit.
    """
    return self._cache.get(index, lambda: self._made(index))

  def _made(self, index: int) -> Example:
    name, colour, depth = self._pair(index)
    if colour.shape[:2] != depth.shape:
      raise InputError(
        f'Scene {name} has colours of {colour.shape[1]}x{colour.shape[0]} and'
        f' depths of {depth.shape[1]}x{depth.shape[0]}. Give true depths of'
        ' the size of the picture.'
      )
    unit, limits = normalise(depth)
    small = reduce(unit, ratio=self._ratio)
    size = (depth.shape[0], depth.shape[1])
    sources = (colour, enlarge(small, size=size))
    return Example(name, sources, unit, cubes=True, limits=limits)


class DepthSource(_DepthSource):
  """Colour pictures and depth maps of files."""

  def __init__(
    self,
    scenes: Sequence[Scene],
    *,
    name: str,
    description: str,
    ratio: int = 4,
    cache_bytes: int = cache.DEFAULT_BYTES,
  ):
    """Takes scenes of a colour picture and a depth map; nothing is read yet.

    Args:
      scenes: the scenes.
      name: the data set's name.
      description: what `describe` says.
      ratio: by how much depths are reduced.
      cache_bytes: limit of the memory for maps that were made.
    """
    super().__init__(ratio=ratio, cache_bytes=cache_bytes)
    self.name = name
    self.scenes = tuple(scenes)
    self._description = description

  def __len__(self) -> int:
    return len(self.scenes)

  def describe(self) -> str:
    """Says what was found in the folder."""
    return self._description

  def _pair(self, index: int) -> tuple[str, np.ndarray, np.ndarray]:
    scene = self.scenes[index]
    colour, depth = self._load(scene)
    return scene.name, images.to_unit_rgb(colour), depth

  def _load(self, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """The colours of a scene, and its depths in their unit."""
    colour, depth = scene.sources
    return images.read_image(colour), read_depth(depth)


class NYUSource(_DepthSource):
  """The labelled part of NYU v2 as published: one .mat file of HDF5.

  The first 1,000 pairs are for training, the others (449) for tests.
  """

  def __init__(
    self,
    path: Path | str,
    *,
    split: str,
    ratio: int = 4,
    cache_bytes: int = cache.DEFAULT_BYTES,
  ):
    """Opens the file; no picture is read yet.

    Args:
      path: `nyu_depth_v2_labeled.mat`.
      split: 'train', 'test' or 'all'.
      ratio: by how much depths are reduced.
      cache_bytes: limit of the memory for maps that were made.

    Raises:
      InputError: if it is no such file, or h5py is not installed.
    """
    super().__init__(ratio=ratio, cache_bytes=cache_bytes)
    self.name = Path(path).stem
    self._file = _open_hdf5(Path(path))
    count = self._file['depths'].shape[0]
    edge = min(NYU_TRAIN, count)
    self._numbers = {
      'train': range(edge),
      'test': range(edge, count),
      'all': range(count),
    }[split]
    self._split = split

  def __len__(self) -> int:
    return len(self._numbers)

  def describe(self) -> str:
    """Says what the file holds."""
    return f'NYU v2, labelled: {len(self)} pairs ({self._split})'

  def pair(self, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Reads a pair as it is stored.

    Args:
      number: in the file, from 0, whatever the split.

    Returns:
      Colour [h, w, 3] uint8, and depth [h, w] float32 in metres.
    """
    # MATLAB's arrays come with their axes in reverse: [n, 3, w, h].
    rgb = np.asarray(self._file['images'][number]).transpose(2, 1, 0)
    depth = np.asarray(self._file['depths'][number], np.float32).transpose()
    return rgb, depth

  def _pair(self, index: int) -> tuple[str, np.ndarray, np.ndarray]:
    number = self._numbers[index]
    rgb, depth = self.pair(number)
    return f'{number:04d}', images.to_unit_rgb(rgb), depth


def _open_hdf5(path: Path) -> Any:
  try:
    import h5py
  except ImportError as error:
    raise InputError(
      f'{path} is an HDF5 file, and h5py is not installed. pip install h5py.'
    ) from error
  try:
    file = h5py.File(path, 'r')
  except OSError as error:
    raise InputError(f'{path} is no HDF5 file, or is damaged.') from error
  if not {'images', 'depths'} <= set(file):
    raise InputError(
      f'{path} holds no images and depths. Give nyu_depth_v2_labeled.mat.'
    )
  return file


class SyntheticDepth(_DepthSource):
  """Planes of photographs at different depths, made when they are read.

  A wall that leans, 3 to 5 m away, and two to five objects before it, each a
  leaning plane of its own 0.8 to 3.2 m away, with outlines that agree in
  colour and depth. The depth is exact: no noise, no holes, and a pixel is of
  one plane or of another.
  """

  def __init__(
    self,
    *,
    length: int,
    seed: int,
    split: str,
    ratio: int = 4,
    cache_bytes: int = cache.DEFAULT_BYTES,
  ):
    """Describes the scenes; nothing is made yet.

    Args:
      length: number of scenes.
      seed: any integer.
      split: 'train' or 'test', of different photographs and numbers.
      ratio: by how much depths are reduced.
      cache_bytes: limit of the memory for scenes that were made.
    """
    super().__init__(ratio=ratio, cache_bytes=cache_bytes)
    self.name = 'synthetic-gdsr'
    self._split = split
    self._length = length
    self._seed = seed

  def __len__(self) -> int:
    return self._length

  def describe(self) -> str:
    """Says what the scenes are made of."""
    return (
      f'built-in synthetic depth ({self._split}): {self._length} scenes, '
      f'{SIZE[1]}x{SIZE[0]}, layers of CC0 and public-domain photographs'
    )

  def _pair(self, index: int) -> tuple[str, np.ndarray, np.ndarray]:
    if not 0 <= index < self._length:
      raise IndexError(index)
    rng = textures.scene_generator(self._seed, split=self._split, index=index)
    back, _ = textures.choose(rng, split=self._split)
    colour = np.asarray(
      textures.photo_crop(rng, name=back, size=SIZE), np.float32
    )
    # A wall that leans, and objects that stand before it.
    depth = 3 + 2 * textures.plane(rng, size=SIZE)
    for distance in np.sort(rng.uniform(0.8, 3, int(rng.integers(2, 6))))[::-1]:
      name, _ = textures.choose(rng, split=self._split)
      mask = textures.shape_mask(rng, size=SIZE, extent=(0.1, 0.4))
      layer = textures.photo_crop(rng, name=name, size=SIZE)
      tint = rng.uniform(0.4, 1.0, 3).astype(np.float32)
      colour += mask[..., None] * (layer * tint - colour)
      slope = np.float32(0.2) * textures.plane(rng, size=SIZE)
      # Depth has no soft edges: a pixel is of one layer or of the other.
      depth = np.where(mask > 0.5, np.float32(distance) + slope, depth)
    rgb = np.clip(colour / 255, 0, 1).astype(np.float32)
    return f'{self._split}-{index:04d}', rgb, depth.astype(np.float32)


def restored(unit: np.ndarray, example: Example) -> np.ndarray:
  """Takes a map in [0, 1] back to the unit of an example, in float64."""
  low, high = example.limits
  return np.asarray(unit, np.float64) * (high - low) + low
