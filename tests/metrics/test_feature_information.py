"""FMI against loops over the windows, and its table."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from fusionjax import metrics
from fusionjax.metrics import feature_information as features

_JITTED = jax.jit(features.fmi)


def _exact(fused, sources, **options):
  with jax.enable_x64(True):
    return float(_JITTED(fused, list(sources), **options))


def _pictures(size, count=3, seed=0):
  rng = np.random.default_rng(seed)
  blocks = np.kron(rng.integers(0, 220, (40, 80)), np.ones((4, 4)))
  scene = ndimage.gaussian_filter(blocks, 0.7)[: size[0], : size[1]]
  planes = [scene + rng.normal(0, 6, size) for _ in range(count)]
  return [np.clip(each, 0, 255).astype(np.uint8) for each in planes]


def _edges(plane):
  """MATLAB's edge: steep pixels that are a ridge across or along."""
  plane = plane.astype(float)
  kernel = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
  right = ndimage.correlate(plane, kernel, mode='nearest')
  down = ndimage.correlate(plane, kernel.T, mode='nearest')
  squares = right**2 + down**2
  limit = 4 * squares.mean()
  height, width = plane.shape
  edges = np.zeros(plane.shape, int)
  for i in range(height):
    for j in range(width):
      b = squares[i, j]
      if b <= limit:
        continue
      across = (j == 0 or squares[i, j - 1] <= b) and (
        j == width - 1 or b > squares[i, j + 1]
      )
      along = (i == 0 or squares[i - 1, j] <= b) and (
        i == height - 1 or b > squares[i + 1, j]
      )
      x, y, slack = abs(right[i, j]), abs(down[i, j]), 2.2e-14
      edges[i, j] = (x >= y - slack and across) or (y >= x - slack and along)
  return edges


def _pdf(window):
  if window.min() == window.max():
    return np.full(9, 1 / 9)
  return window / window.sum()


def _plogp(p):
  return sum(-x * np.log2(abs(x)) for x in np.ravel(p) if x != 0)


def _share(first, second):
  """What two windows of nine pixels share, by the published steps."""
  if (first == second).all():
    return 1.0
  p, q = _pdf(first), _pdf(second)
  at = np.arange(1, 10)
  covariance = ((p - p.mean()) * (q - q.mean())).sum()
  spreads = [
    np.sqrt(max((at**2 * each).sum() - (at * each).sum() ** 2, 0))
    for each in (p, q)
  ]
  independent = np.outer(p.cumsum(), q.cumsum())
  if covariance >= 0:
    bound = np.minimum.outer(p.cumsum(), q.cumsum())
  else:
    bound = np.maximum(np.add.outer(p.cumsum(), q.cumsum()) - 1, 0)
  weight = 0.0
  if covariance != 0 and min(spreads) > 0:
    norm = np.sqrt(((p - p.mean()) ** 2).sum() * ((q - q.mean()) ** 2).sum())
    weight = covariance / norm * np.prod(spreads)
    weight /= (bound - independent).sum()
  mass = np.zeros((9, 9))
  for i in range(9):
    for j in range(9):
      mass[i, j] = bound[i, j]
      mass[i, j] -= bound[i - 1, j] if i else 0
      mass[i, j] -= bound[i, j - 1] if j else 0
      mass[i, j] += bound[i - 1, j - 1] if i and j else 0
  joint = weight * mass + (1 - weight) * np.outer(p, q)
  apart = _plogp(p) + _plogp(q)
  return 2 * (apart - _plogp(joint)) / apart if apart else 0.0


def _stated(fused, sources):
  fused, *sources = (_edges(each) for each in (fused, *sources))
  values = []
  for i in range(fused.shape[0] - 2):
    for j in range(fused.shape[1] - 2):
      window = fused[i : i + 3, j : j + 3].ravel(order='F')
      values += [
        _share(each[i : i + 3, j : j + 3].ravel(order='F'), window)
        for each in sources
      ]
  return np.mean(values)


@pytest.mark.parametrize('count', [2, 3])
@pytest.mark.parametrize('size', [(3, 3), (4, 9), (23, 31)])
def test_equals_loops_over_the_windows(size, count):
  fused, *sources = _pictures(size, count + 1)
  stated = _stated(fused, sources)
  assert _exact(fused, sources) == pytest.approx(stated, rel=1e-12)
  assert size == (3, 3) or stated < 0.99


@pytest.mark.parametrize('seed', range(3))
def test_equals_loops_where_slopes_tie_and_at_the_border(seed):
  # Sparse spikes of one height: slopes tie across, along and between both.
  spikes = np.random.default_rng(seed).uniform(0, 1, (3, 15, 18)) < 0.12
  fused, *sources = 250 * spikes.astype(np.uint8)
  stated = _stated(fused, sources)
  assert _exact(fused, sources) == pytest.approx(stated, rel=1e-12)


@pytest.mark.parametrize('turns', range(4))
def test_no_neighbour_outside_stands_in_the_way(turns):
  # Slopes that the repeated pixels would have outside exceed those of the
  # border here.
  spots = np.zeros((16, 16), np.uint8)
  spots[5:9, :3] = [[0, 9, 9], [0, 9, 9], [9, 0, 0], [9, 0, 9]]
  spots = np.rot90(spots, turns).copy()
  sources = [np.roll(spots, 1, axis) for axis in (0, 1)]
  stated = _stated(spots, sources)
  assert _exact(spots, sources) == pytest.approx(stated, rel=1e-12)


