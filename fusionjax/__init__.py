"""fusionjax: image fusion in JAX.

Everything here is loaded when it is first used: importing the package alone
imports neither JAX nor anything else of weight.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from fusionjax import losses, metrics, models, ops
  from fusionjax.api import FusionModel, fuse, list_models, load_model
  from fusionjax.errors import InputError

__version__ = '0.1.0'

__all__ = [
  'FusionModel',
  'InputError',
  '__version__',
  'fuse',
  'list_models',
  'load_model',
  'losses',
  'metrics',
  'models',
  'ops',
]

_HOMES = {
  'FusionModel': 'fusionjax.api',
  'fuse': 'fusionjax.api',
  'list_models': 'fusionjax.api',
  'load_model': 'fusionjax.api',
  'InputError': 'fusionjax.errors',
}
_ROOMS = ('losses', 'metrics', 'models', 'ops')


def __getattr__(name: str) -> Any:
  if name in _HOMES:
    return getattr(importlib.import_module(_HOMES[name]), name)
  if name in _ROOMS:
    return importlib.import_module(f'fusionjax.{name}')
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
  return sorted(__all__)
