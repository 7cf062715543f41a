"""Synthetic scenes: training and trying out without any data.

Every scene is a function of (seed, split, index) alone, the same on every
host. The photographs and their licences are listed in `textures`; scenes of
hdr, gdsr and msf are made in `radiance`, `depth` and `wald`.

What they can prove: that a method runs from end to end, learns what its loss
asks for, resumes, and gives the same on one device and on many. Where there
is a truth (mff, hdr, gdsr, msf), it is exact, and an error against it is an
error of the method, not of the data.

What they cannot: how good a method is on photographs. They are made of eight
pictures, five for training and three for tests, which a network can learn by
heart. mef, ivf and medical have no truth: which fusion is best is a matter of
taste, and a made reference would only reward its maker's. All sources are
aligned, and what makes the tasks hard is missing: misalignment, lenses whose
blur is no Gaussian, more than two depths of focus, infrared that is no curve
of the visible grey, organs, motion other than whole pixels, depths with holes
and noise, spectra that are no mixture of six. Never put a score on them
beside that of a paper.
"""

from collections.abc import Callable

import numpy as np
import PIL.Image
import PIL.ImageFilter

from fusionjax.data import cache, textures
from fusionjax.data.scenes import Example
from fusionjax.errors import InputError

SIZE = (192, 256)
# Levels of the simulated sensor's converter (12 bits).
_SENSOR_LEVELS = 4095
# The exponent of photographs, by which they are taken back to radiance.
_PHOTO_GAMMA = 2.2
_TO_RADIANCE = ((np.arange(256) / 255) ** _PHOTO_GAMMA).astype(np.float32)

Maker = Callable[..., tuple[list[np.ndarray], np.ndarray | None]]


def multi_exposure(
  rng: np.random.Generator, *, split: str, count: int
) -> tuple[list[np.ndarray], np.ndarray | None]:
  """A bracket of exposures of a scene with more range than a sensor has.

  Radiance: a photograph by the inverse of an sRGB-like response (exponent
  2.2), lit by a smooth field over 1 to 4 stops, with a bright window onto
  another photograph and generated shapes in it. Camera: exposure in EV about
  the median, shot and read noise, clipping, 12-bit conversion, a response
  x^(1/g) with g in [1.8, 2.6], 8 bits.

  Args:
    rng: the scene's generator.
    split: 'train' or 'test'.
    count: number of exposures.

  Returns:
    Exposures, dark to bright, [h, w, 3] uint8; and no reference: a tone
    mapping would be a taste, not a truth.
  """
  scene = radiance(rng, split)
  median = float(np.median(scene[::4, ::4, 1]))
  scene *= 0.18 / max(median, 1e-3)
  half = rng.uniform(1.3, 3.2)
  stops = np.linspace(-half, half, count) + rng.uniform(-0.5, 0.5)
  response = _response(rng.uniform(1.8, 2.6))
  shot, read = rng.uniform(1e-4, 1e-3), rng.uniform(1e-4, 1.5e-3)
  exposures = [
    _expose(rng, scene, 2.0**stop, response, shot, read) for stop in stops
  ]
  return exposures, None


def radiance(rng: np.random.Generator, split: str) -> np.ndarray:
  """A linear scene, [h, w, 3] float32, about 0 to 1 before the window."""
  inside, outside = textures.choose(rng, split=split)
  scene = _TO_RADIANCE[textures.photo_crop(rng, name=inside, size=SIZE)]
  for _ in range(int(rng.integers(0, 3))):
    mask = textures.shape_mask(rng, size=SIZE, extent=(0.05, 0.2))[..., None]
    shape = textures.pattern(rng, size=SIZE)
    scene += mask * (shape * shape - scene)
  light = textures.smooth_field(rng, size=SIZE, cells=int(rng.integers(1, 4)))
  scene *= np.exp2(np.float32(rng.uniform(1, 4)) * (light - 1))[..., None]
  if rng.random() < 0.6:
    mask = textures.shape_mask(rng, size=SIZE, extent=(0.15, 0.45))[..., None]
    view = _TO_RADIANCE[textures.photo_crop(rng, name=outside, size=SIZE)]
    view = view * np.float32(2.0 ** rng.uniform(1, 3.5))
    scene += mask * (view - scene)
  return scene


def _response(gamma: float) -> np.ndarray:
  """The camera's table from sensor levels to 8 bits."""
  levels = np.arange(_SENSOR_LEVELS + 1) / _SENSOR_LEVELS
  return np.rint(255 * levels ** (1 / gamma)).astype(np.uint8)


def _expose(
  rng: np.random.Generator,
  radiance: np.ndarray,
  exposure: float,
  response: np.ndarray,
  shot: float,
  read: float,
) -> np.ndarray:
  """One photograph of a radiance map, [h, w, 3] uint8."""
  light = radiance * np.float32(exposure)
  noise = rng.standard_normal(light.shape, np.float32)
  # Photon noise grows with the root of the light, read noise is constant.
  light += noise * np.sqrt(np.float32(shot) * light + np.float32(read**2))
  np.clip(light, 0, 1, out=light)
  light *= _SENSOR_LEVELS
  return response[np.rint(light, out=light).astype(np.uint16)]


