import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import errors
from fusionjax.training import compute as compute_lib
from fusionjax.training import mesh as mesh_lib
from fusionjax.training import state as state_lib
from fusionjax.training import step as step_lib


def _train(stand_in, how, *, steps=4, norm=False, devices=1, shard=0):
  mesh = mesh_lib.make_mesh(8 // how.accumulation, data=devices)
  module, optimizer = (
    stand_in.Tiny(norm=norm, channels=8),
    stand_in.make_optimizer(),
  )
  parts = (stand_in.METHOD, module, optimizer)
  options = {'task': 'mef', 'mesh': mesh, 'shard_parameters': shard}
  state = state_lib.create_state(*parts, seed=3, **options)
  abstract = state_lib.abstract_state(*parts, **options)
  step = step_lib.make_train_step(
    stand_in.METHOD,
    how.wrap(module, mesh),
    optimizer,
    task='mef',
    loss_options={},
    shardings=jax.tree.map(lambda leaf: leaf.sharding, abstract),
  )
  history = []
  for number in range(steps):
    batch = mesh_lib.shard_batch(stand_in.make_batch(number), mesh=mesh)
    state, metrics = step(state, batch)
    history.append({k: float(v) for k, v in metrics.items()})
  # Neither shapes nor shardings changed: one program.
  assert step._cache_size() == 1
  return state, history


@pytest.fixture(scope='module')
def whole(stand_in):
  """A training whose batch is computed at once."""
  return _train(stand_in, compute_lib.Compute())


def _assert_alike(history, other, rel=1e-5):
  for one, two in zip(history, other, strict=True):
    assert two == pytest.approx(one, rel=rel)


@pytest.mark.parametrize(
  ('how', 'devices'),
  [
    (compute_lib.Compute(accumulation=2), 1),
    (compute_lib.Compute(accumulation=2), 4),
    (compute_lib.Compute(accumulation=8, remat=True), 1),
    (compute_lib.Compute(remat=True), 1),
  ],
)
def test_parts_and_remat_change_nothing(stand_in, whole, how, devices):
  state, history = _train(stand_in, how, devices=devices)
  _assert_alike(whole[1], history)
  for one, two in zip(
    jax.tree.leaves(whole[0]), jax.tree.leaves(state), strict=True
  ):
    np.testing.assert_allclose(one, two, rtol=2e-3, atol=1e-6)


def test_batch_norms_see_a_part(stand_in):
  state, history = _train(
    stand_in, compute_lib.Compute(accumulation=2), norm=True, steps=1
  )
  at_once, other = _train(stand_in, compute_lib.Compute(), norm=True, steps=1)
  # Another loss; and running means that are the mean over the parts, which
  # for means is that over the batch.
  assert abs(history[0]['loss'] - other[0]['loss']) > 1e-6
  one, two = (s.batch_stats['BatchNorm_0'] for s in (at_once, state))
  np.testing.assert_allclose(one['mean'], two['mean'], rtol=1e-4, atol=1e-7)
  assert np.all(np.asarray(two['var']) <= np.asarray(one['var']) + 1e-7)


def test_parts_take_less_memory(stand_in):
  def memory(how):
    mesh = mesh_lib.make_mesh(1)
    module, optimizer = stand_in.Tiny(channels=32), stand_in.make_optimizer()
    parts = (stand_in.METHOD, module, optimizer)
    abstract = state_lib.abstract_state(*parts, task='mef', mesh=mesh)
    step = step_lib.make_train_step(
      stand_in.METHOD,
      how.wrap(module, mesh),
      optimizer,
      task='mef',
      loss_options={},
    )
    compiled = step.lower(abstract, stand_in.make_batch(0, size=64)).compile()
    return compiled.memory_analysis().temp_size_in_bytes

  less = memory(compute_lib.Compute(accumulation=8))
  assert less < 0.5 * memory(compute_lib.Compute())


def test_bfloat16_learns_with_float32_parameters(stand_in, whole):
  how = compute_lib.Compute(dtype='bfloat16')
  # Flax's norm and the loss mix precisions on purpose.
  with jax.numpy_dtype_promotion('standard'):
    state, history = _train(stand_in, how, norm=True, steps=30)
  assert history[-1]['loss'] < 0.6 * history[0]['loss']
  for leaf in jax.tree.leaves((state.params, state.batch_stats)):
    assert leaf.dtype == jnp.float32
  with jax.numpy_dtype_promotion('standard'):
    _, rounded = _train(stand_in, how)
  # Near, and not the same: it was in another precision.
  _assert_alike(whole[1], rounded, rel=0.05)
  assert rounded[-1]['loss'] != whole[1][-1]['loss']


@pytest.mark.parametrize(
  ('dtype', 'precision'),
  [('float32', 'HIGHEST'), ('tensorfloat32', 'HIGH'), ('bfloat16', 'HIGHEST')],
)
def test_rounds_no_factors_unless_told_to(stand_in, dtype, precision):
  # On CPUs no precision rounds anything: what the program asks for counts.
  module, optimizer = stand_in.Tiny(), stand_in.make_optimizer()
  abstract = state_lib.abstract_state(
    stand_in.METHOD, module, optimizer, task='mef', mesh=mesh_lib.make_mesh(1)
  )
  step = step_lib.make_train_step(
    stand_in.METHOD,
    compute_lib.Compute(dtype=dtype).wrap(module),
    optimizer,
    task='mef',
    loss_options={},
  )
  with jax.numpy_dtype_promotion('standard'):
    text = step.lower(abstract, stand_in.make_batch(0)).as_text()
  asked = {*re.findall(r'precision<?.*?(HIGHEST|HIGH|DEFAULT)', text)}
  assert asked == {precision}


def test_large_arrays_are_split(stand_in, whole):
  state, history = _train(
    stand_in, compute_lib.Compute(), devices=8, shard=4 * 8
  )
  _assert_alike(whole[1], history)
  kernel = state.params['Conv_0']['kernel']
  assert kernel.shape == (3, 3, 2, 8)
  assert kernel.addressable_shards[0].data.shape == (3, 3, 2, 1)
  # And what the optimizer knows of it; small ones are whole everywhere.
  moments = [
    leaf
    for leaf in jax.tree.leaves(state.opt_state)
    if leaf.shape == kernel.shape
  ]
  assert len(moments) == 2
  assert all(m.sharding == kernel.sharding for m in moments)
  assert state.params['Conv_1']['bias'].sharding.is_fully_replicated


class _Block(nn.Module):
  """A layer that keeps several maps for its backward pass."""

  @nn.compact
  def __call__(self, x):
    for _ in range(3):
      x = nn.tanh(nn.Conv(8, (3, 3))(x))
    return x


class _Deep(nn.Module):
  """Many layers, one after the other."""

  @nn.compact
  def __call__(self, x):
    for _ in range(8):
      x = _Block()(x)
    return x


def test_layers_are_computed_again_going_backward():
  x = jax.ShapeDtypeStruct((1, 16, 16, 8), jnp.float32)
  variables = jax.eval_shape(_Deep().init, jax.random.key(0), x)

  def convolutions(how):
    net = how.wrap(_Deep())

    def loss(variables, x):
      return jnp.mean(jnp.square(net.apply(variables, x)))

    # As it is handed to XLA, whose CPU compiler finds that it is the same.
    text = jax.jit(jax.grad(loss)).lower(variables, x).as_text()
    return text.count('stablehlo.convolution')

  once = convolutions(compute_lib.Compute())
  # Three in each of eight layers, once more.
  assert convolutions(compute_lib.Compute(remat=True)) == once + 24


class _Noisy(nn.Module):
  """Draws noise: what every part must draw anew."""

  @nn.compact
  def __call__(self, x):
    scale = self.param('scale', nn.initializers.ones_init(), ())
    return x + scale * jax.random.normal(self.make_rng('noise'), x.shape)


def test_every_part_draws_its_own():
  net = compute_lib.Compute(accumulation=4).wrap(_Noisy())
  x = jnp.zeros((8, 4, 4, 1), jnp.float32)
  variables = {'params': {'scale': jnp.ones((), jnp.float32)}}
  rngs = {'noise': jax.random.key(0)}
  found = np.asarray(net.apply(variables, x, rngs=rngs)).reshape(8, 16)
  assert len(np.unique(found[:, 0])) == 8


@pytest.mark.parametrize(
  ('options', 'words'),
  [({'dtype': 'float16'}, 'float16'), ({'accumulation': 0}, 'accumulation')],
)
def test_what_does_not_fit_is_named(options, words):
  with pytest.raises(errors.InputError, match=words):
    compute_lib.Compute(**options)


def test_module_is_itself_by_default(stand_in):
  module = stand_in.Tiny()
  assert compute_lib.Compute().wrap(module) is module
  other = compute_lib.Compute(remat=True).wrap(module)
  assert (other.channels, other.norm) == (module.channels, module.norm)
