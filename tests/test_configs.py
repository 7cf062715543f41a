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
from fusionjax.inference import load
from fusionjax.methods import base, registry
from fusionjax.training import fields, loop
from fusionjax.training import optimizer as optimizer_lib
from fusionjax.training import run as run_lib

_FOLDER = Path(__file__).resolve().parents[1] / 'configs'
_FILES = sorted(_FOLDER.glob('*.py'))
_FFMEF = sorted(_FOLDER.glob('*_ffmef.py'))
_MGDN = sorted(_FOLDER.glob('*_mgdn.py'))
_CSC = sorted(_FOLDER.glob('*_csc.py'))
_FMM = sorted(_FOLDER.glob('*_fmm.py'))


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
    'ivf_csc',
    'mef_csc',
    'msf_csc',
    'ivf_fmm',
    'medical_fmm',
    'mff_fmm',
    'mff_mgdn',
    'mef_mgdn',
    'gdsr_mgdn',
    'hdr_mgdn',
  }


@pytest.mark.parametrize('path', _FILES, ids=lambda path: path.stem)
def test_config_is_locked_and_says_what_it_is(path):
  module = _module(path)
  config = module.get_config()
  with pytest.raises(AttributeError):
    config.unknown = 1
  for word in ('Paper:', 'Data:', 'Command:', f'configs/{path.name}'):
    assert word in module.__doc__
  # A paper of several methods has one name for all: csc_ivfn is csc.
  task, family = path.stem.split('_', 1)
  assert task == config.task and config.method.startswith(family)
  method = registry.get_method(config.method)
  method.module(**config.model.to_dict())
  run_lib.check_values(config.to_dict())
  known = set(_names(fields.default_config('', '')))
  own = set(_names(config)) - known
  assert {name.split('.')[0] for name in own} <= {'model', 'loss'}


@pytest.mark.parametrize('path', _FFMEF, ids=lambda path: path.stem)
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


@pytest.mark.parametrize('path', _FFMEF, ids=lambda path: path.stem)
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


@pytest.mark.parametrize(
  ('name', 'rate', 'epochs', 'batch', 'size'),
  [
    ('ivf_csc', 1e-2, 60, 16, (128, 128)),
    ('mef_csc', 5e-4, 50, 8, (128, 128)),
    ('msf_csc', 5e-4, 100, 16, (64, 64)),
  ],
)
def test_recipe_of_cscfuse(name, rate, epochs, batch, size):
  config = _module(_FOLDER / f'{name}.py').get_config()
  assert config.optimizer.name == 'adam'
  assert config.optimizer.learning_rate == rate
  assert (config.epochs, config.steps) == (epochs, 0)
  assert config.data.batch_size == batch and config.data.size == size
  # The published networks are those of the constructor's defaults.
  method = registry.get_method(config.method)
  module = method.module(**config.model.to_dict())
  if name != 'msf_csc':
    assert module == method.module()
  # Ten times less after half of the epochs, for IVFN alone.
  plain = config.to_dict()
  schedule = optimizer_lib.make_schedule(
    plain['optimizer'], steps=epochs * 3, steps_per_epoch=3
  )
  ends = [float(schedule(step)) for step in (0, 89, 90, epochs * 3 - 1)]
  late = rate / 10 if name == 'ivf_csc' else rate
  np.testing.assert_allclose(ends, [rate, rate, late, late], rtol=1e-5)


@pytest.mark.parametrize(
  'path',
  [
    # Steps of the other two are compared with the published code's.
    pytest.param(p, marks=() if p.stem == 'msf_csc' else pytest.mark.long)
    for p in _CSC
  ],
  ids=lambda path: path.stem,
)
def test_quick_cscfuse_trains_to_the_end(path, tmp_path):
  config = _module(path).get_config('quick')
  config.mesh.data = 1
  loop.train(config, tmp_path)
  with (tmp_path / 'scores.csv').open(newline='') as file:
    rows = [row for row in csv.DictReader(file) if row['scene'] == 'mean']
  assert [row['step'] for row in rows] == ['0', '6', '12']
  # Twelve steps already show: more structure, or fewer errors.
  gains = {'ivf_csc': 'sd', 'mef_csc': 'mef_ssim', 'msf_csc': 'psnr'}
  best = gains[path.stem]
  assert float(rows[-1][best]) > float(rows[0][best])
  assert Image.open(tmp_path / 'samples.png').width > 900
  # What was trained can be used, running statistics and all.
  model = load.load_model(tmp_path)
  assert f'{model.method}-{model.task}' == f'{config.method}-{config.task}'
  stats = jax.tree_util.tree_leaves_with_path(model.variables['batch_stats'])
  for path, leaf in stats:
    initial = {'mean': 0, 'var': 1}[path[-1].key]
    assert np.all(leaf != initial), path


@pytest.mark.parametrize(
  ('name', 'changes', 'words'),
  [
    ('ivf_csc', {'model.unit_input': 'raw'}, "unit_input 'raw'"),
    ('ivf_csc', {'model.base_fusion': 'max'}, "rule of fusion 'max'"),
    ('ivf_csc', {'optimizer.weight_decay': 0.1}, 'adam has none'),
    ('mef_csc', {'model.activation': 'tanh'}, "activation 'tanh'"),
    ('mef_csc', {'data.size': (64, 32)}, 'rotate is on'),
    ('msf_csc', {'data.ratio': 1}, 'data.ratio is 1'),
    ('msf_csc', {'data.ratio': 7}, 'no multiple of data.ratio 7'),
    ('msf_csc', {'data.degrade': 'cubic'}, "data.degrade is 'cubic'"),
    ('msf_csc', {'data.guide_channels': 9}, 'data.guide_channels 9'),
    ('msf_csc', {'eval.metrics': ('en',)}, "metric of cubes 'en'"),
  ],
)
def test_options_that_do_not_fit_cscfuse(name, changes, words):
  config = _module(_FOLDER / f'{name}.py').get_config('quick')
  config.update_from_flattened_dict(changes)
  with pytest.raises(errors.InputError, match=words):
    run_lib.open_run(config)


