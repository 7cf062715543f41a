import dataclasses

import jax
import numpy as np
import optax
import pytest

from fusionjax.training import mesh as mesh_lib
from fusionjax.training import state as state_lib
from fusionjax.training import step as step_lib


def _train(stand_in, mesh, *, steps=4, norm=True, ema_decay=0.0, scale=1.0):
  module = stand_in.Tiny(norm=norm)
  optimizer = stand_in.make_optimizer()
  state = state_lib.create_state(
    stand_in.METHOD,
    module,
    optimizer,
    task='mef',
    seed=3,
    mesh=mesh,
    ema=ema_decay > 0,
  )
  step = step_lib.make_train_step(
    stand_in.METHOD,
    module,
    optimizer,
    task='mef',
    loss_options={'scale': scale},
    ema_decay=ema_decay,
  )
  states, history = [jax.device_get(state)], []
  for number in range(steps):
    batch = mesh_lib.shard_batch(stand_in.make_batch(number), mesh=mesh)
    state, metrics = step(state, batch)
    states.append(jax.device_get(state))
    history.append({k: float(v) for k, v in metrics.items()})
  return states, history


def _one_device():
  return mesh_lib.make_mesh(8, devices=jax.devices()[:1])


@pytest.mark.parametrize('options', [{}, {'space': 2}, {'data': 2, 'space': 4}])
def test_many_devices_equal_one(stand_in, options):
  _, single = _train(stand_in, _one_device())
  states, sharded = _train(stand_in, mesh_lib.make_mesh(8, **options))
  for one, many in zip(single, sharded, strict=True):
    assert many == pytest.approx(one, rel=1e-5)
  # Over the global batch, not a device's share.
  stats = jax.tree.leaves(states[-1].batch_stats)
  assert all(np.all(np.isfinite(leaf)) for leaf in stats)


def test_state_is_born_with_its_shardings(stand_in):
  mesh = mesh_lib.make_mesh(8)
  parts = (stand_in.METHOD, stand_in.Tiny(norm=True), optax.adamw(1e-3))
  options = {'task': 'mef', 'mesh': mesh, 'ema': True}
  state = state_lib.create_state(*parts, seed=0, **options)
  abstract = state_lib.abstract_state(*parts, **options)
  assert jax.tree.structure(state) == jax.tree.structure(abstract)
  for leaf, shape in zip(
    jax.tree.leaves(state), jax.tree.leaves(abstract), strict=True
  ):
    assert (leaf.shape, leaf.dtype) == (shape.shape, shape.dtype)
    assert leaf.sharding == shape.sharding
    assert leaf.sharding.is_fully_replicated


def test_seed_alone_makes_the_parameters(stand_in):
  mesh = mesh_lib.make_mesh(8)
  parts = (stand_in.METHOD, stand_in.Tiny(), optax.adamw(1e-3))

  def kernel(seed, on):
    state = state_lib.create_state(*parts, seed=seed, task='mef', mesh=on)
    return np.asarray(state.params['Conv_0']['kernel'])

  np.testing.assert_array_equal(kernel(1, mesh), kernel(1, _one_device()))
  assert np.abs(kernel(1, mesh) - kernel(2, mesh)).max() > 0.01


def test_donated_state_is_gone(stand_in):
  mesh = mesh_lib.make_mesh(8)
  module, optimizer = stand_in.Tiny(), stand_in.make_optimizer()
  state = state_lib.create_state(
    stand_in.METHOD, module, optimizer, task='mef', seed=0, mesh=mesh, ema=True
  )
  step = step_lib.make_train_step(
    stand_in.METHOD,
    module,
    optimizer,
    task='mef',
    loss_options={},
    ema_decay=0.9,
  )
  after, _ = step(
    state, mesh_lib.shard_batch(stand_in.make_batch(0), mesh=mesh)
  )
  assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state))
  assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(after))


def test_step_goes_down_the_gradient(stand_in):
  states, history = _train(stand_in, mesh_lib.make_mesh(8), steps=30)
  assert history[-1]['loss'] < 0.5 * history[0]['loss']
  assert int(states[-1].step) == 30
  for metrics in history:
    assert set(metrics) == {'loss', 'near', 'far', 'gradient_norm'}
    assert metrics['loss'] == pytest.approx(metrics['near'] + metrics['far'])


