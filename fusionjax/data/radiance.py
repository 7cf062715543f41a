"""Radiance: exposures with the radiance they stand for."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fusionjax.data import cache, images, synthetic, textures
from fusionjax.data.radiance_files import read_hdr
from fusionjax.data.scenes import Example, Scene
from fusionjax.errors import InputError

# How far apart exposures are where nothing says it, in EV.
DEFAULT_EXPOSURES = (-2.0, 0.0, 2.0)
GAMMA = 2.2
_TRUTH = 'HDRImg.hdr'
_EXPOSURES = 'exposure.txt'


def six_channels(picture: np.ndarray, *, exposure: float) -> np.ndarray:
  """Puts beside a picture the radiance that it stands for.

  Args:
    picture: [h, w, 3] in [0, 1], with a response of exponent 1 / 2.2.
    exposure: in EV, 0 for the exposure whose white is radiance 1.

  Returns:
    [h, w, 6] float32: the picture, and picture^2.2 / 2^exposure.

  References:
    Kalantari and Ramamoorthi, Deep high dynamic range imaging of dynamic
    scenes, SIGGRAPH 2017, section 3. Which half comes first the published
    MGDN does not say.
  """
  picture = np.asarray(picture, np.float32)
  radiance = picture ** np.float32(GAMMA) / np.float32(2.0**exposure)
  return np.concatenate([picture, radiance], axis=-1)


def bracket(
  pictures: Sequence[np.ndarray], *, exposures: Sequence[float]
) -> list[np.ndarray]:
  """Puts exposures of a scene in order, with what they stand for.

  Radiance 1 is white in the darkest exposure, which has no white that
  another has not, so that all radiance lies in [0, 1].

  Args:
    pictures: [h, w, 3] each, in [0, 1].
    exposures: of each in EV; only their differences matter.

  Returns:
    [h, w, 6] each, from under- to over-exposed; see `six_channels`.
  """
  pairs = sorted(
    zip(exposures, pictures, strict=True), key=lambda pair: pair[0]
  )
  darkest, _ = pairs[0]
  return [
    six_channels(picture, exposure=exposure - darkest)
    for exposure, picture in pairs
  ]


def read_exposures(path: Path | str) -> list[float]:
  """Reads exposures in EV, separated by white space or commas.

  Raises:
    InputError: if the file is missing, or holds no three numbers.
  """
  try:
    text = Path(path).read_text(encoding='utf-8')
    found = [float(word) for word in re.split(r'[\s,]+', text.strip())]
  except (OSError, ValueError) as error:
    raise InputError(f'{path} holds no exposures in EV ({error}).') from error
  if len(found) != 3 or not np.isfinite(found).all():
    raise InputError(f'{path} holds {len(found)} numbers, expected 3 in EV.')
  return found


class RadianceSource:
  """Scenes of three exposures and their true radiance, as published.

  Each scene is a folder with three pictures (16-bit TIFF), `exposure.txt` and
  `HDRImg.hdr`, the layout of Kalantari's set.
  """

  def __init__(
    self,
    scenes: Sequence[Scene],
    *,
    name: str,
    description: str,
    cache_bytes: int = cache.DEFAULT_BYTES,
  ):
    """Takes scenes of three pictures; nothing is read yet.

    Args:
      scenes: the scenes.
      name: the data set's name.
      description: what `describe` says.
      cache_bytes: limit of the memory for decoded scenes.
    """
    self.name = name
    self.scenes = tuple(scenes)
    self._description = description
    self._cache = cache.ExampleCache(cache_bytes)

  def __len__(self) -> int:
    return len(self.scenes)

  def describe(self) -> str:
    """Says what was found in the folder."""
    return self._description

  def read(self, index: int) -> Example:
    """Reads a scene: three of six channels, and radiance as reference.

    Raises:
      InputError: if a file is missing or damaged, or the sizes differ.
    """
    return self._cache.get(index, lambda: self._decoded(self.scenes[index]))

  def _decoded(self, scene: Scene) -> Example:
    exposures, pictures, radiance = self._load(scene)
    truth = np.clip(radiance, 0, 1)
    for path, picture in zip(scene.sources, pictures, strict=False):
      if picture.shape != truth.shape:
        raise InputError(
          f'{path} has shape {list(picture.shape)}, and {_TRUTH} beside it'
          f' {list(truth.shape)}. They must be equal.'
        )
    sources = bracket(
      [images.to_unit_rgb(picture) for picture in pictures],
      exposures=exposures,
    )
    return Example(scene.name, tuple(sources), truth, cubes=True)

  def _load(
    self, scene: Scene
  ) -> tuple[list[float], list[np.ndarray], np.ndarray]:
    """Exposures in EV, their pictures, and the radiance of a scene."""
    folder = scene.sources[0].parent
    exposures = read_exposures(folder / _EXPOSURES)
    truth = read_hdr(folder / _TRUTH)
    return exposures, [images.read_image(p) for p in scene.sources], truth


class SyntheticRadiance:
  """Scenes with things that move between the exposures, made when read.

  The middle exposure is taken of the true radiance; before and after it the
  things were elsewhere, up to 24 pixels away. Exposures are exact: 2 or 3 EV
  apart, with the response x^(1/2.2), shot and read noise, clipped, in 16 bits.
  1 to 30 % of the scene are white in the middle exposure, and radiance 1 is
  white in the darkest one.
  """

  def __init__(
    self,
    *,
    length: int,
    seed: int,
    split: str,
    cache_bytes: int = cache.DEFAULT_BYTES,
  ):
    """Describes the scenes; nothing is made yet.

    Args:
      length: number of scenes.
      seed: any integer.
      split: 'train' or 'test', of different photographs and numbers.
      cache_bytes: limit of the memory for scenes that were made.
    """
    self.name = 'synthetic-hdr'
    self._split = split
    self._length = length
    self._seed = seed
    self._cache = cache.ExampleCache(cache_bytes)

  def __len__(self) -> int:
    return self._length

  def describe(self) -> str:
    """Says what the scenes are made of."""
    height, width = synthetic.SIZE
    return (
      f'built-in synthetic radiance ({self._split}): {self._length} scenes of '
      f'3 exposures with things that move, {width}x{height}, made from CC0 and '
      'public-domain photographs and generated shapes'
    )

  def read(self, index: int) -> Example:
    """Makes a scene: three of six channels, and radiance as reference."""
    if not 0 <= index < self._length:
      raise IndexError(index)
    return self._cache.get(index, lambda: self._made(index))

  def _made(self, index: int) -> Example:
    rng = textures.scene_generator(self._seed, split=self._split, index=index)
    still = synthetic.radiance(rng, self._split)
    apart = float(rng.choice((2.0, 3.0)))
    white = np.quantile(still.max(axis=-1), rng.uniform(0.7, 0.99))
    still *= np.float32(2.0**-apart / max(float(white), 1e-3))
    frames = [still.copy() for _ in range(3)]
    for _ in range(int(rng.integers(1, 4))):
      mask = textures.shape_mask(rng, size=synthetic.SIZE, extent=(0.08, 0.25))[
        ..., None
      ]
      thing = textures.pattern(rng, size=synthetic.SIZE) ** 2
      thing *= np.float32(2.0 ** -rng.uniform(0, apart + 1))
      step = rng.integers(-24, 25, 2)
      for time, frame in enumerate(frames):
        moved, layer = (
          _shifted(x, (time - 1) * step) for x in (mask, mask * thing)
        )
        frame *= 1 - moved
        frame += layer
    shot, read = rng.uniform(1e-5, 3e-4), rng.uniform(2e-4, 1e-3)
    exposures = (0.0, apart, 2 * apart)
    pictures = []
    for exposure, frame in zip(exposures, frames, strict=True):
      light = frame * np.float32(2.0**exposure)
      noise = rng.standard_normal(light.shape, np.float32)
      # Photon noise grows with the root of the light, read noise is constant.
      light += noise * np.sqrt(np.float32(shot) * light + np.float32(read**2))
      light = np.clip(light, 0, 1) ** np.float32(1 / GAMMA)
      pictures.append(np.rint(65535 * light) / 65535)
    truth = np.clip(frames[1], 0, 1).astype(np.float32)
    name = f'{self._split}-{index:04d}'
    sources = tuple(bracket(pictures, exposures=exposures))
    return Example(name, sources, truth, cubes=True)


def _shifted(layer: np.ndarray, step: np.ndarray) -> np.ndarray:
  """Moves a layer by whole pixels; what leaves the picture is gone."""
  moved = np.zeros_like(layer)
  places = [
    (slice(max(0, by), min(side, side + by)), slice(max(0, -by), side - by))
    for by, side in zip(step.tolist(), layer.shape[:2], strict=True)
  ]
  (to_rows, rows), (to_columns, columns) = places
  moved[to_rows, to_columns] = layer[rows, columns][
    : to_rows.stop - to_rows.start, : to_columns.stop - to_columns.start
  ]
  return moved