def test_cubes_of_other_channels():
  config = _module(_FOLDER / 'msf_csc.py').get_config('cave')
  run = run_lib.open_run(config)
  assert run.module.bands == 31 and run.module.guide_channels == 3
  assert run.source.read(0).sources[0].shape[-1] == 31


def test_quick_fmm_trains_to_the_end(tmp_path):
  config = _module(_FOLDER / 'medical_fmm.py').get_config('quick')
  config.mesh.data = 1
  config.model.width = 4
  loop.train(config, tmp_path)
  with (tmp_path / 'scores.csv').open(newline='') as file:
    rows = [row for row in csv.DictReader(file) if row['scene'] == 'mean']
  assert [row['step'] for row in rows] == ['0', '6', '12']
  assert float(rows[-1]['scd']) > float(rows[0]['scd'])
  model = load.load_model(tmp_path)
  assert (model.method, model.task) == ('fmm', 'medical')
  pair = [np.full((20, 24), level, np.uint8) for level in (40, 90)]
  assert model.fuse(pair).shape == (20, 24)


@pytest.mark.parametrize('path', _FMM, ids=lambda path: path.stem)
def test_recipe_of_fmm(path):
  config = _module(path).get_config()
  assert config.optimizer.name == 'adam'
  assert config.optimizer.learning_rate == 1e-4
  assert (config.epochs, config.data.size) == (4, (256, 256))
  assert config.loss.to_dict() == {
    'selection': 'variance',
    'size': 11,
    'window': 'uniform',
  }


@pytest.mark.parametrize('path', _MGDN, ids=lambda path: path.stem)
def test_networks_of_mgdn_are_the_published_ones(path):
  config = _module(path).get_config()
  method = registry.get_method(config.method)
  options = method.published_options.get(f'mgdn-{config.task}', {})
  if config.task == 'gdsr':
    wide = _module(path).get_config('x16')
    assert method.module(**wide.model).channels == 60 and wide.data.ratio == 16
  module = method.module(**config.model.to_dict())
  assert module.clone(remat=False) == method.module(**options)
  assert config.optimizer.name == 'adam' and config.loss.information_weight


def test_quick_depth_opens_and_refuses_what_does_not_fit():
  for name, changes, words in (
    ('quick', {'data.ratio': 1}, 'data.ratio is 1'),
    ('x8', {'data.resize': True}, 'data.resize True'),
    ('quick', {'eval.metrics': ('en',)}, "metric of depth 'en'"),
    ('quick', {'eval.toolbox': 'mefb'}, "eval.toolbox 'mefb'"),
  ):
    config = _module(_FOLDER / 'gdsr_mgdn.py').get_config(name)
    config.update_from_flattened_dict(changes)
    with pytest.raises(errors.InputError, match=words):
      run_lib.open_run(config)
  run = run_lib.open_run(_module(_FOLDER / 'gdsr_mgdn.py').get_config('quick'))
  picture = jax.ShapeDtypeStruct((2, 64, 64, 3), np.float32)
  depth = jax.ShapeDtypeStruct((2, 64, 64, 1), np.float32)
  batch = {'sources': (picture, depth), 'reference': depth}
  _, metrics = jax.eval_shape(run.make_step(), run.abstract_state(), batch)
  assert set(metrics) >= {'loss', 'absolute_error', 'information'}


def test_quick_deghosting_opens():
  config = _module(_FOLDER / 'hdr_mgdn.py').get_config('quick')
  run = run_lib.open_run(config)
  six = jax.ShapeDtypeStruct((2, 64, 64, 6), np.float32)
  truth = jax.ShapeDtypeStruct((2, 64, 64, 3), np.float32)
  batch = {'sources': (six,) * 3, 'reference': truth}
  _, metrics = jax.eval_shape(run.make_step(), run.abstract_state(), batch)
  assert set(metrics) >= {'loss', 'mu_law_error', 'information'}
  with config.unlocked():
    config.data.resize = True
  with pytest.raises(errors.InputError, match=r'data\.resize is on'):
    run_lib.open_run(config)


def test_quick_mgdn_trains_to_the_end(tmp_path):
  config = _module(_FOLDER / 'mff_mgdn.py').get_config('quick')
  config.mesh.data = 1
  loop.train(config, tmp_path)
  with (tmp_path / 'scores.csv').open(newline='') as file:
    rows = [row for row in csv.DictReader(file) if row['scene'] == 'mean']
  assert [row['step'] for row in rows] == ['0', '6', '12']
  assert float(rows[-1]['ssim']) > float(rows[0]['ssim'])
  # What was trained can be used, without the parameters of the loss.
  model = load.load_model(tmp_path)
  assert (model.method, model.task) == ('mgdn', 'mff')
  assert set(model.variables['params']) == {
    *('lift1', 'lift2', 'stage0', 'body', 'head')
  }
