"""GKE through XPK."""

import shlex

import pytest

_TRAINING = ('--config=configs/mef_ffmef.py:quick', '--workdir=/mnt/share/run')


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
def test_xpk_dry_run_is_what_is_run(bash, fakes, kind, accelerator, devices):
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


def test_xpk_refuses_and_deletes(bash):
  done = bash('xpk.sh', 'run1', '--cluster=c1', '--image=i', '--', '--x')
  assert done.returncode == 2 and 'a pod loses its disk' in done.stderr
  options = ('run1', '--cluster=c1', '--image=i', '--')
  done = bash('xpk.sh', *options, *_TRAINING, '--config.data.size=(8,8)')
  assert done.returncode == 2 and 'put --config.data.size' in done.stderr
  # Buckets need no storage.
  done = bash('xpk.sh', *options[:-1], '--dry-run', '--', '--workdir=gs://b/x')
  assert done.returncode == 0 and done.stdout.splitlines()[-1].endswith(
    "python -m fusionjax.main --distributed --workdir=gs://b/x'"
  )
  done = bash('xpk.sh', 'run1', '--cluster=c1', '--delete', '--dry-run')
  assert done.stdout == (
    'xpk workload delete --workload=run1 --cluster=c1 --force\n'
  )
