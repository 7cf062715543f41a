"""Photographs, smooth fields and shapes from which scenes are made.

The photographs lie in the scikit-image wheel, and only those that it states
to be CC0 or public domain are used (docstrings of `skimage.data`):

  astronaut.png     NASA, released into the public domain
  brick.png         CC0Textures, CC0
  camera.png        Lav Varshney, CC0
  chelsea.png       Stefan van der Walt, CC0
  coffee.png        Rachel Michetti, CC0
  grass.png         linolafett (DeviantArt), CC0
  gravel.png        CC0Textures, CC0
  rocket.jpg        SpaceX, released into the public domain

They are found beside the installed package: nothing is downloaded.
"""

import functools
import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw

from fusionjax.data import images
from fusionjax.errors import InputError

_STREAMS = {'train': 0, 'test': 1}

# Held-out scenes are made of other photographs than the training ones.
PHOTOGRAPHS: dict[str, tuple[str, ...]] = {
  'train': (
    *('astronaut.png', 'coffee.png', 'rocket.jpg'),
    *('brick.png', 'gravel.png'),
  ),
  'test': ('chelsea.png', 'camera.png', 'grass.png'),
}
_BICUBIC = PIL.Image.Resampling.BICUBIC
# Masks are drawn this much larger and then reduced: their edges are smooth.
_OVERSAMPLING = 2


@functools.cache
def photograph(name: str) -> PIL.Image.Image:
  """Reads a photograph of the scikit-image wheel as 8-bit RGB.

  Raises:
    InputError: if scikit-image is not installed or has no such file.
  """
  package = importlib.util.find_spec('skimage')
  places = package.submodule_search_locations if package else None
  path = Path(places[0]) / 'data' / name if places else None
  if path is None or not path.is_file():
    raise InputError(
      f'The synthetic scenes need {name} of scikit-image. '
      "Install the extra: pip install 'fusionjax[train]'."
    )
  image = images.read_image(path)
  if image.ndim == 2:
    image = np.repeat(image[..., None], 3, axis=-1)
  return PIL.Image.fromarray(image)


def scene_generator(
  seed: int, *, split: str, index: int
) -> np.random.Generator:
  """The random numbers of a synthetic scene: of these three and nothing else.

  Args:
    seed: any integer, of any sign and size.
    split: 'train' or 'test'.
    index: of the scene.
  """
  # To a number that numpy takes.
  digest = hashlib.sha256(str(seed).encode()).digest()
  entropy = [int.from_bytes(digest[:8], 'little'), _STREAMS[split], index]
  return np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy)))


def choose(rng: np.random.Generator, *, split: str) -> tuple[str, str]:
  """Chooses two different photographs of a split: (first, second)."""
  first, second = rng.choice(PHOTOGRAPHS[split], 2, replace=False)
  return str(first), str(second)


def photo_crop(
  rng: np.random.Generator, *, name: str, size: tuple[int, int]
) -> np.ndarray:
  """Cuts a random window out of a photograph.

  Args:
    rng: the scene's generator.
    name: one of `PHOTOGRAPHS`.
    size: (height, width) of the result.

  Returns:
    [h, w, 3] uint8, perhaps mirrored; grey photographs get a colour.
  """
  image = photograph(name)
  height, width = size
  largest = min(image.width / width, image.height / height)
  scale = largest * rng.uniform(0.55, 1.0)
  box_w, box_h = scale * width, scale * height
  left = rng.uniform(0, image.width - box_w)
  top = rng.uniform(0, image.height - box_h)
  box = (left, top, left + box_w, top + box_h)
  crop = np.asarray(image.resize((width, height), _BICUBIC, box=box))
  if rng.random() < 0.5:
    crop = crop[:, ::-1]
  return _tinted(rng, crop)


def _tinted(rng: np.random.Generator, crop: np.ndarray) -> np.ndarray:
  """Colours an image that is grey; leaves others alone."""
  if not (crop[..., 0] == crop[..., 2]).all():
    return crop
  tint = rng.uniform(0.8, 1.0, 3)
  levels = np.arange(256)[:, None] * (tint / tint.max())
  table = np.rint(levels).astype(np.uint8)
  channels = [table[:, c][crop[..., c]] for c in range(3)]
  return np.stack(channels, axis=-1)


