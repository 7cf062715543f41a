"""FFMEF as a pure function, without any published weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fusionjax import errors
from fusionjax.models import FFMEF
from fusionjax.models import ffmef as ffmef_lib


def luma(*shape: int, seed: int = 0) -> jax.Array:
  return jnp.asarray(np.random.default_rng(seed).random(shape, np.float32))


def arbitrary(net: FFMEF, *sources: jax.Array) -> dict:
  """Every parameter off its initial value, so that none goes unseen."""
  shapes = jax.eval_shape(net.init, jax.random.key(0), *sources)
  rng = np.random.default_rng(2)
  return jax.tree.map(
    lambda x: jnp.asarray(0.3 * rng.normal(size=x.shape), x.dtype), shapes
  )


@pytest.fixture(scope='module')
def pair() -> tuple[jax.Array, jax.Array]:
  return luma(8, 18, 21, 1), luma(8, 18, 21, 1, seed=1)


@pytest.fixture(scope='module')
def variables(pair) -> dict:
  return arbitrary(FFMEF(), *pair)


@pytest.fixture(scope='module')
def fused(pair, variables) -> jax.Array:
  return jax.jit(FFMEF().apply)(variables, *pair)


def count(variables: dict) -> int:
  return sum(x.size for x in jax.tree.leaves(variables))


def test_published_size(pair) -> None:
  shapes = jax.eval_shape(FFMEF().init, jax.random.key(0), *pair)
  assert count(shapes) == 7662
  assert count(shapes['params']['encoder']) == 3464


@pytest.mark.parametrize(
  'options',
  [
    {'kernel_sizes': (1,)},
    {'kernel_sizes': (1, 3)},
    {'kernel_sizes': (3, 5)},
    {'kernel_sizes': (1, 3, 5, 7)},
    {'channels': 2},
    {'channels': 8},
  ],
)
def test_filter_sets_of_table_2_and_other_widths(options: dict) -> None:
  net = FFMEF(**options)
  y = luma(1, 16, 19, 1)
  variables = arbitrary(net, y, y)
  levels = {key for key in variables['params'] if key.startswith('level_')}
  sizes = options.get('kernel_sizes', (1, 3, 5))
  assert levels == {f'level_{size}' for size in sizes}
  out = jax.jit(net.apply)(variables, y, y)
  assert out.shape == y.shape and np.isfinite(out).all()


@pytest.mark.parametrize(
  ('kernel_sizes', 'weights'),
  [((1, 3, 5), [0.6, 0.3, 0.1]), ((3, 5), [0.75, 0.25])],
)
def test_initial_weights_of_the_levels(kernel_sizes, weights) -> None:
  net = FFMEF(channels=2, kernel_sizes=kernel_sizes)
  y = luma(1, 8, 8, 1)

  @jax.jit
  def initial(key):
    # The draws that are not looked at take long to compile.
    params = net.init(key, y, y)['params']
    return [params[f'weight_{k}'][0] for k in kernel_sizes]

  ours = initial(jax.random.key(0))
  np.testing.assert_allclose(ours, weights, rtol=1e-6)


def test_initialisation_is_the_published_one(pair) -> None:
  @jax.jit
  def initial(key):
    return FFMEF().init(key, *pair)['params']['encoder']

  encoder = initial(jax.random.key(0))
  up = encoder['up1']['conv']
  assert np.abs(up['kernel']).max() <= 1 / 6
  assert np.abs(up['bias']).max() > 0
  down = encoder['down1']['conv']
  assert not down['bias'].any()
  # Xavier: variance 2 / (fan in + fan out) of a 3 x 3 convolution 4 -> 4.
  kernels = np.concatenate(
    [
      np.ravel(encoder[f'{name}{i}'][conv]['kernel'])
      for name in ('encode', 'decode')
      for i in (1, 2)
      for conv in ('conv1', 'conv2')
    ]
  )
  assert abs(kernels.std() - np.sqrt(2 / 72)) < 0.015


def test_jit_equals_eager(pair, variables, fused) -> None:
  eager = FFMEF().apply(variables, *(y[:1] for y in pair))
  np.testing.assert_allclose(eager, fused[:1], atol=2e-5)


def test_batch_equals_loop_and_vmap(pair, variables, fused) -> None:
  apply = jax.jit(FFMEF().apply)
  loop = [apply(variables, *(y[i : i + 1] for y in pair)) for i in range(8)]
  np.testing.assert_allclose(jnp.concatenate(loop), fused, atol=2e-5)
  mapped = jax.jit(
    jax.vmap(lambda y0, y1: FFMEF().apply(variables, y0[None], y1[None])[0])
  )(*pair)
  np.testing.assert_allclose(mapped, fused, atol=2e-5)


def test_sharded_equals_single(pair, variables, fused) -> None:
  mesh = Mesh(np.array(jax.devices()), ('data',))
  split = NamedSharding(mesh, PartitionSpec('data'))
  sharded = [jax.device_put(y, split) for y in pair]
  out = jax.jit(FFMEF().apply)(variables, *sharded)
  assert len(out.sharding.device_set) == 8
  np.testing.assert_allclose(out, fused, atol=2e-5)


def test_pmap_equals_jit(pair, variables, fused) -> None:
  y0, y1 = (y[:, None] for y in pair)
  out = jax.pmap(FFMEF().apply, in_axes=(None, 0, 0))(variables, y0, y1)
  np.testing.assert_allclose(out[:, 0], fused, atol=2e-5)


def test_one_predictor_serves_both_images(pair, variables) -> None:
  # Without an attention that tells them apart, sources can be swapped.
  params = dict(variables['params'])
  for level in ('level_1', 'level_3', 'level_5'):
    attention = jax.tree.map(jnp.zeros_like, params[level]['attention'])
    params[level] = {**params[level], 'attention': attention}
  apply = jax.jit(FFMEF().apply)
  y0, y1 = (y[:1] for y in pair)
  there = apply({'params': params}, y0, y1)
  back = apply({'params': params}, y1, y0)
  np.testing.assert_allclose(there, back, atol=1e-6)
  assert np.abs(apply(variables, y0, y1) - apply(variables, y1, y0)).max() > (
    1e-3
  )


def test_folding_is_how_and_not_what(pair, variables, fused) -> None:
  plain = jax.jit(FFMEF(folded_channels=4).apply)(variables, *pair)
  np.testing.assert_allclose(plain, fused, atol=2e-5)


def test_large_pairs_take_another_way_to_the_same_result(
  pair, variables, fused, monkeypatch
) -> None:
  monkeypatch.setattr(ffmef_lib, '_BATCHED_PIXELS', 0)
  one = (y[:1] for y in pair)
  out = jax.jit(FFMEF(strip_rows=7).apply)(variables, *one)
  np.testing.assert_allclose(out, fused[:1], atol=2e-5)


# Every run compares the gradients with the published ones: tests/parity.
@pytest.mark.long
def test_gradient_against_finite_differences(pair, variables) -> None:
  y0, y1 = (y[:1] for y in pair)

  def value(variables: dict) -> jax.Array:
    return jnp.mean(jnp.square(FFMEF().apply(variables, y0, y1)))

  with jax.enable_x64(True):
    wide = jax.tree.map(lambda x: jnp.asarray(x, 'float64'), variables)
    y0, y1 = (jnp.asarray(y, 'float64') for y in (y0, y1))
    rng = np.random.default_rng(5)
    way = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), wide)
    # One program gives the gradient and, elsewhere, the values.
    f = jax.jit(jax.value_and_grad(value))
    _, gradient = f(wide)
    slope = sum(
      jnp.vdot(g, d)
      for g, d in zip(
        jax.tree.leaves(gradient), jax.tree.leaves(way), strict=True
      )
    )
    step = 1e-6
    ahead, _ = f(jax.tree.map(lambda x, d: x + step * d, wide, way))
    behind, _ = f(jax.tree.map(lambda x, d: x - step * d, wide, way))
    np.testing.assert_allclose((ahead - behind) / (2 * step), slope, rtol=1e-4)


@pytest.mark.long
def test_remat_gives_the_same_gradient(pair, variables) -> None:
  y0, y1 = (y[:2] for y in pair)

  def loss(apply):
    return lambda variables: jnp.mean(jnp.square(apply(variables, y0, y1)))

  # Of one level, which compiles faster: all are alike.
  net = FFMEF(kernel_sizes=(3,))
  plain = jax.jit(jax.grad(loss(net.apply)))(variables)
  remat = jax.jit(jax.grad(loss(jax.checkpoint(net.apply))))(variables)
  for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(remat), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5 * (1 + np.abs(a).max()))


@pytest.mark.parametrize(
  'options',
  [
    {'channels': 1},
    {'kernel_sizes': ()},
    {'kernel_sizes': (2,)},
    {'kernel_sizes': (3, 3)},
  ],
)
def test_options_that_there_are_not(options):
  with pytest.raises(errors.InputError, match=next(iter(options))):
    FFMEF(**options)


def test_devices_exchange_no_maps() -> None:
  """Each device fuses its own part of a batch: both images of a pair."""
  auto = (jax.sharding.AxisType.Auto,)
  mesh = jax.make_mesh((8,), ('data',), axis_types=auto)
  rows = jax.NamedSharding(mesh, jax.P('data'))
  luma = jax.ShapeDtypeStruct((8, 16, 16, 1), jnp.float32, sharding=rows)
  net = FFMEF()
  variables = jax.eval_shape(net.init, jax.random.key(0), luma, luma)
  text = jax.jit(net.apply).lower(variables, luma, luma).compile().as_text()
  exchanges = ('all-gather', 'all-to-all', 'collective-permute', 'all-reduce')
  assert not [name for name in exchanges if f'{name}(' in text]
