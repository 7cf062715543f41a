"""Layers of the dictionary networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fusionjax import errors
from fusionjax.models.layers import batch_norm, dictionary, reflect_conv

RNG = np.random.default_rng(0)


def array(*shape: int) -> jax.Array:
  return jnp.asarray(RNG.normal(size=shape), jnp.float32)


def arbitrary(module, *args, **kwargs):
  """Variables that are off their initial values; variances stay positive."""
  shapes = jax.eval_shape(module.init, jax.random.key(0), *args, **kwargs)

  def draw(path, leaf):
    values = 0.3 * RNG.normal(size=leaf.shape)
    if path[-1].key == 'var':
      values = 0.5 + np.abs(values)
    return jnp.asarray(values, leaf.dtype)

  return jax.tree_util.tree_map_with_path(draw, shapes)


def plain(tree):
  """As NumPy arrays, which JAX's rules of promotion do not bind."""
  return jax.tree.map(np.asarray, tree)


def plain_convolve(x, kernel):
  """Pixel by pixel on a mirrored map, in float64."""
  size = kernel.shape[0]
  radius = size // 2
  padded = np.pad(
    np.asarray(x, np.float64),
    ((0, 0), (radius, radius), (radius, radius), (0, 0)),
    mode='reflect',
  )
  out = np.zeros((*x.shape[:3], kernel.shape[3]))
  for dy in range(size):
    for dx in range(size):
      part = padded[:, dy : dy + x.shape[1], dx : dx + x.shape[2]]
      out += part @ np.asarray(kernel[dy, dx], np.float64)
  return out


@pytest.mark.parametrize(
  'implementation', [None, *reflect_conv._IMPLEMENTATIONS]
)
@pytest.mark.parametrize('channels', [(1, 12), (12, 1), (3, 10), (10, 9)])
@pytest.mark.parametrize('size', [3, 5])
def test_convolutions_on_mirrored_maps(implementation, channels, size) -> None:
  for shape in ((2, 7, 8), (1, 4, 3)):
    x, kernel = array(*shape, channels[0]), array(size, size, *channels)
    ours = reflect_conv.convolve(x, kernel, implementation=implementation)
    np.testing.assert_allclose(ours, plain_convolve(x, kernel), atol=1e-4)


@pytest.mark.parametrize('strip', [1, 40, 60])
def test_strips_are_how_and_not_what(strip, monkeypatch) -> None:
  x, kernel = array(2, 11, 8, 12), array(3, 3, 12, 9)

  def value(x, kernel):
    out = reflect_conv.convolve(x, kernel, implementation='conv')
    return jnp.sum(jnp.sin(out)), out

  grad = jax.value_and_grad(value, argnums=(0, 1), has_aux=True)
  (_, whole), expected = grad(x, kernel)
  monkeypatch.setattr(reflect_conv, '_STRIP', strip)
  (_, ours), slopes = jax.jit(grad)(x, kernel)
  np.testing.assert_allclose(ours, whole, atol=1e-4)
  for a, b in zip(slopes, expected, strict=True):
    np.testing.assert_allclose(a, b, atol=2e-4)


def test_gradient_of_the_convolution_is_that_of_xla() -> None:
  x, kernel = array(2, 7, 8, 10), array(3, 3, 10, 9)

  def plain(x, kernel):
    return lax.conv_general_dilated(
      reflect_conv.mirror(x, 1),
      kernel,
      (1, 1),
      'VALID',
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
    )

  def ours(x, kernel):
    return reflect_conv.convolve(x, kernel, implementation='conv')

  g = array(2, 7, 8, 9)
  for a, b in zip(
    jax.vjp(ours, x, kernel)[1](g),
    jax.vjp(plain, x, kernel)[1](g),
    strict=True,
  ):
    np.testing.assert_allclose(a, b, atol=2e-4)


def test_convolution_of_side_one() -> None:
  x, kernel = array(2, 5, 6, 4), array(1, 1, 4, 3)
  ours = reflect_conv.convolve(x, kernel)
  np.testing.assert_allclose(ours, x @ kernel[0, 0], atol=1e-5)


