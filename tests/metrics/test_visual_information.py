"""VIFF and VIFp against a NumPy statement, window by window."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from fusionjax import metrics
from fusionjax.errors import InputError
from fusionjax.metrics import visual_information

# Variances below it count as none.
EPS = 1e-10


def _pictures(size, count=3, seed=0):
  """The fused picture and sources, saturated at the top and at the left."""
  rng = np.random.default_rng(seed)
  scene = ndimage.gaussian_filter(rng.uniform(0, 255, size), 2)
  scene = (scene - scene.min()) / np.ptp(scene) * 255
  planes = [
    np.clip(scene * gain + rng.normal(0, 4, size), 0, 255)
    for gain in (0.9, 0.7, 1.2, 0.5)[:count]
  ]
  planes[0][:25] = planes[1][:22] = 255
  planes[-1][:, :24] = 0
  return [plane.astype(np.uint8) for plane in planes]


def _window(side):
  at = np.arange(side) - side // 2
  sigma = side / 5
  window = np.exp(-(at[:, None] ** 2 + at**2) / (2 * sigma**2))
  return window / window.sum()


def _scales(planes):
  planes = [plane.astype(float) for plane in planes]
  for side in (17, 9, 5, 3):
    if side < 17:
      planes = [
        (sliding_window_view(plane, (side, side)) * _window(side)).sum((2, 3))
        for plane in planes
      ]
      planes = [plane[::2, ::2] for plane in planes]
    yield side, planes


def _channels(fused, sources, side):
  """Gain, variance and remainder by source, about the mean of each window."""
  weights = _window(side)

  def centred(plane):
    patches = sliding_window_view(plane, (side, side))
    mean = (patches * weights).sum((2, 3))
    return patches - mean[..., None, None]

  of_fused = centred(fused)
  var_f = (of_fused**2 * weights).sum((2, 3))
  found = []
  for source in sources:
    of_source = centred(source)
    var_s = (of_source**2 * weights).sum((2, 3))
    covariance = (of_source * of_fused * weights).sum((2, 3))
    gain = covariance / (var_s + EPS)
    rest = var_f - gain * covariance
    flat = var_s < EPS
    gain[flat], rest[flat] = 0, var_f[flat]
    var_s = np.where(flat, 0, var_s)
    flat = var_f < EPS
    gain[flat], rest[flat] = 0, 0
    negative = gain < 0
    rest[negative], gain[negative] = var_f[negative], 0
    found.append((gain, var_s, np.maximum(rest, EPS)))
  return found


def _information(channel, noise):
  gain, variance, rest = channel
  return (
    np.log10(1 + gain**2 * variance / (rest + noise)),
    np.log10(1 + variance / noise),
  )


def _known_viff(fused, sources):
  values = []
  for side, (of_fused, *others) in _scales((fused, *sources)):
    channels = _channels(of_fused, others, side)
    chosen = channels[0]
    for other in channels[1:]:
      smaller = chosen[0] < other[0]
      chosen = [
        np.where(smaller, *pair) for pair in zip(chosen, other, strict=True)
      ]
    kept, there = _information(chosen, 0.005 * 255**2)
    values.append((kept + 1e-7).sum() / (there + 1e-7).sum())
  return (values[0] + 0.15 * values[2] + values[3]) / 2.15


def _known_vifp(fused, sources):
  value = 0
  for source in sources:
    kept, there = 0, 0
    for side, planes in _scales((fused, source)):
      maps = _information(_channels(planes[0], planes[1:], side)[0], 2)
      kept, there = kept + maps[0].sum(), there + maps[1].sum()
    value += kept / there
  return value


SIZES = [(41, 41), (47, 70), (64, 52)]


@pytest.mark.parametrize('count', [2, 3])
@pytest.mark.parametrize('size', SIZES)
def test_equals_the_formulas(size, count):
  fused, *sources = _pictures(size, count + 1)
  viff = metrics.evaluate(fused, sources, metrics='viff', toolbox='cscfuse')
  vifp = metrics.evaluate(fused, sources, metrics='vifp', toolbox='cddfuse')
  assert viff['viff'] == pytest.approx(_known_viff(fused, sources), rel=1e-11)
  assert vifp['vifp'] == pytest.approx(_known_vifp(fused, sources), rel=1e-11)


@pytest.mark.parametrize(('count', 'seed'), [(6, 0), (12, 2)])
def test_no_rounding_decides_what_counts_as_flat(count, seed):
  # Lone pixels one level below their surroundings leave variances of about
  # 1e-10 in windows of the coarse scales. E[x^2] - E[x]^2 of 254 is on the
  # wrong side of it in some, and off by 1e-4 in the end.
  rng = np.random.default_rng(seed)
  size = (120, 150)
  scene = ndimage.gaussian_filter(rng.uniform(0, 255, size), 2)
  scene = (scene - scene.min()) / np.ptp(scene) * 200
  first, fused = (
    (scene * gain + level).astype(np.uint8)
    for gain, level in ((0.9, 20), (0.7, 40))
  )
  second = np.full(size, 254, np.uint8)
  at = [rng.integers(0, side, count) for side in size]
  second[at[0], at[1]] = 253
  found = metrics.evaluate(fused, [first, second], metrics='viff')
  known = _known_viff(fused, [first, second])
  assert found['viff'] == pytest.approx(known, rel=1e-11)


def test_one_source_of_vifp():
  fused, source = _pictures((44, 50), 2)
  found = metrics.evaluate(fused, [source], metrics='vifp', toolbox='lt')
  assert found['vifp'] == pytest.approx(_known_vifp(fused, [source]))


@jax.jit
def _both(fused, sources, *, size=None):
  return {
    'viff': visual_information.viff(fused, sources, size=size),
    'vifp': visual_information.vifp(fused, sources, size=size),
  }


@pytest.mark.parametrize('size', [(41, 60), (64, 256), (85, 300)])
def test_a_canvas_equals_the_picture(size):
  fused, *sources = _pictures(size)
  canvases = np.full((3, 96, 320), np.nan)
  canvases[:, : size[0], : size[1]] = (fused, *sources)
  extent = (np.int32(size[0]), np.int32(size[1]))
  with jax.enable_x64(True):
    found = _both(canvases[0], list(canvases[1:]), size=extent)
    exact = _both(fused, sources)
  for name, value in exact.items():
    assert float(found[name]) == pytest.approx(float(value), rel=1e-12)


def test_identical_pictures():
  picture = _pictures((48, 50))[0]
  with jax.enable_x64(True):
    found = _both(picture, [picture, picture])
  assert float(found['viff']) == pytest.approx(1, abs=1e-9)
  assert float(found['vifp']) == pytest.approx(2, abs=1e-9)


def test_more_contrast_is_more_than_one():
  picture = _pictures((48, 50), seed=7)[1] // 3
  with jax.enable_x64(True):
    found = _both(picture * 3, [picture, picture])
  assert float(found['viff']) > 1.2


def test_the_order_of_the_sources():
  fused = _pictures((48, 50))[0]
  # No window is flat in any, and all gains are positive.
  rng = np.random.default_rng(3)
  scene = rng.uniform(0, 150, fused.shape)
  planes = [
    (scene * gain + rng.uniform(0, 9, fused.shape)).astype(np.uint8)
    for gain in (1, 0.9, 0.6)
  ]
  with jax.enable_x64(True):
    there = _both(planes[0], planes[1:])
    back = _both(planes[0], planes[:0:-1])
  for name, value in there.items():
    assert float(back[name]) == pytest.approx(float(value), rel=1e-12)
  # Where one source is flat and the gain of the other one is negative, both
  # gains are 0 and the second source counts, whichever it is.
  falling = 255 - fused
  flat = np.full_like(fused, 90)
  last_flat = metrics.evaluate(fused, [falling, flat], metrics='viff')['viff']
  last_falls = metrics.evaluate(fused, [flat, falling], metrics='viff')['viff']
  assert last_flat == pytest.approx(1, abs=1e-9)
  assert last_falls < 0.1


def test_flat_pictures():
  fused, *sources = _pictures((48, 50))
  flat = np.full_like(fused, 255)
  with jax.enable_x64(True):
    all_flat = _both(flat, [flat, flat])
    flat_sources = _both(fused, [flat, flat])
    flat_result = _both(flat, sources)
    one = _both(fused, [flat, sources[1]])
  # Flat sources have nothing to keep, a flat result keeps nothing.
  assert float(all_flat['viff']) == pytest.approx(1, abs=1e-12)
  assert float(flat_sources['viff']) == pytest.approx(1, abs=1e-12)
  assert 0 < float(flat_result['viff']) < 1e-3
  assert float(one['viff']) > 0
  assert float(flat_result['vifp']) == pytest.approx(0, abs=1e-12)
  for found in (all_flat, flat_sources, one):
    assert np.isnan(found['vifp'])


@pytest.mark.parametrize(
  ('name', 'toolbox'), [('viff', 'mefb'), ('vifp', 'lt')]
)
def test_the_smallest_size(name, toolbox):
  fused, *sources = (plane[:41, :41] for plane in _pictures((60, 60)))
  found = metrics.evaluate(fused, sources, metrics=name, toolbox=toolbox)
  assert np.isfinite(found[name])
  small = [plane[:40] for plane in (fused, *sources)]
  with pytest.raises(InputError, match=f"'{name}' needs at least 41 pixels"):
    metrics.evaluate(small[0], small[1:], metrics=name, toolbox=toolbox)
  # The coarsest scale of 40 rows has no window.
  with jax.enable_x64(True):
    *_, (side, planes) = _scales(small)
    assert planes[0].shape[0] < side
    assert np.isnan(visual_information.viff(small[0], small[1:]))


def test_float32_is_close_and_a_batch_equals_a_loop():
  fused, *sources = _pictures((41, 44))
  single = _both(
    fused.astype(np.float32), [each.astype(np.float32) for each in sources]
  )
  other = _pictures((41, 44), seed=1)
  batch = [
    np.stack(pair) for pair in zip((fused, *sources), other, strict=True)
  ]
  with jax.enable_x64(True):
    both = [_both(fused, sources), _both(other[0], other[1:])]
    found = jax.vmap(_both)(batch[0], batch[1:])
    eager = visual_information.viff(fused, sources)
  for name in both[0]:
    assert single[name].dtype == jnp.float32
    assert float(single[name]) == pytest.approx(float(both[0][name]), rel=1e-2)
    np.testing.assert_allclose(
      found[name], [each[name] for each in both], rtol=1e-12
    )
  assert float(eager) == pytest.approx(float(both[0]['viff']), rel=1e-12)


def test_derivative():
  fused, *sources = (plane.astype(float) for plane in _pictures((41, 43)))
  fused = fused + np.random.default_rng(1).normal(0, 1, fused.shape)
  step = np.random.default_rng(5).normal(0, 1, fused.shape)
  with jax.enable_x64(True):
    slope = np.asarray(
      jax.jit(jax.grad(visual_information.viff))(fused, sources)
    )
    ends = [
      float(_both(fused + h * step, sources)['viff']) for h in (1e-5, -1e-5)
    ]
  assert np.isfinite(slope).all()
  assert float((slope * step).sum()) == pytest.approx(
    (ends[0] - ends[1]) / 2e-5, rel=1e-4
  )
