"""Traced programs on disk."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.inference import traced


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """A folder for compiled programs, as JAX is told of one."""
  before = jax.config.jax_compilation_cache_dir
  jax.config.update('jax_compilation_cache_dir', str(tmp_path))
  yield tmp_path / 'fusionjax-traced'
  jax.config.update('jax_compilation_cache_dir', before)


class Function:
  """Counts how often it is traced."""

  def __init__(self) -> None:
    self.traced = 0

  def __call__(self, weights, pictures, *, size=None):
    self.traced += 1
    scale = 1.0 if size is None else jnp.asarray(size[0], jnp.float32)
    return sum(weights['a'] * picture for picture in pictures) * scale


ARGS = {'a': np.float32(2)}, [np.ones((4, 5), np.float32)] * 2


def run(function, key='k', size=None, args=ARGS):
  lowered = traced.lower(function, args, {'size': size}, key=[key])
  return np.asarray(lowered.compile()(*args, size=size))


@pytest.mark.parametrize('size', [None, np.array([3, 4], np.int32)])
def test_traced_once(folder, size):
  first, second = Function(), Function()
  ours = run(first, size=size)
  np.testing.assert_array_equal(run(second, size=size), ours)
  np.testing.assert_array_equal(ours, first(*ARGS, size=size))
  assert second.traced == 0
  assert len([*folder.iterdir()]) == 1


def test_what_differs_is_traced_anew(folder, monkeypatch):
  run(Function())
  larger = ARGS[0], [np.ones((4, 6), np.float32)] * 2
  for change in ({'key': 'other'}, {'args': larger}):
    function = Function()
    run(function, **change)
    assert function.traced == 1, change
  # Another state of the source.
  monkeypatch.setattr(traced, '_source_digest', lambda: 'changed')
  function = Function()
  run(function)
  assert function.traced == 1 and len([*folder.iterdir()]) == 4


@pytest.mark.parametrize('damage', [b'', b'x' * 100, None])
def test_a_damaged_file_is_written_again(folder, damage):
  run(Function())
  (path,) = folder.iterdir()
  whole = path.read_bytes()
  path.write_bytes(whole[:-1] if damage is None else damage)
  function = Function()
  run(function)
  assert function.traced == 1
  assert len(path.read_bytes()) == len(whole)


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(folder):
  folder.write_text('a file')
  np.testing.assert_array_equal(run(Function()), 4 * ARGS[1][0])


def test_old_ones_go(folder, monkeypatch):
  monkeypatch.setattr(traced, '_MOST', 2)
  for key in 'abc':
    run(Function(), key=key)
  assert len([*folder.iterdir()]) == 2
  function = Function()
  run(function, key='c')
  assert function.traced == 0


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  before = jax.config.jax_compilation_cache_dir
  jax.config.update('jax_compilation_cache_dir', None)
  try:
    run(Function())
  finally:
    jax.config.update('jax_compilation_cache_dir', before)
  assert not [*tmp_path.iterdir()]
