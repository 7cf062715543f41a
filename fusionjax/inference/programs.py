"""Compiled programs, each made once, whoever asks first."""

import threading
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from typing import Any


class Programs:
  """Programs by key; several threads may ask for them.

  A thread that reads the next pictures may compile for them while others are
  fused; who needs the program meanwhile waits for it.
  """

  def __init__(self) -> None:
    """Begins with none."""
    self._lock = threading.Lock()
    self._found: dict[Hashable, Future[Any]] = {}

  def __len__(self) -> int:
    """How many there are."""
    return len(self._found)

  def __iter__(self) -> Iterator[Hashable]:
    """The keys of those that there are."""
    return iter(list(self._found))

  def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
    """Returns a program, made if it is not there.

    Args:
      key: what tells it from others.
      make: makes it. What it raises is raised here, and the next one to ask
        tries again.
    """
    with self._lock:
      future = self._found.get(key)
      mine = future is None
      if future is None:
        future = self._found[key] = Future()
    if mine:
      try:
        future.set_result(make())
      except BaseException as error:
        with self._lock:
          del self._found[key]
        future.set_exception(error)
        raise
    return future.result()
