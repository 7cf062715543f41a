"""MGDN's padding, order, names, and the errors at its door."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import models
from fusionjax.errors import InputError
from fusionjax.methods import base, mgdn, mgdn_names, registry
from fusionjax.pretrained import weights

SMALL = {'channels': 6, 'depths': (1,), 'guidance_heads': 3, 'filter_size': 3}


def picture(*shape: int, seed: int = 0) -> jax.Array:
  return jnp.asarray(np.random.default_rng(seed).random(shape, np.float32))


@pytest.mark.parametrize(('side', 'padded'), [(16, 24), (17, 24), (23, 24)])
def test_flip_padding_always_adds(side, padded) -> None:
  x = picture(1, side, 32, 3)
  out = np.asarray(mgdn.flip_pad(x))
  assert out.shape == (1, padded, 40, 3)
  np.testing.assert_array_equal(out[:, :side, :32], x)
  # The edge comes twice, then its neighbour; the corner is flipped both ways.
  np.testing.assert_array_equal(out[:, side, :32], x[:, -1])
  np.testing.assert_array_equal(out[0, side, 32], x[0, -1, -1])


def test_fusing_pads_crops_and_clamps() -> None:
  first, second = picture(2, 17, 18, 3), picture(2, 17, 18, 3, seed=1)

  def apply(a, b):
    assert a.shape == b.shape == (2, 24, 24, 3)
    return 3 * a - 1

  fused = mgdn.fuse(apply, [first, second], task='mff')
  np.testing.assert_allclose(fused, np.clip(3 * first - 1, 0, 1), atol=1e-6)


def test_exposures_go_from_dark_to_bright_sample_by_sample() -> None:
  dark, bright = picture(2, 16, 16, 3), 0.5 + 0.5 * picture(2, 16, 16, 3)
  first = jnp.stack([dark[0], bright[1]])
  second = jnp.stack([bright[0], dark[1]])
  fused = mgdn.fuse(lambda a, b: a, [first, second], task='mef')
  np.testing.assert_array_equal(fused, dark)
  # Pictures of different focus have no such order.
  fused = mgdn.fuse(lambda a, b: a, [first, second], task='mff')
  np.testing.assert_array_equal(fused, first)


def test_takes_two_pictures_at_a_time() -> None:
  method = registry.get_method('mgdn')
  assert method.stacks == 'pairs'
  pictures = [np.zeros((1, 16, 16, 3), 'f4')] * 3
  with pytest.raises(InputError, match=r'there are 3.*under, reference.*hdr'):
    method.fuse(lambda a, b: a, pictures, task='mff')


@pytest.mark.parametrize('task', ['mff', 'mef'])
def test_every_parameter_has_a_name_of_its_own(task) -> None:
  method = registry.get_method('mgdn')
  options = method.published_options.get(f'mgdn-{task}', {})
  shapes = base.abstract_variables(method, method.module(**options), task)
  leaves = jax.tree_util.tree_leaves_with_path(shapes['params'])
  found = set()
  for path, leaf in leaves:
    name, layout = mgdn_names.published_name('/'.join(k.key for k in path))
    assert re.fullmatch(r'[A-Za-z_\d.]+', name), name
    assert layout == {4: 'conv', 2: 'linear', 1: 'vector'}.get(leaf.ndim) or (
      name.endswith('bias_table')
    )
    found.add(name)
  assert len(found) == len(leaves)


def test_options_survive_in_our_own_weights(tmp_path) -> None:
  module = models.MGDN(**models.mgdn.MULTI_EXPOSURE)
  options = weights.module_options(module)
  assert options == dict(models.mgdn.MULTI_EXPOSURE)
  path = tmp_path / 'x.safetensors'
  weights.save_weights(
    path, {'params': {'a': np.ones(2, np.float32)}}, method='mgdn',
    task='mef', options=options, metadata={},
  )  # fmt: skip
  held = weights.load_weights(path)
  # Tuples come back as lists, which are as good.
  again = models.MGDN(**held.options)
  pair = [jax.ShapeDtypeStruct((1, 16, 16, 3), 'float32')] * 2
  shapes = [
    jax.eval_shape(m.init, jax.random.key(0), *pair) for m in (module, again)
  ]
  assert shapes[0] == shapes[1]


def test_models_are_listed() -> None:
  assert registry.get_model('mgdn-mff') == ('mgdn', 'mff')
  assert {'mgdn-mef', 'mgdn-mff'} <= set(registry.list_models())


def trained(task: str, batch: dict, **options):
  """Shapes of what the loss gives, with parameters of its own."""
  method = registry.get_method('mgdn')
  module = method.module(**SMALL)
  variables = base.abstract_variables(method, module, task)

  def loss(variables, batch):
    own = base.loss_parameters(method, module, jax.random.key(0), options)
    value, output = method.loss(
      module, {**variables, 'loss': own}, batch, task=task, **options
    )
    return value, dict(output.parts)

  return jax.eval_shape(loss, variables, batch)[1], own_of(method, module)


def own_of(method, module):
  return [
    jax.eval_shape(
      lambda weight=weight: base.loss_parameters(
        method, module, jax.random.key(0), {'information_weight': weight}
      )
    )
    for weight in (0.0, 0.1)
  ]


def a_batch(count: int = 2, *, reference: bool) -> dict:
  image = jax.ShapeDtypeStruct((2, 16, 16, 3), 'float32')
  batch = {'sources': (image,) * count}
  batch['step'] = jax.ShapeDtypeStruct((), 'int32')
  return {**batch, 'reference': image} if reference else batch


def test_loss_follows_the_data() -> None:
  parts, (without, with_it) = trained('mff', a_batch(reference=True))
  assert set(parts) == {'absolute_error', 'information'}
  assert without == {} and set(with_it) == {'stage0_0'}
  parts, _ = trained('mef', a_batch(reference=False))
  assert set(parts) == {'mef_ssim', 'halo', 'halo_weight', 'information'}
  parts, _ = trained('mef', a_batch(reference=True), information_weight=0.0)
  assert set(parts) == {'absolute_error'}
  with pytest.raises(InputError, match=r'trains mff on a reference.*gt/'):
    trained('mff', a_batch(reference=False))
  with pytest.raises(InputError, match='there are 3'):
    trained('mef', a_batch(3, reference=True))


def test_loss_is_the_weighted_sum_and_blocks_drop_out() -> None:
  method = registry.get_method('mgdn')
  module = method.module(**{**SMALL, 'depths': (2,)}, drop_path=0.5)
  shapes = base.abstract_variables(method, module, 'mff')
  rng = np.random.default_rng(0)

  def draw(shapes):
    return jax.tree.map(
      lambda x: jnp.asarray(0.3 * rng.normal(size=x.shape), x.dtype), shapes
    )

  variables = {**draw(shapes), 'loss': draw(own_of(method, module)[1])}
  batch = {
    'sources': (picture(4, 16, 16, 3), picture(4, 16, 16, 3, seed=1)),
    'reference': picture(4, 16, 16, 3, seed=2),
  }

  @jax.jit
  def loss(step):
    value, output = method.loss(
      module, variables, {**batch, 'step': step}, task='mff',
      information_weight=0.1,
    )  # fmt: skip
    return value, dict(output.parts)

  value, parts = loss(jnp.int32(0))
  expected = parts['absolute_error'] + 0.1 * parts['information']
  np.testing.assert_allclose(value, expected, rtol=1e-6)
  assert parts['information'] > 1e-4
  # By the step and nothing else.
  errors = [float(loss(jnp.int32(s))[1]['absolute_error']) for s in (0, 1, 2)]
  assert errors[0] == float(parts['absolute_error'])
  assert len(set(errors)) > 1


def test_corrections_of_depth_have_a_gradient_where_all_is_right() -> None:
  method = registry.get_method('mgdn_depth')
  module = method.module(**SMALL, residual=True)
  shapes = base.abstract_variables(method, module, 'gdsr')
  variables = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
  depth = picture(2, 16, 16, 3)[..., :1]
  batch = {'sources': (picture(2, 16, 16, 3, seed=1), depth)}

  @functools.partial(jax.jit, static_argnums=2)
  @jax.value_and_grad
  def loss(variables, reference, weight):
    value, output = method.loss(
      module, variables, {**batch, 'reference': reference, 'step': 0},
      task='gdsr', information_weight=0.0, root_weight=weight,
    )  # fmt: skip
    assert set(output.parts) == {'absolute_error', 'root_error'}
    return value

  # Nothing to correct: no error, and a gradient that is a number.
  value, gradient = loss(variables, depth, 2.0)
  np.testing.assert_allclose(value, 0, atol=1e-5)
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))
  # One pixel of 512 is wrong by 0.5: 1 / 1024, and twice 0.5 / sqrt(512).
  wrong = depth.at[0, 3, 4].add(0.5)
  value, gradient = loss(variables, wrong, 2.0)
  np.testing.assert_allclose(value, 1 / 1024 + 1 / 512**0.5, rtol=1e-5)
  # The head's tenth of the mean error by its root.
  twice, once = gradient, loss(variables, wrong, 1.0)[1]
  twice, once = (g['params']['head']['bias'][0] for g in (twice, once))
  np.testing.assert_allclose(twice - once, -0.1 / 512**0.5, rtol=1e-4)
