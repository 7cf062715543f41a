"""Cloud TPU VMs, for which a program that writes down its calls stands."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

_TOP = Path(__file__).resolve().parents[2]
_LAUNCH = _TOP / 'launch'
_TRAINING = ('--config=configs/mef_ffmef.py:quick', '--workdir=/mnt/share/run')
_POD = ('pod1', '--zone=us-west4-a', '--type=v5litepod-16')


def test_pod_dry_run_is_what_is_run(bash, fakes):
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


def test_pod_is_deleted_when_the_training_fails(bash, fakes):
  body = (
    'case "$*" in *fusionjax.main*) exit 7 ;; *describe*) echo READY ;; esac'
  )
  env = fakes(gcloud=body, git='')
  done = bash('tpu_pod.sh', *_POD, '--tries=3', '--', *_TRAINING, env=env)
  assert done.returncode == 7
  verbs = [line.split()[4] for line in fakes.log() if 'tpu-vm' in line]
  assert verbs == ['create', 'scp', 'ssh', 'ssh', 'describe', 'delete']


def test_pod_that_was_taken_away_is_made_again(bash, fakes, tmp_path):
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
def test_pod_is_deleted_after_sigterm(wait_for, fakes, tmp_path, keep):
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


def test_pod_of_several_hosts_needs_a_shared_workdir(bash):
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
