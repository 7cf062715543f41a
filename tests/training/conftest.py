"""The stand-in method and the scripts beside the tests, as fixtures."""

import importlib.util
import sys
from pathlib import Path

import pytest


def _load(name):
  path = Path(__file__).with_name(f'{name}.py')
  spec = importlib.util.spec_from_file_location(name, path)
  module = importlib.util.module_from_spec(spec)
  sys.modules[name] = module
  spec.loader.exec_module(module)
  return module


@pytest.fixture(scope='session')
def stand_in():
  """The module `stand_in.py`, with its method registered."""
  module = _load('stand_in')
  module.register()
  yield module
  module.registry.METHODS.pop('tiny')


@pytest.fixture(scope='session')
def kills():
  """The module `kills.py`."""
  return _load('kills')


@pytest.fixture(scope='session')
def same_numbers():
  """The module `same_numbers.py`."""
  return _load('same_numbers')
