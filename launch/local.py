"""Several processes of one training on this machine.

  python launch/local.py --processes=2 --devices=4 -- \
    --config=configs/mef_ffmef.py:quick --workdir=runs/two

What follows `--` goes to `python -m fusionjax.main`, once a process. Lines
come with the number of their process; when one fails the others are ended;
SIGTERM and SIGINT are passed on, so that the training saves and stops.
"""

import argparse
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_LOOK = 0.1


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
  """Splits our options from what follows `--`.

  Args:
    argv: the arguments, without the name of the program.

  Returns:
    The options, and the flags of the training.
  """
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--processes', type=_positive, default=2)
  parser.add_argument(
    '--devices',
    type=_positive,
    help='virtual CPU devices of each process; without it, what JAX finds',
  )
  parser.add_argument(
    '--gpus', action='store_true', help='process i gets GPU i and no other'
  )
  parser.add_argument('--port', type=int, default=0, help='0: a free one')
  parser.add_argument(
    '--grace',
    type=float,
    default=60.0,
    help='seconds that processes have to end after a signal',
  )
  parser.add_argument('--dry-run', action='store_true')
  parser.add_argument(
    '--program',
    default=f'{shlex.quote(sys.executable)} -m fusionjax.main',
    help='what each process runs',
  )
  cut = argv.index('--') if '--' in argv else len(argv)
  options = parser.parse_args(argv[:cut])
  if options.gpus and options.devices:
    parser.error('--devices are of CPUs: give it, or --gpus.')
  if cut == len(argv):
    parser.error('give the flags of the training after --')
  return options, list(argv[cut + 1 :])


def _positive(text: str) -> int:
  value = int(text)
  if value < 1:
    raise argparse.ArgumentTypeError(f'{value} is below 1')
  return value


def plan(
  options: argparse.Namespace, flags: Sequence[str], *, port: int
) -> list[tuple[dict[str, str], list[str]]]:
  """Says what is run.

  Args:
    options: our options.
    flags: of the training.
    port: where process 0 listens.

  Returns:
    For every process what is added to its environment, and its command.
  """
  planned = []
  for index in range(options.processes):
    environment = {}
    if options.devices:
      kept = os.environ.get('XLA_FLAGS', '')
      count = f'--xla_force_host_platform_device_count={options.devices}'
      environment['XLA_FLAGS'] = f'{kept} {count}'.strip()
      environment['JAX_PLATFORMS'] = 'cpu'
    if options.gpus:
      environment['CUDA_VISIBLE_DEVICES'] = str(index)
    command = [
      *shlex.split(options.program),
      f'--coordinator=127.0.0.1:{port}',
      f'--num_processes={options.processes}',
      f'--process_id={index}',
      *flags,
    ]
    planned.append((environment, command))
  return planned


def free_port() -> int:
  """A port that nobody listens on now."""
  with socket.socket() as listening:
    listening.bind(('127.0.0.1', 0))
    return listening.getsockname()[1]


class Processes:
  """Running processes, ended together."""

  def __init__(
    self, planned: Sequence[tuple[Mapping[str, str], list[str]]], grace: float
  ):
    """Starts them.

    Args:
      planned: what `plan` says.
      grace: seconds between being asked to end and being killed.
    """
    self._grace = grace
    self._deadline: float | None = None
    self._readers: list[threading.Thread] = []
    self._running = []
    self.signal: int | None = None
    for number in _PASSED_ON:
      signal.signal(number, self._pass_on)
    for index, (environment, command) in enumerate(planned):
      self._running.append(self._start(index, environment, command))

  def _start(
    self, index: int, environment: Mapping[str, str], command: list[str]
  ) -> subprocess.Popen:
    # A session of its own: Ctrl-C reaches it through us alone, and once.
    process = subprocess.Popen(
      command,
      env={**os.environ, 'PYTHONUNBUFFERED': '1', **environment},
      stdin=subprocess.DEVNULL,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      start_new_session=True,
    )
    for source, sink in (
      (process.stdout, sys.stdout),
      (process.stderr, sys.stderr),
    ):
      assert source is not None
      reader = threading.Thread(target=_copy, args=(index, source, sink))
      reader.start()
      self._readers.append(reader)
    return process

  def _pass_on(self, number: int, frame: object) -> None:
    del frame
    self.signal = number
    self._end(number)

  def _end(self, number: int) -> None:
    """Asks all to end; those that do not are killed after a while."""
    if self._deadline is None:
      self._deadline = time.monotonic() + self._grace
    for process in self._running:
      _signal(process, number)

  def wait(self) -> int:
    """Waits until all have ended; when one fails the others are ended.

    Returns:
      The exit code of the process that failed first, as a shell gives it; 0
      where none did.
    """
    failed = 0
    while any(process.poll() is None for process in self._running):
      if not failed:
        failed = self._failure()
        if failed and self._deadline is None:
          self._end(signal.SIGTERM)
      if self._deadline is not None and time.monotonic() > self._deadline:
        for process in self._running:
          _signal(process, signal.SIGKILL)
      time.sleep(_LOOK)
    for reader in self._readers:
      reader.join()
    return failed or self._failure()

  def _failure(self) -> int:
    for index, process in enumerate(self._running):
      code = process.poll()
      if code:
        how = f'signal {-code}' if code < 0 else f'exit code {code}'
        print(f'local: process {index} ended with {how}.', file=sys.stderr)
        return 128 - code if code < 0 else code
    return 0


def _signal(process: subprocess.Popen, number: int) -> None:
  """Signals a process and what it started, unless it has ended."""
  if process.poll() is None:
    try:
      os.killpg(process.pid, number)
    except ProcessLookupError:
      return


def _copy(index: int, source: IO[bytes], sink: IO[str]) -> None:
  """Copies lines, each with the number of its process before it."""
  for line in source:
    text = line.decode(errors='replace').rstrip('\r\n')
    # One write a line: lines of several processes do not mix.
    sink.write(f'[{index}] {text}\n')
    sink.flush()


def main(argv: Sequence[str]) -> int:
  """Runs what the arguments say and returns the exit code."""
  options, flags = parse(argv)
  planned = plan(options, flags, port=options.port or free_port())
  if options.dry_run:
    for environment, command in planned:
      words = [f'{name}={shlex.quote(v)}' for name, v in environment.items()]
      print(' '.join([*words, shlex.join(command)]))
    return 0
  return Processes(planned, options.grace).wait()


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
