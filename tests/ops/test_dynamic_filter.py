"""Filtering with another kernel at every pixel, in both implementations."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.ops import dynamic_filter as lib

RNG = np.random.default_rng(0)


def array(*shape: int) -> jax.Array:
  return jnp.asarray(RNG.normal(size=shape), jnp.float32)


def plain(image, filters, *, mode: str):
  """Pixel by pixel."""
  b, h, w, c = image.shape
  size = round(filters.shape[-1] ** 0.5)
  radius = size // 2
  pads = ((0, 0), (radius, radius), (radius, radius), (0, 0))
  padded = np.pad(np.asarray(image), pads, mode=mode)
  out = np.zeros((b, h, w, c))
  for y in range(h):
    for x in range(w):
      patch = padded[:, y : y + size, x : x + size].reshape(b, -1, c)
      out[:, y, x] = np.einsum('btc,bt->bc', patch, filters[:, y, x])
  return out


@pytest.mark.parametrize('channels', [1, 9])
@pytest.mark.parametrize(
  ('border', 'mode'), [('zero', 'constant'), ('edge',) * 2]
)
def test_against_a_loop_over_pixels(channels, border, mode) -> None:
  image, filters = array(2, 9, 8, channels), array(2, 9, 8, 49)
  expected = plain(image, filters, mode=mode)
  for implementation in ('whole', 'strips', None):
    f = functools.partial(
      lib.dynamic_filter, border=border, implementation=implementation
    )
    ours = jax.jit(f)(image, filters)
    np.testing.assert_allclose(ours, expected, atol=2e-5)


def test_a_filter_that_points_at_one_tap_shifts() -> None:
  image = array(1, 6, 7, 3)
  filters = jnp.zeros((1, 6, 7, 9)).at[..., 5].set(1.0)  # One to the right.
  ours = lib.dynamic_filter(image, filters, border='edge')
  expected = jnp.concatenate([image[:, :, 1:], image[:, :, -1:]], axis=2)
  np.testing.assert_array_equal(ours, expected)


def test_strips_give_the_same_values_and_gradients(monkeypatch) -> None:
  monkeypatch.setattr(lib, '_STRIP', 70)  # Five rows of two pictures.
  image, filters, slope = (
    array(2, 13, 7, 9),
    array(2, 13, 7, 9),
    array(2, 13, 7, 9),
  )

  def value(implementation):
    def f(image, filters):
      out = lib.dynamic_filter(
        image, filters, border='edge', implementation=implementation
      )
      return jnp.sum(out * slope), out

    return jax.jit(jax.grad(f, argnums=(0, 1), has_aux=True))(image, filters)

  (ours, out), (expected, whole) = value('strips'), value('whole')
  np.testing.assert_allclose(out, whole, atol=1e-6)
  for a, b in zip(ours, expected, strict=True):
    np.testing.assert_allclose(a, b, atol=2e-5)


def test_the_gradient_keeps_no_neighbourhoods() -> None:
  image, filters = array(1, 64, 64, 40), array(1, 64, 64, 49)

  def loss(image, filters):
    return jnp.sum(
      jnp.square(lib.dynamic_filter(image, filters, border='edge'))
    )

  compiled = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(image, filters)
  memory = compiled.compile().memory_analysis().temp_size_in_bytes
  unfolded = image.size * filters.shape[-1] * 4
  assert memory < unfolded / 3
