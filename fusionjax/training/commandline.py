"""What `python -m fusionjax.main` needs beside its flags."""

import difflib
import logging
import sys
from pathlib import Path
from typing import Any

from absl import logging as absl_logging

from fusionjax import errors

# What config files and flags raise on a field or a value that does not fit.
CONFIG_ERRORS = (
  errors.InputError,
  OSError,
  AttributeError,
  KeyError,
  TypeError,
)


def check_config_file(config_file: str) -> None:
  """Checks that a config was given and is there.

  Args:
    config_file: such as `configs/mef_ffmef.py:quick`; empty where none came.

  Raises:
    errors.InputError: if it is not given or not there.
  """
  if not config_file:
    raise errors.InputError(
      'No config is given. Give one, such as --config=configs/mef_ffmef.py.'
    )
  path = Path(config_file.split(':', 1)[0])
  if path.is_file():
    return
  there = sorted(path.parent.glob('*.py'))
  near = difflib.get_close_matches(str(path), [str(p) for p in there], n=3)
  hint = f' Did you mean {" or ".join(near)}?' if near else ''
  raise errors.InputError(
    f'There is no config {path}, seen from {Path.cwd()}.{hint}'
  )


def default_workdir(config_file: str) -> Path:
  """The folder of a run that is given none.

  Args:
    config_file: such as `configs/mef_ffmef.py:quick`.

  Returns:
    Such as `runs/mef_ffmef_quick`.
  """
  path, _, variant = config_file.partition('.py')
  return Path('runs') / (Path(path).name + variant.replace(':', '_'))


def define_processes(flags: Any) -> None:
  """Defines the flags that make several processes one training.

  Args:
    flags: the module `absl.flags`.
  """
  flags.DEFINE_bool(
    'distributed',
    False,
    'Whether several processes take part that JAX can find by itself, as on '
    'TPU pods and under Slurm.',
  )
  flags.DEFINE_string('coordinator', '', 'HOST:PORT of process 0.')
  flags.DEFINE_integer('num_processes', None, 'How many processes there are.')
  flags.DEFINE_integer('process_id', None, 'Which of them this is, from 0.')
  flags.DEFINE_integer(
    'heartbeat',
    60,
    'Seconds without a sign of life after which a process counts as lost.',
    lower_bound=1,
  )


def processes(values: Any) -> dict[str, Any]:
  """Options of `distributed.connect` from parsed flags."""
  return {
    'coordinator': values.coordinator,
    'num_processes': values.num_processes,
    'process_id': values.process_id,
    'detect': values.distributed,
    'heartbeat': values.heartbeat,
  }


def quiet_libraries() -> None:
  """Keeps what libraries log out of the progress line.

  Orbax warns of slow disks, and logs what its threads raise, which the loop
  raises again and says in one line.
  """
  absl_logging.set_verbosity(absl_logging.FATAL)
  logging.getLogger('asyncio').setLevel(logging.CRITICAL)


def report(error: BaseException, *, code: int) -> int:
  """Prints an error in one line.

  Args:
    error: an exception.
    code: the exit code.

  Returns:
    The exit code.
  """
  print(f'fusionjax: {one_line(error)}', file=sys.stderr)
  return code


def one_line(error: BaseException) -> str:
  """Says an error in one line.

  A config that raises comes wrapped, with a traceback in the text; the last
  line of that is what happened.

  Args:
    error: an exception.

  Returns:
    Its message.
  """
  message = str(error)
  if 'Traceback (most recent call last)' in message:
    last = message.strip().splitlines()[-1]
    name, _, rest = last.partition(': ')
    known = (errors.InputError.__name__, f'{errors.__name__}.InputError')
    return rest if name in known else last
  # A KeyError comes quoted once or twice, with its line breaks written out.
  text = ' '.join(message.replace('\\n', ' ').replace('\\', '').split())
  if isinstance(error, AttributeError | KeyError):
    # Such as `'rot' Did you mean "root" instead of "rot"?`.
    field, _, hint = text.partition(' ')
    name = field.strip('\'"')
    return f"The config has no field '{name}'. {hint}".rstrip(" '")
  return text or type(error).__name__
