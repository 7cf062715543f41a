"""Kills a training of the stand-in at random moments, and starts it again.

As a script: `python kills.py FOLDER [KILLS [SEED]]`, with `--processes` for a
training of two, one of which is killed.
"""

import dataclasses
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

_SCRIPT = Path(__file__).with_name('stand_in.py')
OPTIONS = {
  'steps': 120,
  'data__batch_size': 4,
  'ema_decay': 0.9,
  'log__every': 5,
  'checkpoint__every': 10,
  'eval__every': 20,
  'eval__scenes': 3,
  'checkpoint__keep': 3,
}
# Where to kill; each is reached in its own way.
MOMENTS = ('starting', 'compiling', 'stepping', 'saving', 'evaluating')


def free_port():
  """A port of this machine that nobody listens on."""
  with socket.socket() as probe:
    probe.bind(('localhost', 0))
    return probe.getsockname()[1]


class Process:
  """A training in a process of its own, with what it has said so far."""

  def __init__(self, workdir, *, devices=1, place=None, **options):
    """Starts it; `place` is (index, count, address) of several processes."""
    flags = f'--xla_force_host_platform_device_count={devices}'
    environment = {**os.environ, 'XLA_FLAGS': flags}
    if place is not None:
      index, count, address = place
      environment |= {
        'JAX_PROCESS_ID': str(index),
        'JAX_NUM_PROCESSES': str(count),
        'JAX_COORDINATOR_ADDRESS': address,
      }
    changes = [f'{name}={value!r}' for name, value in options.items()]
    self.lines = []
    self.workdir = Path(workdir)
    self._process = subprocess.Popen(
      [sys.executable, '-u', str(_SCRIPT), str(workdir), *changes],
      env=environment,
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
    )
    self._reader = threading.Thread(target=self._read, daemon=True)
    self._reader.start()

  def _read(self):
    for line in self._process.stdout:
      self.lines.append(line.rstrip())

  def running(self):
    """Whether it runs."""
    return self._process.poll() is None

  def wait_until(self, reached, timeout=120):
    """Waits for a condition; False where the training ended before it."""
    deadline = time.monotonic() + timeout
    while not reached():
      if not self.running():
        return False
      assert time.monotonic() < deadline, self.said()
      time.sleep(0.002)
    return True

  def said(self):
    """All that it said."""
    return '\n'.join(self.lines)

  def count(self, *words):
    """How many lines have these words."""
    lines = list(self.lines)
    return sum(all(word in line for word in words) for line in lines)

  def is_saving(self):
    """Whether a checkpoint is half written."""
    folder = self.workdir / 'checkpoints'
    return any(folder.glob('*tmp*'))

  def send(self, number):
    """Sends a signal."""
    self._process.send_signal(number)

  def end(self, timeout=120):
    """Waits for its end; returns the exit code."""
    code = self._process.wait(timeout)
    self._reader.join(10)
    return code


@dataclasses.dataclass
class Kill:
  """One kill: where, whether the training was still running, its last word."""

  moment: str
  hit: bool
  last: str


def reach(process, moment, chance):
  """Waits for a moment; the kill comes at a random time within it."""
  if moment == 'starting':
    time.sleep(chance.uniform(0, 4))
    return process.running()
  begun = 'a device.'
  if moment == 'compiling':
    # After the state: the compilation of its initialisation, and the step's.
    here = process.wait_until(lambda: process.count(begun) > 0)
    time.sleep(chance.uniform(0, 2.5))
    return here and process.running()
  after = process.count('loss') + chance.randint(1, 4)
  if moment == 'stepping':
    here = process.wait_until(lambda: process.count('step ', 'loss') >= after)
    time.sleep(chance.uniform(0, 0.05))
  elif moment == 'saving':
    process.wait_until(lambda: process.count('step ', 'loss') >= after - 1)
    here = process.wait_until(process.is_saving)
    time.sleep(chance.uniform(0, 0.02))
  else:
    # The line of a step comes before its scores.
    here = process.wait_until(
      lambda: any(
        f'step {step:3d}/' in line
        for step in range(20, 121, 20)
        for line in list(process.lines)
      )
    )
    time.sleep(chance.uniform(0, 0.05))
  return here and process.running()


def train_with_kills(workdir, kills, *, seed=0):
  """Kills a training so many times, and lets it end.

  Args:
    workdir: its folder.
    kills: how many times.
    seed: of the moments.

  Returns:
    The kills.
  """
  chance = random.Random(seed)
  order = [MOMENTS[n % len(MOMENTS)] for n in range(kills)]
  chance.shuffle(order)
  done = []
  for moment in order:
    process = Process(workdir, **OPTIONS)
    hit = reach(process, moment, chance)
    process.send(signal.SIGKILL)
    process.end()
    done.append(Kill(moment, hit, (process.lines or [''])[-1]))
  last = Process(workdir, **OPTIONS)
  code = last.end()
  assert code == 0, last.said()
  return done


def start_two(workdir, **options):
  """Starts a training of two processes with two devices each."""
  address = f'localhost:{free_port()}'
  options = {**OPTIONS, **options}
  return [
    Process(workdir, devices=2, place=(index, 2, address), **options)
    for index in range(2)
  ]


def kill_one_of_two(workdir, victim, *, after=5, **options):
  """Kills one of two processes in its steps.

  Args:
    workdir: the folder of the training.
    victim: index of the process.
    after: lines of progress to wait for.
    **options: of the config.

  Returns:
    Exit code of the other, the seconds it took to stop, and what it said.
  """
  both = start_two(workdir, **options)
  first, other = both[0], both[1 - victim]
  reached = first.wait_until(lambda: first.count('step ', 'loss') >= after)
  assert reached, first.said()
  both[victim].send(signal.SIGKILL)
  begun = time.monotonic()
  both[victim].end()
  code = other.end()
  return code, time.monotonic() - begun, other.said()


def main():
  """Prints a line a kill."""
  sys.path.insert(0, str(_SCRIPT.parent))
  numbers = [int(a) for a in sys.argv[2:] if a.isdigit()]
  kills, seed = (*numbers, *(30, 0)[len(numbers) :])
  folder = Path(sys.argv[1])
  if '--processes' in sys.argv:
    for number in range(kills):
      code, seconds, said = kill_one_of_two(folder / 'two', number % 2)
      print(f'{number} code {code} after {seconds:.1f} s: {said[-300:]}')
    return
  for kill in train_with_kills(folder / 'killed', kills, seed=seed):
    print(kill)
  assert Process(folder / 'straight', **OPTIONS).end() == 0


if __name__ == '__main__':
  main()
