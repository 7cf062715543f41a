"""From an opened file to pixels and alpha, whatever its mode and depth."""

import contextlib
import os
import struct
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from fusionjax.data.picture import to_srgb
from fusionjax.errors import InputError

if TYPE_CHECKING:
  import tifffile
  from PIL import Image as PillowImage

_STDERR = threading.Lock()
# Colours [h, w] or [h, w, 3], and alpha [h, w] or None.
Pixels = tuple[np.ndarray, np.ndarray | None]

EXIF_ORIENTATION = 0x0112
_BITS_PER_SAMPLE = 0x0102
_DEEP_MODES = ('I;16', 'I;16B', 'I;16L', 'I')
# Of TIFF: white is zero, RGB, and inks.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _SEPARATED = 0, 1, 2, 5
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _SEPARATED: 4}
_ASSOCIATED, _UNASSOCIATED = 1, 2
# No compression, Deflate twice, LZMA: what tifffile reads by itself.
_BUILT_IN = (1, 8, 32946, 34925)
_DEEP_TYPES = (np.uint8, np.uint16, np.float16, np.float32, np.float64)


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
  """Applies an EXIF orientation (1 to 8) to [h, w, ...] pixels."""
  if orientation in (5, 6, 7, 8):
    array = array.swapaxes(0, 1)
  if orientation in (2, 3, 6, 7):
    array = array[:, ::-1]
  if orientation in (3, 4, 7, 8):
    array = array[::-1]
  return np.ascontiguousarray(array)


