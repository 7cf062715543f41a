"""Colour spaces and the chroma rule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.ops import colour


def image(shape: tuple[int, ...], seed: int = 0) -> jax.Array:
  return jnp.asarray(np.random.default_rng(seed).random(shape, np.float32))


@pytest.mark.parametrize('luma_range', ['studio', 'full'])
def test_inverse(luma_range: colour.LumaRange) -> None:
  rgb = image((2, 5, 7, 3))
  back = colour.ycbcr_to_rgb(
    colour.rgb_to_ycbcr(rgb, luma_range=luma_range), luma_range=luma_range
  )
  # The published studio coefficients have six digits.
  np.testing.assert_allclose(back, rgb, atol=3e-6)


@pytest.mark.parametrize(
  ('luma_range', 'black', 'white'), [('studio', 16, 235), ('full', 0, 255)]
)
def test_known_levels(
  luma_range: colour.LumaRange, black: float, white: float
) -> None:
  rgb = jnp.asarray([[0.0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 0, 1]])
  ycbcr = colour.rgb_to_ycbcr(rgb, luma_range=luma_range) * 255
  np.testing.assert_allclose(ycbcr[0], [black, 128, 128], atol=1e-3)
  np.testing.assert_allclose(ycbcr[1], [white, 128, 128], atol=1e-3)
  largest = 240 if luma_range == 'studio' else 255.5
  np.testing.assert_allclose(ycbcr[2, 2], largest, atol=1e-2)  # red: Cr
  np.testing.assert_allclose(ycbcr[3, 1], largest, atol=1e-2)  # blue: Cb


def test_full_range_is_that_of_jpeg() -> None:
  from PIL import Image

  rgb = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
  expected = np.asarray(Image.fromarray(rgb).convert('YCbCr'), np.float32)
  ours = (
    colour.rgb_to_ycbcr(jnp.asarray(rgb, jnp.float32) / 255, luma_range='full')
    * 255
  )
  assert np.abs(np.asarray(ours) - expected).max() < 1.01


def test_chroma_weighs_by_distance_from_neutral() -> None:
  planes = jnp.asarray([[0.5, 0.6, 0.5], [0.9, 0.3, 0.5]])
  fused = colour.fuse_chroma(planes, neutral=0.5)
  expected = [0.9, (0.6 * 0.1 + 0.3 * 0.2) / 0.3, 0.5]
  np.testing.assert_allclose(fused, expected, rtol=1e-6)


def test_chroma_takes_any_number_and_stays_finite() -> None:
  planes = image((5, 2, 4, 4)).at[:, 0, 0, 0].set(colour.NEUTRAL)
  fused = colour.fuse_chroma(planes)
  assert fused.shape == (2, 4, 4)
  assert fused[0, 0, 0] == np.float32(colour.NEUTRAL)
  gradient = jax.grad(lambda x: colour.fuse_chroma(x).sum())(planes)
  assert np.isfinite(gradient).all()
  assert (fused >= planes.min(0) - 1e-6).all()
  assert (fused <= planes.max(0) + 1e-6).all()
