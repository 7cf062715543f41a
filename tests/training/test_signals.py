import os
import signal

import pytest

from fusionjax.training import signals


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_signal_is_noted(number):
  with signals.StopSignals() as stop:
    assert stop.received() is None
    os.kill(os.getpid(), number)
    assert stop.received() == number


@pytest.fixture
def attended():
  """A process in the background of a shell ignores interrupts; this one not."""
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


def test_second_interrupt_acts_as_ever(attended):
  with signals.StopSignals() as stop, pytest.raises(KeyboardInterrupt):
    os.kill(os.getpid(), signal.SIGINT)
    assert stop.received() == signal.SIGINT
    os.kill(os.getpid(), signal.SIGINT)


def test_handlers_are_given_back():
  before = signal.getsignal(signal.SIGTERM)
  with signals.StopSignals():
    assert signal.getsignal(signal.SIGTERM) != before
  assert signal.getsignal(signal.SIGTERM) == before