def multi_focus(
  rng: np.random.Generator, *, split: str, count: int
) -> tuple[list[np.ndarray], np.ndarray | None]:
  """Two photographs of an object before a background, each in focus once.

  The defocused layer is blurred before the layers are put together; a
  blurred foreground spreads over its outline, as a lens has it.

  Args:
    rng: the scene's generator.
    split: 'train' or 'test'.
    count: 2.

  Returns:
    (near in focus, far in focus) and the scene in focus everywhere,
    [h, w, 3] uint8.
  """
  del count  # A scene of two layers has two focal planes.
  far_name, near_name = textures.choose(rng, split=split)
  back = textures.photo_crop(rng, name=far_name, size=SIZE)
  front = textures.photo_crop(rng, name=near_name, size=SIZE)
  mask = textures.shape_mask(rng, size=SIZE, extent=(0.2, 0.5))
  for _ in range(int(rng.integers(0, 2))):
    more = textures.shape_mask(rng, size=SIZE, extent=(0.1, 0.3))
    mask = np.maximum(mask, more)
  mask = mask[..., None]
  layer = np.rint(mask * front)
  radius = rng.uniform(1.5, 5.0)
  alpha = np.rint(255 * mask[..., 0]).astype(np.uint8)
  soft = _blurred(alpha, radius)[..., None] / np.float32(255)
  near = layer + (1 - mask) * _blurred(back, radius)
  far = _blurred(layer.astype(np.uint8), radius) + (1 - soft) * back
  sharp = layer + (1 - mask) * back
  sigma = rng.uniform(0, 2)
  pair = [_with_noise(rng, image, sigma) for image in (near, far)]
  return pair, _quantised(sharp)


def infrared_visible(
  rng: np.random.Generator, *, split: str, count: int
) -> tuple[list[np.ndarray], np.ndarray | None]:
  """A hazy or dark visible photograph, and warm shapes in an infrared one.

  The infrared image shows materials by a smooth random curve of their grey
  value, slightly blurred, and warm shapes brightly, which the visible image
  hides in haze or darkness.

  Args:
    rng: the scene's generator.
    split: 'train' or 'test'.
    count: 2.

  Returns:
    (infrared [h, w], visible [h, w, 3]), uint8, and no reference.
  """
  del count
  name, _ = textures.choose(rng, split=split)
  photo = textures.photo_crop(rng, name=name, size=SIZE)
  grey = photo.mean(axis=-1, dtype=np.float32)
  warm = np.zeros(SIZE, np.float32)
  for _ in range(int(rng.integers(1, 5))):
    shape = textures.shape_mask(rng, size=SIZE, extent=(0.03, 0.15))
    warm = np.maximum(warm, shape * np.float32(rng.uniform(0.6, 1.0)))
  # Warmth is no colour: in visible light the shapes are dim silhouettes.
  colour = rng.uniform(20, 120, 3).astype(np.float32)
  cover = (np.float32(0.7) * (warm > 0) * warm)[..., None]
  visible = photo + cover * (colour - photo)
  veil = textures.smooth_field(rng, size=SIZE, cells=2)[..., None]
  veil = veil * np.float32(rng.uniform(0.2, 0.9))
  if rng.random() < 0.5:
    visible += veil * (np.float32(rng.uniform(150, 230)) - visible)  # Haze.
  else:
    visible *= 1 - veil  # Night.
  turns = np.linspace(0, rng.uniform(0.5, 1.5), 256) + rng.random()
  curve = 40 + 90 * (0.5 + 0.5 * np.cos(np.pi * turns))
  infrared = curve.astype(np.float32)[grey.astype(np.uint8)]
  infrared += warm * (np.float32(rng.uniform(190, 250)) - infrared)
  infrared = _blurred(_quantised(infrared), rng.uniform(0.5, 1.2))
  sigma = rng.uniform(1, 5, 2)
  pair = [
    _with_noise(rng, infrared.astype(np.float32), sigma[0]),
    _with_noise(rng, visible, sigma[1]),
  ]
  return pair, None


