"""SIGTERM and SIGINT as a wish to stop, heard between two steps."""

import signal
from types import FrameType
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
  """Within this context a signal is noted; a second one acts as ever.

  Of several processes the runtime hears SIGTERM, and finds the question at
  which all of them are told.
  """

  def __init__(self) -> None:
    self._received: int | None = None
    # Of several processes: how often they asked the runtime, and its answer.
    self._asked = 0
    self._agreed: int | None = None
    self._previous: dict[int, Any] = {}

  def __enter__(self) -> 'StopSignals':
    heard = (signal.SIGINT,) if _runtime_hears() else _SIGNALS
    for number in heard:
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

  def received(self, *, agree: bool = False) -> int | None:
    """Returns the signal that asked to stop.

    Args:
      agree: with several processes, which all must ask equally often, whether
        they tell each other what one of them alone has heard.

    Returns:
      The signal's number, or None.
    """
    if jax.process_count() == 1:
      return self._received
    if self._agreed is None and _runtime_hears():
      self._asked += 1
      if multihost_utils.reached_preemption_sync_point(self._asked):
        self._agreed = signal.SIGTERM
    if self._agreed is None and agree:
      mine = np.asarray(self._received or 0, np.int32)
      everyone = multihost_utils.process_allgather(mine)
      self._agreed = int(np.max(everyone)) or None
    return self._agreed


def _runtime_hears() -> bool:
  return jax.process_count() > 1 and bool(
    getattr(jax.config, 'jax_enable_preemption_service', False)
  )
