"""Every config file: its fields, its variants, and a training to the end."""

import csv
import importlib.util
from pathlib import Path

import ml_collections
import pytest
from PIL import Image

from fusionjax import errors
from fusionjax.methods import registry
from fusionjax.training import fields, loop
from fusionjax.training import run as run_lib

_FOLDER = Path(__file__).resolve().parents[1] / 'configs'
_FILES = sorted(_FOLDER.glob('*.py'))


def _module(path):
  spec = importlib.util.spec_from_file_location(path.stem, path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def _names(tree, prefix=''):
  for name, value in tree.items():
    if isinstance(value, ml_collections.ConfigDict):
      yield from _names(value, f'{prefix}{name}.')
    else:
      yield prefix + name


def test_there_are_configs():
  assert {path.stem for path in _FILES} >= {
    'mef_ffmef',
    'mff_ffmef',
    'ivf_ffmef',
  }


@pytest.mark.parametrize('path', _FILES, ids=lambda path: path.stem)
def test_config_is_locked_and_says_what_it_is(path):
  module = _module(path)
  config = module.get_config()
  with pytest.raises(AttributeError):
    config.unknown = 1
  for word in ('Paper:', 'Data:', 'Command:', f'configs/{path.name}'):
    assert word in module.__doc__
  assert path.stem == f'{config.task}_{config.method}'
  method = registry.get_method(config.method)
  method.module(**config.model.to_dict())
  run_lib.check_values(config.to_dict())
  known = set(_names(fields.default_config('', '')))
  own = set(_names(config)) - known
  assert {name.split('.')[0] for name in own} <= {'model', 'loss'}


@pytest.mark.parametrize('path', _FILES, ids=lambda path: path.stem)
def test_recipe_of_the_paper(path):
  config = _module(path).get_config()
  assert config.optimizer.to_dict() == {
    'name': 'adamw',
    'learning_rate': 1e-3,
    'weight_decay': 0.01,
    'schedule': 'constant',
    'decay_epochs': 30,
    'decay_rate': 0.5,
    'warmup': 0,
    'clip_norm': 0.0,
  }
  assert config.data.batch_size == 2
  assert config.data.size == (128, 128)
  assert (config.epochs, config.steps, config.seed) == (30, 0, 3407)
  assert config.loss.weighting == 'paper'
  assert config.ema_decay == 0


@pytest.mark.parametrize('path', _FILES, ids=lambda path: path.stem)
def test_unknown_variant(path):
  with pytest.raises(errors.InputError, match=r"'quik'.*Known: .*quick"):
    _module(path).get_config('quik')


def test_quick_trains_to_the_end(tmp_path):
  config = _module(_FOLDER / 'mef_ffmef.py').get_config('quick')
  # One device compiles faster than two virtual ones.
  config.mesh.data = 1
  loop.train(config, tmp_path)
  with (tmp_path / 'scores.csv').open(newline='') as file:
    rows = [row for row in csv.DictReader(file) if row['scene'] == 'mean']
  assert [row['step'] for row in rows] == ['0', '6', '12']
  # Twelve steps already show: structure comes over from the sources.
  assert float(rows[-1]['mef_ssim']) > float(rows[0]['mef_ssim'])
  assert Image.open(tmp_path / 'samples.png').width > 900
  assert (tmp_path / 'weights.safetensors').exists()
