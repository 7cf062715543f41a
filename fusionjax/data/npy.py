"""Opening of .npy files: what their header claims is checked first."""

import math
import tokenize
from pathlib import Path

import numpy as np

from fusionjax.errors import InputError

_MAGIC = b'\x93NUMPY'
_DAMAGED = (OSError, ValueError, EOFError, TypeError, KeyError)
_HEADERS = {
  (1, 0): np.lib.format.read_array_header_1_0,
  (2, 0): np.lib.format.read_array_header_2_0,
}


def open_npy(path: Path) -> np.ndarray:
  """Maps a .npy file: its numbers are read when they are used.

  Args:
    path: the file. A pickle in it is never executed.

  Returns:
    The array, not to be written to.

  Raises:
    InputError: if it is no such file, or shorter than its header says.
  """
  try:
    with path.open('rb') as file:
      if file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError('its first bytes are those of another kind')
      file.seek(0)
      header = _HEADERS.get(np.lib.format.read_magic(file))
      if header is None:
        raise ValueError('its version is unknown')
      shape, _, dtype = header(file)
      if dtype.hasobject:
        raise ValueError('it holds Python objects')
      if min(shape, default=1) < 0:
        raise ValueError('its sides are negative')
      # In whole numbers of Python, which do not overflow.
      needed = file.tell() + math.prod(shape) * dtype.itemsize
    if path.stat().st_size < needed:
      raise ValueError(f'{path.stat().st_size} bytes, its header says {needed}')
    if not math.prod(shape):
      return np.zeros(shape, dtype)
    return np.load(path, mmap_mode='r', allow_pickle=False)
  except (*_DAMAGED, tokenize.TokenError, SyntaxError, RecursionError) as error:
    reason = ' '.join(str(error).split())[:200]
    raise InputError(
      f'{path} is no .npy file of numbers ({reason}). Save it with numpy.save.'
    ) from error
