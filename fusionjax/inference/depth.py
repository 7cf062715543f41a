"""Depth maps at the door: their checks, and their units."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fusionjax.data import depth as depth_lib
from fusionjax.errors import InputError
from fusionjax.inference import checks

# Of a map: what bicubic upsampling looks at.
MIN_DEPTH_SIDE = 4
Limits = tuple[float, float]


def check_colour_and_depth(
  images: Sequence[Any], *, task: str, names: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
  """Checks a colour picture and a depth map.

  Args:
    images: a picture [H, W] or [H, W, 3]; and a depth map [h, w] or
      [h, w, 1], not larger, uint8, uint16 or float in any unit.
    task: a key of `registry.TASKS`.
    names: what errors call them; `the picture` and `the depth map`.

  Returns:
    Both as NumPy arrays.

  Raises:
    InputError: that names the image and the fix.
  """
  images = list(images)
  checks.check_count(len(images), task=task)
  names = names or ['the picture', 'the depth map']
  colour = checks.check_image(images[0], names[0])
  checks.check_sizes([colour.shape[:2]], names[:1])
  checks.check_range(colour, names[0])
  depth = checks.as_array(images[1], names[1])
  checks.check_dtype(depth, names[1])
  if depth.ndim not in (2, 3) or (depth.ndim == 3 and depth.shape[-1] != 1):
    raise InputError(
      f'{names[1]} has shape {list(depth.shape)}, and a depth map is'
      ' [height, width]. Give the picture first, then the depth map.'
    )
  height, width = depth.shape[:2]
  if min(height, width) < MIN_DEPTH_SIDE or not np.isfinite(depth).all():
    raise InputError(
      f'{names[1]} is {width}x{height}, or holds values that are no numbers.'
      f' Give {MIN_DEPTH_SIDE} pixels a side or more, and fill the holes.'
    )
  if height > colour.shape[0] or width > colour.shape[1]:
    raise InputError(
      f'{names[1]} is {width}x{height}, larger than {names[0]}, which is'
      f' {colour.shape[1]}x{colour.shape[0]}. Give the picture first.'
    )
  return colour, depth


def to_unit(depth: np.ndarray) -> tuple[np.ndarray, Limits]:
  """Brings depths [h, w] to float32 [h, w, 1] in [0, 1], with its limits."""
  return depth_lib.normalise(depth.reshape(depth.shape[:2]))


def from_unit(unit: np.ndarray, limits: Limits, *, like: np.ndarray) -> Any:
  """Takes [H, W, 1] in [0, 1] back to the unit and dtype of a map."""
  low, high = limits
  depth = np.asarray(unit, np.float64) * (high - low) + low
  if np.issubdtype(like.dtype, np.integer):
    depth = np.rint(depth)
  depth = depth.astype(like.dtype)
  return depth if like.ndim == 3 else depth[..., 0]
