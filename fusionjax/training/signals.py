"""SIGTERM and SIGINT as a wish to stop, heard between two steps."""

import signal
from types import FrameType
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils


class StopSignals:
  """Within this context a signal is noted; a second one acts as ever."""

  def __init__(self) -> None:
    self._received: int | None = None
    self._previous: dict[int, Any] = {}

  def __enter__(self) -> 'StopSignals':
    for number in (signal.SIGTERM, signal.SIGINT):
      self._previous[number] = signal.signal(number, self._note)
    return self

  def __exit__(self, *exception: object) -> None:
    self._restore()

  def _note(self, number: int, frame: FrameType | None) -> None:
    del frame
    self._received = number
    # Whoever asks twice wants it now.
    self._restore()

  def _restore(self) -> None:
    for number, handler in self._previous.items():
      signal.signal(number, handler)
    self._previous = {}

  def received(self, *, agree: bool = True) -> int | None:
    """Returns the signal that asked to stop.

    Args:
      agree: with several hosts, whether this is a step at which all of them
        ask; at other steps the answer is None, for they must stop together.

    Returns:
      The signal's number, or None.
    """
    if jax.process_count() == 1:
      return self._received
    if not agree:
      return None
    mine = np.asarray(self._received or 0, np.int32)
    everyone = multihost_utils.process_allgather(mine)
    return int(np.max(everyone)) or None
