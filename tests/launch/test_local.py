"""Processes of this machine, and what starts a training again."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_TOP = Path(__file__).resolve().parents[2]
_LAUNCH = _TOP / 'launch'
_TRAINING = ('--config=configs/mef_ffmef.py:quick', '--workdir=/mnt/share/run')


def local(*arguments: str, program: str) -> subprocess.Popen:
  options = ['--program', f'{sys.executable} {program}', *arguments, '--']
  return subprocess.Popen(
    [sys.executable, str(_LAUNCH / 'local.py'), *options, '--flag=a b'],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def test_local_dry_run():
  command = [sys.executable, str(_LAUNCH / 'local.py'), '--dry-run']
  command += ['--processes=2', '--devices=4', '--port=1234', '--', *_TRAINING]
  env = {k: v for k, v in os.environ.items() if k != 'XLA_FLAGS'}
  done = subprocess.run(
    command, capture_output=True, text=True, check=True, env=env
  )
  lines = done.stdout.splitlines()
  assert lines == [
    'XLA_FLAGS=--xla_force_host_platform_device_count=4 JAX_PLATFORMS=cpu '
    f'{sys.executable} -m fusionjax.main --coordinator=127.0.0.1:1234 '
    f'--num_processes=2 --process_id={index} {shlex.join(_TRAINING)}'
    for index in range(2)
  ]


def test_local_runs_all_and_marks_their_lines(program):
  path = program("""
    print('flags', sys.argv[1:3] + sys.argv[4:])
    print('devices', os.environ['XLA_FLAGS'].split('=')[-1])
    print('bad news', file=sys.stderr)
  """)
  options = ['--processes=3', '--devices=2', '--port=77']
  out, errors = local(*options, program=path).communicate(timeout=60)
  flags = ['--coordinator=127.0.0.1:77', '--num_processes=3', '--flag=a b']
  expected = [f'[{i}] flags {flags}' for i in range(3)]
  expected += [f'[{i}] devices 2' for i in range(3)]
  assert sorted(out.splitlines()) == sorted(expected)
  assert sorted(errors.splitlines()) == [f'[{i}] bad news' for i in range(3)]


def test_local_ends_all_when_one_fails(program):
  path = program("""
    def stop(*_):
      print('told to stop')
      sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    if index == '1':
      time.sleep(0.3)
      sys.exit(3)
    time.sleep(60)
  """)
  begun = time.monotonic()
  process = local('--processes=3', program=path)
  out, errors = process.communicate(timeout=60)
  assert time.monotonic() - begun < 20
  assert process.returncode == 3
  assert sorted(out.splitlines()) == ['[0] told to stop', '[2] told to stop']
  assert 'process 1 ended with exit code 3' in errors


def test_local_kills_what_does_not_end(program):
  path = program("""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if index == '0':
      os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
  """)
  process = local('--grace=0.5', program=path)
  _, errors = process.communicate(timeout=30)
  assert process.returncode == 128 + signal.SIGKILL
  assert 'process 0 ended with signal 9' in errors


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_local_passes_signals_on(wait_for, program, tmp_path, number):
  path = program(f"""
    def stop(got, _):
      print('saved after', got)
      sys.exit(0)
    for number in (signal.SIGTERM, signal.SIGINT):
      signal.signal(number, stop)
    open({str(tmp_path)!r} + '/ready' + index, 'w').close()
    time.sleep(60)
  """)
  process = local(program=path)
  wait_for(lambda: len([*tmp_path.glob('ready*')]) == 2)
  process.send_signal(number)
  out, _ = process.communicate(timeout=30)
  assert process.returncode == 0
  assert sorted(out.splitlines()) == [
    f'[{i}] saved after {number}' for i in '01'
  ]


def test_local_wants_flags():
  done = subprocess.run(
    [sys.executable, str(_LAUNCH / 'local.py'), '--gpus', '--devices=2', '--'],
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 2 and 'of CPUs' in done.stderr


@pytest.mark.parametrize(('ends', 'code'), [(0, 143), (5, 5)])
def test_restartable_is_not_done_after_sigterm(wait_for, tmp_path, ends, code):
  child = (
    f"trap 'exit {ends}' TERM; touch {tmp_path}/ready;"
    ' for i in {1..300}; do sleep 0.1; done'
  )
  process = subprocess.Popen(
    ['bash', str(_LAUNCH / 'restartable.sh'), 'bash', '-c', child]
  )
  wait_for((tmp_path / 'ready').exists)
  process.terminate()
  assert process.wait(timeout=20) == code


@pytest.mark.parametrize('code', [0, 1, 42])
def test_restartable_ends_as_its_command(bash, code):
  done = bash('restartable.sh', 'bash', '-c', f'exit {code}')
  assert done.returncode == code
