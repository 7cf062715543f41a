"""Slurm."""

import os
import subprocess
from pathlib import Path

_TOP = Path(__file__).resolve().parents[2]
_LAUNCH = _TOP / 'launch'
_TRAINING = ('--config=configs/mef_ffmef.py:quick', '--workdir=/mnt/share/run')


def test_slurm_gives_each_task_all_gpus_of_its_node(bash):
  env = {'SLURM_GPUS_ON_NODE': '4', 'SLURM_CPUS_PER_TASK': '16'}
  env['PYTHON'] = 'python'
  done = bash('slurm.sbatch', '--dry-run', *_TRAINING, env=env)
  assert done.stdout.strip() == (
    'JAX_LOCAL_DEVICE_IDS=0,1,2,3 srun --kill-on-bad-exit=1 --label '
    '--cpus-per-task=16 python -m fusionjax.main --distributed '
    + ' '.join(_TRAINING)
  )
  assert bash('slurm.sbatch').returncode == 2


def test_slurm_queues_again_what_was_stopped(wait_for, fakes, tmp_path):
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


def test_slurm_ends_as_the_training(bash, fakes):
  env = {**fakes(srun='exit 3', scontrol=''), 'SLURM_JOB_ID': '9'}
  assert bash('slurm.sbatch', *_TRAINING, env=env).returncode == 3
  assert len(fakes.log()) == 1