def test_gradient_norm_and_options_of_the_loss(stand_in):
  mesh = mesh_lib.make_mesh(8)
  states, history = _train(stand_in, mesh, steps=1, norm=False)
  _, scaled = _train(stand_in, mesh, steps=1, norm=False, scale=3.0)
  batch = stand_in.make_batch(0)

  def loss_of(params):
    module = stand_in.Tiny()
    variables = {'params': params}
    return stand_in.loss(module, variables, batch, task='mef')[0]

  gradients = jax.grad(loss_of)(states[0].params)
  squares = [float((g**2).sum()) for g in jax.tree.leaves(gradients)]
  norm = np.sqrt(sum(squares))
  assert history[0]['gradient_norm'] == pytest.approx(norm, rel=1e-5)
  assert scaled[0]['gradient_norm'] == pytest.approx(3 * norm, rel=1e-5)


def test_average_follows_the_parameters(stand_in):
  states, _ = _train(
    stand_in, mesh_lib.make_mesh(8), steps=3, norm=False, ema_decay=0.15
  )
  kernels = [s.params['Conv_0']['kernel'] for s in states]
  average = kernels[0]
  # The ramp (1 + n) / (10 + n) reaches the decay of 0.15 at the second step.
  for decay, kernel in zip((0.1, 0.15, 0.15), kernels[1:], strict=True):
    average = decay * average + (1 - decay) * kernel
  np.testing.assert_allclose(
    states[-1].ema['Conv_0']['kernel'], average, rtol=1e-5, atol=1e-7
  )
  assert states[-1].variables_to_keep()['params'] is states[-1].ema


def test_without_average_there_is_none(stand_in):
  states, _ = _train(stand_in, mesh_lib.make_mesh(8), steps=1, norm=False)
  assert states[-1].ema is None
  assert list(states[-1].variables()) == ['params']
  assert states[-1].variables_to_keep()['params'] is states[-1].params


def _with_gain(stand_in):
  """The stand-in with a loss that has a parameter of its own."""

  def init_loss(key, module, *, scale=1.0, own=True):
    del key, module, scale
    return {'gain': np.float32(0.5)} if own else {}

  def loss(module, variables, batch, *, task, own=True):
    assert ('loss' in variables) == own
    network = {k: v for k, v in variables.items() if k != 'loss'}
    value, output = stand_in.loss(module, network, batch, task=task)
    if own:
      value = value + (variables['loss']['gain'] - 2.0) ** 2
    return value, output

  return dataclasses.replace(stand_in.METHOD, loss=loss, init_loss=init_loss)


@pytest.mark.parametrize('own', [True, False])
def test_parameters_of_a_loss_are_trained_and_not_kept(stand_in, own):
  method, module = _with_gain(stand_in), stand_in.Tiny(norm=True)
  optimizer, mesh = stand_in.make_optimizer(), _one_device()
  options = {'own': own}
  parts = (method, module, optimizer)
  state = state_lib.create_state(
    *parts, task='mef', seed=3, mesh=mesh, ema=True, loss_options=options
  )
  abstract = state_lib.abstract_state(
    *parts, task='mef', mesh=mesh, ema=True, loss_options=options
  )
  assert jax.tree.structure(state) == jax.tree.structure(abstract)
  step = step_lib.make_train_step(
    *parts, task='mef', loss_options=options, ema_decay=0.9
  )
  before = jax.device_get(state.loss_variables(state.params))
  for number in range(3):
    batch = mesh_lib.shard_batch(stand_in.make_batch(number), mesh=mesh)
    state, _ = step(state, batch)
  after = state.loss_variables(state.params)
  network = {'Conv_0', 'Conv_1', 'BatchNorm_0'}
  for variables in (state.variables(), state.variables_to_keep(), after):
    assert set(variables['params']) == network
  assert ('loss' in after) == own
  assert 'loss' not in state.variables_to_keep()
  if own:
    assert after['loss']['gain'] > before['loss']['gain']
