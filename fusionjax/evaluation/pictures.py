"""Pictures for the page of a report: previews and crops as JPEG."""

import dataclasses
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fusionjax.data.images import read_image
from fusionjax.errors import InputError

# All previews of a page together, in bytes, and what a pixel of them takes.
_BUDGET = 24_000_000
_BYTES_PER_PIXEL = 0.22
_LEAST_SIDE, _MOST_SIDE = 256, 960
_PREVIEW_QUALITY, _CROP_QUALITY = 85, 92
# A crop is a square of a quarter of the shorter side, within these.
_LEAST_CROP, _MOST_CROP = 48, 144


@dataclasses.dataclass(frozen=True)
class View:
  """A picture as the page shows it.

  Attributes:
    size: (height, width) of the picture in its file.
    preview: JPEG of all of it, scaled down where it is large.
    crop: JPEG of a part, pixel by pixel.
    error: why there is no picture; then the rest is empty.
  """

  size: tuple[int, int] = (0, 0)
  preview: bytes = b''
  crop: bytes = b''
  error: str = ''


@dataclasses.dataclass(frozen=True)
class SceneViews:
  """The pictures of a scene.

  Attributes:
    views: a view a picture.
    box: (left, top, width, height) of the crops as shares of the picture;
      None without a picture.
  """

  views: tuple[View, ...]
  box: tuple[float, float, float, float] | None


def preview_side(count: int) -> int:
  """The largest side of a preview, so that the page keeps a fair size.

  Args:
    count: how many pictures the page has.

  Returns:
    Pixels: 960 for a few pictures, 512 for 400, 256 at least.
  """
  side = math.sqrt(_BUDGET / _BYTES_PER_PIXEL / max(count, 1))
  return min(max(int(side) // 32 * 32, _LEAST_SIDE), _MOST_SIDE)


def describe(side: int) -> str:
  """Says how pictures come to the page.

  Args:
    side: the largest side of a preview in pixels.
  """
  return (
    f'Pictures are JPEG previews of at most {side} pixels a side. Zoomed parts '
    'are pixels of the file, from the place where the details of the results '
    'differ most, or of one result where it has most; it is marked. 16 bits '
    'are rounded to 8; floats are clipped to 0..1 and brought to 0..255.'
  )


def draw_scene(
  files: Sequence[Path], *, results: Sequence[int], side: int
) -> SceneViews:
  """Reads the pictures of a scene and makes their previews and crops.

  Args:
    files: the pictures: sources and results.
    results: places of the results among them.
    side: the largest side of a preview in pixels.

  Returns:
    The views, in the order of the files. A file that cannot be read has an
    error in its place.
  """
  levels: dict[int, np.ndarray] = {}
  errors: dict[int, str] = {}
  for at, file in enumerate(files):
    try:
      levels[at] = to_levels(read_image(file))
    except InputError as error:
      errors[at] = str(error)
  if not levels:
    return SceneViews(tuple(View(error=why) for why in errors.values()), None)
  small = {at: _shrink(image, side) for at, image in levels.items()}
  judged = [small[at] for at in results if at in small]
  box = _find_box(
    judged or list(small.values()), next(iter(levels.values())).shape[:2]
  )
  views = []
  for at in range(len(files)):
    if at in errors:
      views.append(View(error=errors[at]))
      continue
    height, width = levels[at].shape[:2]
    crop = _cut(levels[at], box)
    views.append(
      View(
        (height, width),
        _encode(small[at], quality=_PREVIEW_QUALITY),
        # Colour at full resolution: crops are there to be looked into.
        _encode(crop, quality=_CROP_QUALITY, subsampling=0),
      )
    )
  return SceneViews(tuple(views), box)


def to_levels(image: np.ndarray) -> np.ndarray:
  """Brings a picture to 8 bits.

  Args:
    image: [h, w] or [h, w, 3]; uint8, uint16, or float in [0, 1].

  Returns:
    uint8 of the same shape: 16 bits are divided by 257 and rounded; floats
    are clipped, a NaN is 0.
  """
  if image.dtype == np.uint8:
    return image
  if image.dtype == np.uint16:
    return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
  unit = np.clip(np.nan_to_num(image, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
  return np.floor(unit * 255 + 0.5).astype(np.uint8)


def _shrink(image: np.ndarray, side: int) -> np.ndarray:
  height, width = image.shape[:2]
  scale = side / max(height, width)
  if scale >= 1:
    return image
  size = (max(round(width * scale), 1), max(round(height * scale), 1))
  picture = Image.fromarray(np.ascontiguousarray(image))
  return np.asarray(
    picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
  )


def _find_box(
  pictures: Sequence[np.ndarray], size: tuple[int, int]
) -> tuple[float, float, float, float]:
  """The square where the details of the pictures differ most.

  Of one picture alone: where it has most details.

  Args:
    pictures: [h, w] or [h, w, 3] previews; those that have not the size of
      the first are not looked at.
    size: (height, width) of the file's picture.

  Returns:
    (left, top, width, height) as shares of the picture.
  """
  shape = pictures[0].shape[:2]
  planes = np.stack(
    [
      each.reshape(*shape, -1).mean(axis=-1, dtype=np.float32)
      for each in pictures
      if each.shape[:2] == shape
    ]
  )
  if len(planes) > 1:
    planes = planes - planes.mean(axis=0)
  detail = np.zeros(shape)
  detail[:, 1:] += np.abs(np.diff(planes, axis=2)).sum(axis=0)
  detail[1:] += np.abs(np.diff(planes, axis=1)).sum(axis=0)
  side = min(max(min(size) // 4, _LEAST_CROP), _MOST_CROP, *size)
  height, width = (
    min(max(round(side * small / full), 1), small)
    for small, full in zip(shape, size, strict=True)
  )
  sums = np.pad(detail.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
  windows = (
    sums[height:, width:]
    - sums[:-height, width:]
    - sums[height:, :-width]
    + sums[:-height, :-width]
  )
  top, left = np.unravel_index(windows.argmax(), windows.shape)
  return (
    min(float(left) / shape[1], 1 - side / size[1]),
    min(float(top) / shape[0], 1 - side / size[0]),
    side / size[1],
    side / size[0],
  )


def _cut(
  image: np.ndarray, box: tuple[float, float, float, float]
) -> np.ndarray:
  height, width = image.shape[:2]
  left, top = round(box[0] * width), round(box[1] * height)
  right = left + max(round(box[2] * width), 1)
  return image[top : top + max(round(box[3] * height), 1), left:right]


def _encode(image: np.ndarray, **options: int) -> bytes:
  buffer = io.BytesIO()
  Image.fromarray(np.ascontiguousarray(image)).save(buffer, 'JPEG', **options)
  return buffer.getvalue()
