"""Compiled programs that several threads ask for."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fusionjax.inference.programs import Programs


def test_each_is_made_once() -> None:
  programs, made = Programs(), []
  begun, end = threading.Event(), threading.Event()

  def make() -> str:
    made.append(1)
    begun.set()
    assert end.wait(30)
    return 'program'

  with ThreadPoolExecutor(2) as pool:
    first = pool.submit(programs.get, 'key', make)
    assert begun.wait(30)
    second = pool.submit(programs.get, 'key', make)
    assert not second.done()
    end.set()
    assert first.result() == second.result() == 'program'
  assert len(made) == len(programs) == 1 and list(programs) == ['key']


def test_a_failure_is_told_and_tried_again() -> None:
  programs = Programs()

  def fail() -> None:
    raise ValueError('no')

  for _ in range(2):
    with pytest.raises(ValueError, match='no'):
      programs.get('key', fail)
  assert programs.get('key', lambda: 1) == 1
