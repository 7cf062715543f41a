"""What can fail beside the training, and that nothing is lost by it."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusionjax import errors
from fusionjax.data import pipeline
from fusionjax.training import health, loop

_SCRIPT = Path(__file__).with_name('stand_in.py')


def _steps(workdir):
  folder = workdir / 'checkpoints'
  return sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit())


def _goes_on(stand_in, workdir, capsys, after, **options):
  """The same training, undisturbed, continues where it was."""
  capsys.readouterr()
  loop.train(stand_in.make_config(**options), workdir)
  assert f'Continuing after step {after} of' in capsys.readouterr().out


def test_a_full_disk_is_said_before_it_is_filled(
  stand_in, tmp_path, monkeypatch, capsys
):
  usage = shutil.disk_usage(tmp_path)
  # Room for the checkpoint of step 3, and none for that of step 6.
  answers = iter([usage._replace(free=10**6), usage._replace(free=1000)])
  monkeypatch.setattr(shutil, 'disk_usage', lambda path: next(answers))
  with pytest.raises(errors.InputError) as raised:
    loop.train(stand_in.make_config(), tmp_path)
  assert '0.0 MB are free; the one of step 3 is kept' in str(raised.value)
  assert '\n' not in str(raised.value)
  monkeypatch.undo()
  _goes_on(stand_in, tmp_path, capsys, 3)
  assert _steps(tmp_path) == [3, 6]


# Files of at most 9 kB, in blocks of 512 bytes.
_LIMITED = ('sh', '-c', 'ulimit -f 18; exec "$@"', 'sh')


def test_a_refusal_of_the_system_is_one_error(stand_in, tmp_path, capsys):
  loop.train(stand_in.make_config(steps=3, mesh__data=1), tmp_path)
  changes = ('log__every=1', 'steps=99')
  done = subprocess.run(
    [*_LIMITED, sys.executable, str(_SCRIPT), str(tmp_path), *changes],
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 2, done.stderr
  last = done.stderr.splitlines()[-1]
  assert last.startswith('fusionjax: ') and 'cannot be written' in last
  assert 'start again' in last
  kept = max(_steps(tmp_path))
  _goes_on(stand_in, tmp_path, capsys, kept, steps=kept + 1, mesh__data=1)


@pytest.mark.parametrize('folder', ['/proc/self', '/proc/nothing'])
def test_a_folder_that_cannot_be_written(stand_in, folder):
  if not Path('/proc/self').exists():
    pytest.skip('there is no /proc here')
  with pytest.raises(errors.InputError, match='Give another --workdir'):
    loop.train(stand_in.make_config(), folder)


def _pairs(folder, count=6):
  folder.mkdir()
  for number in range(count):
    random = np.random.default_rng(number)
    for letter in 'AB':
      image = random.integers(0, 256, (40, 50, 3), np.uint8)
      Image.fromarray(image).save(folder / f'scene{number}x_{letter}.png')


def test_data_that_vanish_cost_nothing(stand_in, tmp_path, capsys, monkeypatch):
  root, workdir = tmp_path / 'pairs', tmp_path / 'run'
  _pairs(root)
  options = {
    'data__root': str(root),
    'data__cache_bytes': 0,
    'steps': 400,
    'checkpoint__every': 1000,
  }
  ask = loop.Training._between_steps

  def vanish(training, line, stop):
    if training.step == 5:
      root.rename(tmp_path / 'elsewhere')
    return ask(training, line, stop)

  monkeypatch.setattr(loop.Training, '_between_steps', vanish)
  with pytest.raises(errors.InputError) as raised:
    loop.train(stand_in.make_config(**options), workdir)
  assert 'scene' in str(raised.value) and '\n' not in str(raised.value)
  # What was prefetched is used, and all of it is kept.
  (kept,) = _steps(workdir)
  assert 5 <= kept < 100
  assert f'The data failed: saved step {kept}' in capsys.readouterr().out
  monkeypatch.undo()
  (tmp_path / 'elsewhere').rename(root)
  options['steps'] = kept + 1
  _goes_on(stand_in, workdir, capsys, kept, **options)


def test_a_poisoned_batch_is_named(stand_in, tmp_path, monkeypatch):
  batches = pipeline.train_batches

  def poisoned(*args, **options):
    start = options['start_step']
    for number, batch in enumerate(batches(*args, **options), start + 1):
      if number == 8:
        first, *rest = (source.copy() for source in batch['sources'])
        first[0, 0, 0] = np.nan
        batch['sources'] = (first, *rest)
        found.append(batch['index'].tolist())
      yield batch

  found = []
  monkeypatch.setattr(pipeline, 'train_batches', poisoned)
  config = stand_in.make_config(steps=40, log__every=5)
  with pytest.raises(health.TrainingError) as raised:
    loop.train(config, tmp_path)
  said = str(raised.value)
  assert said.startswith('loss is nan at step 8 (')
  # Looked for at each log and each checkpoint: those of 5, 6, 9.
  assert 'steps 7 to 9' in said
  for number in set(found[0]):
    assert f'{number} (train-000{number})' in said
  # None of it is kept: no state, and no weights.
  assert _steps(tmp_path) == [3, 6]
