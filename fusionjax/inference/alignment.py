"""Sources of unequal size, or taken by hand, are brought onto each other."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from fusionjax.data.images import to_unit_rgb
from fusionjax.data.picture import Picture
from fusionjax.errors import InputError
from fusionjax.inference import registration
from fusionjax.inference.checks import MIN_SIDE
from fusionjax.methods.registry import Task

Kind = Literal['crop', 'translation', 'homography', 'exposure']
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
Planes = Callable[[np.ndarray], np.ndarray]


def align(
  pictures: Sequence[Picture], *, kind: Kind, task: Task, names: Sequence[str]
) -> tuple[list[Picture], list[str]]:
  """Brings the sources of a scene onto each other.

  All are cropped to the least height and width, around the middle. Then, but
  for `crop`, each is moved onto one that stays: the first, the last of an
  ordered pair (the visible one), the middle one of exposures for radiance.
  What not all of them show is cut off.

  Args:
    pictures: the sources.
    kind: `crop`, or the motion that is looked for.
    task: the task.
    names: what errors call the pictures.

  Returns:
    Pictures of one size, and what was found, a line each.

  Raises:
    InputError: if nothing in common is found, or little is left.
  """
  sizes = np.array([picture.pixels.shape[:2] for picture in pictures])
  height, width = (int(side) for side in sizes.min(axis=0))
  notes = [
    f'{name} cropped from {w}x{h} to {width}x{height}'
    for name, (h, w) in zip(names, sizes, strict=True)
    if (h, w) != (height, width)
  ]
  pictures = [
    _each(picture, _middle(height, width, *picture.pixels.shape[:2]))
    for picture in pictures
  ]
  if kind == 'crop':
    return list(pictures), notes
  return _register(pictures, kind, _staying(task, len(pictures)), names, notes)


def _staying(task: Task, count: int) -> int:
  """The index of the source that the others are moved onto."""
  if task.radiance:
    return count // 2
  return count - 1 if task.ordered else 0


def _each(picture: Picture, change: Planes) -> Picture:
  """A picture whose colours and alpha are changed alike."""
  alpha = None if picture.alpha is None else change(picture.alpha)
  pixels = change(picture.pixels)
  return dataclasses.replace(picture, pixels=pixels, alpha=alpha)


def _middle(height: int, width: int, h: int, w: int) -> Planes:
  """What crops [h, w] to the middle of it."""
  top, left = (h - height) // 2, (w - width) // 2
  return lambda x: np.ascontiguousarray(
    x[top : top + height, left : left + width]
  )


def _register(
  pictures: Sequence[Picture],
  kind: registration.Motion,
  staying: int,
  names: Sequence[str],
  notes: list[str],
) -> tuple[list[Picture], list[str]]:
  """Moves pictures of one size onto one of them."""
  cv2 = registration.load_opencv()
  fixed = _luma(pictures[staying])
  seen = np.ones(fixed.shape, bool)
  moved = []
  for at, (picture, name) in enumerate(zip(pictures, names, strict=True)):
    if at == staying:
      moved.append(picture)
      continue
    found = registration.estimate(_luma(picture), fixed, motion=kind)
    if found is None:
      raise InputError(
        f'{name} could not be aligned with {names[staying]}: nothing in common'
        ' was found. Align it by hand, or give --align crop.'
      )
    x, y = found.shift
    notes.append(
      f'{name} was off by ({x:.1f}, {y:.1f}) pixels, {found.degrees:.2f}'
      ' degrees'
    )
    warp = _warp(cv2, found.matrix)
    moved.append(_each(picture, warp))
    seen &= warp(np.full(fixed.shape, 255, np.uint8)) == 255
  top, bottom, left, right = _rectangle(seen)
  if min(bottom - top, right - left) < MIN_SIDE:
    raise InputError(
      f'Of {names[staying]} and the others aligned with it only'
      f' {right - left}x{bottom - top} is left in common. Align them by hand.'
    )

  def cut(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x[top:bottom, left:right])

  return [_each(picture, cut) for picture in moved], notes


def _luma(picture: Picture) -> np.ndarray:
  rgb = to_unit_rgb(picture.pixels)
  return np.clip(rgb @ _LUMA, 0, 1).astype(np.float32)


def _warp(cv2: Any, matrix: np.ndarray) -> Planes:
  """What takes every pixel from the place that a matrix says."""

  def warp(x: np.ndarray) -> np.ndarray:
    whole = np.array_equal(matrix, np.rint(matrix))
    how = cv2.INTER_NEAREST if whole else cv2.INTER_CUBIC
    warped = cv2.warpPerspective(
      x,
      matrix,
      x.shape[1::-1],
      flags=how | cv2.WARP_INVERSE_MAP,
      borderMode=cv2.BORDER_CONSTANT,
      borderValue=0,
    )
    # Cubic weights overshoot; integers are saturated by OpenCV.
    floats = np.issubdtype(warped.dtype, np.floating)
    return np.clip(warped, x.min(), x.max()) if floats else warped

  return warp


def _rectangle(seen: np.ndarray) -> tuple[int, int, int, int]:
  """A large rectangle of True: (top, bottom, left, right).

  The side with the largest part of False is moved inwards until none is left.
  """
  top, left = 0, 0
  bottom, right = seen.shape
  while top < bottom and left < right:
    inside = seen[top:bottom, left:right]
    missing = [
      1 - side.mean()
      for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1])
    ]
    worst = int(np.argmax(missing))
    if not missing[worst]:
      break
    top, bottom = top + (worst == 0), bottom - (worst == 1)
    left, right = left + (worst == 2), right - (worst == 3)
  return top, bottom, left, right
