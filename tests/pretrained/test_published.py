"""Published checkpoints: layouts, strictness, and the errors."""

import dataclasses
import itertools

import flax.linen as nn
import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from fusionjax.errors import InputError
from fusionjax.methods import registry
from fusionjax.methods.base import Method
from fusionjax.pretrained import published


class _Net(nn.Module):
  """One layer of every layout."""

  @nn.compact
  def __call__(self, x):
    x = nn.Conv(2, (3, 2), padding='VALID', use_bias=False, name='conv')(x)
    x = nn.Conv(3, (3, 3), use_bias=False, name='up')(x)
    x = nn.Dense(4, name='dense')(x)
    theta = self.param('theta', nn.initializers.ones_init(), (4,))
    return x * theta[None, None, None]


_NAMES = {
  'conv/kernel': ('body.0.weight', 'conv'),
  'up/kernel': ('body.1.weight', 'conv_transpose'),
  'dense/kernel': ('head.weight', 'linear'),
  'dense/bias': ('head.bias', 'vector'),
  'theta': ('theta', 'vector'),
}
_METHOD = Method(
  name='net',
  title='A net',
  paper='',
  module=_Net,
  example_sources=lambda task: ((1, 16, 16, 3),),
  fuse=lambda apply, sources, *, task: sources[0],
  loss=lambda *args, **options: None,
  published_name=lambda path: _NAMES[path],
  ignorable_entries=('*.total_ops', 'counter'),
)


def _state(seed=0):
  rng = np.random.default_rng(seed)
  shapes = {
    'body.0.weight': (2, 3, 3, 2),
    'body.1.weight': (2, 3, 3, 3),
    'head.weight': (4, 3),
    'head.bias': (4,),
    'theta': (1, 4, 1, 1),
  }
  return {
    name: rng.normal(size=shape).astype('f4') for name, shape in shapes.items()
  }


def _load(tmp_path, state):
  np.savez(tmp_path / 'a.npz', **state)
  return published.load_published(
    tmp_path / 'a.npz', method=_METHOD, module=_Net(), task='mef'
  )


def _torch_conv(x, weight, pad):
  """conv2d of PyTorch: [i, h, w] and [o, i, kh, kw], stride one."""
  x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
  _, _, kh, kw = weight.shape
  h, w = x.shape[1] - kh + 1, x.shape[2] - kw + 1
  out = np.zeros((weight.shape[0], h, w))
  for i, j in itertools.product(range(kh), range(kw)):
    part = x[:, i : i + h, j : j + w]
    out += np.einsum('oi,ihw->ohw', weight[:, :, i, j], part)
  return out


def _torch_conv_transpose(x, weight, pad):
  """conv_transpose2d of PyTorch: [i, h, w] and [i, o, kh, kw], stride one."""
  _, out_channels, kh, kw = weight.shape
  h, w = x.shape[1:]
  out = np.zeros((out_channels, h + kh - 1, w + kw - 1))
  for i, j in itertools.product(range(kh), range(kw)):
    out[:, i : i + h, j : j + w] += np.einsum(
      'io,ihw->ohw', weight[:, :, i, j], x
    )
  return out[:, pad : h + kh - 1 - pad, pad : w + kw - 1 - pad]


def test_layouts_compute_what_pytorch_computes(tmp_path):
  state = _state()
  variables = _load(tmp_path, state)
  image = np.random.default_rng(1).normal(size=(3, 9, 8)).astype('f4')
  x = _torch_conv(image, state['body.0.weight'], 0)
  x = _torch_conv_transpose(x, state['body.1.weight'], 1)
  x = np.einsum('oi,ihw->ohw', state['head.weight'], x)
  x = (x + state['head.bias'][:, None, None]) * state['theta'][0]
  ours = _Net().apply(variables, jnp.asarray(image.transpose(1, 2, 0)[None]))
  np.testing.assert_allclose(ours[0].transpose(2, 0, 1), x, atol=2e-5)


def test_init_never_runs(tmp_path, monkeypatch):
  init = _Net.init
  traced = []

  def watch(self, key, *sources):
    traced.append(all(isinstance(s, jax.core.Tracer) for s in sources))
    return init(self, key, *sources)

  monkeypatch.setattr(_Net, 'init', watch)
  variables = _load(tmp_path, _state())
  assert traced == [True]
  assert all(
    isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(variables)
  )


