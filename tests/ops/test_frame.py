"""Pictures in larger arrays."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.ops import levels
from fusionjax.ops.frame import Frame, mean, mirror, pad_to_multiple


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


def test_a_strip_is_mirrored_and_repeated_where_the_picture_ends() -> None:
  x = np.random.default_rng(3).random((1, 12, 5, 2), np.float32)
  around = ((0, 0), (2, 2), (2, 2), (0, 0))
  mirrored, repeated = (np.pad(x, around, mode) for mode in ('reflect', 'edge'))
  wrapped = np.pad(x, ((0, 0), (3, 3), (0, 0), (0, 0)), 'wrap')
  for top in (0, 4, 8):
    # Four rows between margins of three; beyond are rows of the other end.
    strip = jnp.asarray(wrapped[:, top : top + 10])
    frame = Frame(jnp.int32(12), 5, top=jnp.int32(top - 3), margin=3)
    ours = mirror(strip, 2, frame)
    assert ours.shape == (1, 14, 9, 2)
    # Each of the four with the two around it.
    np.testing.assert_array_equal(ours[:, 3:11], mirrored[:, top : top + 8])
    np.testing.assert_array_equal(
      frame.repeat(strip)[:, 1:9], repeated[:, top : top + 8, 2:-2]
    )
    np.testing.assert_allclose(
      frame.total(strip), x[:, top : top + 4].sum((1, 2)), rtol=1e-6
    )


@pytest.mark.parametrize('size', [(5, 7), (8, 12), (5, 12)])
@pytest.mark.parametrize(
  ('mode', 'always', 'grown'),
  [('reflect', False, (8, 8, 12)), ('symmetric', True, (8, 12, 16))],
)
def test_mirrors_up_to_multiples(size, mode, always, grown) -> None:
  x = np.random.default_rng(4).random((2, *size, 3), np.float32)
  whole, frame = pad_to_multiple(
    placed(x, (8, 12), np.nan), frame_of(x), multiple=4, always=always,
    mode=mode,
  )  # fmt: skip
  sides = [dict(zip((5, 8, 12), grown, strict=True)).get(s, 8) for s in size]
  assert [int(frame.height), int(frame.width)] == sides
  assert whole.shape == ((2, 12, 16, 3) if always else (2, 8, 12, 3))
  around = [(0, new - old) for new, old in zip(sides, size, strict=True)]
  expected = np.pad(x, ((0, 0), *around, (0, 0)), mode)
  np.testing.assert_array_equal(whole[:, : sides[0], : sides[1]], expected)


def test_repeats_and_counts_its_own_columns() -> None:
  x = np.random.default_rng(5).random((1, 5, 7, 2), np.float32)
  whole, frame = placed(x, (8, 12), 9.0), frame_of(x)
  expected = np.pad(x, ((0, 0), (0, 3), (0, 5), (0, 0)), 'edge')
  np.testing.assert_array_equal(frame.repeat(whole), expected)
  np.testing.assert_allclose(frame.total(whole), x.sum((1, 2)), rtol=1e-6)
