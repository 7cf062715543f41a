"""Q_CB and Q_CV against a NumPy statement."""

import functools
import math

import jax
import numpy as np
import pytest
from scipy import ndimage, signal

from fusionjax import metrics
from fusionjax.metrics import (
  chen_blum,
  chen_varshney,
  contrast_sensitivity,
  sharing,
)


def _pictures(size, count=3, seed=0):
  """The fused picture and sources: a scene with noise, faint in places."""
  rng = np.random.default_rng(seed)
  scene = ndimage.gaussian_filter(rng.uniform(0, 255, size), 1.2)
  scene = (scene - scene.min()) / max(np.ptp(scene), 1e-9) * 200
  planes = [scene + rng.normal(20, 9, size) for _ in range(count)]
  return [np.clip(plane, 0, 255).astype(np.uint8) for plane in planes]


def _stretched(plane, unit=False):
  plane = plane.astype(float) / (255 if unit else 1)
  if not plane.any():
    return plane
  with np.errstate(all='ignore'):
    found = (plane - plane.min()) / (plane.max() - plane.min()) * 255
  whole = np.trunc(found)
  return whole + (found - whole >= 0.5)


def _seen(plane, sensitivity):
  """Of a plane, with the frequencies laid out as the published code has it."""
  height, width = plane.shape
  u = 2 / width * (np.arange(width) - width // 2)
  v = 2 / height * (np.arange(height) - height // 2)
  factors = sensitivity(u[None] * width, v[:, None] * height)
  spectrum = np.fft.fftshift(np.fft.fft2(plane))
  return np.fft.ifft2(np.fft.ifftshift(spectrum * factors)).real


def _known_qcb(fused, sources, unit=False):
  at = np.arange(31) - 15

  def sensitivity(u, v):
    r = np.hypot(u / 30, v / 30)
    return np.exp(-((r / 15.3870) ** 2)) - 0.7622 * np.exp(-((r / 1.3456) ** 2))

  def contrast(plane):
    seen = _seen(_stretched(plane, unit), sensitivity)
    fine, broad = (
      signal.convolve2d(
        seen,
        np.exp(-(at[:, None] ** 2 + at**2) / (2 * s * s))
        / (2 * math.pi * s**2),
        'same',
      )
      for s in (2, 4)
    )
    found = np.abs(fine / broad - 1)
    return found**3 / (found**2 + 1e-4)

  of_fused, *others = (contrast(plane) for plane in (fused, *sources))
  total = sum(other**2 for other in others)
  quality = sum(
    other**2
    / total
    * np.where(other < of_fused, other / of_fused, of_fused / other)
    for other in others
  )
  return quality.mean()


def _known_qcv(fused, sources):
  def sensitivity(u, v):
    r = np.hypot(u / 8, v / 8)
    return 2.6 * (0.0192 + 0.144 * r) * np.exp(-((0.144 * r) ** 1.1))

  fused, *sources = (_stretched(plane) for plane in (fused, *sources))
  error = weight = 0
  for source in sources:
    edges = np.hypot(
      ndimage.sobel(source, 0, mode='constant'),
      ndimage.sobel(source, 1, mode='constant'),
    )
    seen = _seen(source - fused, sensitivity)
    for top in range(0, fused.shape[0], 16):
      for left in range(0, fused.shape[1], 16):
        region = np.s_[top : top + 16, left : left + 16]
        saliency = (edges[region] ** 5).sum()
        error += saliency * (seen[region] ** 2).sum() / 256
        weight += saliency
  return error / weight


SIZES = [(33, 47), (16, 16), (1, 9), (40, 21)]


@pytest.mark.parametrize('count', [2, 3])
@pytest.mark.parametrize('size', SIZES)
def test_equals_the_formulas(size, count):
  fused, *sources = _pictures(size, count + 1)
  found = metrics.evaluate(
    fused, sources, metrics=['qcb', 'qcv'], toolbox='mfif'
  )
  known = {
    'qcb': _known_qcb(fused, sources),
    'qcv': _known_qcv(fused, sources),
  }
  assert found == pytest.approx(known, rel=1e-10)


def test_mefb_rounds_levels_of_a_unit_range():
  # A range of 54 levels has many halves; about all of them go down in MEFB
  # where they go up in the other toolboxes, or the other way round.
  fused, *sources = (
    (plane // 5 + 7).astype(np.uint8) for plane in _pictures((31, 36))
  )
  apart = metrics.evaluate(fused, sources, metrics='qcb', toolbox='vifb')
  found = metrics.evaluate(fused, sources, metrics='qcb', toolbox='mefb')
  assert found['qcb'] == pytest.approx(
    _known_qcb(fused, sources, unit=True), rel=1e-11
  )
  assert apart['qcb'] == pytest.approx(_known_qcb(fused, sources), rel=1e-11)
  assert found['qcb'] != pytest.approx(apart['qcb'], rel=1e-9)


@pytest.mark.parametrize('unit', [False, True])
def test_every_half_of_a_level_goes_to_its_side(unit):
  levels = np.arange(256)
  run = jax.jit(
    jax.vmap(lambda x: contrast_sensitivity.stretched((x,), unit=unit)[0])
  )
  for low in (0, 1, 7, 100):
    # Planes of all levels from one to another.
    planes = np.stack(
      [np.clip(levels, low, high) for high in range(low + 1, 256)]
    )
    planes = planes.reshape(-1, 16, 16).astype(np.uint8)
    known = [_stretched(plane, unit) for plane in planes]
    with jax.enable_x64(True):
      np.testing.assert_array_equal(run(planes), known)
      np.testing.assert_array_equal(run(planes.astype(float)), known)


PARTS = {
  'qcb': (chen_blum.spectra, chen_blum.pooled),
  'qcv': (chen_varshney.spectra, chen_varshney.pooled),
}
_SPECTRA = jax.jit(
  lambda fused, sources: {
    name: spectra(fused, sources) for name, (spectra, _) in PARTS.items()
  }
)
# One compilation for canvases serves all sizes.
_POOLED = jax.jit(
  lambda parts, size: {
    name: pooled(parts[name], size=size) for name, (_, pooled) in PARTS.items()
  }
)


@pytest.mark.parametrize('size', [(20, 17), (70, 300), (64, 256), (1, 1)])
def test_a_canvas_equals_the_picture(size):
  fused, *sources = _pictures(size, seed=4)

  def on_canvas(plane):
    canvas = np.full((96, 320), np.nan)
    canvas[: size[0], : size[1]] = plane
    return canvas

  extent = (np.int32(size[0]), np.int32(size[1]))
  with jax.enable_x64(True):
    parts = _SPECTRA(fused, sources)
    exact = {name: pooled(parts[name]) for name, (_, pooled) in PARTS.items()}
    found = _POOLED(jax.tree.map(on_canvas, parts), extent)
  for name in PARTS:
    np.testing.assert_allclose(found[name], exact[name], rtol=1e-12)


@functools.partial(jax.jit, static_argnames='toolbox')
def _both(fused, sources, *, toolbox='vifb'):
  return {
    'qcb': chen_blum.qcb(fused, sources, toolbox=toolbox),
    'qcv': chen_varshney.qcv(fused, sources),
  }


def test_identical_pictures_and_the_order_of_the_sources():
  fused, *sources = _pictures((24, 26))
  with jax.enable_x64(True):
    same = _both(sources[0], [sources[0], sources[0]])
    there, back = _both(fused, sources), _both(fused, sources[::-1])
  assert float(same['qcb']) == pytest.approx(1, abs=1e-12)
  assert float(same['qcv']) == 0
  assert 0 < float(there['qcb']) < 1
  assert float(there['qcv']) > 0
  for name in PARTS:
    assert float(there[name]) == pytest.approx(float(back[name]), rel=1e-12)


def test_pictures_of_one_level():
  fused, first, second = _pictures((20, 22))
  flat, black = np.full_like(fused, 77), np.zeros_like(fused)
  for pictures in ([flat, first, second], [fused, flat, second]):
    found = metrics.evaluate(
      pictures[0], pictures[1:], metrics=['qcb', 'qcv'], toolbox='vifb'
    )
    assert all(np.isnan(value) for value in found.values())
  # A picture of zeros stays one; it has no contrast.
  found = metrics.evaluate(
    black, [first, second], metrics=['qcb', 'qcv'], toolbox='vifb'
  )
  assert np.isnan(found['qcb'])
  assert found['qcv'] == pytest.approx(_known_qcv(black, [first, second]))
  nothing = metrics.evaluate(
    fused, [black, black], metrics='qcv', toolbox='vifb'
  )
  assert np.isnan(nothing['qcv'])


def test_flat_parts_are_finite():
  fused, first, second = _pictures((70, 75))
  for plane in (fused, first, second):
    plane[:60] = 0
    plane[30:50, 20:60] = 255
  found = metrics.evaluate(
    fused, [first, second], metrics=['qcb', 'qcv'], toolbox='vifb'
  )
  assert found == pytest.approx(
    {
      'qcb': _known_qcb(fused, [first, second]),
      'qcv': _known_qcv(fused, [first, second]),
    },
    rel=1e-6,
  )


def test_floats_are_not_rounded_before_the_stretch():
  planes = [plane / 255 for plane in _pictures((19, 23))]
  planes[0] = planes[0] * 0.613 + 0.1
  levels = [plane * 255 for plane in planes]
  found = metrics.evaluate(
    planes[0], planes[1:], metrics=['qcb', 'qcv'], toolbox='mfif'
  )
  assert found == pytest.approx(
    {
      'qcb': _known_qcb(levels[0], levels[1:]),
      'qcv': _known_qcv(levels[0], levels[1:]),
    },
    rel=1e-10,
  )


def test_float32_is_close_and_a_batch_equals_a_loop():
  fused, *sources = _pictures((24, 26))
  single = _both(
    fused.astype(np.float32), [each.astype(np.float32) for each in sources]
  )
  assert single['qcb'].dtype == np.float32
  other = _pictures((24, 26), seed=1)
  batch = [
    np.stack(pair) for pair in zip((fused, *sources), other, strict=True)
  ]
  with jax.enable_x64(True):
    both = [_both(fused, sources), _both(other[0], other[1:])]
    eager = chen_blum.qcb(fused, sources, toolbox='vifb')
    found = jax.vmap(_both)(batch[0], batch[1:])
  for name in PARTS:
    assert float(single[name]) == pytest.approx(float(both[0][name]), rel=1e-3)
    np.testing.assert_allclose(
      found[name], [each[name] for each in both], rtol=1e-12
    )
  assert float(eager) == pytest.approx(float(both[0]['qcb']), rel=1e-12)


def test_both_share_their_transforms():
  fused, *sources = _pictures((17, 18))

  def shared(fused, sources):
    with sharing.sharing():
      return _both.__wrapped__(fused, sources)

  apart, together = (
    [str(each.primitive) for each in jax.make_jaxpr(run)(fused, sources).eqns]
    for run in (_both.__wrapped__, shared)
  )
  assert (apart.count('round'), together.count('round')) == (2, 1)
