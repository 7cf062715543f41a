"""Maps that are written once and read often: in memory, or in files."""

import abc
import shutil
import tempfile
import threading
import weakref
from typing import Any

import numpy as np

from fusionjax.errors import InputError
from fusionjax.inference import memory
from fusionjax.ops.streams import Stream


class Storage:
  """Keeps maps in memory while there is room, and then in temporary files.

  The files have no name, or lose it with their maps: nothing is left behind.
  """

  def __init__(self, room: int) -> None:
    """Begins with none.

    Args:
      room: bytes of memory that maps may take.
    """
    self._lock = threading.Lock()
    self._room = room

  def check(self, most: int) -> None:
    """Checks that there is room for what will be kept.

    Args:
      most: bytes of all maps that there will be at a time.

    Raises:
      InputError: if the disk has none.
    """
    folder = tempfile.gettempdir()
    need, free = most - self._room, shutil.disk_usage(folder).free
    if need > free:
      raise InputError(
        f'Strips need files of {memory.in_gigabytes(need)} in {folder}, where'
        f' {memory.in_gigabytes(free)} are free. Give more memory, make room,'
        ' or set TMPDIR to a folder on a larger disk.'
      )

  def make(self, shape: tuple[int, int, int, int], dtype: np.dtype) -> 'Stored':
    """Makes a map to be written.

    Args:
      shape: (1, h, w, c).
      dtype: of its values.

    Returns:
      A map of any value, in memory or in a file.
    """
    size = int(np.prod(shape)) * dtype.itemsize
    with self._lock:
      held = size <= self._room
      if held:
        self._room -= size
    if not held:
      return _InFile(shape, dtype)
    stored = _InMemory(shape, dtype)
    weakref.finalize(stored, self._return, size)
    return stored

  def _return(self, size: int) -> None:
    with self._lock:
      self._room += size


class Stored(Stream):
  """A map that can be written."""

  def __init__(self, shape: tuple[int, int, int, int], dtype: np.dtype) -> None:
    """Makes a map [1, h, w, c] of any value."""
    self.shape, self.dtype = shape, dtype

  @abc.abstractmethod
  def write(self, first: int, rows: np.ndarray) -> None:
    """Writes rows [1, n, w, c] from row `first` on; none beyond the map."""


class _InMemory(Stored):
  def __init__(self, shape: tuple[int, int, int, int], dtype: np.dtype) -> None:
    super().__init__(shape, dtype)
    self._x = np.empty(shape[1:], dtype)

  def write(self, first: int, rows: np.ndarray) -> None:
    self._x[first : first + rows.shape[1]] = rows[0]

  def take(self, rows: np.ndarray) -> Any:
    # A copy, where JAX would look at it later than it is dropped.
    return self._x[None, rows]


class _InFile(Stored):
  def __init__(self, shape: tuple[int, int, int, int], dtype: np.dtype) -> None:
    super().__init__(shape, dtype)
    # It lives as long as the map.
    self._file = tempfile.TemporaryFile(prefix='fusionjax-')  # noqa: SIM115
    self._row = shape[2] * shape[3] * dtype.itemsize
    weakref.finalize(self, self._file.close)

  def write(self, first: int, rows: np.ndarray) -> None:
    self._file.seek(first * self._row)
    self._file.write(rows.tobytes())

  def take(self, rows: np.ndarray) -> Any:
    data = bytearray(len(rows) * self._row)
    out = memoryview(data)
    # Runs of rows that follow each other.
    ends = [*(np.flatnonzero(np.diff(rows) != 1) + 1), len(rows)]
    begin = 0
    for end in ends:
      self._file.seek(int(rows[begin]) * self._row)
      self._file.readinto(out[begin * self._row : end * self._row])
      begin = end
    shape = (1, len(rows), *self.shape[2:])
    return np.frombuffer(data, self.dtype).reshape(shape)
