"""Numeric arrays of MATLAB's files, versions 5 to 7, read as plain data."""

import math
import struct
import zlib
from pathlib import Path

import numpy as np

from fusionjax.errors import InputError

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
# Types of stored numbers. MATLAB stores doubles in the smallest that fits.
_TYPES = {
  1: 'i1',
  2: 'u1',
  3: 'i2',
  4: 'u2',
  5: 'i4',
  6: 'u4',
  7: 'f4',
  9: 'f8',
  12: 'i8',
  13: 'u8',
}
# Classes of arrays.
_CLASSES = {
  6: 'f8',
  7: 'f4',
  8: 'i1',
  9: 'u1',
  10: 'i2',
  11: 'u2',
  12: 'i4',
  13: 'u4',
  14: 'i8',
  15: 'u8',
}
_COMPLEX_FLAG = 0x0800
_MAX_BYTES = 1 << 33


def read_mat(path: Path | str) -> dict[str, np.ndarray]:
  """Reads the numeric arrays of a .mat file.

  Args:
    path: the file. Structures, cells, texts and complex numbers in it are
      passed over.

  Returns:
    Arrays by name, in the dtypes of their classes.

  Raises:
    InputError: if the file is missing, damaged, or of version 7.3 (HDF5).
  """
  path = Path(path)
  try:
    data = path.read_bytes()
  except OSError as error:
    raise InputError(
      f'{path} cannot be read: {error.strerror}. Check the path.'
    ) from error
  if data[:8] == b'\x89HDF\r\n\x1a\n' or data[:10] == b'MATLAB 7.3':
    raise InputError(
      f'{path} is of version 7.3 (HDF5), which is not read. Save it with'
      " '-v7', or as .npy."
    )
  if len(data) < _HEADER or data[126:128] not in (b'IM', b'MI'):
    raise InputError(f'{path} is no .mat file. Check the path.')
  order = '<' if data[126:128] == b'IM' else '>'
  try:
    return _arrays(data[_HEADER:], order)
  except (struct.error, zlib.error, ValueError, KeyError) as error:
    raise InputError(
      f'{path} is damaged or truncated ({error}). Copy it again.'
    ) from error


def _arrays(data: bytes, order: str) -> dict[str, np.ndarray]:
  """Reads elements one after the other."""
  arrays: dict[str, np.ndarray] = {}
  while data:
    kind, body, data = _element(data, order)
    if kind == _COMPRESSED:
      inflater = zlib.decompressobj()
      kind, body, _ = _element(inflater.decompress(body, _MAX_BYTES), order)
    if kind == _MATRIX:
      found = _matrix(body, order)
      if found is not None:
        arrays[found[0]] = found[1]
  return arrays


def _element(data: bytes, order: str) -> tuple[int, bytes, bytes]:
  """Splits data into the type and body of its first element, and the rest."""
  kind, size = struct.unpack(f'{order}II', data[:8])
  if kind >> 16:
    # Up to four bytes lie in the tag itself.
    kind, size = kind & 0xFFFF, kind >> 16
    return kind, data[4 : 4 + size], data[8:]
  body = data[8 : 8 + size]
  if len(body) < size:
    raise ValueError('it ends early')
  padding = 0 if kind == _COMPRESSED else -size % 8
  return kind, body, data[8 + size + padding :]


def _matrix(body: bytes, order: str) -> tuple[str, np.ndarray] | None:
  """Reads the name and the numbers of an array; None for another kind."""
  _, flags, body = _element(body, order)
  word = struct.unpack(f'{order}I', flags[:4])[0]
  if word & 0xFF not in _CLASSES or word & _COMPLEX_FLAG:
    return None
  _, sides, body = _element(body, order)
  shape = struct.unpack(f'{order}{len(sides) // 4}i', sides)
  _, name, body = _element(body, order)
  kind, numbers, _ = _element(body, order)
  values = np.frombuffer(numbers, order + _TYPES[kind])
  if values.size != math.prod(shape):
    raise ValueError(f'{values.size} numbers for an array of {list(shape)}')
  # Columns come first in MATLAB.
  array = values.reshape(shape, order='F').astype(_CLASSES[word & 0xFF])
  return name.decode(), array
