"""Random access to the records of TFRecord files.

A record is its length (8 bytes), a checksum of that, the data, and a checksum
of the data (4 bytes each).
"""

import bisect
import itertools
import struct
from collections.abc import Sequence
from pathlib import Path

from fusionjax.errors import InputError

_HEAD, _CHECKSUM = 12, 4


class Records:
  """The records of several files, one after the other."""

  def __init__(self, paths: Sequence[Path | str]):
    """Takes files; a file is looked through when it is first needed.

    Args:
      paths: TFRecord files without compression, in order.
    """
    self._paths = [Path(path) for path in paths]
    self._places: list[list[tuple[int, int]]] | None = None
    self._ends: list[int] = []

  def __len__(self) -> int:
    self._look()
    return self._ends[-1] if self._ends else 0

  def __getitem__(self, index: int) -> bytes:
    places = self._look()
    if not 0 <= index < len(self):
      raise IndexError(index)
    number = bisect.bisect_right(self._ends, index)
    before = self._ends[number - 1] if number else 0
    start, length = places[number][index - before]
    with self._paths[number].open('rb') as file:
      file.seek(start)
      return file.read(length)

  def _look(self) -> list[list[tuple[int, int]]]:
    if self._places is None:
      places = [_places(path) for path in self._paths]
      self._ends = list(itertools.accumulate(map(len, places)))
      self._places = places
    return self._places


def _places(path: Path) -> list[tuple[int, int]]:
  """Where the records of a file start, and how long they are."""
  try:
    size = path.stat().st_size
    places = []
    with path.open('rb') as file:
      at = 0
      while at < size:
        file.seek(at)
        (length,) = struct.unpack('<Q', file.read(_HEAD)[:8])
        places.append((at + _HEAD, length))
        at += _HEAD + length + _CHECKSUM
  except (OSError, struct.error) as error:
    raise InputError(
      f'{path} cannot be read ({error}). Prepare the data set again.'
    ) from error
  if at > size:
    raise InputError(
      f'{path} ends within a record. Prepare the data set again.'
    )
  return places
