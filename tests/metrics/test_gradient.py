"""Average gradient and Q^AB/F against loops over pixels."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.metrics import gradient


def _picture(seed: int, size: tuple[int, int] = (17, 23)) -> np.ndarray:
  """A uint8 picture with edges, texture and a flat patch."""
  rng = np.random.default_rng(seed)
  picture = np.kron(rng.integers(0, 200, (6, 6)), np.ones((4, 4)))
  picture = picture[: size[0], : size[1]] + rng.integers(0, 40, size)
  picture[3:9, 4:11] = 90
  return picture.astype(np.uint8)


def _loop_ag(plane: np.ndarray) -> float:
  height, width = plane.shape
  total = 0.0
  for y in range(height):
    for x in range(width):
      left, right = max(x - 1, 0), min(x + 1, width - 1)
      up, down = max(y - 1, 0), min(y + 1, height - 1)
      dx = (plane[y, right] - plane[y, left]) / (right - left)
      dy = (plane[down, x] - plane[up, x]) / (down - up)
      total += math.sqrt((dx * dx + dy * dy) / 2)
  return total / ((height - 1) * (width - 1))


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


def test_ag_equals_a_loop():
  picture = _picture(0)
  value = metrics.evaluate(picture, [], metrics='ag')['ag']
  assert value == pytest.approx(_loop_ag(picture.astype(float)), rel=1e-13)


def test_ag_of_a_ramp_shows_the_divisors():
  ramp = jnp.tile(jnp.arange(8.0) * 6, (5, 1))
  slope = 6 / math.sqrt(2)
  assert float(gradient.ag(ramp)) == pytest.approx(slope * 40 / 28, rel=1e-6)
  assert float(gradient.ag(ramp, divisor='all')) == pytest.approx(slope)


@pytest.mark.parametrize(
  ('toolbox', 'tie_scale'), [('mefb', 255), ('vifb', 255), ('lt', 1)]
)
def test_qabf_equals_a_loop(toolbox, tie_scale):
  sources = [_picture(1), _picture(2)]
  fused = np.maximum(*sources)
  value = metrics.evaluate(fused, sources, metrics='qabf', toolbox=toolbox)
  expected = _loop_qabf(
    fused.astype(float),
    [source.astype(float) for source in sources],
    tie_scale=tie_scale,
  )
  assert value['qabf'] == pytest.approx(expected, rel=1e-12)


def test_qabf_of_mfif_equals_a_loop():
  sources = [_picture(3), _picture(4)]
  fused = np.minimum(*sources)
  value = metrics.evaluate(fused, sources, metrics='qabf', toolbox='mfif')
  expected = _loop_qabf_mfif(
    fused.astype(float), [source.astype(float) for source in sources]
  )
  assert value['qabf'] == pytest.approx(expected, rel=1e-12)


def test_qabf_orders_results_by_the_edges_they_keep():
  picture = _picture(5).astype(np.float32)
  pair = [jnp.asarray(picture)] * 2
  same = gradient.qabf(pair[0], pair)
  faint = gradient.qabf(pair[0] / 3, pair)
  none = gradient.qabf(jnp.zeros_like(pair[0]), pair)
  top = 0.9994 * 0.9879 / (1 + math.exp(-22 * 0.2))
  assert float(same) == pytest.approx(top, rel=1e-5)
  assert 0 <= float(none) < float(faint) < float(same)


def test_qabf_takes_more_sources_and_forgets_their_order():
  fused, *sources = (jnp.asarray(_picture(k), jnp.float32) for k in range(4))
  value = gradient.qabf(fused, sources)
  back = gradient.qabf(fused, sources[::-1])
  two = gradient.qabf(fused, sources[:2])
  np.testing.assert_allclose(value, back, rtol=1e-5)
  assert float(value) != pytest.approx(float(two), rel=1e-4)


def test_qabf_without_an_edge_is_nan():
  black = jnp.zeros((8, 8))
  assert np.isnan(gradient.qabf(black, [black, black]))


@pytest.mark.parametrize('toolbox', ['mefb', 'lt', 'mfif'])
def test_jit_equals_eager(toolbox):
  fused, *sources = (jnp.asarray(_picture(k), jnp.float32) for k in range(3))

  def qabf(fused, sources):
    return gradient.qabf(fused, sources, toolbox=toolbox)

  np.testing.assert_allclose(
    jax.jit(qabf)(fused, sources), qabf(fused, sources), rtol=1e-5
  )
  np.testing.assert_allclose(
    jax.jit(gradient.ag)(fused), gradient.ag(fused), rtol=1e-5
  )
