"""Sizes of image files, from their headers alone."""

import dataclasses
from pathlib import Path

from fusionjax.data import images, npy
from fusionjax.errors import InputError

# A cube in a .mat file counts as an image: it is listed as a scene, and what
# reads it says whether it can.
IMAGE_SUFFIXES = images.IMAGE_SUFFIXES | {'.mat'}
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


def read_header(path: Path, *, max_pixels: int = images.MAX_PIXELS) -> Header:
  """Reads the size of an image without decoding it.

  Args:
    path: an image file.
    max_pixels: the largest height x width to take.

  Returns:
    Its header; `problem` is set where the file is not what its name says.
  """
  if path.suffix.lower() == '.mat':
    return Header()
  try:
    size = images.image_size(path, max_pixels=max_pixels)
  except InputError as error:
    return Header(problem=str(error).removeprefix(str(path)).lstrip(': '))
  return Header(size, grey=_is_grey(path))


def _is_grey(path: Path) -> bool | None:
  import PIL.Image

  if path.suffix.lower() == '.npy':
    return npy.open_npy(path).ndim == 2
  try:
    with PIL.Image.open(path) as image:
      return image.mode in _GREY_MODES
  except (PIL.UnidentifiedImageError, PIL.Image.DecompressionBombError):
    return None  # A TIFF or a size that the reader takes and Pillow does not.
