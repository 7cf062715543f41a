"""Reading of image files to arrays: bit depth kept, orientation applied.

Colour profiles are ignored, as the published codes ignore them, but for CMYK.
`read_image` drops an alpha channel and `read_picture` gives it: the stored
colours stay as they are, nothing is blended. Of a file with several pictures
the first is read. docs/files.md says what becomes of every mode.
"""

import io
import struct
import threading
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from fusionjax.data import decoding, npy, radiance_files
from fusionjax.data.picture import Metadata, Picture, read_metadata
from fusionjax.errors import InputError

if TYPE_CHECKING:
  from PIL import Image as PillowImage

IMAGE_SUFFIXES: frozenset[str] = frozenset(
  {'.png', '.jpg', '.jpeg', '.tif', '.tiff', '.bmp', '.webp', '.npy'}
)
MAX_PIXELS = 400_000_000

_KINDS = 'PNG, JPEG, TIFF, BMP, WebP or .npy'
# JPEG includes MPO, the several pictures of one shot in a phone's file.
_FORMATS = ('PNG', 'JPEG', 'TIFF', 'BMP', 'WEBP')
# What Pillow and tifffile raise for a damaged file. OSError includes
# Pillow's UnidentifiedImageError.
DAMAGED = (
  OSError,
  SyntaxError,
  EOFError,
  ValueError,
  KeyError,
  IndexError,
  TypeError,
  OverflowError,
  struct.error,
  zlib.error,
)
# Pillow's own limit on pixels is a global; it is lifted while a header is
# read, because `max_pixels` takes its place.
_PILLOW_LIMIT = threading.Lock()


