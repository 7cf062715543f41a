"""Reading of image files to arrays: bit depth kept, orientation applied.

Colour profiles are ignored, as the published codes ignore them. An alpha
channel is dropped: the stored colours stay as they are, nothing is blended.
Of a file with several pictures the first is read.
"""

import struct
import threading
import tokenize
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

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
_DAMAGED = (
  OSError,
  SyntaxError,
  EOFError,
  ValueError,
  KeyError,
  IndexError,
  TypeError,
  struct.error,
  zlib.error,
)
_EXIF_ORIENTATION = 0x0112
# Pillow's own limit on pixels is a global; it is lifted while a header is
# read, because `max_pixels` takes its place.
_PILLOW_LIMIT = threading.Lock()


def read_image(path: Path | str, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
  """Reads an image file.

  Args:
    path: PNG, JPEG, TIFF, BMP, WebP or .npy file.
    max_pixels: the largest height x width to read.

  Returns:
    [h, w] grey or [h, w, 3] RGB array of uint8, uint16 or float32, upright.

  Raises:
    InputError: if the file is missing, damaged, too large or no image.
  """
  path = Path(path)
  _check_file(path)
  if path.suffix.lower() == '.npy':
    array = _open_npy(path, max_pixels)
    keep = array.dtype in (np.uint8, np.uint16)
    return np.array(array, array.dtype if keep else np.float32)
  with path.open('rb') as file:
    picture = _open_picture(path, file, max_pixels)
    try:
      if picture is None or (picture.format == 'TIFF' and _is_deep_tiff(file)):
        return _read_deep_tiff(file)
      array = _read_pixels(picture, file)
      # After the pixels: Pillow turns a TIFF itself and then drops the tag,
      # and a PNG may carry its tag behind the pixels.
      orientation = picture.getexif().get(_EXIF_ORIENTATION, 1)
    except InputError as error:
      raise InputError(f'{path}: {error}') from error
    except _DAMAGED as error:
      raise _damaged(path, error) from error
  return _upright(array, orientation)


def image_size(path: Path | str) -> tuple[int, int]:
  """Returns (height, width) of an image file as `read_image` gives it.

  Reads the header only.

  Args:
    path: an image file.

  Raises:
    InputError: if the file is missing, too large or no image.
  """
  path = Path(path)
  _check_file(path)
  if path.suffix.lower() == '.npy':
    height, width = _open_npy(path, MAX_PIXELS).shape[:2]
    return height, width
  with path.open('rb') as file:
    picture = _open_picture(path, file, MAX_PIXELS)
    try:
      if picture is None or picture.format == 'TIFF':
        return _tiff_size(file)
      turned = _header_orientation(picture, file) >= 5
    except _DAMAGED as error:
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
  if path.suffix.lower() not in IMAGE_SUFFIXES and not path.is_dir():
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


def _check_pixels(path: Path, height: int, width: int, limit: int) -> None:
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
    _check_pixels(path, *size, max_pixels)
    return None
  except (OSError, ValueError) as error:
    raise _damaged(path, error) from error
  width, height = picture.size
  _check_pixels(path, height, width, max_pixels)
  return picture


def _read_pixels(picture: 'PillowImage.Image', file: BinaryIO) -> np.ndarray:
  """Decodes an opened picture, without its orientation."""
  if picture.format == 'PNG':
    array = _read_deep_png(picture, file)
    if array is not None:
      # Checks the rest of the file, and finds an orientation behind it.
      picture.load()
      return array
  picture.load()
  if picture.mode in ('I;16', 'I;16B', 'I;16L', 'I'):
    array = np.asarray(picture)
    if picture.mode == 'I' and (array.min() < 0 or array.max() > 65535):
      raise InputError('32-bit integers are no image. Save it with 16 bits.')
    return array.astype(np.uint16)
  if picture.mode == 'F':
    return np.array(picture, np.float32)
  grey = picture.mode in ('1', 'L', 'LA', 'La')
  return np.array(picture.convert('L' if grey else 'RGB'))


def _png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
  """Yields (type, length) of a PNG's chunks, the file at each one's data."""
  start = 8
  while True:
    file.seek(start)
    head = file.read(8)
    if len(head) < 8:
      return
    length, kind = struct.unpack('>I4s', head)
    yield kind, length
    start += length + 12


def _read_deep_png(
  picture: 'PillowImage.Image', file: BinaryIO
) -> np.ndarray | None:
  """Reads a 16-bit PNG with colour or alpha; None for any other PNG.

  Pillow opens these with 8 bits. Its decoder can still give either byte of a
  sample: `;16B` takes the first as the high one, `;16L` the second. So two
  passes over the data give both bytes.
  """
  from PIL import Image

  header, data = b'', []
  for kind, length in _png_chunks(file):
    if kind == b'IHDR':
      header = file.read(length)
      if header[8] != 16 or header[9] not in (2, 4, 6):
        return None
    elif kind == b'IDAT':
      data.append(file.read(length))
    elif kind in (b'IEND', b'fdAT'):
      break
  stream = b''.join(data)
  colour_type, interlaced = header[9], header[12]

  def decode(mode: str, raw: str) -> np.ndarray:
    return np.asarray(
      Image.frombytes(mode, picture.size, stream, 'zip', raw, interlaced)
    )

  if colour_type == 4:
    # Grey with alpha: the four bytes of a pixel pass for 8-bit RGBA.
    high, low = np.moveaxis(decode('RGBA', 'RGBA')[..., :2], -1, 0)
  else:
    mode = 'RGB' if colour_type == 2 else 'RGBA'
    high = decode(mode, f'{mode};16B')[..., :3]
    low = decode(mode, f'{mode};16L')[..., :3]
  return high.astype(np.uint16) << 8 | low


def _header_orientation(picture: 'PillowImage.Image', file: BinaryIO) -> int:
  """The orientation of a picture, without decoding where it can be had."""
  if picture.format == 'PNG' and not (
    {'exif', 'xmp', 'Raw profile type exif'} & picture.info.keys()
    or any(kind == b'eXIf' for kind, _ in _png_chunks(file))
  ):
    # Pillow would decode the whole file to look for a tag at its end.
    return 1
  return picture.getexif().get(_EXIF_ORIENTATION, 1)


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
  """Applies an EXIF orientation (1 to 8) to [h, w, ...] pixels."""
  if orientation in (5, 6, 7, 8):
    array = array.swapaxes(0, 1)
  if orientation in (2, 3, 6, 7):
    array = array[:, ::-1]
  if orientation in (3, 4, 7, 8):
    array = array[::-1]
  return np.ascontiguousarray(array)


def _tiff_size(file: BinaryIO) -> tuple[int, int]:
  """(height, width) of a TIFF after its orientation."""
  import tifffile

  file.seek(0)
  with tifffile.TiffFile(file) as tiff:
    page = tiff.pages.first
    height, width = page.imagelength, page.imagewidth
    tag = page.tags.get(_EXIF_ORIENTATION)
    turned = tag is not None and int(tag.value) >= 5
  return (width, height) if turned else (height, width)


def _foreign_tiff_size(file: BinaryIO) -> tuple[int, int] | None:
  """The size of a TIFF that Pillow does not know; None where it is none."""
  import tifffile

  try:
    return _tiff_size(file)
  except (tifffile.TiffFileError, *_DAMAGED):
    return None


def _is_deep_tiff(file: BinaryIO) -> bool:
  """Whether a TIFF has colour of more than 8 bits, which Pillow cuts."""
  import tifffile

  file.seek(0)
  with tifffile.TiffFile(file) as tiff:
    page = tiff.pages.first
    return page.samplesperpixel > 1 and page.dtype != np.uint8


def _read_deep_tiff(file: BinaryIO) -> np.ndarray:
  """Reads a TIFF with colour of 16 bits or float."""
  import tifffile

  file.seek(0)
  with tifffile.TiffFile(file) as tiff:
    page = tiff.pages.first
    if page.dtype not in (np.uint16, np.float16, np.float32, np.float64):
      raise InputError(
        f'TIFF of {page.dtype} is not read. Save it with 8 or 16 bits.'
      )
    tag = page.tags.get(_EXIF_ORIENTATION)
    orientation = 1 if tag is None else int(tag.value)
    array = page.asarray()
    if page.axes == 'SYX':
      array = np.moveaxis(array, 0, -1)
    if array.shape[:2] != (page.imagelength, page.imagewidth):
      raise ValueError('its pixels are not all there')
  if array.ndim == 3:
    # Two samples: grey with alpha.
    array = array[..., 0] if array.shape[-1] == 2 else array[..., :3]
  dtype = np.uint16 if array.dtype == np.uint16 else np.float32
  return _upright(array.astype(dtype), orientation)


def _open_npy(path: Path, max_pixels: int) -> np.ndarray:
  """Maps a .npy file: its header is checked, its numbers not yet read."""
  try:
    array = np.load(path, mmap_mode='r', allow_pickle=False)
  except (*_DAMAGED, tokenize.TokenError) as error:
    raise InputError(
      f'{path} is no .npy file of numbers ({error}). Save it with numpy.save.'
    ) from error
  if not isinstance(array, np.ndarray):
    raise InputError(f'{path} is an archive. Give one .npy array.')
  if array.ndim == 3 and array.shape[-1] == 1:
    array = array[..., 0]
  if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[-1] != 3):
    raise InputError(
      f'{path} has shape {list(array.shape)}, expected [h, w] or [h, w, 3].'
      ' Save one image per file.'
    )
  _check_pixels(path, array.shape[0], array.shape[1], max_pixels)
  if array.dtype not in (np.uint8, np.uint16) and not np.issubdtype(
    array.dtype, np.floating
  ):
    raise InputError(
      f'{path} holds {array.dtype}, expected uint8, uint16 or float32.'
      ' Convert it with numpy.astype.'
    )
  return array
