import csv
import dataclasses
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing import event_accumulator

import fusionjax
from fusionjax import errors
from fusionjax.methods import registry
from fusionjax.pretrained import weights
from fusionjax.training import evaluate, health, journal, loop, signals

_SCRIPT = Path(__file__).with_name('stand_in.py')


def _flat(workdir):
  """Parameters that a training has shipped, by name."""
  variables = weights.load_weights(workdir / 'weights.safetensors').variables
  flat = {}

  def walk(tree, prefix):
    for name, value in tree.items():
      if isinstance(value, dict):
        walk(value, f'{prefix}{name}/')
      else:
        flat[prefix + name] = value

  walk(variables, '')
  return flat


def _assert_same_weights(one, two):
  one, two = _flat(one), _flat(two)
  assert one.keys() == two.keys()
  for name, value in one.items():
    np.testing.assert_array_equal(value, two[name], err_msg=name)


def _log(workdir):
  log = event_accumulator.EventAccumulator(str(workdir / 'tensorboard'))
  log.Reload()
  return log


def _losses(workdir):
  return [event.value for event in _log(workdir).Scalars('train/loss')]


def _rows(path):
  with path.open(newline='') as file:
    return list(csv.DictReader(file))


@pytest.fixture(scope='module')
def straight(stand_in, tmp_path_factory):
  """A training of six steps without a break."""
  workdir = tmp_path_factory.mktemp('straight')
  config = stand_in.make_config(ema_decay=0.9, eval__every=3)
  loop.train(config, workdir, command='the command')
  return workdir


def test_a_training_leaves_what_it_promises(straight):
  names = {path.name for path in straight.iterdir()}
  assert names == {
    'checkpoints',
    'config.json',
    'log.jsonl',
    'samples.png',
    'scores.csv',
    'tensorboard',
    'weights.safetensors',
  }
  loaded = weights.load_weights(straight / 'weights.safetensors')
  assert (loaded.method, loaded.task) == ('tiny', 'mef')
  assert loaded.options == {'channels': 2, 'norm': True}
  assert set(loaded.variables) == {'params', 'batch_stats'}
  facts = loaded.metadata
  assert facts['command'] == 'the command'
  assert (facts['seed'], facts['steps']) == ('7', '6')
  assert float(facts['hours']) > 0
  assert '"en"' in facts['scores']
  rows = _rows(straight / 'scores.csv')
  assert [r['step'] for r in rows if r['scene'] == 'mean'] == ['0', '3', '6']
  sheet = Image.open(straight / 'samples.png')
  assert sheet.width > 4 * 200
  log = _log(straight)
  assert [e.step for e in log.Scalars('train/loss')] == [2, 4, 6]
  assert [e.step for e in log.Scalars('eval/en')] == [0, 3, 6]


def test_resume_equals_no_break(stand_in, straight, tmp_path, capsys):
  options = {'ema_decay': 0.9, 'eval__every': 3}
  loop.train(stand_in.make_config(**options, steps=3), tmp_path)
  loop.train(stand_in.make_config(**options, steps=6), tmp_path)
  assert 'Continuing after step 3 of 6' in capsys.readouterr().out
  _assert_same_weights(straight, tmp_path)
  assert _rows(tmp_path / 'scores.csv') == _rows(straight / 'scores.csv')
  # The pictures before training come from the seed.
  assert (tmp_path / 'samples.png').read_bytes() == (
    straight / 'samples.png'
  ).read_bytes()


def test_every_line_of_the_log_is_json(straight):
  lines = journal.read(straight / 'log.jsonl')
  steps = [line['step'] for line in lines if 'train/loss' in line]
  assert steps == [2, 4, 6]
  assert lines[1]['train/memory'] > 1e6
  assert [x['step'] for x in lines if 'eval/en' in x] == [0, 3, 6]


def test_pictures_are_in_the_log(straight):
  log = _log(straight)
  (tag,) = log.Tags()['images']
  images = log.Images(tag)
  assert tag == 'scenes/test-0000'
  assert [image.step for image in images] == [0, 3, 6]
  with Image.open(io.BytesIO(images[0].encoded_image_string)) as picture:
    assert picture.size == (images[0].width, images[0].height)


def test_checkpoints_know_where_they_come_from(stand_in, straight):
  facts = json.loads(
    (straight / 'checkpoints' / '6' / 'facts' / 'metadata').read_text()
  )
  assert facts['method'] == 'tiny' and facts['config']['seed'] == 7
  assert facts['version'] == fusionjax.__version__
  assert facts['topology'] == {'processes': 1, 'data': 2, 'space': 1}
  assert len(facts['fingerprint']) == 16