def test_lists_everything_that_is_wrong(tmp_path):
  state = _state()
  del state['head.bias']
  state['body.0.weight'] = np.zeros((5, 3, 3, 2), 'f4')
  state['theta'] = np.zeros((1, 9, 1, 1), 'f4')
  state['extra.weight'] = np.zeros(3, 'f4')
  state['body.0.total_ops'] = np.zeros(1)
  state['counter'] = np.zeros(1)
  with pytest.raises(InputError) as raised:
    _load(tmp_path, state)
  summary, *listing = str(raised.value).splitlines()
  assert str(tmp_path / 'a.npz') in summary
  assert 'net-mef: 1 missing, 1 unexpected, 2 of another shape' in summary
  assert listing == [
    '  missing: head.bias',
    '  unexpected: extra.weight',
    '  of another shape: body.0.weight (expected [2, 3, 3, 2],'
    ' found [5, 3, 3, 2]), theta (expected [4], found [1, 9, 1, 1])',
  ]


def test_a_long_listing_is_cut(tmp_path):
  state = _state() | {f'extra{i}': np.zeros(1) for i in range(40)}
  with pytest.raises(InputError, match='and 28 more'):
    _load(tmp_path, state)


def test_ignorable_entries_are_ignored(tmp_path):
  extra = {'head.total_ops': np.zeros(1), 'counter': np.zeros(1)}
  _load(tmp_path, _state() | extra)
  with pytest.raises(InputError, match='1 unexpected'):
    _load(tmp_path, _state() | {'head.total_ops.more': np.zeros(1)})


def test_other_float_types_become_float32(tmp_path):
  state = {name: array.astype('f8') for name, array in _state().items()}
  leaves = jax.tree.leaves(_load(tmp_path, state))
  assert {leaf.dtype for leaf in leaves} == {np.dtype('f4')}


def test_prefix_of_data_parallel_is_taken_off(tmp_path):
  state = _state()
  prefixed = {f'module.{name}': array for name, array in state.items()}
  safetensors.numpy.save_file(prefixed, tmp_path / 'a.safetensors')
  read = published.read_published(tmp_path / 'a.safetensors')
  assert read.keys() == state.keys()
  np.testing.assert_array_equal(read['theta'], state['theta'])


@pytest.mark.parametrize('name', ['a.npz', 'a.safetensors', 'a.pth', 'a.pt'])
def test_bad_files_are_one_line(tmp_path, name):
  path = tmp_path / name
  with pytest.raises(InputError, match='Check the path'):
    published.read_published(path)
  for data in (b'', b'these are words, no weights', b'PK\x03\x04 cut'):
    path.write_bytes(data)
    with pytest.raises(InputError, match=r'no |damaged') as raised:
      published.read_published(path)
    assert '\n' not in str(raised.value)
    assert str(path) in str(raised.value)


def test_unknown_suffix(tmp_path):
  (tmp_path / 'a.ckpt').write_bytes(b'1')
  with pytest.raises(InputError, match=r"unknown kind of checkpoint '.ckpt'"):
    published.read_published(tmp_path / 'a.ckpt')


def test_pickled_npz_is_refused(tmp_path):
  np.savez(tmp_path / 'a.npz', a=np.array([{}], object))
  with pytest.raises(InputError, match='file of numbers'):
    published.read_published(tmp_path / 'a.npz')


def test_check_variables(tmp_path):
  variables = _load(tmp_path, _state())
  options = {'method': _METHOD, 'module': _Net(), 'task': 'mef'}
  published.check_variables('a', variables, **options)
  flat = flax.traverse_util.flatten_dict(variables, sep='/')
  flat['params/theta'] = np.zeros(5, 'f4')
  flat['params/more'] = flat.pop('params/dense/bias')
  with pytest.raises(InputError) as raised:
    published.check_variables(
      'a', flax.traverse_util.unflatten_dict(flat, sep='/'), **options
    )
  assert str(raised.value).splitlines()[1:] == [
    '  missing: params/dense/bias',
    '  unexpected: params/more',
    '  of another shape: params/theta (expected [4], found [5])',
  ]


@pytest.mark.parametrize(
  ('file', 'model'),
  [('mef', 'ffmef-mef'), ('mff', 'ffmef-mff'), ('vif', 'ffmef-ivf')],
)
def test_published_ffmef_loads(reference, file, model):
  name, task = registry.get_model(model)
  method = registry.get_method(name)
  variables = published.load_published(
    reference / 'weights' / 'ffmef' / f'{file}.pth',
    method=method,
    module=method.module(),
    task=task,
  )
  leaves = jax.tree.leaves(variables)
  assert sum(leaf.size for leaf in leaves) == 7662
  # The counters of thop are what stands between strict and this file.
  strict = dataclasses.replace(method, ignorable_entries=())
  with pytest.raises(InputError, match='70 unexpected'):
    published.load_published(
      reference / 'weights' / 'ffmef' / f'{file}.pth',
      method=strict,
      module=method.module(),
      task=task,
    )
