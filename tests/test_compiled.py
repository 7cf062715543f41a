"""Compiled programs that are kept on disk."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from fusionjax import cli
from fusionjax.commands import compiled

_OWN = 'JAX_COMPILATION_CACHE_DIR'


def test_folder_of_ones_own(tmp_path):
  environment = {compiled.VARIABLE: str(tmp_path / 'kept')}
  folder = compiled.keep_programs(environment)
  assert folder.parent == tmp_path / 'kept' and folder.is_dir()
  assert environment[_OWN] == str(folder)
  assert environment['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] == '0'
  # The same processor, the same folder.
  assert compiled.keep_programs({compiled.VARIABLE: str(tmp_path / 'kept')})


def test_folder_of_the_user(tmp_path, monkeypatch):
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  monkeypatch.setenv('HOME', str(tmp_path))
  folder = compiled.keep_programs({})
  assert tmp_path in folder.parents and 'fusionjax' in str(folder)


@pytest.mark.parametrize(
  'environment',
  [{compiled.VARIABLE: 'off'}, {_OWN: '/somewhere'}],
  ids=['off', 'what JAX was told'],
)
def test_left_alone(environment):
  before = dict(environment)
  assert compiled.keep_programs(environment) is None
  assert environment == before


def test_a_folder_that_cannot_be_made(tmp_path):
  (tmp_path / 'file').write_text('x')
  environment = {compiled.VARIABLE: str(tmp_path / 'file' / 'kept')}
  assert compiled.keep_programs(environment) is None
  assert _OWN not in environment


def test_only_commands_that_compile_ask_for_it(monkeypatch, capsys):
  asked = []
  monkeypatch.setattr(compiled, 'keep_programs', asked.append)
  assert cli.main(['models']) == 0 and not asked
  missing = ['fuse', 'a.png', 'b.png', '-o', 'c.png']
  assert cli.main([*missing, '--no-cache']) == 2 and not asked
  assert cli.main(missing) == 2 and len(asked) == 1


def test_second_process_compiles_nothing(tmp_path):
  rng = np.random.default_rng(0)
  for name in ('a.png', 'b.png'):
    levels = rng.integers(0, 256, (20, 24, 3), np.uint8)
    PIL.Image.fromarray(levels).save(tmp_path / name)

  def fuse(output: str) -> bytes:
    command = [sys.executable, '-m', 'fusionjax.cli', 'fuse', 'a.png', 'b.png']
    command += ['-o', output, '--model', 'csc_mefn-mef']
    kept = {compiled.VARIABLE: str(tmp_path / 'kept')}
    subprocess.run(
      command, cwd=tmp_path, env={**os.environ, **kept}, check=True
    )
    return (tmp_path / output).read_bytes()

  def programs() -> list[Path]:
    return sorted((tmp_path / 'kept').glob('*/*-cache'))

  first = fuse('first.png')
  made = programs()
  times = [path.stat().st_mtime_ns for path in made]
  (traced,) = (tmp_path / 'kept').glob('*/fusionjax-traced/*')
  assert made
  assert fuse('second.png') == first
  assert programs() == made
  assert [path.stat().st_mtime_ns for path in made] == times
  # A damaged program is traced and compiled again.
  for path in (*made, traced):
    path.write_bytes(path.read_bytes()[:100])
  assert fuse('third.png') == first