def medical(
  rng: np.random.Generator, *, split: str, count: int
) -> tuple[list[np.ndarray], np.ndarray | None]:
  """A head in CT and MR: bright bone in one, the tissue's texture in the other.

  An ellipse with a ring of bone. CT shows the ring and some calcified shapes
  brightly and tissue almost evenly; MR shows a photograph's texture in place
  of tissue, and no bone.

  Args:
    rng: the scene's generator.
    split: 'train' or 'test'.
    count: 2.

  Returns:
    (CT [h, w], MR [h, w]), uint8, and no reference.
  """
  del count
  name, _ = textures.choose(rng, split=split)
  photo = textures.photo_crop(rng, name=name, size=SIZE)
  tissue = photo.mean(axis=-1, dtype=np.float32)
  y, x = np.mgrid[-1 : 1 : SIZE[0] * 1j, -1 : 1 : SIZE[1] * 1j]
  axes = rng.uniform(0.55, 0.85, 2)
  reach = np.hypot(y / axes[0], x / axes[1]).astype(np.float32)
  bone = 1 - rng.uniform(0.06, 0.14)
  inside, ring = reach < bone, (reach >= bone) & (reach < 1)
  ct = np.where(inside, 70 + np.float32(0.1) * tissue, 0)
  for _ in range(int(rng.integers(1, 4))):
    shape = textures.shape_mask(rng, size=SIZE, extent=(0.02, 0.08))
    spot = shape * inside * np.float32(rng.uniform(0.5, 1.0))
    ct += spot * (230 - ct)
  ct = np.where(ring, np.float32(rng.uniform(200, 255)), ct)
  mr = np.where(inside, tissue * np.float32(rng.uniform(0.6, 1.0)), 0)
  sigma = rng.uniform(1, 4, 2)
  pair = [
    _with_noise(rng, image.astype(np.float32), each)
    for image, each in zip((ct, mr), sigma, strict=True)
  ]
  return pair, None


def _blurred(image: np.ndarray, radius: float) -> np.ndarray:
  """Gaussian blur of an 8-bit image."""
  blur = PIL.ImageFilter.GaussianBlur(radius)
  return np.asarray(PIL.Image.fromarray(image).filter(blur))


def _with_noise(
  rng: np.random.Generator, image: np.ndarray, sigma: float
) -> np.ndarray:
  noise = rng.standard_normal(image.shape, np.float32)
  return _quantised(image + np.float32(sigma) * noise)


def _quantised(image: np.ndarray) -> np.ndarray:
  return np.rint(np.clip(image, 0, 255)).astype(np.uint8)


# Task -> what makes its scenes, and how many images a training scene has.
_MAKERS: dict[str, tuple[Maker, int]] = {
  'mef': (multi_exposure, 3),
  'mff': (multi_focus, 2),
  'ivf': (infrared_visible, 2),
  'medical': (medical, 2),
}


class SyntheticSource:
  """Scenes that are made when they are read."""

  def __init__(
    self,
    task: str,
    *,
    length: int,
    seed: int,
    split: str,
    sources: int,
    cache_bytes: int = cache.DEFAULT_BYTES,
  ):
    """Describes the scenes; nothing is made yet.

    Args:
      task: 'mef', 'mff', 'ivf' or 'medical'.
      length: number of scenes.
      seed: any integer.
      split: 'train' or 'test', of different photographs and numbers.
      sources: images that a sample takes; a training bracket of `mef` has at
        least three exposures to pick them from.
      cache_bytes: limit of the memory for scenes that were made.

    Raises:
      InputError: if no scenes are made for this task, or not of so many
        sources.
    """
    if task not in _MAKERS:
      raise InputError(
        f'There are no synthetic scenes for task {task!r}, only for '
        f'{", ".join(_MAKERS)}. Give a folder as data.root.'
      )
    self._make, least = _MAKERS[task]
    if task != 'mef' and sources != least:
      raise InputError(
        f'Synthetic scenes of {task} have {least} sources, and data.sources '
        f'is {sources}. Set it to {least}.'
      )
    self.name = f'synthetic-{task}'
    self.split = split
    self._task = task
    self._length = length
    self._count = max(sources, least) if split == 'train' else sources
    self._seed = seed
    self._cache = cache.ExampleCache(cache_bytes)

  def __len__(self) -> int:
    return self._length

  def describe(self) -> str:
    """Says what the scenes are made of."""
    names = ', '.join(
      name.split('.')[0] for name in textures.PHOTOGRAPHS[self.split]
    )
    return (
      f'built-in synthetic scenes ({self._task}, {self.split}): '
      f'{self._length} of {self._count} sources, {SIZE[1]}x{SIZE[0]}, made '
      f'from CC0 and public-domain photographs ({names}) and generated shapes'
    )

  def read_raw(self, index: int) -> Example:
    """Makes a scene with the values of its 8-bit images."""
    if not 0 <= index < self._length:
      raise IndexError(index)
    return self._cache.get(index, lambda: self._made(index))

  def read(self, index: int) -> Example:
    """Makes a scene: [192, 256, 3] float32 RGB in [0, 1]."""
    return self.read_raw(index).to_unit()

  def _made(self, index: int) -> Example:
    rng = textures.scene_generator(self._seed, split=self.split, index=index)
    sources, reference = self._make(rng, split=self.split, count=self._count)
    return Example(f'{self.split}-{index:04d}', tuple(sources), reference)
