"""Strict arrays, eight virtual devices, and the folders tests may need."""

import os
from collections.abc import Iterator
from pathlib import Path

# Before JAX starts its backend: one CPU stands for eight devices.
os.environ['XLA_FLAGS'] = (
  os.environ.get('XLA_FLAGS', '') + ' --xla_force_host_platform_device_count=8'
)
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
# The tests leave nothing in the user's folders.
os.environ['FUSIONJAX_CACHE'] = 'off'

import jax
import pytest

jax.config.update('jax_numpy_dtype_promotion', 'strict')
jax.config.update('jax_numpy_rank_promotion', 'raise')

_ROOT = Path(__file__).resolve().parents[1]


# A compiled program is some mappings of memory, of which Linux allows a process
# 65,530 by default; beyond that the compiler crashes.
_MANY_MAPPINGS = 15_000


# Where the figures are those of the published code, programs are compiled as
# users compile them; and so they are in all processes that tests start.
_OPTIMIZED = ('metrics', 'parity')


@pytest.fixture(autouse=True, scope='module')
def _compile_quickly(request: pytest.FixtureRequest) -> None:
  """How tests of this file compile.

  Most compile much and compute little: without costly optimisations that is
  two thirds of the time.
  """
  room = request.path.parent.name
  jax.config.update('jax_disable_most_optimizations', room not in _OPTIMIZED)
  # Where a test of parity calls a network itself, and on accelerators.
  exact = 'float32' if room == 'parity' else None
  jax.config.update('jax_default_matmul_precision', exact)


@pytest.fixture(autouse=True, scope='module')
def _drop_programs() -> Iterator[None]:
  """Compiled programs of the tests so far are dropped when they are many."""
  yield
  mappings = Path('/proc/self/maps')
  if mappings.exists():
    with mappings.open() as lines:
      count = sum(1 for _ in lines)
    if count > _MANY_MAPPINGS:
      jax.clear_caches()


def _folder(variable: str, name: str) -> Path:
  """Returns a folder that CI has and a user's machine does not."""
  given = os.environ.get(variable)
  # launch/check.sh runs the tests from another directory: it says where.
  top = Path(os.environ.get('FUSIONJAX_TOP', _ROOT))
  folder = Path(given) if given else top.parent / 'shared' / name
  if not folder.is_dir():
    message = f'{folder} is absent; set {variable} to run this test'
    if os.environ.get('CI'):
      pytest.fail(message)
    pytest.skip(message)
  return folder


@pytest.fixture(scope='session')
def reference() -> Path:
  """The folder of facts measured from the published code."""
  return _folder('FUSIONJAX_REFERENCE', 'reference')


@pytest.fixture(scope='session')
def shared_data() -> Path:
  """The folder of real image sets."""
  return _folder('FUSIONJAX_DATA', 'data')
