"""Sizes of image files, from their headers alone."""

import dataclasses
from pathlib import Path

from fusionjax.data import images

# A cube in a .mat file counts as an image: it is listed as a scene, and what
# reads it says whether it can.
IMAGE_SUFFIXES = images.IMAGE_SUFFIXES | {'.mat'}
# EXIF orientations that turn the image by a quarter: its sides swap.
_QUARTER_TURNS = (5, 6, 7, 8)
_ORIENTATION = 0x0112
_GREY_MODES = ('1', 'L', 'LA', 'I', 'F', 'I;16', 'I;16B', 'I;16L')


@dataclasses.dataclass(frozen=True)
class Header:
  """What a file says of itself before its pixels.

  Attributes:
    size: (height, width) in pixels as shown, None where the header of this
      format is not read here.
    grey: whether it has one channel; None where unknown.
    problem: why the file is no image, or ''.
  """

  size: tuple[int, int] | None = None
  grey: bool | None = None
  problem: str = ''


def is_image(path: Path) -> bool:
  """Whether a file's suffix, in any case, is that of an image."""
  return path.suffix.lower() in IMAGE_SUFFIXES


def is_hidden(path: Path) -> bool:
  """Whether a name is one of those that systems leave behind."""
  return path.name.startswith(('.', '__MACOSX')) or path.name.lower() in (
    'thumbs.db',
    'desktop.ini',
  )


def read_header(path: Path) -> Header:
  """Reads the size of an image without decoding it.

  Args:
    path: an image file.

  Returns:
    Its header; `problem` is set where the file is not what its name says.
  """
  suffix = path.suffix.lower()
  if suffix == '.npy':
    return _npy_header(path)
  if suffix == '.mat':
    return Header()
  return _picture_header(path)


def _picture_header(path: Path) -> Header:
  import PIL.Image

  try:
    with PIL.Image.open(path) as image:
      width, height = image.size
      if image.getexif().get(_ORIENTATION) in _QUARTER_TURNS:
        width, height = height, width
      return Header((height, width), grey=image.mode in _GREY_MODES)
  except PIL.Image.DecompressionBombError:
    return Header(problem='too many pixels')
  except (OSError, SyntaxError, ValueError):
    return Header(problem='not a readable image')


def _npy_header(path: Path) -> Header:
  import numpy as np

  try:
    # A memory map: only the header is read. A pickle inside is refused.
    shape = np.load(path, mmap_mode='r', allow_pickle=False).shape
  except (OSError, EOFError, ValueError):
    return Header(problem='not a readable array')
  if len(shape) not in (2, 3):
    return Header(problem=f'an array of shape {shape}, not an image')
  return Header((shape[0], shape[1]), grey=len(shape) == 2)
