"""The tables of tasks, methods and models. To add a method, add its rows."""

import dataclasses
import importlib
from typing import TYPE_CHECKING

from fusionjax import errors

if TYPE_CHECKING:
  from fusionjax.methods.base import Method


@dataclasses.dataclass(frozen=True)
class Task:
  """A fusion task.

  Attributes:
    title: the field's name for it.
    sources: names of the sources in the order that every method takes them;
      a last name of `...` means any further number.
    ordered: whether the order of the sources has a meaning.
    guided: whether the first source is a cube of any number of bands, perhaps
      in several files, that gets the resolution of the last one.
    depth: whether the last source is a depth map in a unit of its own, which
      gets the resolution of the first one, a colour picture.
    radiance: whether sources are exposures, and the result is the radiance
      that they were taken of.
    exposures: whether sources differ in exposure, and a method that fuses two
      at a time takes them from dark to bright; else in the order given.
  """

  title: str
  sources: tuple[str, ...]
  ordered: bool
  guided: bool = False
  depth: bool = False
  radiance: bool = False
  exposures: bool = False

  @property
  def measures(self) -> bool:
    """Whether the result is made of measured values, and is no picture."""
    return self.guided or self.depth or self.radiance

  @property
  def min_sources(self) -> int:
    """The least number of sources."""
    return len([name for name in self.sources if name != '...'])

  @property
  def max_sources(self) -> int | None:
    """The largest number of sources; None where there is no limit."""
    return None if self.sources[-1] == '...' else len(self.sources)


TASKS: dict[str, Task] = {
  'mef': Task(
    'multi-exposure',
    ('under', 'over', '...'),
    ordered=False,
    exposures=True,
  ),
  'mff': Task('multi-focus', ('near', 'far', '...'), ordered=False),
  'ivf': Task('infrared-visible', ('infrared', 'visible'), ordered=True),
  'medical': Task('medical', ('functional', 'anatomical'), ordered=True),
  'msf': Task('multi-spectral', ('cube', 'guide'), ordered=True, guided=True),
  'hdr': Task(
    'HDR',
    ('under', 'middle', 'over'),
    ordered=True,
    radiance=True,
  ),
  'gdsr': Task(
    'guided depth super-resolution',
    ('colour', 'depth'),
    ordered=True,
    depth=True,
  ),
}

# Method -> the file that binds it. Imported when used: a listing is instant.
METHODS: dict[str, str] = {
  'ffmef': 'fusionjax.methods.ffmef',
  'csc_ivfn': 'fusionjax.methods.csc_ivfn',
  'csc_mefn': 'fusionjax.methods.csc_mefn',
  'csc_msfn': 'fusionjax.methods.csc_msfn',
  'fmm': 'fusionjax.methods.fmm',
  'mgdn': 'fusionjax.methods.mgdn',
  'mgdn_depth': 'fusionjax.methods.mgdn_depth',
  'mgdn_deghost': 'fusionjax.methods.mgdn_deghost',
}

# Weights that ship: model -> (method, task).
MODELS: dict[str, tuple[str, str]] = {
  'ffmef-mef': ('ffmef', 'mef'),
  'ffmef-mff': ('ffmef', 'mff'),
  'ffmef-ivf': ('ffmef', 'ivf'),
  'csc_ivfn-ivf': ('csc_ivfn', 'ivf'),
  'csc_mefn-mef': ('csc_mefn', 'mef'),
  'csc_msfn-msf': ('csc_msfn', 'msf'),
  'fmm-ivf': ('fmm', 'ivf'),
  'fmm-medical': ('fmm', 'medical'),
  'mgdn-mff': ('mgdn', 'mff'),
  'mgdn-mef': ('mgdn', 'mef'),
  'mgdn-hdr': ('mgdn_deghost', 'hdr'),
  'mgdn-gdsr-x4': ('mgdn_depth', 'gdsr'),
  'mgdn-gdsr-x8': ('mgdn_depth', 'gdsr'),
  'mgdn-gdsr-x16': ('mgdn_depth', 'gdsr'),
}


def get_method(name: str) -> 'Method':
  """Returns a method by its name.

  Args:
    name: a key of `METHODS`, such as `ffmef`.

  Returns:
    The method's record.

  Raises:
    errors.InputError: if there is no such method.
  """
  if name not in METHODS:
    raise errors.unknown_name('method', name, METHODS)
  return importlib.import_module(METHODS[name]).METHOD


def get_task(name: str) -> Task:
  """Returns a task by its name.

  Raises:
    errors.InputError: if there is no such task.
  """
  if name not in TASKS:
    raise errors.unknown_name('task', name, TASKS)
  return TASKS[name]


def get_model(name: str) -> tuple[str, str]:
  """Returns the method and the task of a model's name.

  Raises:
    errors.InputError: if there is no such model.
  """
  if name not in MODELS:
    raise errors.unknown_name('model', name, MODELS)
  return MODELS[name]


def list_models(task: str | None = None) -> tuple[str, ...]:
  """Names of the models, all or those of a task.

  Args:
    task: a key of `TASKS`, or None for all.

  Returns:
    Names in alphabetical order.

  Raises:
    errors.InputError: if there is no such task.
  """
  if task is not None:
    get_task(task)
  return tuple(
    sorted(name for name, (_, t) in MODELS.items() if task in (None, t))
  )
