"""The stand-in method as a fixture."""

import importlib.util
import sys
from pathlib import Path

import pytest

_PATH = Path(__file__).with_name('stand_in.py')


@pytest.fixture(scope='session')
def stand_in():
  """The module `stand_in.py`, with its method registered."""
  spec = importlib.util.spec_from_file_location('stand_in', _PATH)
  module = importlib.util.module_from_spec(spec)
  sys.modules['stand_in'] = module
  spec.loader.exec_module(module)
  module.register()
  yield module
  module.registry.METHODS.pop('tiny')
