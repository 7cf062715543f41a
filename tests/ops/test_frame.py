"""Pictures in larger arrays."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.ops import levels
from fusionjax.ops.frame import Frame, mean, mirror


def placed(x: np.ndarray, shape: tuple[int, int], fill: float) -> jax.Array:
  """A map [b, h, w, c] in a larger one."""
  whole = np.full((x.shape[0], *shape, x.shape[-1]), fill, np.float32)
  whole[:, : x.shape[1], : x.shape[2]] = x
  return jnp.asarray(whole)


def frame_of(x: np.ndarray) -> Frame:
  return Frame(height=jnp.int32(x.shape[1]), width=jnp.int32(x.shape[2]))


@pytest.mark.parametrize('size', [(5, 7), (9, 12), (5, 12), (9, 7)])
@pytest.mark.parametrize('radius', [1, 2])
def test_mirrors_at_its_own_edges(size, radius) -> None:
  x = np.random.default_rng(0).random((2, *size, 3), np.float32)
  expected = np.pad(
    x, ((0, 0), (radius, radius), (radius, radius), (0, 0)), 'reflect'
  )
  ours = mirror(placed(x, (9, 12), np.nan), radius, frame_of(x))
  h, w = (side + 2 * radius for side in size)
  np.testing.assert_array_equal(ours[:, :h, :w], expected)
  assert ours.shape == (2, 9 + 2 * radius, 12 + 2 * radius, 3)


def test_mean_and_stretch_see_the_picture_alone() -> None:
  x = np.random.default_rng(1).random((1, 31, 45, 3), np.float32)
  whole, frame = placed(x, (40, 48), 1e6), frame_of(x)
  expected = x.mean((1, 2), dtype=np.float64)
  np.testing.assert_allclose(mean(whole, frame), expected, rtol=1e-6)
  np.testing.assert_allclose(mean(x, None), expected, rtol=2e-6)
  ours = levels.stretch(whole, frame=frame)[:, :31, :45]
  np.testing.assert_array_equal(ours, levels.stretch(jnp.asarray(x)))


def test_clears_what_is_above_and_behind() -> None:
  frame = Frame(height=4, width=2, top=-1)
  inside = frame.inside(jnp.zeros((1, 7, 3, 1)))[0, :, :, 0]
  np.testing.assert_array_equal(inside.sum(1), [0, 2, 2, 2, 2, 0, 0])
  np.testing.assert_array_equal(inside.sum(0), [4, 4, 0])
  below = frame.below(4).inside(jnp.zeros((1, 7, 3, 1)))
  assert below.sum() == 2


@pytest.mark.parametrize('part', [0.005, 0.995, 0.5])
def test_shares_are_those_of_python(part) -> None:
  sides = np.random.default_rng(2).integers(16, 20_000, (4000, 2))
  share = jax.jit(jax.vmap(lambda s: Frame(s[0], s[1]).share(part, values=3)))
  small = np.array([side for side in sides if 3 * side[0] * side[1] < 2**31])
  expected = [
    min(int(3 * h * w * part), 3 * h * w - 1) for h, w in small.tolist()
  ]
  np.testing.assert_array_equal(share(jnp.asarray(small, 'int32')), expected)
