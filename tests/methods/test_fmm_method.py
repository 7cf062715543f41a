"""The method FMM: colour rules, loss, registry rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import errors
from fusionjax.methods import base, registry
from fusionjax.ops import colour

RNG = np.random.default_rng(0)
METHOD = registry.get_method('fmm')


def picture(*shape: int) -> jax.Array:
  return jnp.asarray(RNG.random(shape or (1, 17, 18, 3)), 'float32')


def mean(first, second):
  """Stands for the network."""
  return (first + second) / 2


def luma(rgb):
  return colour.rgb_to_ycbcr(rgb, luma_range='centred')[..., :1]


def chroma(rgb):
  return colour.rgb_to_ycbcr(rgb, luma_range='centred')[..., 1:]


def test_rows() -> None:
  assert registry.get_model('fmm-ivf') == ('fmm', 'ivf')
  assert registry.get_model('fmm-medical') == ('fmm', 'medical')
  assert registry.get_task('medical').max_sources == 2


@pytest.mark.parametrize(('task', 'channels'), [('ivf', 1), ('medical', 3)])
def test_published_colour(task, channels) -> None:
  # Muted colours, or the result is clipped.
  x, y = (0.4 + 0.2 * picture() for _ in range(2))
  fused = METHOD.fuse(mean, [x, y], task=task)
  assert fused.shape == (1, 17, 18, channels)
  wanted = (luma(x) + luma(y)) / 2
  got = fused if channels == 1 else luma(fused)
  np.testing.assert_allclose(got, wanted, atol=2e-6)
  if task == 'medical':
    # PET and SPECT come first, in false colours.
    np.testing.assert_allclose(chroma(fused), chroma(x), atol=2e-6)


@pytest.mark.parametrize(('color', 'kept'), [('visible', 1), ('first', 0)])
def test_colour_on_request(color, kept) -> None:
  pair = [0.4 + 0.2 * picture() for _ in range(2)]
  fused = METHOD.fuse(mean, pair, task='ivf', color=color)
  np.testing.assert_allclose(chroma(fused), chroma(pair[kept]), atol=2e-6)
  grey = METHOD.fuse(mean, pair, task='medical', color='grey')
  np.testing.assert_allclose(grey, luma(fused), atol=2e-6)


def test_multi_focus_takes_any_number() -> None:
  x, y, z = (0.4 + 0.2 * picture() for _ in range(3))
  fused = METHOD.fuse(mean, [x, y, z], task='mff')
  wanted = ((luma(x) + luma(y)) / 2 + luma(z)) / 2
  np.testing.assert_allclose(luma(fused), wanted, atol=3e-6)


def test_loss_falls_along_its_gradient() -> None:
  module = METHOD.module(width=4)
  sources = tuple(picture(2, 16, 16, 3) for _ in range(2))
  shapes = base.abstract_variables(METHOD, module, 'ivf')
  variables = jax.tree.map(
    lambda leaf: jnp.asarray(0.2 * RNG.normal(size=leaf.shape), leaf.dtype),
    shapes,
  )

  def loss(variables):
    value, output = METHOD.loss(
      module, variables, {'sources': sources}, task='ivf'
    )
    return value, dict(output.parts)

  @jax.jit
  def step(variables):
    (value, parts), slope = jax.value_and_grad(loss, has_aux=True)(variables)
    moved = jax.tree.map(lambda v, g: v - 1e-3 * g, variables, slope)
    return value, parts, moved

  value, parts, moved = step(variables)
  np.testing.assert_allclose(value, 1 - parts['var_ssim'], atol=1e-6)
  assert step(moved)[0] < value


def test_loss_takes_pairs() -> None:
  with pytest.raises(errors.InputError, match=r'data\.sources is 3'):
    METHOD.loss(METHOD.module(), {}, {'sources': (picture(),) * 3}, task='mff')


def test_names() -> None:
  assert METHOD.published_name('params/x/kernel') == ('params.x.weight', 'conv')
  assert METHOD.published_name('a/bias') == ('a.bias', 'vector')
