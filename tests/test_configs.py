"""Every config file: its fields, its variants, and a training to the end."""

import csv
import importlib.util
from pathlib import Path

import jax
import ml_collections
import numpy as np
import pytest
from PIL import Image

from fusionjax import errors, losses
from fusionjax.methods import base, registry
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


def _changed(**changes):
  """The quick config, changed as the command line does: no new fields."""
  config = _module(_FOLDER / 'mef_ffmef.py').get_config('quick')
  config.update_from_flattened_dict(
    {name.replace('__', '.'): value for name, value in changes.items()}
  )
  return config


@pytest.mark.parametrize(
  ('changes', 'parts'),
  [
    ({'loss__masks': 'raw'}, {'raw', 'global'}),
    ({'loss__global_term': False}, {'steep', 'smooth'}),
  ],
)
def test_ablations_of_the_loss(changes, parts):
  run = run_lib.open_run(_changed(**changes))
  picture = jax.ShapeDtypeStruct((2, 64, 64, 3), np.float32)
  batch = {'sources': (picture, picture)}
  step = run.make_step()
  _, metrics = jax.eval_shape(step, run.abstract_state(), batch)
  assert set(metrics) == {'loss', 'gradient_norm', *parts}


@pytest.mark.parametrize('sizes', [(1,), (1, 3), (3, 5), (1, 3, 5, 7)])
def test_filters_of_table_2(sizes):
  config = _changed(model__kernel_sizes=sizes).to_dict()
  shapes = base.abstract_variables(*run_lib.open_module(config), 'mef')
  levels = {name for name in shapes['params'] if name.startswith('level_')}
  assert levels == {f'level_{size}' for size in sizes}


@pytest.mark.parametrize(
  ('field', 'value', 'words'),
  [
    ('loss__weighting', 'x', "weighting 'x'"),
    ('loss__masks', 'x', "masks 'x'"),
    ('model__channels', 1, '1 channels'),
    ('model__kernel_sizes', (2,), 'kernel_sizes'),
    ('data__sources', 3, 'data.sources is 3'),
  ],
)
def test_options_that_do_not_fit(field, value, words):
  with pytest.raises(errors.InputError, match=words):
    run_lib.open_run(_changed(**{field: value}))


@pytest.mark.parametrize('path', _FILES, ids=lambda path: path.stem)
def test_weighting_reaches_the_loss(path):
  options = _module(path).get_config().loss.to_dict()
  # Not of the loss, but of what comes before it.
  assert options.pop('clamping') == 'through'
  random = np.random.default_rng(0)
  shapes = [(1, 16, 16, c) for c in (1, 1, 1, 2, 2, 1, 1)]
  maps = [random.random(s, np.float32) * 0.4 for s in shapes]
  values = {
    float(losses.gif_loss(*maps, **{**options, 'weighting': weighting})[0])
    for weighting in ('paper', 'published', 'average')
  }
  assert len(values) == 3


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
