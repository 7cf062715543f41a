"""Attention between channels, and within windows."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.ops import attention

RNG = np.random.default_rng(0)


def array(*shape: int) -> jax.Array:
  return jnp.asarray(RNG.normal(size=shape), jnp.float32)


def softmax(x):
  e = np.exp(x - x.max(-1, keepdims=True))
  return e / e.sum(-1, keepdims=True)


def test_channel_attention_by_its_definition() -> None:
  q, k, v = (array(2, 5, 6, 12) for _ in range(3))
  temperature = array(3)
  expected = np.zeros((2, 5, 6, 12))
  for b in range(2):
    for head in range(3):
      part = slice(4 * head, 4 * head + 4)
      flat = [np.asarray(x[b, ..., part]).reshape(30, 4) for x in (q, k, v)]
      unit = [x / np.linalg.norm(x, axis=0) for x in flat[:2]]
      weights = softmax(unit[0].T @ unit[1] * temperature[head])
      expected[b, ..., part] = (flat[2] @ weights.T).reshape(5, 6, 4)
  for implementation in ('gram', 'heads', None):
    f = functools.partial(
      attention.channel_attention, implementation=implementation
    )
    ours = jax.jit(f)(q, k, v, temperature)
    np.testing.assert_allclose(ours, expected, atol=2e-6)


def test_channel_attention_of_nothing_is_finite() -> None:
  nothing = jnp.zeros((1, 4, 4, 4))
  value = array(1, 4, 4, 4)

  @jax.jit
  @jax.value_and_grad
  def mean(x):
    return jnp.mean(attention.channel_attention(x, x, value, jnp.ones(2)))

  average, gradient = mean(nothing)
  np.testing.assert_allclose(average, value.mean(), atol=1e-6)
  assert np.isfinite(gradient).all()


def plain_windows(qkv, bias, *, window, shift):
  """Token by token, on the map before it was rolled."""
  b, h, w, triple = qkv.shape
  heads, c = bias.shape[0], triple // 3
  d = c // heads
  q, k, v = np.split(np.asarray(qkv, np.float64), 3, axis=-1)
  out = np.zeros((b, h, w, c))

  def where(at, side):
    """The part of a rolled axis: wrapped pixels are a part of their own."""
    return int(at >= side - window) + int(at >= side - shift) if shift else 0

  for y in range(h):
    for x in range(w):
      ys = np.arange(y // window * window, y // window * window + window)
      xs = np.arange(x // window * window, x // window * window + window)
      query = (y % window) * window + x % window
      for head in range(heads):
        part = slice(head * d, head * d + d)
        keys = k[:, ys[:, None], xs[None], part].reshape(b, -1, d)
        values = v[:, ys[:, None], xs[None], part].reshape(b, -1, d)
        logits = np.einsum('bd,btd->bt', q[:, y, x, part], keys) * d**-0.5
        logits = logits + np.asarray(bias[head, query])
        apart = [
          where(y, h) != where(ky, h) or where(x, w) != where(kx, w)
          for ky in ys
          for kx in xs
        ]
        logits = logits + np.where(apart, -100.0, 0.0)
        weights = softmax(logits)
        out[:, y, x, part] = np.einsum('bt,btd->bd', weights, values)
  return out


@pytest.mark.parametrize('shift', [0, 2])
def test_window_attention_by_its_definition(shift) -> None:
  qkv, bias = array(2, 8, 12, 3 * 6), array(2, 16, 16)
  expected = plain_windows(qkv, bias, window=4, shift=shift)
  for implementation in ('rows', 'whole', None):
    f = functools.partial(
      attention.window_attention,
      window=4,
      shift=shift,
      implementation=implementation,
    )
    ours = jax.jit(f)(qkv, bias)
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_opposite_borders_do_not_meet() -> None:
  qkv, bias = array(1, 8, 8, 6), array(1, 16, 16)

  @jax.jit
  def out(qkv):
    return attention.window_attention(qkv, bias, window=4, shift=2)

  # Rolled by 2: the last row was the second one, above it lay the last ones.
  other = qkv.at[:, -1].add(1.0)
  changed = np.abs(out(other) - out(qkv)).max(axis=(0, 2, 3))
  assert (changed[:6] == 0).all() and (changed[6:] > 0).all()


def test_relative_index() -> None:
  index = attention.relative_index(3)
  assert index.shape == (9, 9)
  # Tokens 1 and 5 of a window of 3: (0, 1) and (1, 2), so one up, one left.
  assert index[1, 5] == (0 - 1 + 2) * 5 + (1 - 2 + 2)
  assert len(np.unique(index)) == 25 and (np.diag(index) == 12).all()
