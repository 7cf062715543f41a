"""Counts of levels and of pairs, and the stretch to the full range."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.metrics import histograms, sharing


def _planes(size=(13, 21), low=0, high=256, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(low, high, (2, *size)).astype(np.uint8)


def _pairs(first, second):
  """Shares by a loop over the pixels; a level is the row, one the column."""
  shares = np.zeros((256, 256))
  for i, j in zip(first.ravel(), second.ravel(), strict=True):
    shares[int(i), int(j)] += 1 / first.size
  return shares


def _stretch(plane):
  """Exact, of whole levels: half a level goes up."""
  low, high = int(plane.min()), int(plane.max())
  moved = [
    Fraction(255 * (int(level) - low), high - low) + Fraction(1, 2)
    for level in plane.ravel()
  ]
  return np.array([int(level) for level in moved]).reshape(plane.shape)


def test_between_two_levels_the_nearest_counts():
  plane = jnp.asarray([[0.4, 0.5], [1.49, 254.6]])
  shares = histograms.histogram(plane)
  np.testing.assert_allclose(
    shares[jnp.asarray([0, 1, 255])], [0.25, 0.5, 0.25]
  )
  assert float(shares.sum()) == 1


def test_what_rounding_leaves_outside_is_in_the_last_bins():
  shares = histograms.histogram(jnp.asarray([[-0.7, 255.6]]))
  assert float(shares[0]) == float(shares[255]) == 0.5


@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
@pytest.mark.parametrize('size', [(1, 1), (13, 21), (40, 3)])
def test_joint_equals_a_count(size, dtype):
  first, second = _planes(size)
  known = _pairs(first, second)
  found = histograms.joint(
    jnp.asarray(first, dtype), jnp.asarray(second, dtype)
  )
  np.testing.assert_allclose(found, known, atol=1e-7)
  np.testing.assert_allclose(
    histograms.histogram(jnp.asarray(first, dtype)), known.sum(1), atol=1e-7
  )


@pytest.mark.parametrize('dtype', [np.uint8, np.float32, np.float64])
def test_stretch_is_exact_for_all_spans(dtype):
  # Even spans have levels that come to lie half-way between two. Compiled
  # code may get them wrong where the same code, not compiled, does not.
  stretch = jax.jit(histograms.joint_stretched)
  levels = np.arange(256).reshape(16, 16)
  for span in range(1, 256):
    first = 255 - levels % (span + 1)
    second = np.roll(first, 1) - (255 - span)
    known = np.zeros((256, 256))
    np.add.at(known, (_stretch(first), _stretch(second)), 1 / 256)
    with jax.enable_x64(dtype == np.float64):
      found = stretch(first.astype(dtype), second.astype(dtype))
    np.testing.assert_array_equal(found, known, err_msg=f'span {span}')


def test_stretch_of_floats_is_that_of_their_values():
  first, second = np.random.default_rng(1).uniform(30.3, 201.7, (2, 12, 17))
  known = _pairs(
    *(
      np.floor(255 * (plane - plane.min()) / np.ptp(plane) + 0.5).astype(int)
      for plane in (first, second)
    )
  )
  with jax.enable_x64(True):
    found = histograms.joint_stretched(jnp.asarray(first), jnp.asarray(second))
  np.testing.assert_allclose(found, known, atol=1e-12)
  nearest = _pairs(*(_stretch(np.rint(plane)) for plane in (first, second)))
  assert np.abs(np.asarray(found) - nearest).max() > 0


@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
def test_a_flat_plane_has_no_stretch_but_zeros_stay(dtype):
  plane = jnp.asarray(_planes()[0], dtype)
  flat, zero = (jnp.full(plane.shape, level, dtype) for level in (77, 0))
  for pair in ((flat, plane), (plane, flat), (flat, flat)):
    assert np.isnan(histograms.joint_stretched(*pair)).all()
  assert float(histograms.joint_stretched(zero, zero)[0, 0]) == 1
  shares = histograms.joint_stretched(plane, zero)
  assert float(shares[:, 0].sum()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
def test_a_canvas_equals_the_picture(dtype):
  planes = _planes((17, 23), low=20, high=180).astype(dtype)
  around = np.nan if dtype == np.float32 else 255
  canvases = np.full((2, 40, 50), around, dtype)
  canvases[:, :17, :23] = planes
  size = (np.int32(17), np.int32(23))
  for function in (histograms.joint, histograms.joint_stretched):
    np.testing.assert_array_equal(
      jax.jit(function)(*canvases, size=size), jax.jit(function)(*planes)
    )
  np.testing.assert_array_equal(
    jax.jit(histograms.histogram)(canvases[0], size=size),
    jax.jit(histograms.histogram)(planes[0]),
  )


def test_pixels_are_counted_once_for_all_metrics():
  def both(first, second):
    with sharing.sharing():
      return (
        histograms.joint(first, second),
        histograms.joint_stretched(first, second),
        histograms.joint_stretched(first, second),
      )

  program = str(jax.make_jaxpr(both)(*_planes()))
  # One of the pixels, one that moves the bins.
  assert program.count('scatter-add[') == 2


def test_batches_equal_single_planes():
  firsts, seconds = _planes((3, 12, 14), low=9, high=99)
  batch = jax.vmap(histograms.joint_stretched)(firsts, seconds)
  for k in range(3):
    np.testing.assert_array_equal(
      batch[k],
      histograms.joint_stretched(
        jnp.asarray(firsts[k]), jnp.asarray(seconds[k])
      ),
    )
