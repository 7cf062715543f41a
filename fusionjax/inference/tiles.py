"""Approximate fusion of pictures that are too large, tile by tile.

Each tile is fused as if it were a picture. Whatever a network learns of the
whole picture it then learns of a tile, so that the result is another one;
tiles overlap, and are blended where they do, so that no seam is seen.
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np

TILE = 1024
OVERLAP = 128


def fuse_tiles(
  fuse: Callable[[list[np.ndarray]], np.ndarray],
  pictures: Sequence[np.ndarray],
  *,
  tile: int | None = None,
  overlap: int | None = None,
) -> np.ndarray:
  """Fuses tiles and blends them.

  Args:
    fuse: from pictures [t, t', c] to a float32 picture [t, t', c'].
    pictures: [h, w, c] of one size.
    tile: largest side of a tile; `TILE` by default.
    overlap: how many pixels neighbouring tiles share, at least; `OVERLAP` by
      default.

  Returns:
    [h, w, c'] float32.
  """
  tile, overlap = tile or TILE, overlap or OVERLAP
  h, w = pictures[0].shape[:2]
  rows, columns = (_begin(side, tile, overlap) for side in (h, w))
  total = weight = np.zeros(0, np.float32)
  for top, left in itertools.product(rows, columns):
    area = slice(top, min(h, top + tile)), slice(left, min(w, left + tile))
    fused = fuse([picture[area] for picture in pictures])
    if not total.size:
      total = np.zeros((h, w, fused.shape[-1]), np.float32)
      weight = np.zeros((h, w, 1), np.float32)
    ramps = [
      _ramp(part, side, overlap)
      for part, side in zip(area, (h, w), strict=True)
    ]
    share = (ramps[0][:, None] * ramps[1][None])[..., None]
    total[area] += share * fused
    weight[area] += share
  return total / weight


def _begin(side: int, tile: int, overlap: int) -> list[int]:
  """Where tiles begin: evenly, and the last one ends with the side."""
  if side <= tile:
    return [0]
  count = -(-(side - overlap) // (tile - overlap))
  return [round(k * (side - tile) / (count - 1)) for k in range(count)]


def _ramp(part: slice, side: int, overlap: int) -> np.ndarray:
  """Weights of a tile along one axis: they fall towards its inner ends."""
  length = part.stop - part.start
  place = np.arange(length, dtype=np.float32)
  far = np.full(length, np.inf, np.float32)
  begin = place + 1 if part.start > 0 else far
  end = length - place if part.stop < side else far
  return np.minimum(1, np.minimum(begin, end) / (overlap + 1))