def test_the_step_is_compiled_once_and_profiled(
  stand_in, tmp_path, monkeypatch, capsys
):
  traces = []

  def counted(*args, **options):
    traces.append(1)
    return stand_in.loss(*args, **options)

  method = dataclasses.replace(stand_in.METHOD, loss=counted)
  monkeypatch.setattr(registry, 'get_method', lambda name: method)
  config = stand_in.make_config(steps=9, mesh__data=1)
  loop.train(config, tmp_path, profile=(5, 6))
  # The check of the config, and the step: whatever number of steps.
  assert len(traces) == 2
  found = list((tmp_path / 'profile').rglob('*.xplane.pb'))
  assert len(found) == 1 and found[0].stat().st_size > 1000
  said = capsys.readouterr().out
  assert re.search(r'Compiled the step in .*: at least .*FLOP a step', said)
  assert '45 parameters (180 B); state' in said
  assert 'mesh data 1 x space 1' in said
  assert re.search(r'step 8/9 .* left  [\d.]+ [MG]B', said)


def test_done_is_said(stand_in, straight, capsys):
  before = (straight / 'weights.safetensors').stat().st_mtime_ns
  config = stand_in.make_config(ema_decay=0.9, eval__every=3)
  loop.train(config, straight)
  assert 'This training is done: step 6 of 6' in capsys.readouterr().out
  assert (straight / 'weights.safetensors').stat().st_mtime_ns == before


def test_another_config_is_refused(stand_in, straight):
  config = stand_in.make_config(ema_decay=0.9, model__channels=3)
  with pytest.raises(errors.InputError, match=r'model.channels: 2 -> 3'):
    loop.train(config, straight)


def test_average_is_what_is_shipped(stand_in, straight, tmp_path):
  loop.train(stand_in.make_config(), tmp_path)
  plain, averaged = _flat(tmp_path), _flat(straight)
  name = 'params/Conv_0/kernel'
  assert np.abs(plain[name] - averaged[name]).max() > 1e-5
  np.testing.assert_array_equal(
    plain['batch_stats/BatchNorm_0/mean'],
    averaged['batch_stats/BatchNorm_0/mean'],
  )


def test_epochs_count_the_scenes(stand_in, tmp_path, capsys):
  # Two passes over three scenes in batches of two: 2 * ceil(3 / 2).
  loop.train(stand_in.make_config(steps=0, epochs=2), tmp_path)
  out = capsys.readouterr().out
  assert 'step 4/4' in out
  assert 'training on the built-in synthetic source' in out


def test_steps_are_not_queued_far_ahead(stand_in, tmp_path, monkeypatch):
  # Who stops a training of slow steps would wait for all that are queued.
  waited, wait = [], jax.block_until_ready
  monkeypatch.setattr(
    jax, 'block_until_ready', lambda x: (waited.append(1), wait(x))[1]
  )
  rare = {f'{part}__every': 100 for part in ('log', 'eval', 'checkpoint')}
  loop.train(stand_in.make_config(steps=6, **rare), tmp_path)
  # Of steps 1 to 4: two may be under way.
  assert len(waited) >= 4


def test_nan_stops_with_name_and_window(stand_in, tmp_path):
  config = stand_in.make_config(optimizer__learning_rate=1e38, log__every=4)
  with pytest.raises(health.TrainingError) as raised:
    loop.train(config, tmp_path)
  assert str(raised.value).startswith('loss is nan at step 2')
  # Found before the first checkpoint, at step 3.
  assert 'steps 1 to 3' in str(raised.value)
  assert not list((tmp_path / 'checkpoints').glob('[0-9]*'))
  assert not (tmp_path / 'weights.safetensors').exists()


def test_damaged_checkpoint_costs_its_steps_only(
  stand_in, straight, tmp_path, capsys
):
  options = {'ema_decay': 0.9, 'eval__every': 3}
  loop.train(stand_in.make_config(**options), tmp_path)
  for path in (tmp_path / 'checkpoints' / '6' / 'state').rglob('*'):
    if path.is_file():
      path.write_bytes(path.read_bytes()[:20])
  # Nothing goes on unasked.
  with pytest.raises(errors.InputError) as raised:
    loop.train(stand_in.make_config(**options), tmp_path)
  words = ('step 6 is damaged', 'checkpoints/6/', 'step 3', 'damaged=previous')
  assert all(word in str(raised.value) for word in words)
  capsys.readouterr()
  config = stand_in.make_config(**options, checkpoint__damaged='previous')
  loop.train(config, tmp_path)
  out = capsys.readouterr().out
  assert 'Skipped: The checkpoint of step 6' in out
  assert (tmp_path / 'checkpoints' / 'damaged-6').is_dir()
  assert 'Continuing after step 3' in out
  _assert_same_weights(straight, tmp_path)


class _StopsAt(signals.StopSignals):
  """Hears a signal after so many steps."""

  number = signal.SIGINT

  def __init__(self):
    super().__init__()
    self._left = 2

  def received(self, *, agree=None):
    # The question between two steps.
    self._left -= agree is not None
    return self.number if self._left <= 0 else None


