"""What the scripts and the image are made of."""

import shutil
import subprocess
from pathlib import Path

import pytest

_TOP = Path(__file__).resolve().parents[2]
_LAUNCH = _TOP / 'launch'
_SCRIPTS = sorted([*_LAUNCH.glob('*.sh'), _LAUNCH / 'slurm.sbatch'])


@pytest.mark.parametrize('script', _SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_shell(script):
  subprocess.run(['bash', '-n', str(script)], check=True)
  if shutil.which('shellcheck'):
    command = ['shellcheck', '-x', str(script)]
    subprocess.run(command, check=True, cwd=_TOP)


def test_image_has_what_it_needs():
  kept = {
    line[1:]
    for line in (_TOP / '.dockerignore').read_text().splitlines()
    if line.startswith('!')
  }
  assert all((_TOP / name).exists() for name in kept)
  # What pyproject.toml and the launchers name.
  assert kept >= {
    *('fusionjax', 'configs', 'launch', 'pyproject.toml', 'README.md'),
    *('LICENSE', 'requirements.txt'),
  }
  text = (_LAUNCH / 'Dockerfile').read_text()
  joined = text.replace('\\\n', ' ').splitlines()
  for line in joined:
    if line.startswith('RUN '):
      subprocess.run(['bash', '-nc', line.removeprefix('RUN ')], check=True)
