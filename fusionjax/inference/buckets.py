"""A few sizes for pictures of all sizes: what is compiled once for many."""

from collections.abc import Sequence

import numpy as np

# Steps between one power of two and the next, and the least step in pixels.
_STEPS = 8
_LEAST = 8


def round_up(side: int) -> int:
  """The side of the bucket that a side falls into.

  Buckets lie an eighth of a power of two apart, so that a side grows by less
  than an eighth and a picture by less than 27 %, by 8 % on average; and all
  sides from 256 to 8,192 make 41 buckets.

  Args:
    side: rows or columns.

  Returns:
    At least as many.
  """
  power = 1 << (side.bit_length() - 1)
  step = max(power // _STEPS, _LEAST)
  return -(-side // step) * step


def put(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
  """Puts pictures into the upper left corner of their bucket.

  Args:
    pictures: [h, w, c] of one size.

  Returns:
    [h', w', c], zero where they end; the pictures themselves where they fit.
  """
  h, w = pictures[0].shape[:2]
  size = round_up(h), round_up(w)
  if size == (h, w):
    return list(pictures)
  placed = []
  for picture in pictures:
    whole = np.zeros((*size, picture.shape[2]), picture.dtype)
    whole[:h, :w] = picture
    placed.append(whole)
  return placed