@pytest.mark.parametrize(
  'channels', [(1, 12), pytest.param((5, 1), marks=pytest.mark.long), (3, 10)]
)
def test_implementations_have_one_gradient(channels) -> None:
  x, kernel = array(2, 6, 7, channels[0]), array(3, 3, *channels)

  def gradient(implementation):
    def value(x, kernel):
      out = reflect_conv.convolve(x, kernel, implementation=implementation)
      return jnp.sum(jnp.sin(out))

    return jax.jit(jax.grad(value, argnums=(0, 1)))(x, kernel)

  expected = gradient('conv')
  for name in ('patches', 'stencil', 'taps'):
    for ours, theirs in zip(gradient(name), expected, strict=True):
      np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_initial_kernels_are_those_of_torch() -> None:
  kernel = reflect_conv.torch_uniform()(jax.random.key(0), (3, 3, 7, 500))
  bound = (3 * 3 * 7) ** -0.5
  assert 0.99 * bound < np.abs(kernel).max() <= bound


def test_soft_shrinkage() -> None:
  x = jnp.asarray([-2.0, -0.5, -0.1, 0.0, 0.1, 0.5, 2.0])
  ours = dictionary.soft_shrink(x, jnp.asarray([0.25]))
  expected = [-1.75, -0.25, 0, 0, 0, 0.25, 1.75]
  np.testing.assert_allclose(ours, expected, atol=1e-7)
  # A negative threshold makes values larger, and leaves zero.
  ours = dictionary.soft_shrink(x, jnp.asarray([-0.25]))
  expected = [-2.25, -0.75, -0.35, 0, 0.35, 0.75, 2.25]
  np.testing.assert_allclose(ours, expected, atol=1e-7)


def test_activations() -> None:
  x = array(1, 4, 5, 3)
  variables = {'params': {'threshold': jnp.asarray([0.2, -0.2, 0.0])}}
  plain = dictionary.Shrinkage().apply(variables, x)
  clamped = dictionary.Shrinkage(clamped=True).apply(variables, x)
  np.testing.assert_allclose(plain[..., 0], clamped[..., 0])
  np.testing.assert_allclose(clamped[..., 1], x[..., 1], atol=1e-7)
  assert (jnp.abs(plain[..., 1]) > jnp.abs(x[..., 1])).all()
  shared = dictionary.Shrinkage(shared=True)
  variables = shared.init(jax.random.key(0), x)
  assert variables['params']['threshold'].shape == (1,)
  slope = jnp.asarray([0.25, 0.0, -1.0])
  ours = dictionary.PReLU().apply({'params': {'slope': slope}}, x)
  np.testing.assert_allclose(
    ours, np.where(x > 0, x, slope[None, None, None] * x)
  )


@pytest.mark.parametrize('groups', [1, 3])
def test_batch_norm_as_torch_has_it(groups) -> None:
  x = 3 + 2 * array(6, 5, 4, 2)
  module = batch_norm.BatchNorm()
  variables = arbitrary(module, x)
  ours, updates = module.apply(
    variables, x, train=True, groups=groups, mutable=['batch_stats']
  )
  stats, params = plain(variables['batch_stats']), plain(variables['params'])
  mean = np.asarray(stats['mean'], np.float64)
  var = np.asarray(stats['var'], np.float64)
  expected = np.empty(x.shape)
  for call in range(groups):
    part = np.asarray(x[call::groups], np.float64)
    m, v = part.mean((0, 1, 2)), part.var((0, 1, 2))
    count = part.size // 2
    mean = 0.9 * mean + 0.1 * m
    var = 0.9 * var + 0.1 * v * count / (count - 1)
    expected[call::groups] = (part - m) / np.sqrt(v + 1e-5)
  expected = expected * params['scale'] + params['bias']
  np.testing.assert_allclose(ours, expected, atol=1e-5)
  new = updates['batch_stats']
  np.testing.assert_allclose(new['mean'], mean, rtol=1e-5)
  np.testing.assert_allclose(new['var'], var, rtol=1e-5)
  at_rest = module.apply(variables, x)
  normal = (plain(x) - stats['mean']) / np.sqrt(stats['var'] + 1e-5)
  np.testing.assert_allclose(
    at_rest, normal * params['scale'] + params['bias'], atol=1e-5
  )


