"""Metrics of grey-level statistics against NumPy and closed forms."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.metrics import information

FUNCTIONS = {
  'ce': information.ce,
  'mi_vifb': information.mi,
  'mi_lt': functools.partial(information.mi, toolbox='lt'),
  'mi_cddfuse': functools.partial(information.mi, toolbox='cddfuse'),
  'mi_cscfuse': functools.partial(information.mi, toolbox='cscfuse'),
  'nmi': information.nmi,
  'te': information.te,
  'qncie': information.qncie,
}
STRETCHED = ('mi_vifb', 'nmi', 'te', 'qncie')


def _all(fused, sources, *, size=None):
  found = {
    name: each(fused, sources, size=size) for name, each in FUNCTIONS.items()
  }
  return found | {'en': information.en(fused, size=size)}


_JITTED = jax.jit(_all)


def _exact(fused, sources, **options):
  with jax.enable_x64(True):
    found = _JITTED(fused, list(sources), **options)
    return {name: float(value) for name, value in found.items()}


def _pictures(size, count=3, seed=0):
  """Pictures that know of each other, of few levels and of the last two."""
  rng = np.random.default_rng(seed)
  scene = rng.normal(0, 60, size)
  planes = [
    np.clip(150 + k * 15 + scene + rng.normal(0, 8, size), 20 + k, 255)
    for k in range(count)
  ]
  return [plane.astype(np.uint8) for plane in planes]


def _stretch(plane):
  plane = plane.astype(float)
  span = plane.max() - plane.min()
  return np.floor(255 * (plane - plane.min()) / span + 0.5).astype(int)


def _shares(*planes, saturate=256):
  counts = np.zeros((256,) * len(planes))
  levels = [np.minimum(plane.ravel(), saturate - 1) for plane in planes]
  for at in zip(*levels, strict=True):
    counts[at] += 1
  return counts / planes[0].size


def _entropy(shares):
  there = shares[shares > 0]
  return -(there * np.log2(there)).sum()


def _mutual(first, second, *, saturate=256):
  joint = _shares(first, second, saturate=saturate)
  return _entropy(_shares(first)) + _entropy(_shares(second)) - _entropy(joint)


def _tsallis(source, fused):
  joint, of_source, of_fused = (
    _shares(source, fused),
    _shares(source),
    _shares(fused),
  )
  total = 0.0
  for i in range(256):
    for j in range(256):
      below = of_fused[i] * of_source[j]
      if below:
        total += joint[i, j] ** 1.85 / below**0.85
  return (1 - total) / (1 - 1.85)


def _stated(fused, sources):
  """The definitions, with planes of whole levels."""
  of_fused = _shares(fused)
  divergences = []
  for source in sources:
    of_source = _shares(source)
    both = (of_source > 0) & (of_fused > 0)
    divergences.append(
      (of_source[both] * np.log2(of_source[both] / of_fused[both])).sum()
    )
  full, *fulls = (_stretch(plane) for plane in (fused, *sources))
  planes = [*fulls, full]
  matrix = np.eye(len(planes))
  for i in range(len(planes)):
    for j in range(len(planes)):
      if i != j:
        matrix[i, j] = _mutual(planes[i], planes[j]) / 8
  shares = np.linalg.eigvalsh(matrix) / len(planes)
  bits = sum(_mutual(source, fused) for source in sources)
  return {
    'en': _entropy(of_fused),
    'ce': np.mean(divergences),
    'mi_vifb': math.log(2) * sum(_mutual(each, full) for each in fulls),
    'mi_lt': sum(_mutual(each, fused, saturate=255) for each in sources),
    'mi_cddfuse': math.log(2) * bits,
    'mi_cscfuse': bits,
    'nmi': 2
    * sum(
      _mutual(each, full) / (_entropy(_shares(each)) + _entropy(of_fused))
      for each in fulls
    ),
    'te': sum(_tsallis(each, full) for each in fulls),
    'qncie': 1 + (shares * np.log2(shares)).sum() / 8,
  }


@pytest.mark.parametrize('count', [2, 3])
@pytest.mark.parametrize('size', [(23, 31), (11, 40)])
def test_equals_numpy(size, count):
  fused, *sources = _pictures(size, count + 1)
  stated, found = _stated(fused, sources), _exact(fused, sources)
  assert found == pytest.approx(stated, rel=1e-11)
  assert stated['mi_lt'] > stated['mi_cscfuse']


def test_entropy_of_known_distributions():
  flat = jnp.full((16, 16), 77.0)
  assert information.en(flat) == 0
  halves = jnp.tile(jnp.asarray([0.0, 255.0]), (16, 8))
  assert information.en(halves) == pytest.approx(1, abs=1e-6)
  every = jnp.arange(256, dtype=jnp.float32).reshape(16, 16)
  assert information.en(every) == pytest.approx(8, abs=1e-6)


def test_whole_levels_as_floats_are_the_same():
  fused, *sources = _pictures((20, 33))
  floats = [plane.astype(float) for plane in (fused, *sources)]
  assert _exact(floats[0], floats[1:]) == pytest.approx(
    _exact(fused, sources), rel=1e-13
  )


def test_floats_count_by_the_nearest_level():
  fused, *sources = _pictures((20, 33))
  rng = np.random.default_rng(2)
  floats = [
    plane + rng.uniform(-0.49, 0.49, plane.shape) for plane in (fused, *sources)
  ]
  whole, found = _exact(fused, sources), _exact(floats[0], floats[1:])
  for name in set(found) - set(STRETCHED):
    assert found[name] == pytest.approx(whole[name], rel=1e-12), name
  # These stretch the values that there are.
  full, *fulls = (_stretch(plane) for plane in floats)
  assert found['te'] == pytest.approx(
    sum(_tsallis(each, full) for each in fulls), rel=1e-11
  )


@pytest.mark.parametrize('size', [(1, 2), (5, 97), (64, 256), (70, 300)])
def test_a_canvas_equals_the_picture(size):
  fused, *sources = _pictures(size, seed=3)
  canvases = np.random.default_rng(9).integers(0, 256, (3, 96, 320), np.uint8)
  canvases[:, : size[0], : size[1]] = (fused, *sources)
  extent = (np.int32(size[0]), np.int32(size[1]))
  found = _exact(canvases[0], canvases[1:], size=extent)
  assert found == pytest.approx(
    _exact(fused, sources), rel=1e-12, abs=1e-13, nan_ok=True
  )


def test_identical_pictures():
  fused = _pictures((40, 30))[0]
  found = _exact(fused, [fused, fused])
  shares = _shares(fused)
  bits = _entropy(shares)
  stretched = _shares(_stretch(fused))
  there = stretched[stretched > 0]
  saturated = _entropy(_shares(np.minimum(fused, 254)))
  lines = np.full((3, 3), bits / 8) + np.eye(3) * (1 - bits / 8)
  parts = np.linalg.eigvalsh(lines) / 3
  known = {
    'en': bits,
    'ce': 0,
    'mi_vifb': 2 * bits * math.log(2),
    'mi_lt': 2 * (2 * bits - saturated),
    'mi_cddfuse': 2 * bits * math.log(2),
    'mi_cscfuse': 2 * bits,
    'nmi': 2,
    'te': 2 * (1 - (there ** (2 - 1.85)).sum()) / (1 - 1.85),
    'qncie': 1 + (parts * np.log2(parts)).sum() / 8,
  }
  assert found == pytest.approx(known, rel=1e-12, abs=1e-14)
  # All levels equally often: nothing is left to know.
  every = np.arange(256, dtype=np.uint8).reshape(16, 16)
  assert _exact(every, [every, every])['qncie'] == pytest.approx(1, abs=1e-14)


def test_pictures_that_know_nothing_of_each_other():
  rows = np.repeat(np.arange(16, dtype=np.uint8)[:, None] * 17, 16, 1)
  found = _exact(rows, [rows.T, rows.T])
  for name in ('mi_vifb', 'mi_lt', 'mi_cscfuse', 'nmi', 'ce'):
    assert found[name] == pytest.approx(0, abs=1e-14), name


def test_qncie_of_three_strangers_is_least():
  # Three planes of which each two are independent.
  a, b = np.meshgrid(np.arange(16), np.arange(16))
  c = (a + b) % 16
  planes = [(17 * each).astype(np.uint8) for each in (a, b, c)]
  assert _exact(planes[0], planes[1:])['qncie'] == pytest.approx(
    1 - math.log(3, 256), rel=1e-14
  )


def test_sources_may_swap():
  fused, *sources = _pictures((24, 26))
  there, back = _exact(fused, sources), _exact(fused, sources[::-1])
  assert there == pytest.approx(back, rel=1e-13)


def test_flat_pictures():
  fused, first, second = _pictures((12, 13))
  flat = np.full_like(fused, 77)
  zero = np.zeros_like(fused)
  for pictures in ((flat, first, second), (fused, flat, second)):
    found = _exact(pictures[0], pictures[1:])
    for name, value in found.items():
      assert math.isnan(value) is (name in STRETCHED), name
  found = _exact(flat, [flat, flat])
  for name in set(found) - set(STRETCHED):
    assert found[name] == 0, name
  found = _exact(zero, [first, second])
  assert found['nmi'] == pytest.approx(0, abs=1e-14)
  assert found['te'] == pytest.approx(
    sum(_tsallis(_stretch(each), zero) for each in (first, second)), rel=1e-12
  )
  found = _exact(zero, [zero, zero])
  assert math.isnan(found['nmi'])
  assert found['mi_vifb'] == found['te'] == 0
  assert found['qncie'] == pytest.approx(1 - math.log(3, 256), rel=1e-14)


def test_ce_leaves_out_what_one_lacks_and_can_be_negative():
  low, high = np.full((4, 4), 10, np.uint8), np.full((4, 4), 200, np.uint8)
  assert _exact(low, [high, high])['ce'] == 0
  mixed = low.copy()
  mixed[0] = 200
  # A quarter of the source has the one level of the fused picture.
  assert _exact(high, [mixed, high])['ce'] == pytest.approx(0.25 * -2 / 2)


def test_the_rules_of_the_toolboxes():
  pictures = np.stack(
    [np.stack(_pictures((20, 31), seed=k), 0) for k in range(3)], axis=-1
  )
  fused, *sources = pictures
  channels = [
    _stated(fused[..., k], [each[..., k] for each in sources]) for k in range(3)
  ]
  matlab = (0.298936021293775, 0.587043074451121, 0.114020904255103)
  greys = [
    np.floor(each @ np.array(matlab) + 0.5).astype(np.uint8)
    for each in pictures
  ]
  opencv = [
    np.rint(each @ np.array([299, 587, 114]) / 1000).astype(np.uint8)
    for each in pictures
  ]
  grey, other = _stated(greys[0], greys[1:]), _stated(opencv[0], opencv[1:])

  def mean(name):
    return np.mean([each[name] for each in channels])

  known = {
    'mefb': {name: mean(name) for name in ('en', 'ce', 'nmi', 'te', 'qncie')},
    'vifb': {'en': mean('en'), 'ce': mean('ce'), 'mi': mean('mi_vifb')},
    'mfif': {name: grey[name] for name in ('nmi', 'te', 'qncie')},
    'lt': {'en': grey['en'], 'mi': grey['mi_lt']},
    'cddfuse': {'en': other['en'], 'mi': other['mi_cddfuse']},
    'cscfuse': {'en': grey['en'], 'mi': grey['mi_cscfuse']},
    'mgdn': {'en': mean('en')},
  }
  for toolbox, values in known.items():
    found = metrics.evaluate(
      fused, sources, metrics=list(values), toolbox=toolbox
    )
    assert found == pytest.approx(values, rel=1e-11), toolbox


def test_an_unknown_toolbox_is_named():
  fused, *sources = _pictures((4, 5))
  with pytest.raises(ValueError, match="toolbox 'mefb'"):
    information.mi(fused, sources, toolbox='mefb')


def test_jit_equals_eager_and_float32_is_close():
  fused, *sources = _pictures((40, 50))
  eager = _all(jnp.asarray(fused), [jnp.asarray(each) for each in sources])
  jitted, exact = _JITTED(fused, sources), _exact(fused, sources)
  for name, value in eager.items():
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, jitted[name], rtol=2e-5, err_msg=name)
    np.testing.assert_allclose(value, exact[name], rtol=2e-5, err_msg=name)


def test_batches_equal_single_pictures():
  stacks = [np.stack(_pictures((12, 15), seed=k)) for k in range(3)]
  batch = jax.vmap(lambda each: _all(each[0], [each[1], each[2]]))(
    np.stack(stacks)
  )
  for k, (fused, *sources) in enumerate(stacks):
    single = _JITTED(fused, sources)
    for name, value in single.items():
      np.testing.assert_allclose(batch[name][k], value, rtol=1e-5)
