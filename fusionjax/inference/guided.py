"""Cubes of bands and the pictures that guide them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fusionjax.errors import InputError
from fusionjax.inference import checks

# A window of the guided filter and its neighbours.
MIN_CUBE_SIDE = 4


def check_cube_and_guide(
  images: Sequence[Any], *, task: str, names: Sequence[str] | None = None
) -> list[np.ndarray]:
  """Checks a cube and its guide.

  Args:
    images: a cube [h, w, bands] and a guide [H, W] or [H, W, c]; uint8,
      uint16 or float in [0, 1].
    task: a key of `registry.TASKS`, guided.
    names: what errors call them; `the cube` and `the guide` by default.

  Returns:
    Both as NumPy arrays.

  Raises:
    InputError: that names the image and the fix.
  """
  images = list(images)
  checks.check_count(len(images), task=task)
  names = names or ['the cube', 'the guide']
  arrays = [
    _check_cube(image, name) for image, name in zip(images, names, strict=True)
  ]
  cube, guide = arrays
  for array, name, least in (
    (cube, names[0], MIN_CUBE_SIDE),
    (guide, names[1], checks.MIN_SIDE),
  ):
    height, width = array.shape[:2]
    if min(height, width) < least:
      raise InputError(
        f'{name} is {width}x{height}: each side must have {least} pixels or'
        ' more. Give a larger one.'
      )
  if guide.shape[0] < cube.shape[0] or guide.shape[1] < cube.shape[1]:
    raise InputError(
      f'{names[1]} is {guide.shape[1]}x{guide.shape[0]}, smaller than'
      f' {names[0]}, which is {cube.shape[1]}x{cube.shape[0]}. Give the cube'
      ' first and its guide last.'
    )
  for array, name in zip(arrays, names, strict=True):
    checks.check_range(array, name)
  return arrays


def storable(image: np.ndarray) -> np.ndarray:
  """Brings a cube or a guide to what goes to the device: [h, w, c].

  Args:
    image: [h, w] or [h, w, c].
  """
  whole = np.issubdtype(image.dtype, np.integer)
  image = image if whole else image.astype(np.float32, copy=False)
  return image[..., None] if image.ndim == 2 else image


def _check_cube(image: Any, name: str) -> np.ndarray:
  array = checks.as_array(image, name)
  if array.ndim not in (2, 3) or not array.size:
    raise InputError(
      f'{name} has shape {list(array.shape)}, expected [height, width, bands].'
      ' Give a cube and its guide.'
    )
  checks.check_dtype(array, name)
  return array