def read_pixels(picture: 'PillowImage.Image', file: BinaryIO) -> Pixels:
  """Decodes a picture that Pillow opened, without its orientation.

  Args:
    picture: the picture, not yet loaded.
    file: its file.

  Returns:
    Colours and alpha.

  Raises:
    InputError: if its numbers are no levels of a picture.
  """
  if picture.format == 'PNG':
    deep = _read_deep_png(picture, file)
    if deep is not None:
      # Checks the rest of the file, and finds an orientation behind it.
      picture.load()
      return deep
  tiles = getattr(picture, 'tile', None)
  if tiles and tiles[0][0] == 'libtiff':
    with _quiet():
      picture.load()
  else:
    picture.load()
  if picture.mode in _DEEP_MODES:
    return _read_deep_grey(picture)
  if picture.mode == 'F':
    return np.array(picture, np.float32), None
  if picture.mode in ('La', 'RGBa'):
    # Colours that were multiplied by alpha.
    picture = picture.convert(picture.mode.upper())
  if picture.mode == 'CMYK':
    return np.array(to_srgb(picture)), None
  grey = picture.mode in ('1', 'L', 'LA')
  if picture.has_transparency_data:
    levels = np.array(picture.convert('LA' if grey else 'RGBA'))
    colours = levels[..., 0] if grey else levels[..., :3]
    return np.ascontiguousarray(colours), _unless_opaque(levels[..., -1])
  return np.array(picture.convert('L' if grey else 'RGB')), None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Keeps off stderr what libtiff writes there by itself.

  Pillow raises an error as well, and what is wrong is said once, by us.
  """
  with _STDERR:
    try:
      kept = os.dup(2)
    except OSError:
      # There is no stderr that could be written to.
      yield
      return
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
      os.dup2(nothing, 2)
      yield
    finally:
      os.dup2(kept, 2)
      os.close(kept)
      os.close(nothing)


def _unless_opaque(alpha: np.ndarray) -> np.ndarray | None:
  """A plane of alpha, or None where all of it is opaque."""
  top = np.iinfo(alpha.dtype).max if alpha.dtype.kind == 'u' else 1
  return None if alpha.min() >= top else np.ascontiguousarray(alpha)


def _read_deep_grey(picture: 'PillowImage.Image') -> Pixels:
  """Takes grey of more than 8 bits."""
  array = np.asarray(picture)
  if picture.mode == 'I' and (array.min() < 0 or array.max() > 65535):
    raise InputError('32-bit integers are no image. Save it with 16 bits.')
  array = array.astype(np.uint16)
  bits = getattr(picture, 'tag_v2', {}).get(_BITS_PER_SAMPLE, (16,))[0]
  if bits == 12:
    array = _stretch_bits(array, bits)
  return array, _by_key(array, picture.info.get('transparency'))


def _stretch_bits(array: np.ndarray, bits: int) -> np.ndarray:
  """Brings levels of 9 to 15 bits to those of 16."""
  top = 2**bits - 1
  return (array.astype(np.uint32) * 65535 // top).astype(np.uint16)


def _by_key(array: np.ndarray, key: object) -> np.ndarray | None:
  """Alpha of a 16-bit PNG in which one colour means transparent."""
  if not isinstance(key, int | tuple):
    return None
  clear = array == np.array(key)
  if array.ndim == 3:
    clear = clear.all(axis=-1)
  return _unless_opaque(np.where(clear, 0, 65535).astype(np.uint16))


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
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
) -> Pixels | None:
  """Reads a 16-bit PNG with colour or alpha; None for any other PNG.

  Pillow opens these with 8 bits. Its decoder can still give either byte of a
  sample: `;16B` takes the first as the high one, `;16L` the second. So two
  passes over the data give both bytes.
  """
  from PIL import Image

  header, data = b'', []
  for kind, length in png_chunks(file):
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
    pairs = _join(*np.moveaxis(decode('RGBA', 'RGBA').reshape(-1, 2), -1, 0))
    grey, alpha = np.moveaxis(pairs.reshape(*picture.size[::-1], 2), -1, 0)
    return np.ascontiguousarray(grey), _unless_opaque(alpha)
  mode = 'RGB' if colour_type == 2 else 'RGBA'
  levels = _join(*(decode(mode, f'{mode};16{end}') for end in 'BL'))
  if colour_type == 2:
    return levels, _by_key(levels, picture.info.get('transparency'))
  colours = np.ascontiguousarray(levels[..., :3])
  return colours, _unless_opaque(levels[..., 3])


def _join(high: np.ndarray, low: np.ndarray) -> np.ndarray:
  """Numbers of 16 bits from their bytes."""
  return np.bitwise_or(high.astype(np.uint16) << 8, low, dtype=np.uint16)


def is_deep_tiff(file: BinaryIO) -> bool:
  """Whether a TIFF holds what Pillow would cut: more than 8 bits of colour.

  Args:
    file: the open file.
  """
  import tifffile

  file.seek(0)
  with tifffile.TiffFile(file) as tiff:
    page = tiff.pages.first
    if page.dtype is None or page.dtype in (np.uint8, np.bool_):
      return False
    return page.samplesperpixel > 1 or page.photometric == _WHITE_IS_ZERO


def read_deep_tiff(file: BinaryIO) -> Pixels:
  """Reads a TIFF with colour of 16 bits or float, upright.

  Args:
    file: the open file.

  Returns:
    Colours and alpha.

  Raises:
    InputError: if it holds no picture.
  """
  import tifffile

  file.seek(0)
  with tifffile.TiffFile(file) as tiff:
    page = tiff.pages.first
    if page.dtype not in _DEEP_TYPES or page.photometric not in _COLOURS:
      raise InputError(
        f'TIFF of {page.dtype} is not read as photometric'
        f' {int(page.photometric)}. Save RGB or grey with 8 or 16 bits.'
      )
    _check_compression(page)
    tag = page.tags.get(EXIF_ORIENTATION)
    orientation = 1 if tag is None else int(tag.value)
    array = page.asarray()
    if page.axes == 'SYX':
      array = np.moveaxis(array, 0, -1)
    if array.shape[:2] != (page.imagelength, page.imagewidth):
      raise ValueError('its pixels are not all there')
    if array.dtype == np.uint16 and 8 < page.bitspersample < 16:
      array = _stretch_bits(array, page.bitspersample)
    colours, alpha = _split_samples(page, array)
  return upright(colours, orientation), (
    None if alpha is None else upright(alpha, orientation)
  )


def _check_compression(page: 'tifffile.TiffPage') -> None:
  """Raises where a compression needs a package that is not there."""
  import importlib.util

  if (
    page.compression not in _BUILT_IN
    and importlib.util.find_spec('imagecodecs') is None
  ):
    kind = getattr(page.compression, 'name', str(page.compression))
    raise InputError(
      f'{kind}-compressed TIFF of {page.dtype} needs imagecodecs: pip install'
      ' imagecodecs. Or save it without compression.'
    )


def _split_samples(page: 'tifffile.TiffPage', array: np.ndarray) -> Pixels:
  """Tells the colours of a TIFF from its alpha."""
  array = array[..., None] if array.ndim == 2 else array
  if array.dtype not in (np.uint8, np.uint16):
    array = array.astype(np.float32)
  count = _COLOURS[page.photometric]
  if array.shape[-1] < count:
    raise ValueError('its samples are not all there')
  colours = array[..., :count]
  alpha = None
  kinds = tuple(getattr(page, 'extrasamples', ()))[:1]
  if kinds and kinds[0] in (_ASSOCIATED, _UNASSOCIATED):
    alpha = array[..., count]
  top = np.iinfo(array.dtype).max if array.dtype.kind == 'u' else 1
  if alpha is not None and kinds[0] == _ASSOCIATED:
    colours = _unmultiply(colours, alpha, top)
  if page.photometric == _WHITE_IS_ZERO:
    colours = top - colours
  elif page.photometric == _SEPARATED:
    colours = _from_inks(colours, top)
  if count == 1:
    colours = colours[..., 0]
  return np.ascontiguousarray(colours), (
    None if alpha is None else _unless_opaque(alpha)
  )


def _unmultiply(colours: np.ndarray, alpha: np.ndarray, top: int) -> np.ndarray:
  """Colours that were multiplied by alpha, as they were before."""
  share = np.where(alpha > 0, alpha, top)[..., None].astype(np.float64) / top
  plain = np.minimum(colours / share, top)
  whole = colours.dtype.kind == 'u'
  return (np.rint(plain) if whole else plain).astype(colours.dtype)


def _from_inks(inks: np.ndarray, top: int) -> np.ndarray:
  """RGB of cyan, magenta, yellow and black: (1 - ink) (1 - black)."""
  light = (top - inks.astype(np.float64)) / top
  rgb = top * light[..., :3] * light[..., 3:]
  whole = inks.dtype.kind == 'u'
  return (np.rint(rgb) if whole else rgb).astype(inks.dtype)
