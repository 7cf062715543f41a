"""Folded layers compute what ordinary layers compute."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.models import FFMEF
from fusionjax.models.layers import convolution, folded, folding, strips
from fusionjax.ops.frame import Frame


def image(*shape: int, seed: int = 0) -> jax.Array:
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), 'float32')


def plain(*maps: jax.Array, features: int, size: int, params: dict):
  conv = nn.Conv(features, (size, size))
  return conv.apply({'params': params}, jnp.concatenate(maps, axis=-1))


@pytest.mark.parametrize('width', [16, 17, 18, 19, 3])
@pytest.mark.parametrize('size', [1, 3, 5, 7])
@pytest.mark.parametrize('factor', [1, 2, 4])
def test_convolution(width: int, size: int, factor: int) -> None:
  fold = folding.Fold(width=width, factor=factor)
  a, b = image(2, 6, width, 4), image(2, 6, width, 2, seed=1)
  conv = folded.FoldedConv(5, size)
  folds = fold.fold(a), fold.fold(b)
  params = conv.init(jax.random.key(0), *folds, fold=fold)['params']
  params['bias'] = image(5, seed=2)
  assert params['kernel'].shape == (size, size, 6, 5)
  ours = fold.unfold(conv.apply({'params': params}, *folds, fold=fold))
  expected = plain(a, b, features=5, size=size, params=params)
  np.testing.assert_allclose(ours, expected, atol=3e-5)


@pytest.mark.parametrize('rows', ['SAME', 'VALID'])
@pytest.mark.parametrize('width', [8, 11])
@pytest.mark.parametrize('size', [1, 3, 5, 7])
def test_gradient_of_a_convolution(size: int, width: int, rows: str) -> None:
  # Against XLA's own gradient of the ordinary convolution.
  fold = folding.Fold(width=width, factor=4)
  x, kernel = image(2, 19, width, 4), image(size, size, 4, 3, seed=1)

  def ours(x: jax.Array, kernel: jax.Array) -> jax.Array:
    y = convolution.convolve_folded(fold.fold(x), kernel, fold, rows)
    return jnp.sum(jnp.square(fold.unfold(y)))

  def theirs(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return jnp.sum(jnp.square(convolution.convolve(x, kernel, rows=rows)))

  for a, b in zip(
    jax.jit(jax.grad(ours, (0, 1)))(x, kernel),
    jax.jit(jax.grad(theirs, (0, 1)))(x, kernel),
    strict=True,
  ):
    np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max())


@pytest.mark.parametrize('rows', ['SAME', 'VALID'])
@pytest.mark.parametrize('width', [8, 11])
@pytest.mark.parametrize('factor', [1, 2, 4])
@pytest.mark.parametrize('size', [1, 3, 5, 7])
def test_implementations_of_a_folded_convolution(
  size: int, factor: int, width: int, rows: str
) -> None:
  fold = folding.Fold(width=width, factor=factor)
  x, kernel = image(2, 19, width, 4), image(size, size, 4, 3, seed=1)
  spread, strided = (
    fold.unfold(
      convolution.convolve_folded(fold.fold(x), kernel, fold, rows, way)
    )
    for way in ('spread', 'strided')
  )
  np.testing.assert_allclose(strided, spread, atol=1e-6 * np.abs(spread).max())


def test_convolutions_of_ffmef_see_zeros_beyond_the_picture() -> None:
  # With biases: without, nothing would leak anyway.
  net, pair = FFMEF(), (image(2, 16, 24, 1), image(2, 16, 24, 1, seed=1))
  shapes = jax.eval_shape(net.init, jax.random.key(0), *pair)
  variables = jax.tree.map(lambda p: 0.1 * image(*p.shape), shapes)

  @jax.jit
  def run(variables, *pair):
    seen = []

    def see(call, args, kwargs, context):
      module, fold = context.module, kwargs.get('fold')
      if isinstance(module, folded.FoldedConv) and module.kernel_size > 1:
        for x in args:
          b, h, blocks, lanes = x.shape
          x = x.reshape(b, h, blocks * fold.factor, lanes // fold.factor)
          used = (x != 0).any(axis=(0, 3))
          seen.append((used.any(axis=1).sum(), used.any(axis=0).sum()))
      return call(*args, **kwargs)

    with nn.intercept_methods(see):
      net.apply(variables, *pair, frame=Frame(height=12, width=19))
    return seen

  seen = [tuple(map(int, sides)) for sides in run(variables, *pair)]
  # Of the encoder, and of the filters of sides 1, 3 and 5.
  assert len(seen) >= 20
  assert {*seen} == {(12, 19)}


@pytest.mark.parametrize('width', [16, 19])
@pytest.mark.parametrize('features', [2, 4])
def test_instance_norm(width: int, features: int) -> None:
  fold = folding.Fold(width=width, factor=4)
  # A mean far from zero: one pass over E[x^2] - E[x]^2 would lose it.
  x = image(3, 11, width, 4) * 0.1 + 100
  norm = folded.InstanceNorm(features)
  params = norm.init(jax.random.key(0), fold.fold(x), fold=fold)['params']
  params = jax.tree.map(lambda p: p + image(*p.shape, seed=3), params)
  folds = fold.fold(x).at[:, :, -1, 12:].add(0 if width == 16 else 7)
  ours = fold.unfold(norm.apply({'params': params}, folds, fold=fold))
  y = np.asarray(x, np.float64)[..., :features]
  mean = y.mean((1, 2), keepdims=True)
  variance = y.var((1, 2), keepdims=True)
  expected = (y - mean) / np.sqrt(variance + 1e-5)
  expected = expected * np.asarray(params['scale'])
  expected = expected + np.asarray(params['bias'])
  np.testing.assert_allclose(ours[..., :features], expected, atol=2e-3)
  np.testing.assert_array_equal(ours[..., features:], x[..., features:])


@pytest.mark.parametrize('rows', [4, 5, 32])
def test_strips_of_rows(rows: int) -> None:
  x = image(2, 21, 6, 3)

  def smooth(strip: jax.Array, first: jax.Array) -> jax.Array:
    del first
    return strip[:, :-4] + 2 * strip[:, 2:-2] + strip[:, 4:]

  padded = jnp.pad(x, ((0, 0), (2, 2), (0, 0), (0, 0)))
  expected = padded[:, :-4] + 2 * x + padded[:, 4:]
  ours = strips.map_rows(smooth, [x], reach=2, rows=rows)
  np.testing.assert_allclose(ours, expected, rtol=1e-6)