def test_interrupt_saves_where_it_is(stand_in, tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(signals, 'StopSignals', _StopsAt)
  with pytest.raises(KeyboardInterrupt):
    loop.train(stand_in.make_config(), tmp_path)
  assert 'SIGINT: saved step 2 of 6' in capsys.readouterr().out
  assert [p.name for p in (tmp_path / 'checkpoints').glob('[0-9]*')] == ['2']


@pytest.mark.parametrize(
  ('changes', 'words'),
  [
    ({'model__chanels': 3}, 'config.model does not fit'),
    ({'loss__scal': 2.0}, 'config.loss does not fit'),
    ({'ema_decay': 1.0}, 'ema_decay is 1.0'),
    ({'log__every': 0}, 'log.every is 0'),
    ({'steps': 0}, 'steps and epochs'),
    ({'eval__metrics': ('enn',)}, 'enn'),
    ({'checkpoint__best': 'qabf'}, 'checkpoint.best'),
    ({'data__batch_size': 0}, 'batch_size'),
    ({'data__size': (0, 0)}, 'data.size'),
    ({'data__crop': (1.0, 0.5)}, 'data.crop'),
    ({'steps': -1}, 'steps is -1'),
    ({'checkpoint__keep': 0}, 'checkpoint.keep is 0'),
    ({'optimizer__learning_rate': -1.0}, 'learning_rate is -1.0'),
    ({'optimizer__schedule': 'linear'}, 'optimizer.schedule'),
    ({'optimizer__clip_norm': -1.0}, 'clip_norm is -1.0'),
    ({'task': 'meff'}, 'mef'),
    ({'method': 'tinny'}, 'tiny'),
  ],
)
def test_values_are_checked_at_the_door(stand_in, tmp_path, changes, words):
  config = stand_in.make_config(**changes)
  with pytest.raises(errors.InputError, match=words):
    loop.train(config, tmp_path / 'run')
  assert not (tmp_path / 'run').exists()


def test_folder_that_cannot_be_made(stand_in, tmp_path):
  (tmp_path / 'file').touch()
  with pytest.raises(errors.InputError, match='workdir'):
    loop.train(stand_in.make_config(), tmp_path / 'file' / 'run')


def _write_pairs(folder, count):
  folder.mkdir()
  for number in range(count):
    random = np.random.default_rng(number)
    for letter in 'AB':
      image = random.integers(0, 256, (40, 50, 3), np.uint8)
      Image.fromarray(image).save(folder / f'scene{number}x_{letter}.png')


def test_evaluate_scores_all_scenes(stand_in, straight, tmp_path, capsys):
  _write_pairs(tmp_path / 'pairs', 3)
  config = stand_in.make_config(data__root=str(tmp_path / 'pairs'))
  evaluate.evaluate(config, straight)
  rows = _rows(straight / 'evaluation.csv')
  (straight / 'evaluation.csv').unlink()
  assert [row['scene'] for row in rows][-1] == 'mean'
  assert len(rows) == 4
  values = [float(row['en']) for row in rows]
  assert values[-1] == pytest.approx(np.mean(values[:3]), rel=1e-4)
  assert '3 scenes' in capsys.readouterr().out


def test_evaluate_without_weights(stand_in, tmp_path):
  with pytest.raises(errors.InputError, match='Train first'):
    evaluate.evaluate(stand_in.make_config(), tmp_path)


def _environment(devices=1, **more):
  flags = f'--xla_force_host_platform_device_count={devices}'
  return {**os.environ, 'XLA_FLAGS': flags, **more}


def test_sigterm_saves_and_a_resume_goes_on(stand_in, tmp_path, capsys):
  command = [sys.executable, str(_SCRIPT), str(tmp_path)]
  command += ['ema_decay=0.9', 'steps=100000']
  process = subprocess.Popen(
    command,
    env=_environment(),
    stdout=subprocess.PIPE,
    text=True,
  )
  for line in process.stdout:
    if line.startswith('step') and '/100000' in line:
      process.send_signal(signal.SIGTERM)
      break
  rest = process.stdout.read()
  assert process.wait(60) == 0
  assert 'SIGTERM: saved step' in rest
  newest = max(int(p.name) for p in (tmp_path / 'checkpoints').glob('[0-9]*'))
  assert f'saved step {newest} of 100000' in rest
  facts = weights.load_weights(tmp_path / 'weights.safetensors').metadata
  assert facts['steps'] == str(newest)
  config = stand_in.make_config(ema_decay=0.9, steps=newest + 1)
  loop.train(config, tmp_path)
  said = capsys.readouterr().out
  assert f'Continuing after step {newest} of {newest + 1}' in said
