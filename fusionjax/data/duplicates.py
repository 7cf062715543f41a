"""Pictures that are the same, or nearly, in two parts of a data set."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image

# The gradients of small grey copies are compared: without them any two bright
# skies over dark land are alike. Measured: copies of another size or
# compression reach 0.99, neighbouring slices of a head 0.92, two pictures of
# one place in RoadScene and TNO 0.8; others 0.4, once 0.72 (two horizons).
_SIDE = 24
NEAR = 0.8
# A picture with less contrast than this (of 1) is like any other such.
_FLAT = 0.003
_ROWS = 512


@dataclasses.dataclass(frozen=True)
class Print:
  """What is kept of a picture to compare it.

  Attributes:
    path: its file.
    group: of its scene; pictures of one group may be kept from comparing.
    digest: of its pixels.
    small: [n] float32 of norm 1; zeros where it is flat.
  """

  path: Path
  group: str
  digest: str
  small: np.ndarray


@dataclasses.dataclass(frozen=True)
class Pair:
  """Two pictures that are alike.

  Attributes:
    first: a file of the first part.
    second: a file of the second part.
    likeness: the correlation of their gradients; 1 of equal pictures.
    exact: whether the pixels are equal.
  """

  first: Path
  second: Path
  likeness: float
  exact: bool


def make_print(path: Path, picture: np.ndarray, *, group: str = '') -> Print:
  """Keeps of a picture what comparing needs.

  Args:
    path: its file.
    picture: [h, w] or [h, w, bands] of any dtype.
    group: of its scene.

  Returns:
    Its print.
  """
  content = hashlib.sha256(str((picture.shape, picture.dtype)).encode())
  content.update(np.ascontiguousarray(picture).data)
  grey = picture if picture.ndim == 2 else picture.mean(axis=-1)
  grey = np.asarray(grey, np.float32)
  if np.issubdtype(picture.dtype, np.integer):
    grey = grey / np.float32(np.iinfo(picture.dtype).max)
  box = PIL.Image.Resampling.BOX
  small = np.asarray(PIL.Image.fromarray(grey).resize((_SIDE, _SIDE), box))
  steps = [np.diff(small, axis=0)[:, :-1], np.diff(small, axis=1)[:-1]]
  values = np.stack(steps).ravel()
  values = values - values.mean()
  norm = float(np.linalg.norm(values))
  values = values * 0 if norm < _FLAT * _SIDE else values / np.float32(norm)
  return Print(path, group, content.hexdigest(), values)


def find(
  first: Sequence[Print],
  second: Sequence[Print],
  *,
  near: float = NEAR,
  across_groups: bool = False,
) -> list[Pair]:
  """Finds pictures of one part that lie in another part, too.

  Args:
    first: prints of one part.
    second: prints of the other part, or the first once more.
    near: the least correlation of near duplicates.
    across_groups: whether only pictures of different groups are compared.

  Returns:
    For each of the second part the one that is most alike, if it is alike
    enough; equal ones come first, then the most alike.
  """
  if not first or not second:
    return []
  groups = np.array([one.group for one in first])
  digests = np.array([one.digest for one in first])
  table = np.stack([one.small for one in first])
  pairs = []
  for start in range(0, len(second), _ROWS):
    part = second[start : start + _ROWS]
    likeness = np.stack([one.small for one in part]) @ table.T
    for one, row in zip(part, likeness, strict=True):
      # Equal pictures that are flat have no correlation.
      same = digests == one.digest
      row[same] = 2
      if across_groups:
        row[groups == one.group] = -1
      best = int(row.argmax())
      if row[best] >= near:
        value = min(1.0, float(row[best]))
        exact = bool(same[best])
        pairs.append(Pair(first[best].path, one.path, value, exact))
  return sorted(pairs, key=lambda pair: (not pair.exact, -pair.likeness))
