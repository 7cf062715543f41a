"""Decoded images kept in memory, up to a limit."""

import collections
import threading
from collections.abc import Callable

from fusionjax.data.scenes import Example

DEFAULT_BYTES = 1 << 30


class ExampleCache:
  """Keeps the scenes that were read last, as stored (8-bit stays 8-bit)."""

  def __init__(self, limit: int = DEFAULT_BYTES):
    """Makes an empty cache.

    Args:
      limit: bytes to keep at most; 0 keeps nothing.
    """
    self._limit = limit
    self._size = 0
    self._kept: collections.OrderedDict[int, Example] = (
      collections.OrderedDict()
    )
    self._lock = threading.Lock()

  @property
  def size(self) -> int:
    """Bytes that are kept now."""
    return self._size

  def get(self, key: int, make: Callable[[], Example]) -> Example:
    """Returns a scene from memory, or makes and keeps it.

    Args:
      key: the scene's index.
      make: reads the scene; may be called by several threads at once.

    Returns:
      The scene. Its arrays are shared: do not write to them.
    """
    with self._lock:
      if key in self._kept:
        self._kept.move_to_end(key)
        return self._kept[key]
    # Not under the lock: images decode in parallel. Two threads that want
    # the same scene at once both read it, which is rare and harmless.
    example = make()
    for array in _arrays(example):
      array.setflags(write=False)
    with self._lock:
      if key not in self._kept:
        self._kept[key] = example
        self._size += _bytes(example)
      while self._size > self._limit and self._kept:
        _, oldest = self._kept.popitem(last=False)
        self._size -= _bytes(oldest)
    return example


def _arrays(example: Example) -> list:
  arrays = list(example.sources)
  return arrays if example.reference is None else [*arrays, example.reference]


def _bytes(example: Example) -> int:
  return sum(array.nbytes for array in _arrays(example))