def smooth_field(
  rng: np.random.Generator, *, size: tuple[int, int], cells: int
) -> np.ndarray:
  """A smooth random field.

  Args:
    rng: the scene's generator.
    size: (height, width) of the result.
    cells: how many bumps fit into the height; few make it smooth.

  Returns:
    [h, w] float32 that runs from 0 to 1.
  """
  height, width = size
  columns = max(2, round(cells * width / height))
  coarse = rng.standard_normal((cells + 1, columns + 1), np.float32)
  image = PIL.Image.fromarray(coarse).resize((width, height), _BICUBIC)
  field = np.array(image)
  low, high = field.min(), field.max()
  return (field - low) / max(high - low, 1e-6)


def plane(rng: np.random.Generator, *, size: tuple[int, int]) -> np.ndarray:
  """A plane that leans in a random direction.

  Args:
    rng: the scene's generator.
    size: (height, width) of the result.

  Returns:
    [h, w] float32 that runs from 0 to 1.
  """
  height, width = size
  angle = rng.uniform(0, 2 * np.pi)
  rows = np.linspace(0, np.sin(angle) * height / width, height)
  columns = np.linspace(0, np.cos(angle), width)
  leaning = rows[:, None] + columns[None]
  leaning -= leaning.min()
  return (leaning / leaning.max()).astype(np.float32)


def shape_mask(
  rng: np.random.Generator,
  *,
  size: tuple[int, int],
  extent: tuple[float, float],
) -> np.ndarray:
  """A random ellipse or polygon with smooth edges.

  Args:
    rng: the scene's generator.
    size: (height, width) of the result.
    extent: smallest and largest radius, as fractions of the height.

  Returns:
    [h, w] float32 in [0, 1]; 1 inside the shape.
  """
  height, width = size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING
  mask = PIL.Image.new('L', (width, height))
  draw = PIL.ImageDraw.Draw(mask)
  radius = rng.uniform(*extent) * height
  centre = rng.uniform((0.1 * width, 0.1 * height), (0.9 * width, 0.9 * height))
  corners = int(rng.integers(3, 9))
  # Corners on an ellipse, at angles that are jittered but in order.
  angles = (np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) / corners
  angles = 2 * np.pi * (angles + rng.random())
  radii = radius * rng.uniform(0.7, 1.0, corners)
  points = centre + radii[:, None] * np.stack(
    [np.cos(angles), np.sin(angles)], axis=-1
  )
  if corners > 6:
    half = radius * rng.uniform(0.5, 1.0, 2)
    draw.ellipse([tuple(centre - half), tuple(centre + half)], fill=255)
  else:
    draw.polygon([tuple(point) for point in points], fill=255)
  small = mask.reduce(_OVERSAMPLING)
  return np.asarray(small, np.float32) / np.float32(255)


def pattern(rng: np.random.Generator, *, size: tuple[int, int]) -> np.ndarray:
  """A generated surface: stripes, checks or a gradient in two colours.

  Args:
    rng: the scene's generator.
    size: (height, width) of the result.

  Returns:
    [h, w, 3] float32 in [0, 1].
  """
  height, width = size
  rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
  columns = np.linspace(0, width / height, width, dtype=np.float32)[None]
  angle = rng.uniform(0, np.pi)
  along = np.float32(np.cos(angle)) * columns + np.float32(np.sin(angle)) * rows
  across = (
    np.float32(np.cos(angle)) * rows - np.float32(np.sin(angle)) * columns
  )
  kind = rng.integers(3)
  frequency = np.float32(2 * np.pi * rng.uniform(4, 20))
  if kind == 0:
    blend = 0.5 + 0.5 * np.sin(frequency * along)
  elif kind == 1:
    checks = np.sin(frequency * along) * np.sin(frequency * across)
    blend = np.clip(0.5 + 4 * checks, 0, 1)
  else:
    blend = (along - along.min()) / np.ptp(along)
  first, second = rng.uniform(0.05, 1.0, (2, 3)).astype(np.float32)
  return first + (second - first) * blend[..., None]
