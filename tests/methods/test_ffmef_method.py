"""FFMEF's colour rules, loss and registry entries."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import errors
from fusionjax.methods import base, ffmef, registry
from fusionjax.ops import colour

RNG = np.random.default_rng(0)


def picture() -> jax.Array:
  return jnp.asarray(RNG.random((1, 17, 18, 3), np.float32))


def first(y0: jax.Array, y1: jax.Array) -> jax.Array:
  """A network that keeps its first source."""
  del y1
  return y0


def mean(y0: jax.Array, y1: jax.Array) -> jax.Array:
  return (y0 + y1) / 2


def test_identity_network_keeps_the_picture() -> None:
  x = picture()
  fused = ffmef.fuse(first, [x, x], task='mef')
  np.testing.assert_allclose(fused, x, atol=1e-5)


def test_infrared_pairs_keep_the_colour_of_the_visible() -> None:
  grey = jnp.repeat(picture()[..., :1], 3, axis=-1)
  visible = picture()
  fused = ffmef.fuse(first, [grey, visible], task='ivf')
  expected = colour.rgb_to_ycbcr(visible)[..., 1:]
  luma = colour.rgb_to_ycbcr(grey)[..., :1]
  exact = colour.ycbcr_to_rgb(jnp.concatenate([luma, expected], axis=-1))
  np.testing.assert_allclose(fused, jnp.clip(exact, 0, 1), atol=1e-6)
  blended = ffmef.fuse(first, [picture(), visible], task='mef')
  assert np.abs(blended - fused).max() > 0.05


def test_stack_is_folded_in_order() -> None:
  a, b, c = picture(), picture(), picture()
  grey = [jnp.repeat(x[..., :1], 3, axis=-1) for x in (a, b, c)]
  fused = ffmef.fuse(mean, grey, task='mff')
  expected = (grey[0] + grey[1]) / 4 + grey[2] / 2
  np.testing.assert_allclose(fused, expected, atol=1e-5)


def test_exposures_go_from_dark_to_bright() -> None:
  # Two pairs in one batch, of which the second comes bright first.
  dark, bright = picture() / 2, picture() / 2 + 0.5
  ones = jnp.concatenate([dark, bright])
  others = jnp.concatenate([bright, dark])
  kept = ffmef.fuse(first, [ones, others], task='mef')
  luma = colour.rgb_to_ycbcr(kept)[..., :1]
  expected = colour.rgb_to_ycbcr(dark)[..., :1]
  # Where the colour does not fit into RGB the luma moves: compare medians.
  assert np.median(np.abs(luma[0] - expected[0])) < 0.02
  assert np.median(np.abs(luma[1] - expected[0])) < 0.02
  unsorted = ffmef.fuse(first, [ones, others], task='mff')
  assert np.abs(unsorted[1] - kept[1]).max() > 0.2


def test_colour_of_a_stack_takes_all_sources() -> None:
  sources = [picture() for _ in range(4)]
  one = ffmef.fuse(first, sources, task='mef')
  other = ffmef.fuse(first, sources[:3], task='mef')
  assert np.abs(one - other).max() > 0.01


@pytest.mark.parametrize('task', ['mef', 'mff', 'ivf'])
def test_loss_has_named_parts_and_a_gradient(task: str) -> None:
  method = registry.get_method('ffmef')
  module = method.module()
  batch = {'sources': (picture(), picture())}
  shapes = base.abstract_variables(method, module, task)
  variables = jax.tree.map(
    lambda x: jnp.asarray(0.2 * RNG.normal(size=x.shape), x.dtype), shapes
  )

  def value(variables):
    loss, output = method.loss(module, variables, batch, task=task)
    return loss, dict(output.parts)

  (loss, parts), gradient = jax.jit(jax.value_and_grad(value, has_aux=True))(
    variables
  )
  assert np.isfinite(loss) and set(parts) == {'steep', 'smooth', 'global'}
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))
  assert any(np.abs(x).max() > 0 for x in jax.tree.leaves(gradient))


def test_batch_equals_loop() -> None:
  method = registry.get_method('ffmef')
  module = method.module(channels=2, kernel_sizes=(1,))
  shapes = base.abstract_variables(method, module, 'mef')
  variables = jax.tree.map(
    lambda x: jnp.asarray(0.3 * RNG.normal(size=x.shape), x.dtype), shapes
  )
  batch = [jnp.concatenate([picture() for _ in range(3)]) for _ in range(2)]
  fuse = jax.jit(
    lambda *sources: base.fuse_pictures(
      method, module, variables, sources, task='mef'
    )
  )
  together = fuse(*batch)
  for i in range(3):
    one = fuse(*(x[i : i + 1] for x in batch))
    np.testing.assert_allclose(together[i : i + 1], one, atol=1e-5)


def test_published_names_are_one_to_one() -> None:
  method = registry.get_method('ffmef')
  shapes = base.abstract_variables(method, method.module(), 'mef')
  paths = [
    '/'.join(key.key for key in path)
    for path, _ in jax.tree_util.tree_leaves_with_path(shapes['params'])
  ]
  names = {method.published_name(path) for path in paths}
  assert len(names) == len(paths) == 147
  assert ('encode.up1.conv.0.weight', 'conv_transpose') in names
  assert ('encode.fus2.body.0.conv_2.0.weight', 'conv') in names
  assert ('kp3.spatial_attention.4.weight', 'conv') in names
  assert ('sca2.spatial_attention.2.bias', 'vector') in names
  assert ('alpha3', 'vector') in names


def test_registry() -> None:
  names = ('ffmef-ivf', 'ffmef-mef', 'ffmef-mff')
  assert set(registry.list_models()) >= set(names)
  assert registry.list_models('mff') == ('ffmef-mff', 'mgdn-mff')
  for model, (method, task) in registry.MODELS.items():
    # A family has one name, and a factor may follow the task.
    family, of, *_ = model.split('-')
    assert method.startswith(family) and of == task
    assert registry.get_method(method).name == method
    assert task in registry.TASKS
  assert registry.get_task('mef').max_sources is None
  assert registry.get_task('ivf').max_sources == 2
  for function in (
    registry.get_method,
    registry.get_task,
    registry.get_model,
    registry.list_models,
  ):
    with pytest.raises(errors.InputError, match='Unknown'):
      function('ffmeff')
  with pytest.raises(errors.InputError, match=r'Did you mean .*ffmef-mef'):
    registry.get_model('ffmef-meff')


def test_training_takes_pairs() -> None:
  method = registry.get_method('ffmef')
  batch = {'sources': (picture(), picture(), picture())}
  with pytest.raises(errors.InputError, match=r'data\.sources is 3'):
    method.loss(method.module(), {}, batch, task='mef')


def test_clamped_luma_learns_its_way_back() -> None:
  method = registry.get_method('ffmef')
  module = method.module(channels=2, kernel_sizes=(1,))
  shapes = base.abstract_variables(method, module, 'mef')
  # All zero but a level that is far below zero everywhere.
  variables = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
  variables['params']['level_1']['conv3']['bias'] = jnp.asarray([-1.0])
  variables['params']['weight_1'] = jnp.asarray([1.0])
  batch = {'sources': (picture(), picture())}

  def slope(clamping: str) -> jax.Array:
    def value(variables):
      return method.loss(
        module, variables, batch, task='mef', clamping=clamping
      )[0]

    gradient = jax.jit(jax.grad(value))(variables)
    return gradient['params']['level_1']['conv3']['bias'][0]

  assert slope('published') == 0
  assert slope('through') < 0  # Descent raises the bias.
  with pytest.raises(errors.InputError, match='Unknown clamping'):
    slope('thru')
