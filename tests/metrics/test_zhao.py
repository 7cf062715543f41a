"""Q_P and the phase congruency against a NumPy statement."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, signal

from fusionjax import metrics
from fusionjax.errors import InputError
from fusionjax.metrics import phase_congruency, zhao

EPS = 1e-4
ANGLES = [k * math.pi / 6 for k in range(6)]


def _pictures(size, seed=0):
  """The fused picture and two sources, each blurred in one half."""
  rng = np.random.default_rng(seed)
  blocks = rng.integers(0, 200, (size[0] // 6 + 1, size[1] // 6 + 1))
  scene = np.kron(blocks, np.ones((6, 6)))[: size[0], : size[1]]
  scene = scene + rng.normal(25, 4, size)
  blurred = ndimage.gaussian_filter(scene, 2)
  left = np.arange(size[1]) < size[1] // 2
  planes = [
    0.8 * scene + 0.2 * blurred,
    np.where(left, scene, blurred),
    np.where(left, blurred, scene),
  ]
  return [np.clip(plane, 0, 255).astype(np.uint8) for plane in planes]


def _grids(size):
  """Radius, angle and low pass, laid out as the published code has them."""

  def centred(side):
    if side % 2:
      return np.arange(-(side - 1) / 2, (side - 1) / 2 + 1) / (side - 1)
    return np.arange(-side / 2, side / 2) / side

  y, x = np.meshgrid(*(centred(side) for side in size), indexing='ij')
  radius = np.hypot(x, y)
  radius[size[0] // 2, size[1] // 2] = 1
  low_y, low_x = np.meshgrid(
    *((np.arange(side) - side // 2) / side for side in size), indexing='ij'
  )
  low = 1 / (1 + (np.hypot(low_x, low_y) / 0.45) ** 30)
  return (
    np.fft.ifftshift(radius),
    np.fft.ifftshift(np.arctan2(-y, x)),
    np.fft.fftshift(low),
  )


def _filters(size):
  """The 6 x 4 filters."""
  radius, theta, low = _grids(size)
  radial = []
  for scale in range(4):
    found = np.exp(
      -(np.log(radius * 3 * 2.1**scale) ** 2) / (2 * math.log(0.55) ** 2)
    )
    found = found * low
    found[0, 0] = 0
    radial.append(found)
  filters = []
  for angle in ANGLES:
    sine = np.sin(theta) * math.cos(angle) - np.cos(theta) * math.sin(angle)
    cosine = np.cos(theta) * math.cos(angle) + np.sin(theta) * math.sin(angle)
    turn = np.abs(np.arctan2(sine, cosine))
    spread = np.exp(-(turn**2) / (2 * (math.pi / 6 / 1.2) ** 2))
    filters.append([each * spread for each in radial])
  return filters


def _threshold(filters, finest):
  root = math.sqrt(filters[0].size)
  noise = [np.fft.ifft2(each).real * root for each in filters]
  power = -np.median(finest**2) / math.log(0.5) / (filters[0] ** 2).sum()
  squares = sum((each**2).sum() for each in noise)
  products = sum(
    (noise[s] * noise[t]).sum() for s in range(4) for t in range(s + 1, 4)
  )
  tau = math.sqrt((2 * power * squares + 4 * power * products) / 2)
  reach = tau * math.sqrt(math.pi / 2)
  return (reach + 2 * math.sqrt((2 - math.pi / 2) * tau**2)) / 1.7


def _known_features(plane):
  spectrum = np.fft.fft2(plane.astype(float))
  energies, amplitudes, covariance = 0, 0, np.zeros((3, *plane.shape))
  for angle, filters in zip(ANGLES, _filters(plane.shape), strict=True):
    responses = [np.fft.ifft2(spectrum * each) for each in filters]
    amplitude = [np.abs(each) for each in responses]
    even = sum(each.real for each in responses)
    odd = sum(each.imag for each in responses)
    length = np.sqrt(even**2 + odd**2) + EPS
    even, odd = even / length, odd / length
    energy = sum(
      each.real * even
      + each.imag * odd
      - np.abs(each.real * odd - each.imag * even)
      for each in responses
    )
    energy = np.maximum(energy - _threshold(filters, amplitude[0]), 0)
    total = sum(amplitude)
    width = total / (np.max(amplitude, 0) + EPS) / 4
    energy = energy / (1 + np.exp(10 * (0.5 - width)))
    energies, amplitudes = energies + energy, amplitudes + total
    cosine, sine = (
      energy / total * turn for turn in (math.cos(angle), math.sin(angle))
    )
    covariance += [cosine**2 / 3, sine**2 / 3, cosine * sine / 6]
  x2, y2, xy = covariance
  reach = np.sqrt(xy**2 + (x2 - y2) ** 2) + EPS
  return np.array(
    [
      energies / (amplitudes + EPS),
      (x2 + y2 + reach) / 2,
      (x2 + y2 - reach) / 2,
    ]
  )


def _known(fused, first, second):
  at = np.arange(11) - 5
  window = np.exp(-(at[:, None] ** 2 + at**2) / 4.5)
  window /= window.sum()

  def mean(plane):
    return signal.convolve2d(plane, window, 'same')

  fused, first, second = map(_known_features, (fused, first, second))
  is_first = first[0] > second[0]
  best_of_both = np.where(is_first, first, second)
  value = 1
  for k in range(3):
    maps = []
    for features in (first, second, best_of_both):
      mask = features[0] > 0.1
      x, y = features[k] * mask, fused[k]
      var_x, var_y = mean(x * x) - mean(x) ** 2, mean(y * y) - mean(y) ** 2
      covariance = mean(x * y) - mean(x) * mean(y)
      scale = np.sqrt(np.abs(var_x * var_y))
      maps.append((covariance + 1e-4) / (scale + 1e-4) * mask)
    with np.errstate(invalid='ignore'):
      value *= np.max(maps, 0).sum() / mask.sum()
  return value


# Odd and even sides, and the least of all.
SIZES = [(35, 48), (24, 41), (33, 33), (26, 30)]


@pytest.mark.parametrize('size', [*SIZES, (2, 2), (3, 2)])
def test_features_equal_the_formulas(size):
  planes = np.stack(_pictures(size))
  with jax.enable_x64(True):
    found = phase_congruency.features(jnp.asarray(planes))
  known = [_known_features(plane) for plane in planes]
  np.testing.assert_allclose(found, known, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('toolbox', ['mefb', 'mfif'])
@pytest.mark.parametrize('size', SIZES)
def test_equals_the_formulas(size, toolbox):
  fused, first, second = _pictures(size)
  found = metrics.evaluate(
    fused, [first, second], metrics='qp', toolbox=toolbox
  )
  assert found['qp'] == pytest.approx(_known(fused, first, second), rel=1e-9)


_qp = jax.jit(zhao.qp)
# One compilation for canvases serves all sizes.
_POOLED = jax.jit(zhao.pooled)


@pytest.mark.parametrize('size', [(26, 30), (70, 300)])
def test_a_canvas_equals_the_picture(size):
  fused, *sources = _pictures(size)
  with jax.enable_x64(True):
    features = zhao.spectra(fused, sources)
    canvas = np.full((9, 96, 320), np.nan)
    canvas[:, : size[0], : size[1]] = features
    found = _POOLED(canvas, size=(np.int32(size[0]), np.int32(size[1])))
    exact = _POOLED(features)
  assert float(found) == pytest.approx(float(exact), rel=1e-12)


def test_identical_pictures_and_the_order_of_the_sources():
  fused, *sources = _pictures((40, 45))
  with jax.enable_x64(True):
    same = _qp(sources[0], [sources[0], sources[0]])
    there, back = _qp(fused, sources), _qp(fused, sources[::-1])
  # Where a mask cuts features off, a window of theirs differs from the fused
  # one's: not quite 1.
  assert 0.9 < float(same) < 1
  assert float(same) > float(there) > 0
  assert float(there) == pytest.approx(float(back), rel=1e-12)


def test_pictures_without_features():
  fused, first, second = _pictures((30, 31))
  flat = np.full_like(fused, 200)
  for value in (flat, np.zeros_like(fused)):
    found = metrics.evaluate(fused, [value, value], metrics='qp')
    assert np.isnan(found['qp'])
  # A flat result keeps nothing, and has r = C / C: the formula's flaw.
  nothing = metrics.evaluate(flat, [first, second], metrics='qp')['qp']
  assert nothing == pytest.approx(_known(flat, first, second), rel=1e-8)
  assert nothing > 0.9
  # A flat source leaves the other one.
  one = metrics.evaluate(fused, [flat, second], metrics='qp')['qp']
  assert 0 < one < 1


def test_the_smallest_size():
  for side in (2, 3):
    fused, first, second = _pictures((side, side), seed=2)
    found = metrics.evaluate(fused, [first, second], metrics='qp')['qp']
    assert found == pytest.approx(
      _known(fused, first, second), rel=1e-9, nan_ok=True
    )
  with pytest.raises(InputError, match=r"'qp' needs at least 2 pixels"):
    metrics.evaluate(fused[:1], [first[:1], second[:1]], metrics='qp')


def test_float32_is_close_and_a_batch_equals_a_loop():
  fused, *sources = _pictures((40, 45))
  singles = [plane.astype(np.float32) for plane in (fused, *sources)]
  single = _qp(singles[0], singles[1:])
  assert single.dtype == jnp.float32
  other = _pictures((40, 45), seed=1)
  batch = [
    np.stack(pair) for pair in zip((fused, *sources), other, strict=True)
  ]
  with jax.enable_x64(True):
    both = [_qp(fused, sources), _qp(other[0], other[1:])]
    found = jax.vmap(_qp)(batch[0], batch[1:])
  assert float(single) == pytest.approx(float(both[0]), rel=1e-3)
  np.testing.assert_allclose(found, both, rtol=1e-11)


def test_derivative():
  fused, *sources = _pictures((24, 26))
  fused, *sources = (plane.astype(float) for plane in (fused, *sources))
  step = np.random.default_rng(5).normal(0, 1, fused.shape)
  with jax.enable_x64(True):
    slope = np.asarray(jax.jit(jax.grad(zhao.qp))(fused, sources))
    ends = [float(_qp(fused + h * step, sources)) for h in (1e-5, -1e-5)]
  assert np.isfinite(slope).all()
  assert float((slope * step).sum()) == pytest.approx(
    (ends[0] - ends[1]) / 2e-5, rel=1e-4
  )
