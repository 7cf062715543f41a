"""Trainings that begin with weights."""

import jax
import numpy as np
import pytest

from fusionjax import errors
from fusionjax.methods import registry
from fusionjax.pretrained import weights
from fusionjax.training import run, starting


@pytest.fixture
def given(stand_in, tmp_path):
  """A workdir with weights of the stand-in, and their variables."""
  module = stand_in.Tiny(channels=2, norm=True)
  variables = module.init(jax.random.key(5), *[np.zeros((1, 8, 8, 1))] * 2)
  # Statistics that no training begins with.
  variables = jax.tree.map(lambda leaf: np.asarray(leaf) + 0.25, variables)
  weights.save_weights(
    tmp_path / weights.WORKDIR_WEIGHTS,
    variables,
    method='tiny',
    task='mef',
    options={'channels': 2, 'norm': True},
    metadata={},
  )
  return tmp_path, variables


def _assert_same(one, other):
  jax.tree.map(np.testing.assert_array_equal, dict(one), dict(other))


@pytest.mark.parametrize('place', ['workdir', 'file', 'bucket'])
@pytest.mark.parametrize('shard_parameters', [0, 1])
def test_state_begins_with_them(stand_in, given, place, shard_parameters):
  folder, variables = given
  path = {
    'workdir': folder,
    'file': folder / weights.WORKDIR_WEIGHTS,
    'bucket': f'file://{folder}',
  }[place]
  config = stand_in.make_config(
    weights=str(path),
    ema_decay=0.9,
    data__batch_size=8,
    mesh__shard_parameters=shard_parameters,
  )
  opened = run.open_run(config)
  state = opened.create_state()
  assert int(state.step) == 0
  _assert_same(state.variables(), variables)
  _assert_same(state.variables_to_keep(), variables)
  # Where they lie, and what the optimizer knows, is as without.
  wanted = opened.abstract_state()
  jax.tree.map(
    lambda leaf, other: None if leaf.sharding == other.sharding else 1 / 0,
    state,
    wanted,
  )
  assert all(not np.any(leaf) for leaf in jax.tree.leaves(state.opt_state))
  # A step gives all of it away, and no buffer twice.
  batch = stand_in.make_batch(0, size=16)
  later, _ = opened.make_step()(state, batch)
  assert int(later.step) == 1


@pytest.mark.parametrize(
  ('name', 'words'),
  [
    ('nowhere', 'nowhere does not exist. Give the name of a model'),
    ('best.pth', 'Convert it first: fusionjax convert'),
    # Of another network.
    ('ffmef-mef', 'ffmef-mef'),
  ],
)
def test_weights_that_do_not_fit(stand_in, tmp_path, monkeypatch, name, words):
  (tmp_path / 'best.pth').write_bytes(b'PK')
  monkeypatch.chdir(tmp_path)
  opened = run.open_run(stand_in.make_config(weights=name))
  with pytest.raises(errors.InputError, match=words):
    opened.create_state()


def test_same_parameters_for_another_ratio():
  method = registry.get_method('mgdn_depth')
  shipped = weights.load_weights(weights.shipped_path('mgdn-gdsr-x4'))
  module = method.module(**{**shipped.options, 'coarse': 4})
  found = starting.read(
    'mgdn-gdsr-x4', method=method, module=module, task='gdsr'
  )
  _assert_same(found['params']['head'], shipped.variables['params']['head'])
