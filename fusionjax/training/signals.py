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

  Of several processes the runtime hears SIGTERM, and finds the step at which
  all of them stop.
  """

  def __init__(self) -> None:
    self._received: int | None = None
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

  def pending(self) -> bool:
    """Whether this process, if it is the only one, was asked to stop."""
    return self._received is not None and jax.process_count() == 1

  def received(self, step: int, *, agree: bool = True) -> int | None:
    """Returns the signal that asked to stop.

    Args:
      step: the steps done; with several processes all must ask at each step.
      agree: with several processes, whether this is a step at which all of
        them ask for what one of them alone has heard.

    Returns:
      The signal's number, or None.
    """
    if jax.process_count() == 1:
      return self._received
    if _runtime_hears() and multihost_utils.reached_preemption_sync_point(step):
      return signal.SIGTERM
    if not agree:
      return None
    mine = np.asarray(self._received or 0, np.int32)
    everyone = multihost_utils.process_allgather(mine)
    return int(np.max(everyone)) or None


def _runtime_hears() -> bool:
  return jax.process_count() > 1 and bool(
    getattr(jax.config, 'jax_enable_preemption_service', False)
  )
