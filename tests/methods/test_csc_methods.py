"""The methods of CSCFuse: colour rules, losses, names, registry rows."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.methods import base, registry
from fusionjax.ops import colour

RNG = np.random.default_rng(0)
NAMES = ['csc_ivfn', 'csc_mefn', 'csc_msfn']
TASKS = {'csc_ivfn': 'ivf', 'csc_mefn': 'mef', 'csc_msfn': 'msf'}
SMALL = {
  'csc_ivfn': {'features': 4, 'units': 2},
  'csc_mefn': {'features': 4},
  'csc_msfn': {'bands': 3, 'guide_channels': 1, 'features': 4, 'units': 2},
}


def picture(*shape: int) -> jax.Array:
  return jnp.asarray(RNG.random(shape or (2, 17, 18, 3), np.float32))


def made(name: str):
  """A method, a small network and its initial variables."""
  method = registry.get_method(name)
  module = method.module(**SMALL[name])
  shapes = base.example_shapes(method, module, TASKS[name])
  sources = [jnp.zeros(shape) for shape in shapes]
  return method, module, module.init(jax.random.key(0), *sources)


def batch_of(name: str) -> dict:
  if name == 'csc_msfn':
    sources = (picture(2, 8, 9, 3), picture(2, 16, 18, 1))
    return {'sources': sources, 'reference': picture(2, 16, 18, 3)}
  count = {'csc_ivfn': 1, 'csc_mefn': 3}[name]
  return {
    'sources': tuple(picture() for _ in range(count)),
    'step': jnp.asarray(8, jnp.int32),
  }


@pytest.mark.parametrize('name', NAMES)
def test_rows(name) -> None:
  method = registry.get_method(name)
  assert method.name == name
  model = f'{name}-{TASKS[name]}'
  assert registry.get_model(model) == (name, TASKS[name])
  assert model in registry.list_models(TASKS[name])
  assert 'Zhao' in method.paper and method.rounding == 'truncate'


@pytest.mark.parametrize('name', NAMES)
def test_loss_and_its_updates(name) -> None:
  method, module, variables = made(name)
  batch = batch_of(name)

  def loss(params):
    value, output = method.loss(
      module, {**variables, 'params': params}, batch, task=TASKS[name]
    )
    return value, (dict(output.parts), dict(output.updates))

  (value, (parts, updates)), gradient = jax.jit(
    jax.value_and_grad(loss, has_aux=True)
  )(variables['params'])
  assert value.shape == () and np.isfinite(value)
  assert (
    set(parts)
    == {
      'csc_ivfn': {'squared_error', 'dissimilarity'},
      'csc_mefn': {'mef_ssim', 'halo', 'halo_weight'},
      'csc_msfn': {'squared_error'},
    }[name]
  )
  assert set(updates) == {'batch_stats'}
  stats = variables['batch_stats']
  assert jax.tree.structure(updates['batch_stats']) == jax.tree.structure(stats)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
  assert any(np.any(leaf) for leaf in jax.tree.leaves(gradient))


def test_weight_of_the_halo_follows_the_step() -> None:
  method, module, variables = made('csc_mefn')
  batch = batch_of('csc_mefn')
  weights = [
    method.loss(
      module,
      variables,
      {**batch, 'step': jnp.asarray(step, jnp.int32)},
      task='mef',
    )[1].parts['halo_weight']
    for step in (0, 2, 1000)
  ]
  np.testing.assert_allclose(weights, [0, 0.5, 10])


def test_options_of_the_losses() -> None:
  method, module, variables = made('csc_ivfn')
  batch = batch_of('csc_ivfn')
  value, output = method.loss(
    module, variables, batch, task='ivf', ssim_weight=0.0
  )
  np.testing.assert_allclose(value, output.parts['squared_error'])
  method, module, variables = made('csc_mefn')
  batch = batch_of('csc_mefn')
  value, output = method.loss(
    module, variables, batch, task='mef', rise=1.0, limit=2.0
  )
  assert output.parts['halo_weight'] == 2


def test_pairs_train_as_single_images() -> None:
  method, module, variables = made('csc_ivfn')
  a, b = picture(), picture()
  both, _ = method.loss(module, variables, {'sources': (a, b)}, task='ivf')
  joined = jnp.stack([a, b], axis=1).reshape(4, 17, 18, 3)
  one, _ = method.loss(module, variables, {'sources': (joined,)}, task='ivf')
  np.testing.assert_allclose(both, one, rtol=1e-5)


def first(a: jax.Array, b: jax.Array) -> jax.Array:
  del b
  return a


def test_ivfn_gives_grey_or_the_visible_colour() -> None:
  method = registry.get_method('csc_ivfn')
  infrared, visible = picture(), picture()
  grey = method.fuse(first, [infrared, visible], task='ivf')
  assert grey.shape == (2, 17, 18, 1)
  np.testing.assert_allclose(grey, colour.luma(infrared), atol=1e-6)
  fused = method.fuse(first, [visible, visible], task='ivf', color='visible')
  np.testing.assert_allclose(fused, visible, atol=1e-5)
  # Grey in the visible picture stays grey, whatever the colour option.
  plain = jnp.repeat(visible[..., :1], 3, axis=-1)
  fused = method.fuse(first, [infrared, plain], task='ivf', color='visible')
  np.testing.assert_allclose(fused[..., 0], fused[..., 2], atol=1e-5)


def test_luma_of_grey_is_grey_to_the_last_bit() -> None:
  grey = picture(1, 50, 50, 1)
  luma = colour.luma(jnp.repeat(grey, 3, axis=-1))
  np.testing.assert_array_equal(luma, grey)


def test_mefn_stretches() -> None:
  method = registry.get_method('csc_mefn')
  a, b = 0.4 + 0.2 * picture(), picture()
  plain = method.fuse(first, [a, b], task='mef', stretch=False)
  np.testing.assert_array_equal(plain, a)
  stretched = method.fuse(first, [a, b], task='mef')
  for one in stretched:
    assert one.min() == 0 and one.max() > 0.999
  # Each picture of a batch by itself.
  alone = method.fuse(first, [a[:1], b[:1]], task='mef')
  np.testing.assert_allclose(stretched[:1], alone, atol=1e-6)


def test_fused_cubes_are_clamped() -> None:
  method = registry.get_method('csc_msfn')
  cube = 3 * picture() - 1
  fused = method.fuse(first, [cube, cube], task='msf')
  np.testing.assert_array_equal(fused, jnp.clip(cube, 0, 1))


@pytest.mark.parametrize('name', NAMES)
def test_every_variable_has_a_name_of_its_own(name) -> None:
  method = registry.get_method(name)
  shapes = base.abstract_variables(method, method.module(), TASKS[name])
  found = []
  for collection in ('params', 'batch_stats'):
    leaves = jax.tree_util.tree_leaves_with_path(shapes[collection])
    for path, _ in leaves:
      published, layout = method.published_name(
        '/'.join(key.key for key in path)
      )
      assert layout in ('conv', 'vector')
      assert re.fullmatch(r'[\w.]+', published)
      found.append(published)
  assert len(set(found)) == len(found)


def test_channels_of_the_module_decide_on_the_sources() -> None:
  method = registry.get_method('csc_msfn')
  module = method.module(bands=6, guide_channels=1, features=4)
  shapes = base.example_shapes(method, module, 'msf')
  assert [shape[-1] for shape in shapes] == [6, 1]
  variables = base.abstract_variables(method, module, 'msf')
  assert variables['params']['cube']['lift']['kernel'].shape == (3, 3, 6, 4)
  assert variables['params']['decoder']['kernel'].shape == (3, 3, 4, 6)
