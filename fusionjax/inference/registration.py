"""Estimates of how one picture of a scene lies against another, by OpenCV."""

import dataclasses
import importlib
import importlib.util
from typing import Any, Literal

import numpy as np

from fusionjax.errors import InputError

Motion = Literal['translation', 'homography', 'exposure']

# Sides of the coarsest level of a pyramid, and of what is looked at in all.
_COARSEST = 48
_LARGEST = 1600
_STEPS = 60
_PRECISION = 1e-5
# What is noise and no contrast, in parts of white.
_NOISE = 0.01
# By how much a homography must correlate better than a turn and a shift.
_GAIN = 0.03
# How far it may move a corner from there, in parts of the diagonal.
_MOST_BENT = 0.02
# Larger turns are taken for mistakes, in degrees.
_MOST_TURNED = 15
# Bits of the largest shift that bitmaps look for, 2^5 pixels, in pictures of
# so many a side; more bits find shifts that are none.
_BITMAP_BITS, _BITMAP_SIDE = 5, 1000


@dataclasses.dataclass(frozen=True)
class Estimate:
  """How a picture lies against another.

  Attributes:
    matrix: [3, 3]: from a place (x, y, 1) in the other picture to the same
      thing in this one.
    shift: (x, y) by which the middle of the picture is moved, in pixels.
    degrees: by which it is turned.
  """

  matrix: np.ndarray
  shift: tuple[float, float]
  degrees: float


def load_opencv() -> Any:
  """Imports OpenCV.

  Raises:
    InputError: if it is not installed.
  """
  if importlib.util.find_spec('cv2') is None:
    raise InputError(
      'Aligning needs OpenCV: pip install opencv-python-headless. Or give'
      ' --align crop.'
    )
  return importlib.import_module('cv2')


def estimate(
  moving: np.ndarray, fixed: np.ndarray, *, motion: Motion
) -> Estimate | None:
  """Estimates how a picture lies against another of the same size.

  Args:
    moving: [h, w] float32 luma in [0, 1] of the picture to be moved.
    fixed: [h, w] of the other one.
    motion: what is looked for: `translation`, `homography` (both by the
      correlation of edges, so that exposures and modalities may differ), or
      `exposure` (whole pixels, by bitmaps of what is above the median).

  Returns:
    The estimate; None where nothing in common was found, or a shift of more
    than a quarter of the picture or a turn of more than 15 degrees.

  References:
    Evangelidis and Psarakis, Parametric image alignment using enhanced
    correlation coefficient maximization, PAMI 2008. Ward, Fast, robust image
    registration for compositing high dynamic range photographs from
    hand-held exposures, JGT 2003.
  """
  cv2 = load_opencv()
  if motion == 'exposure':
    matrix = _by_bitmaps(cv2, moving, fixed)
  else:
    found = _by_correlation(cv2, moving, fixed, motion)
    if found is None:
      return None
    matrix = found
  height, width = fixed.shape
  middle = np.array([(width - 1) / 2, (height - 1) / 2, 1])
  x, y, scale = matrix @ middle
  shift = (float(x / scale - middle[0]), float(y / scale - middle[1]))
  turned = float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
  if (
    max(map(abs, shift)) > min(height, width) / 4 or abs(turned) > _MOST_TURNED
  ):
    # No hand does that between two shots: it is a chance likeness.
    return None
  return Estimate(matrix, shift, turned)


def _by_bitmaps(cv2: Any, moving: np.ndarray, fixed: np.ndarray) -> np.ndarray:
  """A shift of whole pixels, by median-threshold bitmaps.

  Bitmaps go astray where little of a picture lies near the median: the shift
  must explain local contrast better than none, and than that of correlation.
  """
  scale = min(1.0, _BITMAP_SIDE / max(fixed.shape))
  levels = [
    np.rint(255 * np.clip(_resized(cv2, x, scale), 0, 1)).astype(np.uint8)
    for x in (moving, fixed)
  ]
  aligner = cv2.createAlignMTB(max_bits=_BITMAP_BITS)
  # What it gives moves the picture onto the other; the place is before that.
  x, y = aligner.calculateShift(levels[1], levels[0])
  candidates = [np.zeros(2), -np.array([x, y]) / scale]
  correlated = _by_correlation(cv2, moving, fixed, 'translation')
  if correlated is not None:
    candidates.append(correlated[:2, 2])
  first, second = (_contrast(cv2, x) for x in (moving, fixed))
  best = max(
    (np.rint(shift) for shift in candidates),
    key=lambda shift: _agreement(first, second, shift),
  )
  matrix = np.eye(3)
  matrix[:2, 2] = best
  return matrix


def _agreement(
  moving: np.ndarray, fixed: np.ndarray, shift: np.ndarray
) -> float:
  """How well two maps correlate where one is shifted by whole pixels."""
  x, y = (int(side) for side in shift)
  height, width = fixed.shape
  if abs(x) >= width // 2 or abs(y) >= height // 2:
    return -1.0
  first = moving[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)]
  second = fixed[
    max(-y, 0) : height - max(y, 0), max(-x, 0) : width - max(x, 0)
  ]
  norm = np.sqrt(float(np.vdot(first, first)) * float(np.vdot(second, second)))
  return float(np.vdot(first, second)) / norm if norm else -1.0


