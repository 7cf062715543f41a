"""load_model: from names, workdirs, our files and published checkpoints."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from fusionjax.errors import InputError
from fusionjax.inference.load import load_model
from fusionjax.models import FFMEF
from fusionjax.pretrained import weights


@pytest.fixture(scope='module')
def variables():
  y = jax.ShapeDtypeStruct((1, 16, 16, 1), jnp.float32)
  net = FFMEF(kernel_sizes=(1,))
  shapes = jax.eval_shape(net.init, jax.random.key(0), y, y)
  rng = np.random.default_rng(0)
  return jax.tree.map(lambda leaf: rng.random(leaf.shape, 'f4'), shapes)


def _save(path, variables, sizes=(1,)):
  weights.save_weights(
    path,
    variables,
    method='ffmef',
    task='mff',
    options={'kernel_sizes': sizes},
    metadata={},
  )


def _same(a, b):
  jax.tree.map(np.testing.assert_array_equal, a, b)
  return True


def test_a_weight_file(tmp_path, variables):
  _save(tmp_path / 'mine.safetensors', variables)
  model = load_model(tmp_path / 'mine.safetensors')
  assert (model.name, model.method, model.task) == ('mine', 'ffmef', 'mff')
  assert model.module == FFMEF(kernel_sizes=(1,))
  assert _same(dict(model.variables), dict(variables))
  assert load_model(tmp_path / 'mine.safetensors', like='ffmef-mff')
  with pytest.raises(InputError, match='of ffmef-mff, not of ffmef-mef'):
    load_model(tmp_path / 'mine.safetensors', like='ffmef-mef')


def test_a_workdir(tmp_path, variables):
  run = tmp_path / 'my_run'
  run.mkdir()
  with pytest.raises(InputError, match=r'holds no weights\.safetensors'):
    load_model(run)
  _save(run / 'weights.safetensors', variables)
  model = load_model(str(run))
  assert (model.name, model.task) == ('my_run', 'mff')


def test_a_name_that_ships(tmp_path, variables, monkeypatch):
  monkeypatch.setattr(weights.importlib.resources, 'files', lambda _: tmp_path)
  with pytest.raises(InputError, match='holds no file ffmef-mff'):
    load_model('ffmef-mff')
  _save(tmp_path / 'ffmef-mff.safetensors', variables)
  assert load_model('ffmef-mff').name == 'ffmef-mff'
  with pytest.raises(InputError, match='Leave like out'):
    load_model('ffmef-mff', like='ffmef-mff')


def test_a_file_of_another_network(tmp_path, variables):
  _save(tmp_path / 'a.safetensors', variables, sizes=(1, 3))
  with pytest.raises(InputError, match=r'weights of ffmef-mff: .* missing'):
    load_model(tmp_path / 'a.safetensors')


def test_options_of_another_version(tmp_path, variables):
  path = tmp_path / 'a.safetensors'
  weights.save_weights(
    path,
    variables,
    method='ffmef',
    task='mff',
    options={'kernel_sizes': (1,), 'new': 3},
    metadata={},
  )
  with pytest.raises(InputError, match=r'ffmef does not know: new\. Update'):
    load_model(path)


def test_published_files_need_like(tmp_path):
  np.savez(tmp_path / 'a.npz', a=np.zeros(2))
  with pytest.raises(InputError, match=r'like \(--like\), one of .*ffmef-ivf'):
    load_model(tmp_path / 'a.npz')
  safetensors.numpy.save_file({'a': np.zeros(2)}, tmp_path / 'b.safetensors')
  with pytest.raises(InputError, match='not written by fusionjax'):
    load_model(tmp_path / 'b.safetensors')
  for name in ('a.npz', 'b.safetensors'):
    with pytest.raises(InputError, match='147 missing, 1 unexpected'):
      load_model(tmp_path / name, like='ffmef-mef')


def test_unknown_names(tmp_path):
  with pytest.raises(InputError, match=r'Did you mean .*ffmef-mef'):
    load_model('fmef-mef')
  with pytest.raises(InputError, match=r'Did you mean .*ffmef-mef'):
    load_model(tmp_path, like='ffmef_mef')
  with pytest.raises(InputError, match='does not exist'):
    load_model(tmp_path / 'absent.pth', like='ffmef-mef')
  with pytest.raises(InputError, match='does not exist'):
    load_model('runs/mef_ffmef')


def test_a_published_checkpoint(reference):
  path = reference / 'weights' / 'ffmef' / 'mff.pth'
  model = load_model(path, like='ffmef-mff')
  assert (model.name, model.method, model.task) == ('mff', 'ffmef', 'mff')
  leaves = jax.tree.leaves(model.variables)
  assert sum(leaf.size for leaf in leaves) == 7662
  assert all(isinstance(leaf, jax.Array) for leaf in leaves)