def test_the_table_equals_the_steps():
  table = features.window_table()
  assert table.shape == (512, 512)
  assert table.dtype == np.float64
  assert np.isfinite(table).all()
  np.testing.assert_array_equal(table, table.T)
  np.testing.assert_array_equal(np.diag(table), 1)
  bits = (np.arange(512)[:, None] >> np.arange(9)) & 1
  rng = np.random.default_rng(0)
  pairs = [(i, j) for i in (0, 1, 256, 511) for j in range(0, 512, 5)]
  pairs += list(rng.integers(0, 512, (300, 2)))
  for i, j in pairs:
    known = _share(bits[i], bits[j])
    assert table[i, j] == pytest.approx(known, rel=1e-12, abs=1e-13), (i, j)


def test_known_pairs_of_windows():
  table = features.window_table()
  # One pixel each, not the same one: nothing is shared, and nothing there is.
  assert table[1, 2] == table[256, 16] == 0
  # An empty and a full window are spread alike, but are not equal.
  assert table[0, 511] == pytest.approx(0, abs=1e-14)
  assert 1.09 < table.max() < 1.1


def test_edges_are_thin_and_reach_the_border():
  step = np.zeros((6, 12), np.uint8)
  step[:, 6:] = 100
  # The slopes of columns 5 and 6 are equal: the second is the ridge.
  lines = np.zeros((6, 12), int)
  lines[:, 6] = 1
  np.testing.assert_array_equal(_edges(step), lines)
  # A window is less than 1 only where one picture has an edge.
  flat = np.full_like(step, 9)
  table = features.window_table()
  codes = [0, 0, 0, 0, 448, 56, 7, 0, 0, 0]
  known = np.mean([table[code, 0] for code in codes])
  assert _exact(step, [flat, flat]) == pytest.approx(known, rel=1e-13)
  assert _exact(step, [step, flat]) == pytest.approx((1 + known) / 2, rel=1e-13)


def test_a_slope_of_exactly_the_limit_is_no_edge():
  canvas = np.zeros((64, 64), np.uint8)
  canvas[:, 4:] = 93
  flat = np.zeros_like(canvas)
  for height in range(3, 60):
    # Two of eight columns are steep: their slope is 4 times the mean.
    size = (np.int32(height), np.int32(8))
    assert _exact(canvas, [flat, flat], size=size) == 1
    size = (np.int32(height), np.int32(9))
    assert _exact(canvas, [flat, flat], size=size) < 1


@pytest.mark.parametrize('dtype', [np.uint8, np.float64])
@pytest.mark.parametrize('size', [(3, 3), (5, 97), (64, 256), (70, 300)])
def test_a_canvas_equals_the_picture(size, dtype):
  pictures = [each.astype(dtype) for each in _pictures(size)]
  canvases = np.random.default_rng(9).integers(0, 256, (3, 96, 320))
  canvases = canvases.astype(dtype)
  if dtype == np.float64:
    canvases[:] = np.nan
  canvases[:, : size[0], : size[1]] = pictures
  extent = (np.int32(size[0]), np.int32(size[1]))
  found = _exact(canvases[0], canvases[1:], size=extent)
  assert found == pytest.approx(_exact(pictures[0], pictures[1:]), rel=1e-13)


def test_identical_and_flat_pictures():
  fused = _pictures((24, 26))[0]
  flat = np.full_like(fused, 77)
  assert _exact(fused, [fused, fused]) == pytest.approx(1, abs=1e-14)
  assert _exact(flat, [flat, flat]) == 1


def test_sources_may_swap_and_so_may_the_fused_picture():
  fused, first, second = _pictures((24, 26))
  there = _exact(fused, [first, second])
  assert there == pytest.approx(_exact(fused, [second, first]), rel=1e-14)
  assert _exact(first, [second, second]) == pytest.approx(
    _exact(second, [first, first]), rel=1e-14
  )


def test_the_rules_of_the_toolboxes():
  pictures = np.stack([_pictures((20, 31), seed=k) for k in range(3)], axis=-1)
  fused, *sources = pictures
  matlab = (0.298936021293775, 0.587043074451121, 0.114020904255103)
  grey = np.floor(pictures @ np.array(matlab) + 0.5)
  channels = [
    _stated(fused[..., k], [each[..., k] for each in sources]) for k in range(3)
  ]
  for toolbox, known in (
    ('mefb', np.mean(channels)),
    ('lt', _stated(grey[0], grey[1:])),
  ):
    found = metrics.evaluate(fused, sources, metrics='fmi', toolbox=toolbox)
    assert found['fmi'] == pytest.approx(known, rel=1e-12), toolbox


def test_too_small_a_picture_is_named():
  rows = [np.zeros((2, 9), np.uint8)] * 3
  with pytest.raises(ValueError, match="'fmi' needs at least 3 pixels"):
    metrics.evaluate(rows[0], rows[1:], metrics='fmi')


def test_jit_equals_eager_and_float32_is_close():
  fused, *sources = _pictures((40, 50))
  given = [jnp.asarray(each) for each in (fused, *sources)]
  eager, jitted = features.fmi(given[0], given[1:]), _JITTED(fused, sources)
  assert eager.dtype == jnp.float32
  np.testing.assert_allclose(eager, jitted, rtol=1e-6)
  # Slopes of whole levels are exact in float32 too.
  np.testing.assert_allclose(eager, _exact(fused, sources), rtol=1e-5)


def test_batches_equal_single_pictures():
  stacks = np.stack([_pictures((12, 15), seed=k) for k in range(3)])
  batch = jax.vmap(lambda each: features.fmi(each[0], [each[1], each[2]]))(
    stacks
  )
  for k, (fused, *sources) in enumerate(stacks):
    np.testing.assert_allclose(batch[k], _JITTED(fused, sources), rtol=1e-6)
