"""The networks of MGDN as pure functions, without published weights."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fusionjax import errors
from fusionjax.models import MGDN, MGDNDeghost, MGDNDepth
from fusionjax.models.mgdn import MULTI_EXPOSURE
from fusionjax.models.mgdn_depth import SIXTEENFOLD
from fusionjax.ops import resize, tone

SMALL = {
  'channels': 8,
  'depths': (2,),
  'heads': 2,
  'guidance_heads': 2,
  'filter_size': 3,
}


def picture(*shape: int, seed: int = 0) -> jax.Array:
  return jnp.asarray(np.random.default_rng(seed).random(shape, np.float32))


def arbitrary(net, *sources) -> dict:
  """Every parameter off its initial value, so that none goes unseen."""
  shapes = jax.eval_shape(net.init, jax.random.key(0), *sources)
  rng = np.random.default_rng(2)
  return jax.tree.map(
    lambda x: jnp.asarray(0.2 * rng.normal(size=x.shape), x.dtype), shapes
  )


@pytest.fixture(scope='module')
def pair() -> tuple[jax.Array, jax.Array]:
  return picture(8, 18, 21, 3), picture(8, 18, 21, 3, seed=1)


@pytest.fixture(scope='module')
def variables(pair) -> dict:
  return arbitrary(MGDN(**SMALL), *pair)


@pytest.fixture(scope='module')
def fused(pair, variables) -> jax.Array:
  return jax.jit(MGDN(**SMALL).apply)(variables, *pair)


@pytest.mark.parametrize(
  ('net', 'channels', 'parameters'),
  [
    (MGDN(), (3, 3), 178_975),
    (MGDN(**MULTI_EXPOSURE), (3, 3), 893_551),
    (MGDNDepth(), (3, 1), 292_282),
    (MGDNDepth(**SIXTEENFOLD), (3, 1), 1_127_374),
    (MGDNDeghost(), (6, 6, 6), 1_826_445),
  ],
  ids=['mff', 'mef', 'gdsr', 'gdsr-x16', 'hdr'],
)
def test_published_sizes(net, channels, parameters) -> None:
  sources = [jax.ShapeDtypeStruct((1, 18, 21, c), 'float32') for c in channels]
  shapes = jax.eval_shape(net.init, jax.random.key(0), *sources)
  assert sum(x.size for x in jax.tree.leaves(shapes)) == parameters


def test_any_size_and_range(pair, variables, fused) -> None:
  assert fused.shape == pair[0].shape
  assert fused.min() > 0 and fused.max() < 1
  assert np.std(fused) > 0.003
  # Mirrored by hand to whole windows, it is the same.
  whole = [
    jnp.pad(x[:1], ((0, 0), (0, 2), (0, 3), (0, 0)), mode='reflect')
    for x in pair
  ]
  out = jax.jit(MGDN(**SMALL).apply)(variables, *whole)
  np.testing.assert_allclose(out[:, :18, :21], fused[:1], atol=1e-5)


def test_jit_equals_eager(pair, variables, fused) -> None:
  eager = MGDN(**SMALL).apply(variables, *(x[:1] for x in pair))
  np.testing.assert_allclose(eager, fused[:1], atol=1e-5)


def test_batch_equals_vmap(pair, variables, fused) -> None:
  mapped = jax.jit(
    jax.vmap(lambda a, b: MGDN(**SMALL).apply(variables, a[None], b[None])[0])
  )(*pair)
  np.testing.assert_allclose(mapped, fused, atol=1e-5)


def test_sharded_equals_single(pair, variables, fused) -> None:
  mesh = Mesh(np.array(jax.devices()), ('data',))
  split = NamedSharding(mesh, PartitionSpec('data'))
  sharded = [jax.device_put(x, split) for x in pair]
  out = jax.jit(MGDN(**SMALL).apply)(variables, *sharded)
  assert len(out.sharding.device_set) == 8
  np.testing.assert_allclose(out, fused, atol=1e-5)


def test_pmap_equals_jit(pair, variables, fused) -> None:
  first, second = (x[:, None] for x in pair)
  out = jax.pmap(MGDN(**SMALL).apply, in_axes=(None, 0, 0))(
    variables, first, second
  )
  np.testing.assert_allclose(out[:, 0], fused, atol=1e-5)


@pytest.mark.parametrize(
  'options',
  [{'cross_guidance': False}, {'dynamic_filters': False}, {'remat': True}],
)
def test_options_leave_the_parameters_as_they_are(pair, variables, options):
  net = MGDN(**SMALL, **options)
  shapes = jax.eval_shape(net.init, jax.random.key(0), *pair)
  assert jax.tree.structure(shapes) == jax.tree.structure(variables)


def test_drop_path_is_for_training_alone(pair, variables) -> None:
  net = MGDN(**SMALL, drop_path=0.5)
  rngs = {'drop_path': jax.random.key(0)}
  sources = [x[:1] for x in pair]

  def draws(**options):
    text = str(jax.make_jaxpr(net.apply)(variables, *sources))
    if options:
      apply = functools.partial(net.apply, rngs=rngs, **options)
      text = str(jax.make_jaxpr(apply)(variables, *sources))
    return text.count('random_bits')

  assert draws() == 0 and draws(train=True) > 0


@pytest.mark.parametrize(
  ('options', 'words'),
  [
    ({'channels': 31}, '31 channels and heads 3'),
    ({'channels': 9}, '9 channels and guidance_heads 6'),
    ({'filter_size': 4}, 'filter_size is 4'),
    ({'depths': ()}, 'depths'),
    ({'window': 1}, 'window 1'),
    ({'sees': 'detail'}, 'Set weighted to True'),
    ({'sees': 'details'}, 'Did you mean detail'),
  ],
)
def test_options_that_there_are_not(options, words) -> None:
  with pytest.raises(errors.InputError, match=words):
    MGDN(**options)


def test_depth_is_corrected_in_a_smaller_size_first() -> None:
  once = MGDNDepth(**SMALL, residual=True)
  twice = once.clone(coarse=4)
  colour, depth = picture(2, 18, 23, 3), picture(2, 18, 23, 1, seed=1)
  variables = arbitrary(twice, colour, depth)
  assert jax.tree.map(jnp.shape, variables) == jax.tree.map(
    jnp.shape, jax.eval_shape(once.init, jax.random.key(0), colour, depth)
  )
  # Mirrored to whole squares of 4 x 4 pixels.
  small = []
  for x in (colour, depth):
    whole = np.pad(x, ((0, 0), (0, 2), (0, 1), (0, 0)), mode='symmetric')
    small.append(whole.reshape(2, 5, 4, 6, 4, -1).mean((2, 4)))
  apply = jax.jit(once.apply)
  first = resize.bicubic(apply(variables, *small), size=(20, 24))[:, :18, :23]
  assert np.abs(first - depth).max() > 0.01
  np.testing.assert_allclose(
    jax.jit(twice.apply)(variables, colour, depth),
    apply(variables, colour, first),
    atol=1e-5,
  )


def test_a_smaller_size_is_for_corrections() -> None:
  with pytest.raises(errors.InputError, match='coarse is 4 and residual False'):
    MGDNDepth(coarse=4)


# Short forms of these three are the tests of the weights that ship.
@pytest.mark.long
def test_residual_depth_begins_as_the_upsampled_one() -> None:
  published, net = MGDNDepth(**SMALL), MGDNDepth(**SMALL, residual=True)
  sources = picture(2, 17, 22, 3), picture(2, 17, 22, 1, seed=1)
  began = jax.jit(net.init)(jax.random.key(0), *sources)
  shapes = jax.eval_shape(published.init, jax.random.key(0), *sources)
  assert jax.tree.map(jnp.shape, began) == jax.tree.map(jnp.shape, shapes)
  apply = jax.jit(net.apply)
  np.testing.assert_array_equal(apply(began, *sources), sources[1])
  # From then on it is the depth plus a tenth of what the head of the published
  # one says of its detail.
  later = arbitrary(net, *sources)
  colour, depth = (
    np.pad(x, ((0, 0), (0, 3), (0, 2), (0, 0)), mode='reflect') for x in sources
  )
  around = np.pad(depth, ((0, 0), (8, 8), (8, 8), (0, 0)), mode='edge')
  windows = np.lib.stride_tricks.sliding_window_view(around, (17, 17), (1, 2))
  detail = depth - windows.mean((-2, -1))
  said = jax.jit(published.apply)(later, colour, 10 * detail)[:, :17, :22]
  correction = apply(later, *sources) - sources[1]
  np.testing.assert_allclose(jax.nn.sigmoid(10 * correction), said, atol=1e-5)


@pytest.mark.long
@pytest.mark.parametrize('sees', ['pictures', 'detail', 'both'])
def test_weighted_pictures_begin_as_their_mean(sees) -> None:
  net = MGDN(**SMALL, weighted=True, sees=sees)
  sources = picture(2, 17, 22, 3), picture(2, 17, 22, 3, seed=1)
  began = jax.jit(net.init)(jax.random.key(0), *sources)
  apply = jax.jit(net.apply)
  np.testing.assert_allclose(
    apply(began, *sources), (sources[0] + sources[1]) / 2, atol=1e-6
  )
  # From then on each pixel has one weight for all colours.
  later = arbitrary(net, *sources)
  fused = apply(later, *sources)
  apart = sources[0] - sources[1]
  weights = np.asarray((fused - sources[1]) / np.where(apart, apart, 1))
  clear = np.abs(apart).min(-1) > 0.05
  assert np.ptp(weights[clear], axis=-1).max() < 1e-4
  # With both, random parameters come to 0 and 1 as float32 rounds them.
  slack = 1e-6 if sees == 'both' else 0
  assert weights[clear].min() > -slack and weights[clear].max() < 1 + slack
  assert np.std(weights[clear]) > 0.01
  # How bright the pictures are as a whole is seen, or is not.
  lit = apply(later, *[x + 0.5 for x in sources]) - 0.5
  change = np.abs(lit - fused).max()
  assert change < 1e-4 if sees == 'detail' else change > 1e-3


@pytest.mark.long
def test_weighted_radiance_begins_as_what_the_exposures_say() -> None:
  net = MGDNDeghost(**{**SMALL, 'heads': 2, 'window': 4}, weighted=True)
  under, reference, over = (
    picture(2, 17, 22, 6, seed=seed) for seed in range(3)
  )
  # Mid grey, white, and half white where the under-exposed one is brighter.
  reference = reference.at[:, 0, :3, :3].set(
    jnp.asarray([0.5, 1, 0.94])[:, None]
  )
  reference = reference.at[:, 0, :3, 3:].set(0.25)
  under = under.at[:, 0, :3, 3:].set(0.75)
  sources = under, reference, over
  apply = jax.jit(net.apply)
  guess = apply(jax.jit(net.init)(jax.random.key(0), *sources), *sources)
  np.testing.assert_allclose(
    guess[:, 0, :3],
    np.broadcast_to(np.array([0.25, 0.75, 0.5])[:, None], (2, 3, 3)),
    rtol=1e-4,
  )
  # Never less than the reference, which a white pixel is at least.
  assert (guess >= reference[..., 3:] - 1e-4).all()
  # From then on each pixel has two weights for all colours, of what outer
  # exposures say that are not white and nearly agree.
  later = apply(arbitrary(net, *sources), *sources)
  mapped, wanted = (
    np.asarray(tone.mu_law(x), np.float64) for x in (guess, later)
  )
  outer = []
  for x in (under, over):
    difference = np.asarray(tone.mu_law(x[..., 3:]), np.float64) - mapped
    white = np.clip((x[..., :3] - 0.9) / 0.08, 0, 1)
    outer.append(difference * np.exp(-((difference / 0.1) ** 2)) * (1 - white))
  outer = np.stack(outer, axis=-1)
  gram = np.einsum('bhwci,bhwcj->bhwij', outer, outer)
  clear = (np.linalg.det(gram) > 1e-8) & (wanted > -0.09).all(-1)
  products = np.einsum('nci,nc->ni', outer[clear], (wanted - mapped)[clear])
  weights = np.linalg.solve(gram[clear], products[..., None])
  explained = np.einsum('nci,nij->nc', outer[clear], weights)
  np.testing.assert_allclose(explained, (wanted - mapped)[clear], atol=1e-4)
  assert len(weights) > 50 and np.std(weights, axis=0).min() > 0.01
  assert wanted.min() >= -0.101


def test_sources_that_do_not_fit() -> None:
  grey, colour = (
    jax.ShapeDtypeStruct((1, 16, 16, c), 'float32') for c in (1, 3)
  )
  with pytest.raises(errors.InputError, match=r'second \[1, 16, 16, 1\]'):
    jax.eval_shape(MGDN().init, jax.random.key(0), colour, grey)