def read_image(path: Path | str, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
  """Reads the colours of an image file.

  Args:
    path: PNG, JPEG, TIFF, BMP, WebP or .npy file; or radiance, .hdr or .exr.
    max_pixels: the largest height x width to read.

  Returns:
    [h, w] grey or [h, w, 3] RGB array of uint8, uint16 or float32, upright.

  Raises:
    InputError: if the file is missing, damaged, too large or no image.
  """
  return read_picture(path, max_pixels=max_pixels).pixels


def read_picture(
  path: Path | str, *, max_pixels: int = MAX_PIXELS, metadata: bool = False
) -> Picture:
  """Reads an image file with its alpha channel.

  Args:
    path: a file that `read_image` takes.
    max_pixels: the largest height x width to read.
    metadata: whether EXIF and ICC profile are read, too.

  Returns:
    The picture, upright.

  Raises:
    InputError: if the file is missing, damaged, too large or no image.
  """
  path = Path(path)
  _check_file(path)
  suffix = path.suffix.lower()
  if suffix in radiance_files.RADIANCE_SUFFIXES:
    return Picture(radiance_files.read_radiance(path, max_pixels=max_pixels))
  if suffix == '.npy':
    array = _open_npy(path, max_pixels)
    keep = array.dtype in (np.uint8, np.uint16)
    return Picture(np.array(array, array.dtype if keep else np.float32))
  with path.open('rb') as file:
    return _read(path, file, max_pixels, metadata=metadata)


def decode_image(
  data: bytes, *, name: str, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
  """Decodes an image file that lies in memory, as `read_image` does.

  Args:
    data: the file: PNG, JPEG, TIFF, BMP or WebP.
    name: what complaints call it.
    max_pixels: the largest height x width to decode.

  Returns:
    [h, w] grey or [h, w, 3] RGB array of uint8, uint16 or float32, upright.

  Raises:
    InputError: if it is damaged, too large or no image.
  """
  return _read(Path(name), io.BytesIO(data), max_pixels).pixels


def _read(
  path: Path, file: BinaryIO, max_pixels: int, *, metadata: bool = False
) -> Picture:
  picture = _open_picture(path, file, max_pixels)
  try:
    return _decode(picture, file, metadata=metadata)
  except InputError as error:
    raise InputError(f'{path}: {error}') from error
  except DAMAGED as error:
    raise _damaged(path, error) from error


def _decode(
  picture: 'PillowImage.Image | None', file: BinaryIO, *, metadata: bool
) -> Picture:
  """Decodes an opened picture, whole and upright."""
  said = Metadata()
  if picture is None or (
    picture.format == 'TIFF' and decoding.is_deep_tiff(file)
  ):
    if metadata:
      said = Metadata('TIFF') if picture is None else read_metadata(picture)
    return Picture(*decoding.read_deep_tiff(file), said)
  pixels, alpha = decoding.read_pixels(picture, file)
  if metadata:
    said = read_metadata(picture)
  # After the pixels: Pillow turns a TIFF itself and then drops the tag,
  # and a PNG may carry its tag behind the pixels.
  orientation = picture.getexif().get(decoding.EXIF_ORIENTATION, 1)
  pixels = decoding.upright(pixels, orientation)
  if alpha is not None:
    alpha = decoding.upright(alpha, orientation)
  return Picture(pixels, alpha, said)


def image_size(
  path: Path | str, *, max_pixels: int = MAX_PIXELS
) -> tuple[int, int]:
  """Returns (height, width) of an image file as `read_image` gives it.

  Reads the header only, but for radiance.

  Args:
    path: an image file.
    max_pixels: the largest height x width to take.

  Raises:
    InputError: if the file is missing, too large or no image.
  """
  path = Path(path)
  _check_file(path)
  suffix = path.suffix.lower()
  if suffix in radiance_files.RADIANCE_SUFFIXES:
    height, width = read_image(path, max_pixels=max_pixels).shape[:2]
    return height, width
  if suffix == '.npy':
    height, width = _open_npy(path, max_pixels).shape[:2]
    return height, width
  with path.open('rb') as file:
    picture = _open_picture(path, file, max_pixels)
    try:
      if picture is None or picture.format == 'TIFF':
        return _tiff_size(file)
      turned = _header_orientation(picture, file) >= 5
    except DAMAGED as error:
      raise _damaged(path, error) from error
    width, height = picture.size
  return (width, height) if turned else (height, width)


def to_unit_rgb(image: np.ndarray) -> np.ndarray:
  """Converts an image to RGB in [0, 1].

  Args:
    image: [h, w], [h, w, 1] or [h, w, 3]; uint8, uint16 or float in [0, 1].

  Returns:
    [h, w, 3] float32; integers are divided by their largest value, floats
    are left as they are, grey is repeated.

  Raises:
    InputError: if the shape or the dtype is another.
  """
  image = np.asarray(image)
  if image.ndim == 2:
    image = image[..., None]
  if image.ndim != 3 or image.shape[-1] not in (1, 3):
    raise InputError(
      f'Expected an image [h, w], [h, w, 1] or [h, w, 3], got'
      f' {list(image.shape)}.'
    )
  if image.dtype in (np.uint8, np.uint16):
    image = image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)
  elif not np.issubdtype(image.dtype, np.floating):
    raise InputError(
      f'Expected uint8, uint16 or float in [0, 1], got {image.dtype}.'
    )
  image = image.astype(np.float32, copy=False)
  return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


def _check_file(path: Path) -> None:
  """Raises where there is no file that could be an image."""
  known = IMAGE_SUFFIXES | set(radiance_files.RADIANCE_SUFFIXES)
  if path.suffix.lower() not in known and not path.is_dir():
    raise InputError(
      f'{path}: unknown kind of image {path.suffix!r}. Give {_KINDS}.'
    )
  if path.is_dir():
    raise InputError(f'{path} is a folder. Give an image file.')
  if not path.exists():
    raise InputError(f'{path} does not exist. Check the path.')
  try:
    with path.open('rb') as file:
      first = file.read(1)
  except OSError as error:
    raise InputError(
      f'{path} cannot be read: {error.strerror}. Check its permissions.'
    ) from error
  if not first:
    raise InputError(f'{path} is empty (0 bytes). Copy it again.')


def _damaged(path: Path, error: BaseException) -> InputError:
  """The error for a file that ends early or makes no sense."""
  reason = ' '.join(str(error).split()) or type(error).__name__
  return InputError(
    f'{path} is damaged or truncated ({reason}). Copy or export it again.'
  )


def check_pixels(path: Path, height: int, width: int, limit: int) -> None:
  """Checks the size that a header claims, before anything is decoded.

  Args:
    path: the file.
    height: rows.
    width: columns.
    limit: the largest height x width.

  Raises:
    InputError: if there are no pixels, or more than the limit.
  """
  if not height * width:
    raise InputError(f'{path} is {width}x{height}: it has no pixels.')
  if height * width > limit:
    raise InputError(
      f'{path} is {width}x{height}, more than {limit:,} pixels. Resize it.'
    )


def _open_picture(
  path: Path, file: BinaryIO, max_pixels: int
) -> 'PillowImage.Image | None':
  """Reads the header of a file that is not .npy.

  Returns:
    The picture; None for a TIFF that Pillow has no mode for, such as float
    RGB.
  """
  from PIL import Image, UnidentifiedImageError

  try:
    with _PILLOW_LIMIT:
      limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
      try:
        picture: Image.Image = Image.open(file, formats=_FORMATS)
      finally:
        Image.MAX_IMAGE_PIXELS = limit
  except UnidentifiedImageError as error:
    size = _foreign_tiff_size(file)
    if size is None:
      raise InputError(
        f'{path} is not an image, whatever its name says. Give {_KINDS}.'
      ) from error
    check_pixels(path, *size, max_pixels)
    return None
  except (OSError, ValueError) as error:
    raise _damaged(path, error) from error
  width, height = picture.size
  check_pixels(path, height, width, max_pixels)
  return picture


def _header_orientation(picture: 'PillowImage.Image', file: BinaryIO) -> int:
  """The orientation of a picture, without decoding where it can be had."""
  if picture.format == 'PNG' and not (
    {'exif', 'xmp', 'Raw profile type exif'} & picture.info.keys()
    or any(kind == b'eXIf' for kind, _ in decoding.png_chunks(file))
  ):
    # Pillow would decode the whole file to look for a tag at its end.
    return 1
  return picture.getexif().get(decoding.EXIF_ORIENTATION, 1)


def _tiff_size(file: BinaryIO) -> tuple[int, int]:
  """(height, width) of a TIFF after its orientation."""
  import tifffile

  file.seek(0)
  with tifffile.TiffFile(file) as tiff:
    page = tiff.pages.first
    # A damaged tag may hold several numbers, or none.
    height, width = int(page.imagelength), int(page.imagewidth)
    tag = page.tags.get(decoding.EXIF_ORIENTATION)
    turned = tag is not None and int(tag.value) >= 5
  return (width, height) if turned else (height, width)


def _foreign_tiff_size(file: BinaryIO) -> tuple[int, int] | None:
  """The size of a TIFF that Pillow does not know; None where it is none."""
  import tifffile

  try:
    return _tiff_size(file)
  except (tifffile.TiffFileError, *DAMAGED):
    return None


def _open_npy(path: Path, max_pixels: int) -> np.ndarray:
  """Maps a .npy file: its header is checked, its numbers not yet read."""
  array = npy.open_npy(path)
  if array.ndim == 3 and array.shape[-1] == 1:
    array = array[..., 0]
  if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[-1] != 3):
    raise InputError(
      f'{path} has shape {list(array.shape)}, expected [h, w] or [h, w, 3].'
      ' Save one image per file.'
    )
  check_pixels(path, array.shape[0], array.shape[1], max_pixels)
  if array.dtype not in (np.uint8, np.uint16) and not np.issubdtype(
    array.dtype, np.floating
  ):
    raise InputError(
      f'{path} holds {array.dtype}, expected uint8, uint16 or float32.'
      ' Convert it with numpy.astype.'
    )
  return array
