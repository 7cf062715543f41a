"""Our weight files: what goes in comes out, and nothing half-written."""

import os

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from fusionjax.errors import InputError
from fusionjax.methods import registry
from fusionjax.pretrained import weights
from fusionjax.pretrained.replacing import replacing


def _variables():
  return {
    'params': {
      'conv': {'kernel': np.arange(12, dtype='f4').reshape(2, 2, 3, 1)},
      'scale': jnp.float32(3.0),
    },
    'batch_stats': {'norm': {'mean': np.ones(3, 'f4')[::-1]}},
  }


def _save(path, **changes):
  arguments = {
    'method': 'ffmef',
    'task': 'mef',
    'options': {'channels': 4, 'kernel_sizes': (1, 3)},
    'metadata': {'command': 'python -m fusionjax.main'},
  }
  weights.save_weights(path, _variables(), **(arguments | changes))


def test_round_trip(tmp_path):
  _save(tmp_path / 'a.safetensors')
  held = weights.load_weights(tmp_path / 'a.safetensors')
  assert (held.method, held.task) == ('ffmef', 'mef')
  assert held.options == {'channels': 4, 'kernel_sizes': (1, 3)}
  assert hash(held.options['kernel_sizes'])
  assert held.metadata == {'command': 'python -m fusionjax.main'}
  params = held.variables['params']
  kernel = _variables()['params']['conv']['kernel']
  np.testing.assert_array_equal(params['conv']['kernel'], kernel)
  assert params['scale'].shape == ()
  assert params['scale'] == 3
  assert held.variables['batch_stats']['norm']['mean'].shape == (3,)
  assert os.listdir(tmp_path) == ['a.safetensors']


def test_names_are_flax_paths(tmp_path):
  _save(tmp_path / 'a.safetensors')
  names = safetensors.numpy.load_file(tmp_path / 'a.safetensors')
  assert set(names) == {
    'params/conv/kernel',
    'params/scale',
    'batch_stats/norm/mean',
  }


def test_foreign_newer_and_damaged_files(tmp_path):
  path = tmp_path / 'a.safetensors'
  arrays = {'a': np.zeros(2, 'f4')}
  safetensors.numpy.save_file(arrays, path)
  assert not weights.is_ours(path)
  with pytest.raises(InputError, match=r'not written by fusionjax.*--like'):
    weights.load_weights(path)
  _save(path)
  assert weights.is_ours(path)
  data = path.read_bytes()
  path.write_bytes(data[: len(data) - 4])
  with pytest.raises(InputError, match='damaged'):
    weights.load_weights(path)
  newer = b'"fusionjax_format":"9"'
  path.write_bytes(data.replace(b'"fusionjax_format":"1"', newer))
  with pytest.raises(InputError, match=r'has format 9.*Update'):
    weights.load_weights(path)
  with pytest.raises(InputError, match='is no file'):
    weights.load_weights(tmp_path / 'absent.safetensors')


@pytest.mark.parametrize('options', ['{"channels"', '[4]'])
def test_damaged_options(tmp_path, options):
  path = tmp_path / 'a.safetensors'
  facts = {'fusionjax_format': '1', 'method': 'ffmef', 'task': 'mef'}
  safetensors.numpy.save_file(
    {'params/a': np.zeros(3)}, path, {**facts, 'options': options}
  )
  with pytest.raises(InputError, match=r'a\.safetensors is damaged'):
    weights.load_weights(path)


def test_a_failed_write_leaves_the_old_file(tmp_path):
  path = tmp_path / 'a.safetensors'
  _save(path)
  before = path.read_bytes()
  with pytest.raises(TypeError):
    _save(path, options={'dtype': jnp.float32})
  assert path.read_bytes() == before
  assert os.listdir(tmp_path) == ['a.safetensors']


def test_replacing_cleans_up(tmp_path):
  with (
    pytest.raises(InputError, match=r'out.bin cannot be written: No space'),
    replacing(tmp_path / 'out.bin') as temporary,
  ):
    temporary.write_bytes(b'half')
    raise OSError(28, 'No space left on device')
  assert os.listdir(tmp_path) == []
  with replacing(tmp_path / 'out.bin') as temporary:
    temporary.write_bytes(b'whole')
    assert not (tmp_path / 'out.bin').exists()
    assert temporary.parent == tmp_path
  assert (tmp_path / 'out.bin').read_bytes() == b'whole'


def test_unwritable_place(tmp_path):
  (tmp_path / 'file').write_bytes(b'')
  with pytest.raises(InputError, match='cannot be written'):
    _save(tmp_path / 'file' / 'a.safetensors')


def test_module_options():
  class Net(nn.Module):
    channels: int = 4
    sizes: tuple[int, ...] = (1, 3)

  assert weights.module_options(Net()) == {}
  assert weights.module_options(Net(sizes=(1,), name='x')) == {'sizes': (1,)}


def test_shipped_path(tmp_path, monkeypatch):
  monkeypatch.setattr(weights.importlib.resources, 'files', lambda _: tmp_path)
  name = next(iter(registry.MODELS))
  assert not weights.is_shipped(name)
  with pytest.raises(InputError, match=f'holds no file {name}.safetensors'):
    weights.shipped_path(name)
  _save(tmp_path / f'{name}.safetensors')
  assert weights.is_shipped(name)
  assert weights.shipped_path(name) == tmp_path / f'{name}.safetensors'
  with pytest.raises(InputError, match='Unknown model'):
    weights.shipped_path('no-such')
