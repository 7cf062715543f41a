"""Q^AB/F and N^AB/F against loops over pixels."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.metrics import edges

TOOLBOXES = ('mefb', 'lt', 'mfif')


def _all(fused, sources, *, size=None):
  found = {
    toolbox: edges.qabf(fused, sources, size=size, toolbox=toolbox)
    for toolbox in TOOLBOXES
  }
  return {'nabf': edges.nabf(fused, sources, size=size), **found}


_JITTED = jax.jit(_all)


def _picture(seed: int, size: tuple[int, int] = (17, 23)) -> np.ndarray:
  """A uint8 picture with edges, texture and a flat patch."""
  rng = np.random.default_rng(seed)
  blocks = rng.integers(0, 200, (size[0] // 4 + 1, size[1] // 4 + 1))
  picture = np.kron(blocks, np.ones((4, 4)))[: size[0], : size[1]]
  picture = picture + rng.integers(0, 40, size)
  picture[3:9, 4:11] = 90
  return picture.astype(np.uint8)


def _loop_edges(plane: np.ndarray, y: int, x: int) -> tuple[float, float]:
  """Sobel sums of one pixel, as MATLAB's conv2 leaves them."""
  sx = sy = 0.0
  for i, j in np.ndindex(3, 3):
    u, v = y + i - 1, x + j - 1
    inside = 0 <= u < plane.shape[0] and 0 <= v < plane.shape[1]
    value = plane[u, v] if inside else 0.0
    sx += value * (j - 1) * (2 if i == 1 else 1)
    sy -= value * (i - 1) * (2 if j == 1 else 1)
  return sx, sy


def _loop_quality(ratio: float, turn: float) -> float:
  alignment = 1 - abs(turn) / (math.pi / 2)
  return (
    0.9994
    / (1 + math.exp(-15 * (ratio - 0.5)))
    * 0.9879
    / (1 + math.exp(-22 * (alignment - 0.8)))
  )


def _loop_qabf(fused, sources, *, tie_scale: float) -> float:
  kept = total = 0.0
  for y, x in np.ndindex(fused.shape):
    strengths, angles = [], []
    for plane in (fused, *sources):
      sx, sy = _loop_edges(plane, y, x)
      strengths.append(math.hypot(sx, sy))
      angles.append(math.pi / 2 if sx == 0 else math.atan(sy / sx))
    for g, a in zip(strengths[1:], angles[1:], strict=True):
      if g > strengths[0]:
        ratio = strengths[0] / g
      elif g == strengths[0]:
        ratio = strengths[0] * tie_scale
      else:
        ratio = g / strengths[0]
      kept += _loop_quality(ratio, a - angles[0]) * g
      total += g
  return kept / total


def _loop_qabf_mfif(fused, sources) -> float:
  kept = total = 0.0
  for y, x in np.ndindex(fused.shape):
    fx, fy = _loop_edges(fused, y, x)
    g_fused, a_fused = math.hypot(fx, fy), math.atan(-fy / (fx or 1e-5))
    for source in sources:
      sx, sy = _loop_edges(source, y, x)
      g, a = math.hypot(sx, sy), math.atan(-sy / (sx or 1e-5))
      loses = g > g_fused
      g = g or 1e-5
      lost = g_fused / g
      g_fused = g_fused or 1e-5
      ratio = lost if loses else g / g_fused
      kept += _loop_quality(ratio, a - a_fused) * g
      total += g
  return kept / total


def _loop_nabf(fused, sources) -> float:
  padded = [np.pad(plane, 1, mode='reflect') for plane in (fused, *sources)]
  lost = total = 0.0
  for y, x in np.ndindex(fused.shape):
    strengths, angles = [], []
    for plane in padded:
      sx, sy = (part / 8 for part in _loop_edges(plane, y + 1, x + 1))
      strengths.append(math.sqrt(sx * sx + sy * sy))
      # The toolbox divides the other way round than for Q^AB/F.
      if sx == 0 and sy == 0:
        angles.append(0.0)
      else:
        angles.append(math.atan(sx / sy) if sy else math.pi / 2)
    new = strengths[0] > max(strengths[1:])
    for g, a in zip(strengths[1:], angles[1:], strict=True):
      pair = sorted((g, strengths[0]))
      ratio = pair[0] / pair[1] if pair[0] > 0 else 0.0
      alignment = abs(abs(a - angles[0]) - math.pi / 2) * 2 / math.pi
      quality = math.sqrt(
        0.9999
        / (1 + math.exp(-19 * (ratio - 0.5)))
        * 0.9995
        / (1 + math.exp(-22 * (alignment - 0.5)))
      )
      weight = g**1.5 if g >= 2 else 0.001
      lost += new * (1 - quality) * weight
      total += weight
  return lost / total


LOOPS = {
  'mefb': functools.partial(_loop_qabf, tie_scale=255),
  'lt': functools.partial(_loop_qabf, tie_scale=1),
  'mfif': _loop_qabf_mfif,
  'nabf': _loop_nabf,
}


