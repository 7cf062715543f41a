"""Maps of which some rows are in memory at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.ops import levels, resize, streams
from fusionjax.ops.streams import Held, Stream

X = np.random.default_rng(0).random((13, 9, 3), np.float32)


def whole(x: Stream) -> np.ndarray:
  return np.asarray(x.between(0, x.shape[1]))


def test_rows_in_any_order() -> None:
  held = Held(X)
  assert held.shape == (1, 13, 9, 3) and held.dtype == np.float32
  np.testing.assert_array_equal(held.take(np.array([3, 4]))[0], X[3:5])
  np.testing.assert_array_equal(held.take(np.array([4, 3]))[0], X[[4, 3]])
  # What lies beyond is of the other end.
  np.testing.assert_array_equal(
    held.between(-2, 15)[0], np.concatenate([X[-2:], X, X[:2]])
  )


@pytest.mark.parametrize('mode', ['reflect', 'symmetric'])
def test_pad_and_crop_are_those_of_arrays(mode) -> None:
  def change(x):
    padded = streams.pad(x, rows=5, columns=2, mode=mode)
    return padded, streams.crop(padded, height=15, width=10)

  for ours, expected in zip(
    change(Held(X)), change(jnp.asarray(X[None])), strict=True
  ):
    assert ours.shape == expected.shape
    np.testing.assert_array_equal(whole(ours), expected)
  held = Held(X)
  assert streams.pad(held, rows=0, columns=0, mode=mode) is held


def test_rowwise_looks_at_several_maps() -> None:
  def function(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.sum(x, axis=-1, keepdims=True) - y[..., :1]

  ours = streams.rowwise(function, Held(X), Held(X[::-1].copy()))
  assert ours.shape == (1, 13, 9, 1) and ours.dtype == np.float32
  expected = streams.rowwise(function, X[None], X[None, ::-1])
  np.testing.assert_array_equal(whole(ours), jax.jit(lambda x: x)(expected))


def test_resizing_rows_and_columns() -> None:
  ours = resize.bicubic(Held(X), size=(40, 27))
  assert ours.shape == (1, 40, 27, 3)
  expected = resize.bicubic(jnp.asarray(X[None]), size=(40, 27))
  np.testing.assert_allclose(whole(ours), expected, atol=1e-6)


def test_means_of_squares() -> None:
  ours = resize.box_means(Held(X[:12]), side=3)
  assert ours.shape == (1, 4, 3, 3)
  expected = X[:12].reshape(4, 3, 3, 3, 3).mean((1, 3))[None]
  np.testing.assert_allclose(whole(ours), expected, atol=1e-6)
  plain = resize.box_means(jnp.asarray(X[None, :12]), side=3)
  np.testing.assert_allclose(plain, expected, atol=1e-6)


def test_mean_and_choice(monkeypatch) -> None:
  monkeypatch.setattr(streams, '_VALUES', 100)
  held, dark = Held(X), Held(X / 2)
  np.testing.assert_allclose(streams.mean(held), [X.mean()], rtol=1e-6)
  darker = streams.mean(dark) < streams.mean(held)
  assert streams.select(darker, dark, held) is dark
  assert streams.select(~darker, dark, held) is held
  both = jnp.asarray([True, False])
  x = jnp.stack([X, X + 1])
  np.testing.assert_array_equal(
    streams.select(both, x, -x), jnp.stack([X, -X - 1])
  )


def test_order_statistics_are_exact(monkeypatch) -> None:
  monkeypatch.setattr(streams, '_VALUES', 100)
  x = X.copy()
  x[:4] = x[0, 0, 0]
  x[4, 2] = 0
  places = [0, 1, 100, 175, 350]
  ours = streams.order_statistics(Held(x), places=places)
  np.testing.assert_array_equal(ours, np.sort(x.ravel())[places])
  stretched = levels.stretch_stream(Held(x))
  expected = jax.jit(levels.stretch)(jnp.asarray(x[None]))
  np.testing.assert_allclose(whole(stretched), expected, atol=1e-6)