def test_batch_norm_counts_the_global_batch() -> None:
  # A batch on eight devices has the statistics of the whole, whatever lies on
  # each: here every picture has a level of its own.
  x = array(8, 5, 4, 2) + jnp.arange(8.0)[:, None, None, None]
  module = batch_norm.BatchNorm()
  variables = module.init(jax.random.key(0), x)

  @jax.jit
  def step(variables, x):
    return module.apply(variables, x, train=True, mutable=['batch_stats'])

  mesh = Mesh(np.array(jax.devices()), ('data',))
  spread = jax.device_put(x, NamedSharding(mesh, PartitionSpec('data')))
  for ours, theirs in zip(
    jax.tree.leaves(step(variables, spread)),
    jax.tree.leaves(step(variables, x)),
    strict=True,
  ):
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('norm', [True, False])
@pytest.mark.parametrize('activation', dictionary.ACTIVATIONS)
def test_unit_is_equation_3(activation, norm, channels) -> None:
  unit = dictionary.DictionaryUnit(5, activation=activation, norm=norm)
  code, data = array(2, 7, 8, 5), array(2, 7, 8, channels)
  variables = arbitrary(unit, code, data)
  params = plain(variables['params'])
  residual = plain(data) - plain_convolve(code, params['decode']['kernel'])
  z = plain(code) + plain_convolve(residual, params['encode']['kernel'])
  if norm:
    stats = plain(variables['batch_stats']['norm'])
    z = (z - stats['mean']) / np.sqrt(stats['var'] + 1e-5)
    z = z * params['norm']['scale'] + params['norm']['bias']
  if activation in ('sst', 'sst_clamped'):
    threshold = np.asarray(params['activation']['threshold'])
    if activation == 'sst_clamped':
      threshold = np.maximum(threshold, 0)
    z = np.sign(z) * np.maximum(np.abs(z) - threshold, 0)
  elif activation == 'prelu':
    z = np.where(z > 0, z, params['activation']['slope'] * z)
  else:
    z = np.maximum(z, 0)
  ours = unit.apply(variables, code, data)
  np.testing.assert_allclose(ours, z, atol=2e-4)


def test_no_code_is_a_code_of_zeros() -> None:
  unit = dictionary.DictionaryUnit(5)
  data = array(1, 6, 7, 1)
  variables = arbitrary(unit, None, data)
  assert set(variables['params']) == {'decode', 'encode', 'norm', 'activation'}
  zeros = unit.apply(variables, jnp.zeros((1, 6, 7, 5)), data)
  ours = unit.apply(variables, None, data)
  np.testing.assert_allclose(ours, zeros, atol=1e-6)
  gradient = jax.grad(lambda v: jnp.sum(unit.apply(v, None, data)))(variables)
  assert not np.any(gradient['params']['decode']['kernel'])


def test_unrolled_units_are_a_chain() -> None:
  chain = dictionary.Unrolled(4, 3)
  data, first = array(1, 6, 7, 1), array(1, 6, 7, 1)
  variables = arbitrary(chain, None, data)

  def part(number):
    return {kind: values[f'unit{number}'] for kind, values in variables.items()}

  unit = dictionary.DictionaryUnit(4)
  code = None
  for number in range(3):
    code = unit.apply(part(number), code, data if number else first)
  ours = chain.apply(variables, None, data, first)
  np.testing.assert_allclose(ours, code, atol=1e-5)
  other = chain.apply(variables, None, data)
  assert np.abs(other - ours).max() > 1e-3


@pytest.mark.parametrize('train', [False, True])
def test_shared_units_are_a_scan_of_one(train) -> None:
  scan = dictionary.Unrolled(4, 4, shared=True)
  data = array(2, 6, 7, 1)
  variables = arbitrary(scan, None, data)
  assert set(variables['params']) == {'unit'}
  unit = dictionary.DictionaryUnit(4)
  part = {kind: values['unit'] for kind, values in variables.items()}
  code = None
  for _ in range(4):
    code, updates = unit.apply(
      part, code, data, train=train, mutable=['batch_stats']
    )
    part = {**part, **updates}

  def apply(variables, data):
    return scan.apply(
      variables, None, data, train=train, mutable=['batch_stats']
    )

  ours, updates = jax.jit(apply)(variables, data)
  np.testing.assert_allclose(ours, code, atol=1e-4)
  for a, b in zip(
    jax.tree.leaves(updates), jax.tree.leaves(part['batch_stats']), strict=True
  ):
    np.testing.assert_allclose(a, b, atol=1e-5)
  text = str(jax.make_jaxpr(apply)(variables, data))
  assert 'scan' in text


def test_unknown_activation() -> None:
  with pytest.raises(errors.InputError, match=r"activation 'tanh'"):
    dictionary.check_activation('tanh')
