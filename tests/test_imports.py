"""What importing costs: nothing that is not needed is loaded."""

import subprocess
import sys

import pytest

_HEAVY = ('jax', 'flax', 'numpy', 'tensorflow', 'optax', 'orbax', 'PIL')


def _loaded(code):
  """Top-level modules that a fresh interpreter has after running code."""
  report = "import sys; print(*{name.split('.')[0] for name in sys.modules})"
  done = subprocess.run(
    [sys.executable, '-c', f'{code}\n{report}'],
    check=True,
    capture_output=True,
    text=True,
  )
  return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
  'code',
  [
    'import fusionjax; dir(fusionjax); fusionjax.__version__',
    'import fusionjax.cli',
    'import fusionjax.errors, fusionjax.methods.registry',
  ],
)
def test_importing_loads_nothing_heavy(code):
  assert _loaded(code).isdisjoint(_HEAVY)


@pytest.mark.parametrize(
  'argv',
  [['--help'], ['benchmark', '--help'], ['models'], ['datasets', 'list']],
)
def test_help_and_listings_need_no_jax(argv):
  code = (
    'import contextlib\nfrom fusionjax import cli\n'
    f'with contextlib.suppress(SystemExit): cli.main({argv})'
  )
  assert _loaded(code).isdisjoint({'jax', 'flax', 'tensorflow', 'PIL', 'rich'})


def test_fusing_needs_no_training_libraries():
  code = 'import fusionjax; fusionjax.fuse, fusionjax.load_model'
  loaded = _loaded(code)
  assert 'jax' in loaded
  assert loaded.isdisjoint(
    {'tensorflow', 'optax', 'orbax', 'ml_collections', 'skimage'}
  )
