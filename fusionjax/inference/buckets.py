"""A few sizes for pictures of all sizes: what is compiled once for many."""

import collections
import itertools
from collections.abc import Iterable, Sequence

import numpy as np

Size = tuple[int, int]

# Steps between one power of two and the next, and the least step in pixels.
_STEPS = 8
_LEAST = 8
# A picture is put into no bucket of more than so many times its pixels.
_MOST = 3
# Compiling takes as long as fusing about so many pixels.
_COMPILING = 1_500_000
# To join more sizes than this would take longer than it saves.
_MANY = 100


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


class Buckets:
  """The buckets of a model: those of `round_up`, or of a folder."""

  def __init__(self) -> None:
    """Begins with those of `round_up`."""
    self._expected: list[Size] = []

  def expect(self, sizes: Iterable[Size]) -> None:
    """Chooses buckets for pictures that will come, in place of earlier ones.

    Args:
      sizes: (height, width) of every picture, as often as it comes. One size,
        or more than a hundred, leave the buckets of `round_up`.
    """
    counts = collections.Counter(sizes)
    self._expected = cover(counts) if 1 < len(counts) <= _MANY else []

  def find(self, size: Size) -> Size:
    """The bucket of a picture.

    Args:
      size: (height, width).

    Returns:
      (height, width), each at least as large.
    """
    fitting = [b for b in self._expected if _fits(size, b)]
    alone = round_up(size[0]), round_up(size[1])
    return min(fitting, key=_pixels, default=alone)


def cover(counts: dict[Size, int]) -> list[Size]:
  """Chooses buckets for a folder, so that few are needed and little is added.

  Sizes begin as buckets of their own. The two whose union costs least go
  together, as long as that saves more by compiling once less than it costs
  by fusing what is added, and no picture grows to more than three times its
  pixels.

  Args:
    counts: how many pictures have a size (height, width).

  Returns:
    Buckets, (height, width).
  """
  groups: dict[Size, dict[Size, int]] = {}
  for size, count in counts.items():
    height, width = (-(-side // _LEAST) * _LEAST for side in size)
    groups.setdefault((height, width), {})[size] = count
  costs = {
    pair: _cost_of_joining(groups, *pair)
    for pair in itertools.combinations(groups, 2)
  }
  while costs:
    pair = min(costs, key=lambda pair: (costs[pair], pair))
    if costs[pair] >= _COMPILING:
      break
    bucket = _union(*pair)
    members = {**groups.pop(pair[0]), **groups.pop(pair[1])}
    # What the union is already is one more to join.
    members.update(groups.pop(bucket, {}))
    gone = {*pair, bucket}
    costs = {p: cost for p, cost in costs.items() if not gone & {*p}}
    groups[bucket] = members
    for other in groups:
      if other != bucket:
        costs[other, bucket] = _cost_of_joining(groups, other, bucket)
  return sorted(groups)


def _cost_of_joining(
  groups: dict[Size, dict[Size, int]], one: Size, other: Size
) -> float:
  """Pixels that are added when two buckets become one."""
  bucket, added = _union(one, other), 0
  for old in (one, other):
    for size, count in groups[old].items():
      if not _fits(size, bucket):
        return np.inf
      added += count * (_pixels(bucket) - _pixels(old))
  return added


def _union(one: Size, other: Size) -> Size:
  return max(one[0], other[0]), max(one[1], other[1])


def _fits(size: Size, bucket: Size) -> bool:
  """Whether a picture may go into a bucket."""
  inside = size[0] <= bucket[0] and size[1] <= bucket[1]
  # Rounded up to the least step, the smallest pictures grow by more.
  most = max(_MOST * _pixels(size), round_up(size[0]) * round_up(size[1]))
  return inside and _pixels(bucket) <= most


def _pixels(size: Size) -> int:
  return size[0] * size[1]


def put(pictures: Sequence[np.ndarray], size: Size) -> list[np.ndarray]:
  """Puts pictures into the upper left corner of their bucket.

  Args:
    pictures: [h, w, c] of one size.
    size: (height, width) of the bucket.

  Returns:
    [h', w', c], zero where they end; the pictures themselves where they fit.
  """
  h, w = pictures[0].shape[:2]
  if size == (h, w):
    return list(pictures)
  placed = []
  for picture in pictures:
    whole = np.zeros((*size, picture.shape[2]), picture.dtype)
    whole[:h, :w] = picture
    placed.append(whole)
  return placed