def _by_correlation(
  cv2: Any, moving: np.ndarray, fixed: np.ndarray, motion: Motion
) -> np.ndarray | None:
  """A matrix by correlation, from coarse to fine.

  Of local contrast, which exposures and focus leave alike; and of edges,
  which modalities do. The one that fits better counts.
  """
  longest = max(fixed.shape)
  scale = min(1.0, _LARGEST / longest)
  pyramid = [[_resized(cv2, x, scale) for x in (moving, fixed)]]
  while min(pyramid[-1][0].shape) >= 2 * _COARSEST:
    pyramid.append([cv2.pyrDown(x) for x in pyramid[-1]])
  found = [
    _descend(cv2, [[look(cv2, x) for x in pair] for pair in pyramid], motion)
    for look in (_contrast, _edges)
  ]
  best = max(found, key=lambda each: each[1])
  return _rescaled(best[0], 1 / scale) if best[1] > 0 else None


def _descend(
  cv2: Any, pyramid: list[list[np.ndarray]], motion: Motion
) -> tuple[np.ndarray, float]:
  """A matrix and its correlation, level by level; 0 where none was found."""
  matrix, correlation = _coarse_shift(cv2, *pyramid[-1]), 0.0
  simple = (
    cv2.MOTION_TRANSLATION if motion == 'translation' else cv2.MOTION_EUCLIDEAN
  )
  for level, (first, second) in reversed(list(enumerate(pyramid))):
    refined = _refine(cv2, first, second, matrix, simple)
    matrix, correlation = (matrix, 0.0) if refined is None else refined
    if level:
      matrix = _rescaled(matrix, 2)
  if motion == 'homography' and correlation:
    first, second = pyramid[0]
    refined = _refine(cv2, first, second, matrix, cv2.MOTION_HOMOGRAPHY)
    # Eight numbers fit noise better than three: only a gain counts, and
    # nothing that a hand-held camera would not do.
    if (
      refined is not None
      and refined[1] > correlation + _GAIN
      and _farthest(refined[0], matrix, pyramid[0][0].shape) < _MOST_BENT
    ):
      return refined
  return matrix, correlation


def _farthest(
  first: np.ndarray, second: np.ndarray, size: tuple[int, ...]
) -> float:
  """How far apart two matrices put a corner, in parts of the diagonal."""
  height, width = size
  corners = np.array(
    [[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], np.float64
  )
  places = [m @ corners for m in (first, second)]
  flat = [place[:2] / place[2] for place in places]
  return float(np.hypot(*(flat[0] - flat[1])).max() / np.hypot(height, width))


def _resized(cv2: Any, image: np.ndarray, scale: float) -> np.ndarray:
  if scale == 1:
    return image
  size = tuple(round(side * scale) for side in image.shape[::-1])
  return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _contrast(cv2: Any, image: np.ndarray) -> np.ndarray:
  """Differences from the surroundings, in parts of their spread."""
  smooth = cv2.GaussianBlur(image, (0, 0), 1)
  above = smooth - cv2.GaussianBlur(smooth, (0, 0), 6)
  spread = np.sqrt(cv2.GaussianBlur(above * above, (0, 0), 12))
  return above / (spread + _NOISE)


def _edges(cv2: Any, image: np.ndarray) -> np.ndarray:
  """How strong edges are, whichever side is the bright one."""
  smooth = cv2.GaussianBlur(image, (0, 0), 1)
  x = cv2.Sobel(smooth, cv2.CV_32F, 1, 0)
  y = cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
  strength = cv2.magnitude(x, y)
  local = cv2.GaussianBlur(strength, (0, 0), 12)
  return strength / (local + 4 * _NOISE)


def _coarse_shift(
  cv2: Any, moving: np.ndarray, fixed: np.ndarray
) -> np.ndarray:
  """A first guess, by the phase of the coarsest level."""
  window = cv2.createHanningWindow(fixed.shape[::-1], cv2.CV_32F)
  (x, y), response = cv2.phaseCorrelate(fixed, moving, window)
  matrix = np.eye(3)
  if response > 0.05 and max(abs(x), abs(y)) < min(fixed.shape) / 4:
    matrix[:2, 2] = x, y
  return matrix


def _refine(
  cv2: Any,
  moving: np.ndarray,
  fixed: np.ndarray,
  matrix: np.ndarray,
  kind: int,
) -> tuple[np.ndarray, float] | None:
  """Improves a matrix, with its correlation; None where that fails."""
  whole = kind == cv2.MOTION_HOMOGRAPHY
  start = (matrix if whole else matrix[:2]).astype(np.float32)
  stop = (
    cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT,
    _STEPS,
    _PRECISION,
  )
  try:
    correlation, found = cv2.findTransformECC(
      fixed, moving, start, kind, stop, None, 5
    )
  except cv2.error:
    return None
  if not np.isfinite(found).all():
    return None
  refined = found if whole else np.vstack([found, [0, 0, 1]])
  return refined.astype(np.float64), float(correlation)


def _rescaled(matrix: np.ndarray, factor: float) -> np.ndarray:
  """The same motion of pictures that are larger by a factor."""
  # Middles of pixels lie at whole numbers, so sides scale around -0.5.
  half = (factor - 1) / 2
  up = np.array([[factor, 0, half], [0, factor, half], [0, 0, 1]])
  return up @ matrix @ np.linalg.inv(up)
