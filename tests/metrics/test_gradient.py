"""Average gradient, edge intensity, spatial frequency, standard deviation."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from fusionjax import metrics
from fusionjax.metrics import gradient

FUNCTIONS = {
  'ag': gradient.ag,
  'ag_all': functools.partial(gradient.ag, divisor='all'),
  'ei': gradient.ei,
  'sf': gradient.sf,
  'sf_own': functools.partial(gradient.sf, divisor='own'),
  'sd': gradient.sd,
}


def _all(plane, *, size=None):
  return {name: each(plane, size=size) for name, each in FUNCTIONS.items()}


_JITTED = jax.jit(_all)


def _picture(seed: int, size: tuple[int, int]) -> np.ndarray:
  """A uint8 picture with edges, texture and a flat patch."""
  rng = np.random.default_rng(seed)
  blocks = rng.integers(0, 200, (size[0] // 4 + 1, size[1] // 4 + 1))
  picture = np.kron(blocks, np.ones((4, 4)))[: size[0], : size[1]]
  picture = picture + rng.integers(0, 40, size)
  picture[3:9, 4:11] = 90
  return picture.astype(np.uint8)


def _sf(plane: np.ndarray, *, own: bool = False) -> float:
  right, down = np.diff(plane, axis=1) ** 2, np.diff(plane, axis=0) ** 2
  counts = (right.size, down.size) if own else (plane.size, plane.size)
  return math.sqrt(right.sum() / counts[0] + down.sum() / counts[1])


def _stated(picture: np.ndarray) -> dict[str, float]:
  plane = picture.astype(float)
  down, right = np.gradient(plane)
  slopes = np.sqrt((right**2 + down**2) / 2)
  edges = np.hypot(
    ndimage.sobel(plane, 0, mode='nearest'),
    ndimage.sobel(plane, 1, mode='nearest'),
  )
  height, width = plane.shape
  return {
    'ag': slopes.sum() / ((height - 1) * (width - 1)),
    'ag_all': slopes.mean(),
    'ei': edges.mean(),
    'sf': _sf(plane),
    'sf_own': _sf(plane, own=True),
    'sd': plane.std(),
  }


@pytest.mark.parametrize('size', [(2, 2), (3, 2), (17, 23), (70, 300)])
def test_equals_numpy(size):
  picture = _picture(0, size)
  with jax.enable_x64(True):
    found = _JITTED(picture)
  for name, expected in _stated(picture).items():
    assert float(found[name]) == pytest.approx(expected, rel=1e-13), name


@pytest.mark.parametrize('size', [(2, 2), (5, 97), (64, 256), (70, 300)])
def test_a_canvas_equals_the_picture(size):
  picture = _picture(1, size)
  canvas = np.random.default_rng(9).integers(0, 256, (96, 320), np.uint8)
  canvas[: size[0], : size[1]] = picture
  extent = (np.int32(size[0]), np.int32(size[1]))
  with jax.enable_x64(True):
    found = _JITTED(canvas, size=extent)
  for name, expected in _stated(picture).items():
    assert float(found[name]) == pytest.approx(expected, rel=1e-13), name


def test_ag_of_a_ramp_shows_the_divisors():
  ramp = jnp.tile(jnp.arange(8.0) * 6, (5, 1))
  slope = 6 / math.sqrt(2)
  assert float(gradient.ag(ramp)) == pytest.approx(slope * 40 / 28, rel=1e-6)
  assert float(gradient.ag(ramp, divisor='all')) == pytest.approx(slope)


def test_a_step_has_known_values():
  step = jnp.tile(jnp.asarray([0.0, 0, 0, 10, 10, 10]), (4, 1))
  # Two of six columns see the step, by 4 * 10.
  assert float(gradient.ei(step)) == pytest.approx(40 / 3, rel=1e-6)
  assert float(gradient.sf(step)) == pytest.approx(10 / math.sqrt(6), rel=1e-6)
  assert float(gradient.sd(step)) == pytest.approx(5)


def test_flat_pictures_have_nothing():
  for name, value in _all(jnp.full((9, 11), 77, jnp.uint8)).items():
    assert float(value) == 0, name


def test_faint_pictures_keep_their_digits():
  faint = 200 + np.random.default_rng(3).normal(0, 1e-6, (40, 50))
  with jax.enable_x64(True):
    assert float(gradient.sd(faint)) == pytest.approx(faint.std(), rel=1e-9)


def test_the_rules_of_the_toolboxes():
  picture = _picture(4, (20, 31))
  names = ('ag', 'ei', 'sf', 'sd')
  stated = _stated(picture)
  for toolbox, own in (('mefb', False), ('vifb', False)):
    found = metrics.evaluate(picture, [], metrics=names, toolbox=toolbox)
    assert found['sf'] == pytest.approx(_sf(picture.astype(float), own=own))
    assert found['ei'] == pytest.approx(stated['ei'], rel=1e-13)
  for toolbox in ('lt', 'cddfuse', 'cscfuse'):
    found = metrics.evaluate(
      picture, [], metrics=('ag', 'sf', 'sd'), toolbox=toolbox
    )
    mean = 'ag_all' if toolbox == 'cddfuse' else 'ag'
    assert found == pytest.approx(
      {'ag': stated[mean], 'sf': stated['sf_own'], 'sd': stated['sd']},
      rel=1e-13,
    )


@pytest.mark.parametrize('size', [(20, 31), (70, 300)])
def test_sf_of_vifb_counts_the_seams(size):
  colour = np.stack([_picture(k, size) for k in range(3)], axis=-1)
  wide = np.concatenate(list(np.moveaxis(colour, -1, 0)), axis=1)
  found = metrics.evaluate(colour, [], metrics='sf', toolbox='vifb')['sf']
  assert found == pytest.approx(_sf(wide.astype(float)), rel=1e-13)
  greys = [_picture(7, size)] * 2
  beside = metrics.evaluate(colour, greys, metrics='sf', toolbox='vifb')
  assert beside['sf'] == found
  apart = metrics.evaluate(colour, [], metrics='sf', toolbox='mefb')['sf']
  assert abs(apart - found) > 1e-3


def test_too_small_a_picture_is_named():
  row = np.zeros((1, 9), np.uint8)
  with pytest.raises(ValueError, match="'ag' needs at least 2 pixels"):
    metrics.evaluate(row, [], metrics='ag')


def test_jit_equals_eager_and_float32_is_close():
  picture = _picture(5, (30, 41))
  eager, jitted = _all(jnp.asarray(picture)), _JITTED(picture)
  for name, expected in _stated(picture).items():
    assert eager[name].dtype == jnp.float32
    np.testing.assert_allclose(eager[name], jitted[name], rtol=1e-6)
    np.testing.assert_allclose(eager[name], expected, rtol=1e-5)


@pytest.mark.parametrize('name', ['ag', 'ei', 'sf', 'sd'])
def test_gradients_are_finite_in_flat_areas_too(name):
  picture = jnp.asarray(_picture(6, (20, 25)), jnp.float32)
  slope = jax.grad(FUNCTIONS[name])(picture)
  assert np.isfinite(slope).all()
  assert float(jnp.abs(slope).max()) > 0
  step = 1e-2 * jnp.sign(slope)
  rise = FUNCTIONS[name](picture + step) - FUNCTIONS[name](picture)
  assert float(rise) > 0
