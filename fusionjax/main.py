"""Trains and evaluates: `python -m fusionjax.main --config=configs/x.py`."""

import shlex
import sys
from collections.abc import Sequence

from absl import app, flags
from ml_collections import config_flags

from fusionjax import errors
from fusionjax.training import commandline

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file(
  'config', None, 'A training config, such as configs/mef_ffmef.py[:quick].'
)
flags.DEFINE_string(
  'workdir', '', 'Folder of the run, here or gs://...; runs/CONFIG by default.'
)
flags.DEFINE_enum('mode', 'train', ['train', 'evaluate'], 'What to do.')
flags.DEFINE_string('profile_steps', '', 'Steps to profile, such as 10:15.')
commandline.define_processes(flags)
flags.adopt_module_key_flags(commandline)


def _config_file() -> str:
  given = FLAGS.config is not None
  return config_flags.get_config_filename(FLAGS['config']) if given else ''


def parse(argv: Sequence[str]) -> list[str]:
  """Parses the flags; a wrong one is one line and exit code 2."""
  try:
    rest = FLAGS(argv)
    commandline.check_config_file(_config_file())
  except (flags.Error, *commandline.CONFIG_ERRORS) as error:
    sys.exit(commandline.report(error, code=2))
  if not FLAGS['verbosity'].present:
    commandline.quiet_libraries()
  return rest


def main(argv: Sequence[str]) -> int:
  """Runs the mode that the flags ask for and returns the exit code."""
  del argv
  # After the flags: `--help` needs no JAX.
  from fusionjax.training import distributed, evaluate, health, loop, profiling

  workdir = FLAGS.workdir or commandline.default_workdir(_config_file())
  try:
    profile = profiling.parse_steps(FLAGS.profile_steps)
    distributed.connect(**commandline.processes(FLAGS))
    if FLAGS.mode == 'train':
      command = f'python -m fusionjax.main {shlex.join(sys.argv[1:])}'
      loop.train(FLAGS.config, workdir, command=command, profile=profile)
    else:
      evaluate.evaluate(FLAGS.config, workdir)
  except errors.InputError as error:
    return distributed.leave(commandline.report(error, code=2))
  except health.TrainingError as error:
    return distributed.leave(commandline.report(error, code=1))
  except KeyboardInterrupt:
    return 130
  return 0


if __name__ == '__main__':
  app.run(main, flags_parser=parse)
