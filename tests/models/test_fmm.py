"""FMM as a pure function, and its options."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import errors
from fusionjax.models import FMM
from fusionjax.ops import global_mapping

RNG = np.random.default_rng(0)


def array(*shape: int) -> jax.Array:
  return jnp.asarray(RNG.random(shape, np.float32))


def drawn(net, *sources):
  """Variables off their initial values, without an eager `init`."""
  shapes = jax.eval_shape(net.init, jax.random.key(0), *sources)
  return jax.tree.map(
    lambda leaf: jnp.asarray(0.3 * RNG.normal(size=leaf.shape), leaf.dtype),
    shapes,
  )


def test_published_size() -> None:
  x = jnp.zeros((1, 16, 16, 1))
  shapes = jax.eval_shape(FMM().init, jax.random.key(0), x, x)
  count = sum(leaf.size for leaf in jax.tree.leaves(shapes))
  assert count == 256993 and f'{count:,}' in FMM.__doc__


SMALL = FMM(width=4)


@pytest.mark.parametrize(
  'options',
  [
    {},
    {'fusion': 'add'},
    {'fusion': 'concat'},
    {'depth': 4, 'normalization': 'sigmoid', 'downsampling': 'average'},
    {'depth': 5, 'normalization': 'none', 'embedding': 'none'},
    {'downsampling': 'convolution', 'upsampling': 'nearest'},
  ],
  ids=lambda options: '-'.join(map(str, options.values())) or 'default',
)
@pytest.mark.parametrize('size', [(16, 16), (21, 18)])
def test_any_size_with_every_option(options, size) -> None:
  net = SMALL.clone(**options)
  x, y = array(1, *size, 1), array(1, *size, 1)
  out = jax.jit(net.apply)(drawn(net, x, y), x, y)
  assert out.shape == (1, *size, 1) and np.isfinite(out).all()


def test_jit_batch_and_vmap_agree() -> None:
  x, y = array(2, 17, 20, 1), array(2, 17, 20, 1)
  variables = drawn(SMALL, x, y)
  whole = SMALL.apply(variables, x, y)
  run = jax.jit(SMALL.apply)
  np.testing.assert_allclose(run(variables, x, y), whole, atol=1e-4)

  def one(x: jax.Array, y: jax.Array) -> jax.Array:
    return SMALL.apply(variables, x[None], y[None])[0]

  mapped = jax.jit(jax.vmap(one))(x, y)
  np.testing.assert_allclose(mapped, whole, atol=1e-4)
  alone = run(variables, x[1:], y[1:])
  np.testing.assert_allclose(alone, whole[1:], atol=1e-4)


@pytest.mark.long
def test_remat_changes_no_gradient() -> None:
  net = SMALL.clone(depth=2)
  x, y = array(1, 16, 16, 1), array(1, 16, 16, 1)
  variables = drawn(net, x, y)

  def gradient(net):
    return jax.jit(
      jax.grad(lambda v: jnp.mean(jnp.square(net.apply(v, x, y))))
    )(variables)

  plain, again = gradient(net), gradient(net.clone(remat=True))
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4),
    plain,
    again,
  )
  assert all(np.any(np.asarray(g)) for g in jax.tree.leaves(plain))


def test_blocks_do_not_change_the_result(monkeypatch) -> None:
  x, y = array(1, 24, 20, 1), array(1, 24, 20, 1)
  variables = drawn(SMALL, x, y)
  dense = jax.jit(SMALL.apply)(variables, x, y)
  monkeypatch.setattr(global_mapping, '_SMALL', 0)
  # Another function, or the compiled one is taken again.
  blocks = jax.jit(lambda v, x, y: SMALL.apply(v, x, y))(variables, x, y)
  np.testing.assert_allclose(blocks, dense, atol=1e-4)


def test_equation_1() -> None:
  x, y = array(1, 16, 16, 1), array(1, 16, 16, 1)
  _, kept = SMALL.apply(
    drawn(SMALL, x, y), x, y, capture_intermediates=True, mutable=True
  )
  kept = kept['intermediates']
  first, second = (kept[f'encoder_{m}']['__call__'][0] for m in 'xy')
  fused = kept['mapping']['__call__'][0]
  for f, f_x, f_y, (w_x, w_y) in zip(
    fused, first, second, kept['mapping']['weights'], strict=True
  ):
    np.testing.assert_allclose(f, w_x * f_x + w_y * f_y, rtol=1e-5)
    np.testing.assert_allclose(w_x + w_y, 1, rtol=1e-5)
    assert np.min(w_x) >= 0


def test_the_map_looks_everywhere() -> None:
  # A change in one corner of one picture reaches the other corner.
  x, y = array(1, 64, 64, 1), array(1, 64, 64, 1)
  variables = drawn(SMALL, x, y)
  changed = y.at[:, :8, :8].set(0)
  run = jax.jit(SMALL.apply)
  moved = np.abs(run(variables, x, changed) - run(variables, x, y))
  assert moved[0, -4:, -4:].max() > 0
  near = SMALL.clone(fusion='add')
  variables = drawn(near, x, y)
  run = jax.jit(near.apply)
  moved = np.abs(run(variables, x, changed) - run(variables, x, y))
  assert moved[0, -4:, -4:].max() == 0


@pytest.mark.parametrize(
  'options',
  [
    {'fusion': 'max'},
    {'normalization': 'layer'},
    {'embedding': 'linear'},
    {'downsampling': 'none'},
    {'upsampling': 'bicubic'},
    {'depth': 1},
  ],
)
def test_unknown_options(options) -> None:
  with pytest.raises(errors.InputError):
    FMM(**options)


def test_a_large_pair_fits_into_two_gigabytes() -> None:
  net = FMM()
  pair = [jax.ShapeDtypeStruct((1, 1024, 1024, 1), jnp.float32)] * 2
  shapes = jax.eval_shape(net.init, jax.random.key(0), *pair)
  compiled = jax.jit(net.apply).lower(shapes, *pair).compile()
  # Beside what Python and the compiler take.
  assert compiled.memory_analysis().temp_size_in_bytes < 1.3e9