@pytest.mark.parametrize('fuse', [np.maximum, np.minimum, np.subtract])
def test_equals_a_loop(fuse):
  sources = [_picture(1), _picture(2)]
  fused = fuse(*sources)
  with jax.enable_x64(True):
    found = _JITTED(fused, sources)
  planes = [plane.astype(float) for plane in (fused, *sources)]
  for name, loop in LOOPS.items():
    expected = loop(planes[0], planes[1:])
    assert float(found[name]) == pytest.approx(expected, rel=1e-11), name


@pytest.mark.parametrize('size', [(2, 2), (5, 97), (64, 256), (70, 300)])
def test_a_canvas_equals_the_picture(size):
  pictures = np.stack([_picture(k, size) for k in range(3)])
  canvases = np.random.default_rng(9).integers(0, 256, (3, 96, 320), np.uint8)
  canvases[:, : size[0], : size[1]] = pictures
  extent = (np.int32(size[0]), np.int32(size[1]))
  with jax.enable_x64(True):
    exact = _all(pictures[0], list(pictures[1:]))
    found = _JITTED(canvases[0], list(canvases[1:]), size=extent)
  for name, value in exact.items():
    assert float(found[name]) == pytest.approx(float(value), rel=1e-12), name


def test_toolboxes_use_their_rules():
  fused, *sources = (_picture(k) for k in range(3))
  with jax.enable_x64(True):
    known = _JITTED(fused, sources)
  same = {'vifb': 'mefb', 'mgdn': 'mefb'}
  for toolbox in ('mefb', 'vifb', 'mgdn', 'lt', 'mfif'):
    found = metrics.evaluate(fused, sources, metrics='qabf', toolbox=toolbox)
    expected = float(known[same.get(toolbox, toolbox)])
    assert found['qabf'] == pytest.approx(expected, rel=1e-13), toolbox
  found = metrics.evaluate(fused, sources, metrics='nabf', toolbox='lt')
  assert found['nabf'] == pytest.approx(float(known['nabf']), rel=1e-13)


def test_qabf_orders_results_by_the_edges_they_keep():
  picture = _picture(5).astype(np.float32)
  pair = [jnp.asarray(picture)] * 2
  same = edges.qabf(pair[0], pair)
  faint = edges.qabf(pair[0] / 3, pair)
  none = edges.qabf(jnp.zeros_like(pair[0]), pair)
  top = 0.9994 * 0.9879 / (1 + math.exp(-22 * 0.2))
  assert float(same) == pytest.approx(top, rel=1e-5)
  assert 0 <= float(none) < float(faint) < float(same)


def test_nabf_counts_only_new_edges():
  picture = _picture(6).astype(np.float32)
  flat = np.full_like(picture, 90)
  assert float(edges.nabf(picture, [picture, picture])) == 0
  assert float(edges.nabf(flat, [picture, picture])) == 0
  noisy = picture + np.random.default_rng(0).normal(0, 30, picture.shape)
  harmed = edges.nabf(jnp.asarray(noisy, jnp.float32), [picture, picture])
  assert 0 < float(harmed) < 1
  # Where there is nothing but new edges, hardly any of it is kept.
  assert float(edges.nabf(picture, [flat, flat])) > 0.9


def test_takes_more_sources_and_forgets_their_order():
  fused, *sources = (_picture(k) for k in range(4))
  with jax.enable_x64(True):
    there = _JITTED(fused, sources)
    back = _JITTED(fused, sources[::-1])
    two = _JITTED(fused, sources[:2])
  for name, value in there.items():
    tolerance = 1e-6 if name == 'mfif' else 1e-13
    assert float(value) == pytest.approx(float(back[name]), rel=tolerance)
    assert float(value) != pytest.approx(float(two[name]), rel=1e-4)


def test_flat_pictures():
  black, grey = jnp.zeros((8, 8)), jnp.full((8, 8), 50.0)
  assert np.isnan(edges.qabf(black, [black, black]))
  # The border of zeros is an edge.
  assert float(edges.qabf(grey, [grey, grey])) > 0.9
  # Zeros become 1e-5, and all of them are kept.
  assert float(edges.qabf(black, [black, black], toolbox='mfif')) > 0.9
  assert float(edges.nabf(black, [grey, black])) == 0


def test_jit_equals_eager_in_float32():
  fused, *sources = (jnp.asarray(_picture(k)) for k in range(3))
  eager, jitted = _all(fused, sources), _JITTED(fused, sources)
  with jax.enable_x64(True):
    exact = _JITTED(fused, sources)
  for name, value in eager.items():
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, jitted[name], rtol=1e-5)
    np.testing.assert_allclose(value, exact[name], rtol=1e-4)


@pytest.mark.parametrize('function', [edges.qabf, edges.nabf])
def test_gradients_are_finite_in_flat_areas_too(function):
  fused, *sources = (jnp.asarray(_picture(k), jnp.float32) for k in range(3))
  slope = jax.grad(function)(fused, sources)
  assert np.isfinite(slope).all()
  assert float(jnp.abs(slope).max()) > 0
