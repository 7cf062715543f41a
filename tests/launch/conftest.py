"""Launchers: the commands that they print are those that they run."""

import os
import subprocess
import textwrap
import time
from pathlib import Path

import pytest

_TOP = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='session')
def launch_folder():
  """The folder of the launchers."""
  return _TOP / 'launch'


@pytest.fixture(scope='session')
def bash(launch_folder):
  """Runs a launcher to its end."""

  def run(script: str, *arguments: str, env: dict[str, str] | None = None):
    return subprocess.run(
      ['bash', str(launch_folder / script), *arguments],
      capture_output=True,
      text=True,
      timeout=60,
      check=False,
      cwd=_TOP,
      env={**os.environ, **(env or {})},
    )

  return run


@pytest.fixture
def program(tmp_path: Path):
  """Writes a program that stands for the training."""

  def write(text: str) -> str:
    path = tmp_path / 'program.py'
    head = 'import os, signal, sys, time\n'
    head += "index = sys.argv[3].removeprefix('--process_id=')\n"
    path.write_text(head + textwrap.dedent(text))
    return str(path)

  return write


@pytest.fixture
def fakes(tmp_path: Path):
  """Puts programs on the path that write down how they were called."""
  folder, log = tmp_path / 'bin', tmp_path / 'log'
  folder.mkdir()
  log.touch()

  def make(**bodies: str) -> dict[str, str]:
    for name, body in bodies.items():
      path = folder / name
      path.write_text(
        f'#!/usr/bin/env bash\necho "{name} $*" >> {log}\n{body}\n'
      )
      path.chmod(0o755)
    return {'PATH': f'{folder}:{os.environ["PATH"]}', 'FUSIONJAX_PAUSE': '0'}

  make.log = lambda: log.read_text().splitlines()
  return make


@pytest.fixture(scope='session')
def wait_for():
  """Waits for a condition."""

  def wait(condition, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
      assert time.monotonic() < until, 'it did not happen in time'
      time.sleep(0.02)

  return wait
