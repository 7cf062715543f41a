"""The fake data sets, prepared once."""

import importlib.util
import sys
from pathlib import Path

import pytest

_PATH = Path(__file__).with_name('fake_sets.py')


def _load():
  if 'fake_sets' not in sys.modules:
    spec = importlib.util.spec_from_file_location('fake_sets', _PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules['fake_sets'] = module
    spec.loader.exec_module(module)
  return sys.modules['fake_sets']


# Test cases are made when tests are collected, before fixtures are there.
_load()


@pytest.fixture(scope='session')
def fake_sets():
  """The module `fake_sets.py`."""
  return _load()
