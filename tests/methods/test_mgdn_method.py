"""MGDN's padding, order, names, and the errors at its door."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import models
from fusionjax.errors import InputError
from fusionjax.inference.model import FusionModel
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


def test_more_than_two_pictures_name_the_task_that_takes_three() -> None:
  model = FusionModel(models.MGDN(**SMALL), {}, 'x', 'mgdn', 'mff')
  pictures = [np.zeros((16, 16, 3), np.uint8)] * 3
  with pytest.raises(InputError, match=r'there are 3.*under, reference.*hdr'):
    model.fuse(pictures)


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
