"""Classical fusion rules, to compare with: no network, no training."""

import importlib
import importlib.util
from collections.abc import Callable, Sequence

import numpy as np

from fusionjax import errors
from fusionjax.data.images import to_unit_rgb
from fusionjax.errors import InputError
from fusionjax.inference.checks import check_sizes

# [n, h, w, 3] in [0, 1] -> [h, w, 3].
Rule = Callable[[np.ndarray], np.ndarray]

# The coarsest level of a pyramid keeps at least so many pixels a side.
_LEAST_SIDE = 4
_MAX_LEVELS = 6


def fuse(
  name: str, images: Sequence[np.ndarray], *, names: Sequence[str] | None = None
) -> np.ndarray:
  """Fuses images by a classical rule.

  Args:
    name: a key of `RULES`.
    images: one or more images [h, w] or [h, w, 3], grey and colour mixed;
      uint8, uint16 or float in [0, 1], of one size.
    names: what errors call the images.

  Returns:
    The fused image with the dtype of the first one; [h, w, 3], or [h, w] if
    all are grey.

  Raises:
    InputError: if the rule is unknown or cannot run here, or the sizes
      differ.
  """
  if name not in RULES:
    raise errors.unknown_name('baseline', name, RULES)
  names = names or [f'image {at + 1}' for at in range(len(images))]
  check_sizes([image.shape[:2] for image in images], names)
  stack = np.stack([to_unit_rgb(image) for image in images])
  # NaN counts as outside, too.
  if not (stack.min() >= 0 and stack.max() <= 1):
    raise InputError(f'{", ".join(names)}: floats are expected in 0..1.')
  fused = np.clip(RULES[name](stack.astype(np.float64)), 0, 1)
  if all(image.ndim == 2 or image.shape[-1] == 1 for image in images):
    fused = fused[..., 0]
  dtype = images[0].dtype
  if dtype.kind == 'f':
    return fused.astype(dtype)
  return np.floor(fused * np.iinfo(dtype).max + 0.5).astype(dtype)


def missing() -> dict[str, str]:
  """The rules that cannot run here, and what to install."""
  if importlib.util.find_spec('cv2'):
    return {}
  return {'mertens': 'needs OpenCV: pip install opencv-python-headless'}


def _average(stack: np.ndarray) -> np.ndarray:
  return stack.mean(axis=0)


def _maximum(stack: np.ndarray) -> np.ndarray:
  return stack.max(axis=0)


def _laplacian(stack: np.ndarray) -> np.ndarray:
  """Laplacian pyramids: the strongest detail of each level, the mean base.

  References:
    Burt and Adelson, The Laplacian pyramid as a compact image code, IEEE
    Trans. Commun. 31, 1983; Burt and Kolczynski, ICCV 1993.
  """
  details: list[np.ndarray] = []
  while min(stack.shape[1:3]) >= 2 * _LEAST_SIDE and len(details) < _MAX_LEVELS:
    coarse = _reduced(_reduced(stack, 1), 2)
    detail = stack - _expanded(
      _expanded(coarse, 1, stack.shape[1]), 2, stack.shape[2]
    )
    # One choice for all channels of a pixel: otherwise colours fray.
    best = np.abs(detail).sum(axis=-1).argmax(axis=0)
    details.append(np.take_along_axis(detail, best[None, ..., None], axis=0)[0])
    stack = coarse
  fused = stack.mean(axis=0, keepdims=True)
  for detail in reversed(details):
    height, width = detail.shape[:2]
    fused = _expanded(_expanded(fused, 1, height), 2, width) + detail
  return fused[0]


def _reduced(planes: np.ndarray, axis: int) -> np.ndarray:
  """Every second sample after [1 4 6 4 1] / 16, edges mirrored."""
  planes = np.moveaxis(planes, axis, 0)
  length = planes.shape[0]
  padded = np.pad(planes, [(2, 2)] + [(0, 0)] * 3, mode='reflect')
  taps = [padded[at : at + length : 2] for at in range(5)]
  low = (taps[0] + taps[4] + 4 * (taps[1] + taps[3]) + 6 * taps[2]) / 16
  return np.moveaxis(low, 0, axis)


def _expanded(planes: np.ndarray, axis: int, length: int) -> np.ndarray:
  """Twice as many samples along an axis, by the same weights."""
  planes = np.moveaxis(planes, axis, 0)
  padded = np.pad(planes, [(1, 1)] + [(0, 0)] * 3, mode='edge')
  full = np.empty((2 * planes.shape[0], *planes.shape[1:]))
  full[0::2] = (padded[:-2] + 6 * padded[1:-1] + padded[2:]) / 8
  full[1::2] = (padded[1:-1] + padded[2:]) / 2
  return np.moveaxis(full[:length], 0, axis)


def _mertens(stack: np.ndarray) -> np.ndarray:
  """Exposure fusion as OpenCV has it, on 8 bits.

  References:
    Mertens, Kautz, Van Reeth, Exposure fusion, Pacific Graphics 2007.
  """
  if 'mertens' in missing():
    raise InputError(f'mertens {missing()["mertens"]}.')
  cv2 = importlib.import_module('cv2')
  levels = np.floor(stack * 255 + 0.5).astype(np.uint8)
  # OpenCV's order of channels is blue, green, red.
  pictures = [np.ascontiguousarray(picture[..., ::-1]) for picture in levels]
  fused = cv2.createMergeMertens().process(pictures)
  return np.asarray(fused, np.float64)[..., ::-1]


RULES: dict[str, Rule] = {
  'average': _average,
  'maximum': _maximum,
  'laplacian': _laplacian,
  'mertens': _mertens,
}
