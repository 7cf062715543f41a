"""Launchers: the commands that they print are those that they run."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

_TOP = Path(__file__).resolve().parents[1]
_LAUNCH = _TOP / 'launch'
_SCRIPTS = sorted([*_LAUNCH.glob('*.sh'), _LAUNCH / 'slurm.sbatch'])
_TRAINING = ('--config=configs/mef_ffmef.py:quick', '--workdir=/mnt/share/run')


def bash(script: str, *arguments: str, env: dict[str, str] | None = None):
  return subprocess.run(
    ['bash', str(_LAUNCH / script), *arguments],
    capture_output=True,
    text=True,
    timeout=60,
    check=False,
    cwd=_TOP,
    env={**os.environ, **(env or {})},
  )


def local(*arguments: str, program: str) -> subprocess.Popen:
  options = ['--program', f'{sys.executable} {program}', *arguments, '--']
  return subprocess.Popen(
    [sys.executable, str(_LAUNCH / 'local.py'), *options, '--flag=a b'],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


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


def wait_for(condition, seconds: float = 20.0) -> None:
  until = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < until, 'it did not happen in time'
    time.sleep(0.02)


@pytest.mark.parametrize('script', _SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_shell(script):
  subprocess.run(['bash', '-n', str(script)], check=True)
  if shutil.which('shellcheck'):
    command = ['shellcheck', '-x', str(script)]
    subprocess.run(command, check=True, cwd=_TOP)


# --- local.py


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
def test_local_passes_signals_on(program, tmp_path, number):
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


# --- restartable.sh


@pytest.mark.parametrize(('ends', 'code'), [(0, 143), (5, 5)])
def test_restartable_is_not_done_after_sigterm(tmp_path, ends, code):
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
def test_restartable_ends_as_its_command(code):
  done = bash('restartable.sh', 'bash', '-c', f'exit {code}')
  assert done.returncode == code


# --- tpu_pod.sh

_POD = ('pod1', '--zone=us-west4-a', '--type=v5litepod-16')


def test_pod_dry_run_is_what_is_run(fakes):
  options = (*_POD, '--spot', '--setup=sudo mount 10.0.0.2:/s /mnt/share')
  dry = bash('tpu_pod.sh', *options, '--dry-run', '--', *_TRAINING)
  assert dry.returncode == 0, dry.stderr
  lines = [shlex.split(line) for line in dry.stdout.splitlines()]
  gcloud = [line for line in lines if line[0] == 'gcloud']
  assert [line[4] for line in gcloud] == [
    *('create', 'scp', 'ssh', 'ssh', 'ssh', 'delete')
  ]
  assert gcloud[0][5:] == [
    *('pod1', '--zone=us-west4-a', '--accelerator-type=v5litepod-16'),
    *('--version=v2-alpha-tpuv5-lite', '--spot'),
  ]
  assert '--worker=all' in gcloud[1] and '--worker=all' in gcloud[2]
  assert 'uv venv' in gcloud[2][-1] and '"jax[tpu]"' in gcloud[2][-1]
  assert gcloud[3][-1] == '--command=sudo mount 10.0.0.2:/s /mnt/share'
  assert gcloud[4][-1] == (
    '--command=cd fusionjax && exec .venv/bin/python -m fusionjax.main '
    f'--distributed {" ".join(_TRAINING)}'
  )
  assert gcloud[5][5:] == ['pod1', '--zone=us-west4-a', '--quiet']
  env = fakes(gcloud='', git='')
  wet = bash('tpu_pod.sh', *options, '--', *_TRAINING, env=env)
  assert wet.returncode == 0, wet.stderr
  ran = [line for line in fakes.log() if line.startswith('gcloud')]
  # But for the name of a temporary folder.
  kept = [0, 2, 3, 4, 5]
  assert [ran[i] for i in kept] == [' '.join(gcloud[i]) for i in kept]


def test_pod_is_deleted_when_the_training_fails(fakes):
  body = (
    'case "$*" in *fusionjax.main*) exit 7 ;; *describe*) echo READY ;; esac'
  )
  env = fakes(gcloud=body, git='')
  done = bash('tpu_pod.sh', *_POD, '--tries=3', '--', *_TRAINING, env=env)
  assert done.returncode == 7
  verbs = [line.split()[4] for line in fakes.log() if 'tpu-vm' in line]
  assert verbs == ['create', 'scp', 'ssh', 'ssh', 'describe', 'delete']


def test_pod_that_was_taken_away_is_made_again(fakes, tmp_path):
  body = f"""
    case "$*" in
      *fusionjax.main*)
        [ -e {tmp_path}/once ] || {{ touch {tmp_path}/once; exit 255; }} ;;
      *describe*) echo PREEMPTED ;;
    esac"""
  env = fakes(gcloud=body, git='')
  done = bash('tpu_pod.sh', *_POD, '--tries=2', '--', *_TRAINING, env=env)
  assert done.returncode == 0, done.stderr
  verbs = [line.split()[4] for line in fakes.log() if 'tpu-vm' in line]
  once = ['create', 'scp', 'ssh', 'ssh']
  assert verbs == [*once, 'describe', 'delete', *once, 'delete']


@pytest.mark.parametrize('keep', [False, True])
def test_pod_is_deleted_after_sigterm(fakes, tmp_path, keep):
  body = (
    'case "$*" in *fusionjax.main*)'
    f' touch {tmp_path}/ready; exec sleep 1 ;; esac'
  )
  env = fakes(gcloud=body, git='')
  command = ['bash', str(_LAUNCH / 'tpu_pod.sh'), *_POD]
  command += [*(['--keep'] if keep else []), '--', *_TRAINING]
  process = subprocess.Popen(
    command, env={**os.environ, **env}, stderr=subprocess.PIPE, text=True
  )
  wait_for((tmp_path / 'ready').exists)
  process.terminate()
  _, errors = process.communicate(timeout=30)
  assert process.returncode == 143
  deleted = any('delete pod1' in line for line in fakes.log())
  assert deleted != keep
  assert ('is still running' in errors) == keep


def test_pod_of_several_hosts_needs_a_shared_workdir():
  for flag, message in (
    ('--workdir=runs/x', 'share no disk'),
    ('--seed=1', 'share no disk'),
    ('--workdir=s3://b/x', 'share no disk'),
  ):
    done = bash('tpu_pod.sh', *_POD, '--dry-run', '--', flag)
    assert done.returncode == 2 and message in done.stderr
    assert not done.stdout
  one = ('pod1', '--zone=z', '--type=v5litepod-8', '--dry-run')
  done = bash('tpu_pod.sh', *one, '--', '--workdir=runs/x')
  collected = done.stdout.splitlines()[-2]
  assert collected.endswith(
    'scp pod1:fusionjax/runs/x . --zone=z --worker=0 --recurse'
  )
  # In a bucket all is where it should be.
  done = bash('tpu_pod.sh', *_POD, '--dry-run', '--', '--workdir=gs://b/x')
  assert done.returncode == 0 and '--recurse' not in done.stdout


# --- xpk.sh


@pytest.mark.parametrize(
  ('kind', 'accelerator', 'devices'),
  [
    ('v5litepod-16', 'tpu', '--tpu-type=v5litepod-16 --num-slices=1'),
    (
      'h100-mega-80gb-8',
      'cuda',
      '--device-type=h100-mega-80gb-8 --num-nodes=2',
    ),
  ],
)
def test_xpk_dry_run_is_what_is_run(fakes, kind, accelerator, devices):
  options = ['run1', '--cluster=c1', '--image=gcr.io/p/f', f'--type={kind}']
  options += ['--nodes=2', '--storage=share', '--wait']
  dry = bash('xpk.sh', *options, '--dry-run', '--', *_TRAINING)
  assert dry.returncode == 0, dry.stderr
  build, push, create, wait = dry.stdout.splitlines()
  assert f'--build-arg=ACCELERATOR={accelerator}' in build
  assert push == 'docker push gcr.io/p/f'
  assert devices in create and '--storage=share' in create
  assert '--docker-image=gcr.io/p/f' in create and '--max-restarts=50' in create
  command = shlex.split(create)[-1].removeprefix('--command=')
  assert command.startswith('launch/restartable.sh python -m fusionjax.main ')
  assert command.endswith(' '.join(_TRAINING))
  assert ('--process_id=$NODE_RANK' in command) == (accelerator == 'cuda')
  assert ('--distributed' in command) == (accelerator == 'tpu')
  assert wait.endswith('--wait-for-job-completion=run1')
  env = fakes(xpk='case "$*" in *list*) exit 125 ;; esac', docker='')
  wet = bash('xpk.sh', *options, '--', *_TRAINING, env=env)
  assert wet.returncode == 125
  assert fakes.log() == [
    ' '.join(shlex.split(line)) for line in dry.stdout.splitlines()
  ]


def test_xpk_refuses_and_deletes():
  done = bash('xpk.sh', 'run1', '--cluster=c1', '--image=i', '--', '--x')
  assert done.returncode == 2 and 'a pod loses its disk' in done.stderr
  options = ('run1', '--cluster=c1', '--image=i', '--')
  done = bash('xpk.sh', *options, *_TRAINING, '--config.data.size=(8,8)')
  assert done.returncode == 2 and 'put --config.data.size' in done.stderr
  done = bash('xpk.sh', 'run1', '--cluster=c1', '--delete', '--dry-run')
  assert done.stdout == (
    'xpk workload delete --workload=run1 --cluster=c1 --force\n'
  )


# --- slurm.sbatch


def test_slurm_gives_each_task_all_gpus_of_its_node():
  env = {'SLURM_GPUS_ON_NODE': '4', 'SLURM_CPUS_PER_TASK': '16'}
  env['PYTHON'] = 'python'
  done = bash('slurm.sbatch', '--dry-run', *_TRAINING, env=env)
  assert done.stdout.strip() == (
    'JAX_LOCAL_DEVICE_IDS=0,1,2,3 srun --kill-on-bad-exit=1 --label '
    '--cpus-per-task=16 python -m fusionjax.main --distributed '
    + ' '.join(_TRAINING)
  )
  assert bash('slurm.sbatch').returncode == 2


def test_slurm_queues_again_what_was_stopped(fakes, tmp_path):
  srun = (
    f"trap 'exit 0' USR1; echo $$ > {tmp_path}/srun; touch {tmp_path}/ready;"
    ' for i in {1..300}; do sleep 0.1; done'
  )
  # Stands for what Slurm does: the tasks save and end, and srun with them.
  scancel = f'kill -USR1 "$(cat {tmp_path}/srun)"'
  env = fakes(srun=srun, scancel=scancel, scontrol='')
  process = subprocess.Popen(
    ['bash', str(_LAUNCH / 'slurm.sbatch'), *_TRAINING],
    env={**os.environ, **env, 'SLURM_JOB_ID': '9'},
  )
  wait_for((tmp_path / 'ready').exists)
  process.terminate()
  assert process.wait(timeout=20) == 0
  assert fakes.log()[1:] == ['scancel --signal=TERM 9.0', 'scontrol requeue 9']


def test_slurm_ends_as_the_training(fakes):
  env = {**fakes(srun='exit 3', scontrol=''), 'SLURM_JOB_ID': '9'}
  assert bash('slurm.sbatch', *_TRAINING, env=env).returncode == 3
  assert len(fakes.log()) == 1


# --- Dockerfile


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
