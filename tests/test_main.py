"""`python -m fusionjax.main`: flags, exit codes, and one line on errors."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fusionjax import errors
from fusionjax.training import commandline

_CONFIG = Path(__file__).resolve().parents[1] / 'configs' / 'mef_ffmef.py'


def _run(*arguments, folder):
  environment = {k: v for k, v in os.environ.items() if k != 'XLA_FLAGS'}
  return subprocess.run(
    [sys.executable, '-m', 'fusionjax.main', *arguments],
    cwd=folder,
    env=environment,
    capture_output=True,
    text=True,
    timeout=120,
    check=False,
  )


@pytest.mark.parametrize(
  ('arguments', 'words'),
  [
    ([], 'No config is given'),
    (['--config=configs/mef_ffme.py'], 'There is no config'),
    ([f'--config={_CONFIG}:quik'], "Unknown variant 'quik'"),
    ([f'--config={_CONFIG}', '--config.data.rot=x'], "no field 'rot'. Did"),
    ([f'--config={_CONFIG}', '--config.steps=many'], 'steps=many'),
    ([f'--config={_CONFIG}', '--mode=fuse'], 'mode=fuse'),
    ([f'--config={_CONFIG}', '--unknown=1'], 'unknown'),
    ([f'--config={_CONFIG}', '--profile_steps=9'], 'such as 10:15'),
    ([f'--config={_CONFIG}', '--num_processes=2'], 'coordinator, process_id'),
    ([f'--config={_CONFIG}', '--config.data.root=nowhere'], 'nowhere'),
    ([f'--config={_CONFIG}', '--mode=evaluate'], 'Train first'),
  ],
)
def test_bad_input_is_one_line_and_code_2(tmp_path, arguments, words):
  done = _run(*arguments, folder=tmp_path)
  assert done.returncode == 2
  assert words in done.stderr
  lines = [line for line in done.stderr.splitlines() if line]
  assert len(lines) == 1, done.stderr
  assert lines[0].startswith('fusionjax: ')
  assert not (tmp_path / 'runs').exists()


def test_help_names_the_flags_and_loads_no_jax(tmp_path):
  done = _run('--help', folder=tmp_path)
  for flag in ('--config', '--workdir', '--mode', '--[no]distributed'):
    assert flag in done.stdout
  code = (
    'import sys; import fusionjax.main; '
    "assert 'jax' not in sys.modules and 'tensorflow' not in sys.modules"
  )
  subprocess.run([sys.executable, '-c', code], check=True, cwd=tmp_path)


@pytest.mark.parametrize(
  ('file', 'workdir'),
  [
    ('configs/mef_ffmef.py', 'runs/mef_ffmef'),
    ('/x/y/mef_ffmef.py:quick', 'runs/mef_ffmef_quick'),
  ],
)
def test_default_workdir(file, workdir):
  assert commandline.default_workdir(file) == Path(workdir)


def test_near_config_is_proposed(tmp_path):
  (tmp_path / 'mef_ffmef.py').touch()
  with pytest.raises(errors.InputError, match=r'Did you mean .*mef_ffmef\.py'):
    commandline.check_config_file(str(tmp_path / 'mef_ffme.py'))


def test_message_of_a_wrapped_error_is_its_last_line():
  text = (
    'Error:\n\nTraceback (most recent call last):\n  File "x"\n'
    'fusionjax.errors.InputError: What came. The fix.'
  )
  assert commandline.one_line(ValueError(text)) == 'What came. The fix.'


@pytest.mark.parametrize('kind', [AttributeError, KeyError])
def test_message_of_a_wrong_field(kind):
  error = kind('\'rot\'\nDid you mean "root"?')
  assert commandline.one_line(error) == (
    'The config has no field \'rot\'. Did you mean "root"?'
  )
  error = kind("'foo'")
  assert commandline.one_line(error) == "The config has no field 'foo'."


def test_main_is_flags_only():
  import fusionjax.main

  lines = Path(fusionjax.main.__file__).read_text().splitlines()
  assert len(lines) <= 70
