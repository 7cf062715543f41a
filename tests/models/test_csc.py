"""The three networks of CSCFuse as pure functions, without their weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fusionjax import errors
from fusionjax.models import CSCIVFN, CSCMEFN, CSCMSFN
from fusionjax.ops import resize

RNG = np.random.default_rng(0)


def array(*shape: int) -> jax.Array:
  return jnp.asarray(RNG.random(shape, np.float32))


def arbitrary(net, *sources):
  """Every variable off its initial value; variances stay positive."""
  shapes = jax.eval_shape(net.init, jax.random.key(0), *sources)

  def draw(path, leaf):
    values = 0.2 * RNG.normal(size=leaf.shape)
    if path[-1].key in ('var', 'scale'):
      values = 0.7 + np.abs(values)
    if path[-1].key == 'threshold':
      # Below zero soft shrinkage jumps: no two ways of computing agree.
      values = 0.1 * np.abs(values)
    return jnp.asarray(values, leaf.dtype)

  return jax.tree_util.tree_map_with_path(draw, shapes)


SMALL = {
  'ivfn': CSCIVFN(features=6, units=3),
  'mefn': CSCMEFN(features=6),
  'msfn': CSCMSFN(bands=5, guide_channels=2, features=6, units=2),
}
# Tests of training compile for long: one network in every run.
SHORT = [
  'mefn',
  *(pytest.param(name, marks=pytest.mark.long) for name in ('ivfn', 'msfn')),
]


def sources(name: str, batch: int = 1) -> tuple[jax.Array, ...]:
  shapes = {
    'ivfn': [(17, 18, 1), (17, 18, 1)],
    'mefn': [(17, 18, 3)] * 3,
    'msfn': [(9, 7, 5), (18, 20, 2)],
  }[name]
  return tuple(array(batch, *shape) for shape in shapes)


def tolerance(x: jax.Array) -> float:
  return 2e-4 * float(1 + jnp.abs(x).max())


@pytest.mark.parametrize(
  ('net', 'shapes', 'count'),
  [
    (CSCIVFN(), [(16, 16, 1)] * 2, 44786),
    (CSCMEFN(), [(16, 16, 3)] * 2, 1297),
    (CSCMSFN(), [(8, 8, 31), (16, 16, 3)], 624896),
  ],
  ids=['ivfn', 'mefn', 'msfn'],
)
def test_published_size(net, shapes, count) -> None:
  arrays = [jax.ShapeDtypeStruct((1, *s), jnp.float32) for s in shapes]
  variables = jax.eval_shape(net.init, jax.random.key(0), *arrays)
  assert set(variables) == {'params', 'batch_stats'}
  assert sum(x.size for x in jax.tree.leaves(variables['params'])) == count


@pytest.mark.parametrize('name', list(SMALL))
def test_jit_equals_eager_and_shapes(name) -> None:
  net, given = SMALL[name], sources(name)
  variables = arbitrary(net, *given)
  eager = net.apply(variables, *given)
  jitted = jax.jit(net.apply)(variables, *given)
  expected = {'ivfn': (1, 17, 18, 1), 'mefn': (1, 17, 18, 3)}
  assert jitted.shape == expected.get(name, (1, 18, 20, 5))
  np.testing.assert_allclose(jitted, eager, atol=tolerance(eager))
  assert np.isfinite(jitted).all() and jitted.std() > 1e-3


@pytest.mark.parametrize('name', SHORT)
def test_batch_equals_loop_vmap_pmap_and_shards(name) -> None:
  net, given = SMALL[name], sources(name, 8)
  variables = arbitrary(net, *given)
  apply = jax.jit(net.apply)
  whole = apply(variables, *given)
  bound = tolerance(whole)
  loop = [apply(variables, *(x[i : i + 1] for x in given)) for i in range(8)]
  np.testing.assert_allclose(jnp.concatenate(loop), whole, atol=bound)
  mapped = jax.jit(
    jax.vmap(lambda *one: net.apply(variables, *(x[None] for x in one))[0])
  )(*given)
  np.testing.assert_allclose(mapped, whole, atol=bound)
  parallel = jax.pmap(net.apply, in_axes=(None,) + (0,) * len(given))(
    variables, *(x[:, None] for x in given)
  )
  np.testing.assert_allclose(parallel[:, 0], whole, atol=bound)
  mesh = Mesh(np.array(jax.devices()), ('data',))
  spread = NamedSharding(mesh, PartitionSpec('data'))
  sharded = apply(variables, *(jax.device_put(x, spread) for x in given))
  np.testing.assert_allclose(sharded, whole, atol=bound)


def training_value(name: str, net, given):
  """A scalar of what the network gives in training, by its variables."""

  def value(variables):
    if name == 'ivfn':
      out, updates = net.apply(
        variables,
        given[0],
        train=True,
        method='reconstruct',
        mutable=['batch_stats'],
      )
    else:
      out, updates = net.apply(
        variables, *given, train=True, mutable=['batch_stats']
      )
    return jnp.mean(jnp.square(out)), updates

  return value


# One in every run; and tests/parity compares with the published gradients.
@pytest.mark.parametrize('name', SHORT)
def test_training_gradient_against_finite_differences(name) -> None:
  net, given = SMALL[name], sources(name, 2)
  variables = arbitrary(net, *given)
  with jax.enable_x64(True):
    wide = jax.tree.map(lambda x: jnp.asarray(x, 'float64'), variables)
    given = [jnp.asarray(x, 'float64') for x in given]
    # One program gives the gradient and, elsewhere, the values.
    value = jax.jit(
      jax.value_and_grad(lambda v: training_value(name, net, given)(v)[0])
    )
    way = jax.tree.map(
      lambda x: jnp.asarray(RNG.normal(size=x.shape)), wide['params']
    )

    def moved(step):
      params = jax.tree.map(lambda x, d: x + step * d, wide['params'], way)
      return value({**wide, 'params': params})[0]

    gradient = value(wide)[1]['params']
    slope = sum(
      jnp.vdot(g, d)
      for g, d in zip(
        jax.tree.leaves(gradient), jax.tree.leaves(way), strict=True
      )
    )
    numeric = (moved(1e-7) - moved(-1e-7)) / 2e-7
    np.testing.assert_allclose(numeric, slope, rtol=1e-4)


@pytest.mark.parametrize('name', SHORT)
def test_training_moves_the_statistics_the_same_on_many_devices(name) -> None:
  net, given = SMALL[name], sources(name, 8)
  variables = arbitrary(net, *given)
  mesh = Mesh(np.array(jax.devices()), ('data',))
  spread = NamedSharding(mesh, PartitionSpec('data'))

  def run(given):
    step = jax.jit(jax.value_and_grad(
      lambda v, given: training_value(name, net, given)(v), has_aux=True
    ))  # fmt: skip
    return step(variables, given)

  (value, updates), gradient = run(given)
  (other, moved), parts = run([jax.device_put(x, spread) for x in given])
  np.testing.assert_allclose(value, other, rtol=1e-5)
  for a, b in zip(
    jax.tree.leaves((updates, gradient)),
    jax.tree.leaves((moved, parts)),
    strict=True,
  ):
    np.testing.assert_allclose(a, b, atol=1e-4 * float(1 + jnp.abs(a).max()))
  for a, b in zip(
    jax.tree.leaves(updates['batch_stats']),
    jax.tree.leaves(variables['batch_stats']),
    strict=True,
  ):
    assert np.abs(a - b).max() > 1e-4


@pytest.mark.long
def test_remat_gives_the_same_gradient() -> None:
  net, given = SMALL['msfn'], sources('msfn', 2)
  variables = arbitrary(net, *given)

  def loss(apply):
    return lambda v: jnp.mean(jnp.square(apply(v, *given)))

  plain = jax.jit(jax.grad(loss(net.apply)))(variables)
  remat = jax.jit(jax.grad(loss(jax.checkpoint(net.apply))))(variables)
  for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(remat), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5 * (1 + np.abs(a).max()))


# CSC-IVFN


@pytest.mark.parametrize(
  'options',
  [
    {'unit_input': 'paper'},
    {'shared_units': True},
    {'base_fusion': 'sum', 'detail_fusion': 'average'},
    {'base_fusion': 'l1', 'detail_fusion': 'saliency'},
    {'base_activation': 'relu', 'detail_activation': 'sst_clamped'},
    {'gain': 1.0},
  ],
)
def test_options_of_ivfn(options) -> None:
  net = CSCIVFN(features=6, units=3, **options)
  given = sources('ivfn')
  out = jax.jit(net.apply)(arbitrary(net, *given), *given)
  assert out.shape == given[0].shape
  assert np.isfinite(out).all() and out.min() >= 0 and out.max() <= 1


def test_units_see_what_they_should() -> None:
  given = sources('ivfn')
  net = SMALL['ivfn']
  variables = arbitrary(net, *given)
  as_published = net.apply(variables, given[0], method='encode')
  paper = net.clone(unit_input='paper')
  as_in_paper = paper.apply(variables, given[0], method='encode')
  for a, b in zip(as_published, as_in_paper, strict=True):
    assert np.abs(a - b).max() > 1e-3
  # With one unit there is no difference.
  one = net.clone(units=1)
  a = one.apply(variables, given[0], method='encode')
  b = one.clone(unit_input='paper').apply(variables, given[0], method='encode')
  np.testing.assert_allclose(a[0], b[0], atol=1e-6)


def test_decoding_both_codes_at_once_is_decoding_each() -> None:
  net, given = SMALL['ivfn'], sources('ivfn')
  variables = arbitrary(net, *given)
  base, detail = array(2, 17, 18, 6), array(2, 17, 18, 6)
  bound = net.bind(variables)
  apart = jax.nn.sigmoid(bound.decoder(base) + bound.decoder(detail))
  np.testing.assert_allclose(bound.decode(base, detail), apart, atol=1e-5)


def test_two_equal_images_are_rebuilt_with_gain() -> None:
  net, given = SMALL['ivfn'].clone(gain=1.0), sources('ivfn')
  variables = arbitrary(net, *given)
  fused = net.apply(variables, given[0], given[0])
  rebuilt = net.apply(variables, given[0], method='reconstruct')
  np.testing.assert_allclose(fused, rebuilt, atol=1e-4)


def test_flat_images_give_no_nan() -> None:
  net, given = SMALL['ivfn'], sources('ivfn')
  variables = arbitrary(net, *given)
  apply = jax.jit(net.apply)
  for level in (0.0, 0.5, 1.0):
    flat = jnp.full((1, 17, 18, 1), level)
    for pair in ((flat, flat), (flat, given[1]), (given[0], flat)):
      assert np.isfinite(apply(variables, *pair)).all()


@pytest.mark.parametrize(
  'options',
  [
    {'base_fusion': 'max'},
    {'detail_activation': 'tanh'},
    {'unit_input': 'raw'},
  ],
)
def test_options_that_ivfn_does_not_have(options) -> None:
  with pytest.raises(errors.InputError, match=next(iter(options.values()))):
    CSCIVFN(**options)


# CSC-MEFN


def test_order_and_number_of_exposures() -> None:
  net = SMALL['mefn']
  stack = tuple(array(1, 17, 18, 3) for _ in range(5))
  variables = arbitrary(net, *stack)
  apply = jax.jit(net.apply)
  for count in (2, 3, 5):
    out = apply(variables, *stack[:count])
    back = apply(variables, *stack[:count][::-1])
    np.testing.assert_allclose(out, back, atol=1e-5)
  same = apply(variables, stack[0], stack[0])
  np.testing.assert_allclose(same, stack[0], atol=1e-5)
  with pytest.raises(errors.InputError, match='2 or more'):
    net.apply(variables, stack[0])


def test_each_exposure_has_its_own_statistics_in_training() -> None:
  net = SMALL['mefn']
  stack = tuple(array(4, 17, 18, 3) for _ in range(3))
  variables = arbitrary(net, *stack)
  one, _ = net.apply(variables, *stack, train=True, mutable=['batch_stats'])
  # Another level of one exposure must not move the logits of the others.
  _, sown = net.apply(
    variables, *stack, train=True, mutable=['batch_stats', 'intermediates']
  )
  dark = (stack[0], stack[1], 0.5 * stack[2])
  _, other = net.apply(
    variables, *dark, train=True, mutable=['batch_stats', 'intermediates']
  )
  a, b = (s['intermediates']['logits'][0] for s in (sown, other))
  np.testing.assert_allclose(a[:, :2], b[:, :2], atol=1e-5)
  assert one.shape == (4, 17, 18, 3)


def test_grey_stays_grey() -> None:
  net = SMALL['mefn']
  grey = [jnp.repeat(array(1, 17, 18, 1), 3, axis=-1) for _ in range(2)]
  out = net.apply(arbitrary(net, *grey), *grey)
  np.testing.assert_allclose(out[..., 0], out[..., 1], atol=1e-5)
  np.testing.assert_allclose(out[..., 0], out[..., 2], atol=1e-5)


# CSC-MSFN


@pytest.mark.parametrize(
  ('low', 'high'),
  [((8, 8), (16, 16)), ((9, 5), (20, 24)), ((7, 6), (7, 6)), ((8, 9), (31, 5))],
)
def test_any_ratio_and_aspect(low, high) -> None:
  net = SMALL['msfn']
  cube, guide = array(1, *low, 5), array(1, *high, 2)
  out = jax.jit(net.apply)(arbitrary(net, cube, guide), cube, guide)
  assert out.shape == (1, *high, 5) and np.isfinite(out).all()


def test_channels_are_checked() -> None:
  net = SMALL['msfn']
  cube, guide = sources('msfn')
  variables = arbitrary(net, cube, guide)
  with pytest.raises(errors.InputError, match='cube has 4 channels'):
    net.apply(variables, cube[..., :4], guide)
  with pytest.raises(errors.InputError, match='guide has 1 channels'):
    net.apply(variables, cube, guide[..., :1])


@pytest.mark.parametrize('grid', ['corners', 'centres'])
def test_decoder_of_zeros_is_upsampling(grid) -> None:
  net = SMALL['msfn'].clone(zero_decoder=True, grid=grid)
  cube, guide = sources('msfn')
  variables = net.init(jax.random.key(0), cube, guide)
  out = net.apply(variables, cube, guide)
  size = guide.shape[1:3]
  expected = resize.bilinear(cube, size=size, grid=grid)
  np.testing.assert_array_equal(out, expected)


def test_grid_is_checked() -> None:
  with pytest.raises(errors.InputError, match='centres'):
    CSCMSFN(grid='middles')
