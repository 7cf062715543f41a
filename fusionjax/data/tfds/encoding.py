"""From the fields of a scene to what TFDS stores, without loss.

A JPEG or PNG that every decoder reads alike is stored as it is; any other
picture is decoded by this package's own reader, and stored as PNG.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from fusionjax.data import decoding, images
from fusionjax.data.catalogue.card import Card
from fusionjax.errors import InputError

# What of a scene is no picture, and is stored as an array.
ARRAYS = ('depth', 'radiance', 'cube', 'guide')
_PNG = b'\x89PNG\r\n\x1a\n'
_PNG_BIT_DEPTH, _PNG_COLOUR_TYPE = 24, 25
_PLAIN_COLOUR_TYPES = (0, 2)


def encode(value: Any, card: Card, *, field: str) -> Any:
  """Encodes a field of a scene.

  Args:
    value: a path, a list of paths, an array, or numbers.
    card: of the data set.
    field: its name.

  Returns:
    What the feature of this name takes.

  Raises:
    InputError: if a picture is damaged, or of another dtype.
  """
  if isinstance(value, list) and value and isinstance(value[0], Path):
    return [_picture(path, card, field) for path in value]
  if isinstance(value, Path):
    return _picture(value, card, field)
  if isinstance(value, np.ndarray) and field not in ARRAYS:
    return _png(value, card, field, name=field)
  if isinstance(value, np.ndarray):
    if value.dtype != card.dtype and field in ('depth', 'cube'):
      raise _another_dtype(value, card, field, name=field)
    return value
  return [np.float32(number) for number in value]


def dtype_of(card: Card, field: str) -> str:
  """The dtype of a picture of a data set: of measured sets, uint8."""
  return 'uint8' if card.task in ('gdsr', 'msf') else card.dtype


def channels_of(card: Card, field: str) -> int:
  """The channels of a picture that is no array."""
  return 1 if card.name == 'ct_mri' else 3


def _picture(path: Path, card: Card, field: str) -> Any:
  if dtype_of(card, field) == 'uint8' and channels_of(card, field) == 3:
    data = path.read_bytes() if path.is_file() else b''
    if _is_plain(data):
      return io.BytesIO(data)
  return _png(images.read_image(path), card, field, name=str(path))


def _is_plain(data: bytes) -> bool:
  """Whether every decoder reads an 8-bit file as this package does."""
  if data.startswith(_PNG):
    if data[_PNG_BIT_DEPTH] != 8:
      return False
    if data[_PNG_COLOUR_TYPE] not in _PLAIN_COLOUR_TYPES:
      return False
  elif not data.startswith(b'\xff\xd8\xff'):
    return False
  try:
    with PIL.Image.open(io.BytesIO(data)) as picture:
      turned = picture.getexif().get(decoding.EXIF_ORIENTATION, 1) != 1
      # Decodes it: a file that is damaged must not be stored.
      picture.load()
      return picture.mode in ('L', 'RGB') and not turned
  except images.DAMAGED:
    return False


def _png(value: np.ndarray, card: Card, field: str, *, name: str) -> Any:
  """PNG of an 8-bit picture; others are for TFDS to encode."""
  wanted = dtype_of(card, field)
  if value.dtype == np.uint8 and wanted == 'uint16':
    # 255 becomes 65535: the same brightness.
    value = value.astype(np.uint16) * np.uint16(257)
  if value.dtype != wanted:
    raise _another_dtype(value, card, field, name=name)
  value = value[..., None] if value.ndim == 2 else value
  channels = channels_of(card, field)
  if channels == 1 and value.shape[-1] == 3:
    if not (value == value[..., :1]).all():
      raise InputError(
        f'{name} has colours, and {field} of {card.full_name} is grey.'
        ' Convert it.'
      )
    value = value[..., :1]
  if channels == 3 and value.shape[-1] == 1:
    value = np.repeat(value, 3, axis=-1)
  if wanted != 'uint8':
    return value
  file = io.BytesIO()
  flat = value[..., 0] if channels == 1 else value
  PIL.Image.fromarray(np.ascontiguousarray(flat)).save(file, 'PNG')
  file.seek(0)
  return file


def _another_dtype(
  value: np.ndarray, card: Card, field: str, *, name: str
) -> InputError:
  wanted = card.dtype if field in ARRAYS else dtype_of(card, field)
  return InputError(
    f'{name} is {value.dtype}, and {field} of {card.full_name} is {wanted}.'
    ' Convert it, or give the folder as data.root.'
  )
