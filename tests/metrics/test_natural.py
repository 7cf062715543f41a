"""BRISQUE, NIQE and PIQE against plain NumPy statements of their papers."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, special

from fusionjax import errors, metrics
from fusionjax.metrics import (
  natural,
  natural_brisque,
  natural_niqe,
  natural_piqe,
  registry,
)
from fusionjax.metrics.natural_models import BrisqueModel, NiqeModel

SHAPES = np.arange(0.2, 10.0005, 0.001)
ONE, TWO, THREE = (special.gamma(order / SHAPES) for order in (1, 2, 3))


@pytest.fixture(autouse=True)
def _float64():
  with jax.enable_x64(True):
    yield


def _picture(size: tuple[int, int], *, seed: int = 0) -> np.ndarray:
  """A scene with edges, grain, and a corner that is burnt out."""
  rng = np.random.default_rng(seed)
  small = rng.uniform(10, 190, (size[0] // 9 + 1, size[1] // 9 + 1))
  scene = np.kron(small, np.ones((9, 9)))[: size[0], : size[1]]
  scene = ndimage.gaussian_filter(scene, 1.5) + rng.normal(0, 4, size)
  scene[: size[0] // 3, : size[1] // 4] = 240
  return np.clip(np.round(scene), 0, 255).astype(np.uint8)


def _brisque_model() -> BrisqueModel:
  rng = np.random.default_rng(2)
  low = np.tile([-0.5], 36)
  return BrisqueModel(
    support=rng.uniform(-1, 1, (50, 36)),
    weights=rng.normal(0, 100, 50),
    gamma=0.05,
    rho=-30.0,
    low=low,
    high=low + rng.uniform(1, 4, 36),
  )


def _niqe_model() -> NiqeModel:
  rng = np.random.default_rng(3)
  spread = rng.normal(0, 0.2, (36, 36))
  return NiqeModel(rng.uniform(0, 1, 36), spread @ spread.T)


@functools.cache
def _compiled(name: str):
  function = {
    'brisque': functools.partial(
      natural_brisque.brisque, model=_brisque_model()
    ),
    'niqe': functools.partial(natural_niqe.niqe, model=_niqe_model()),
    'piqe': natural_piqe.piqe,
  }[name]
  return jax.jit(function)


def _score(name: str, picture: np.ndarray) -> float:
  """The metric, jitted, of a picture on a canvas of other things."""
  canvas = np.random.default_rng(1).integers(0, 256, (300, 400))
  canvas = canvas.astype(np.uint8)
  canvas[: picture.shape[0], : picture.shape[1]] = picture
  size = tuple(np.int32(side) for side in picture.shape)
  return float(_compiled(name)(canvas, size=size))


# The same in plain NumPy and SciPy.


def _mscn(plane: np.ndarray, mode: str) -> np.ndarray:
  at = np.arange(7) - 3
  window = np.exp(-(at[:, None] ** 2 + at**2) / (2 * (7 / 6) ** 2))
  window /= window.sum()
  height, width = plane.shape

  def blur(values: np.ndarray) -> np.ndarray:
    padded = np.pad(values, 3, mode=mode)
    total = np.zeros_like(values)
    # The order of conv2, which decides the rounding of flat windows.
    for column in range(6, -1, -1):
      for row in range(6, -1, -1):
        part = padded[row : row + height, column : column + width]
        total = total + window[row, column] * part
    return total

  mean = blur(plane)
  deviation = np.sqrt(np.abs(blur(plane**2) - mean**2))
  return (plane - mean) / (deviation + 1)


def _imresize_half(plane: np.ndarray) -> np.ndarray:
  for _ in range(2):
    plane = (_half_matrix(plane.shape[0]) @ plane).T
  return plane


def _half_matrix(side: int) -> np.ndarray:
  """MATLAB's contributions() for a scale of 0.5, as a matrix."""
  matrix = np.zeros((math.ceil(side / 2), side))
  for out in range(matrix.shape[0]):
    centre = 2 * (out + 1) - 0.5
    for at in range(math.floor(centre - 4), math.floor(centre - 4) + 10):
      t = abs(centre - at) / 2
      weight = 0.0
      if t <= 1:
        weight = 1.5 * t**3 - 2.5 * t**2 + 1
      elif t <= 2:
        weight = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
      mirrored = (at - 1) % (2 * side)
      matrix[out, min(mirrored, 2 * side - 1 - mirrored)] += weight / 2
  return matrix


def _aggd(samples: np.ndarray) -> tuple[float, float, float, int]:
  left, right = (
    math.sqrt(np.sum(side**2) / side.size) if side.size else math.nan
    for side in (samples[samples < 0], samples[samples > 0])
  )
  lean = left / right
  with np.errstate(invalid='ignore'):
    ratio = np.mean(np.abs(samples)) ** 2 / np.mean(samples**2)
  ratio *= (lean**3 + 1) * (lean + 1) / (lean**2 + 1) ** 2
  at = np.argmin((TWO**2 / (ONE * THREE) - ratio) ** 2)
  return SHAPES[at], left, right, at


def _brisque_features(plane: np.ndarray) -> np.ndarray:
  found = []
  for _ in range(2):
    mscn = _mscn(plane, 'constant')
    variance = np.mean(mscn**2)
    ratio = variance / np.mean(np.abs(mscn)) ** 2
    at = np.argmin(np.abs(ONE * THREE / TWO**2 - ratio))
    found += [SHAPES[at], variance]
    for shift in ((0, 1), (1, 0), (1, 1), (-1, 1)):
      shape, left, right, at = _aggd(mscn * np.roll(mscn, shift, (0, 1)))
      mean = (right - left) * TWO[at] / ONE[at]
      mean *= math.sqrt(ONE[at] / THREE[at])
      found += [shape, mean, left**2, right**2]
    plane = _imresize_half(plane)
  return np.array(found)


def _niqe_block(block: np.ndarray) -> list[float]:
  shape, left, right, at = _aggd(block)
  found = [shape, (left + right) / 2 * math.sqrt(ONE[at] / THREE[at])]
  for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
    shape, left, right, at = _aggd(block * np.roll(block, shift, (0, 1)))
    scale = math.sqrt(ONE[at] / THREE[at])
    mean = (right - left) * scale * TWO[at] / ONE[at]
    found += [shape, mean, left * scale, right * scale]
  return found


def _niqe_features(plane: np.ndarray) -> np.ndarray:
  down, across = plane.shape[0] // 96, plane.shape[1] // 96
  plane = plane[: 96 * down, : 96 * across]
  rows = [[] for _ in range(down * across)]
  for side in (96, 48):
    mscn = _mscn(plane, 'edge')
    for number in range(down * across):
      y, x = number // across * side, number % across * side
      rows[number] += _niqe_block(mscn[y : y + side, x : x + side])
    plane = _imresize_half(plane)
  return np.array(rows)


def _niqe(plane: np.ndarray) -> float:
  table = _niqe_features(plane)
  table = table[np.isfinite(table).all(axis=1)]
  model = _niqe_model()
  away = model.mean - table.mean(axis=0)
  joint = (model.covariance + np.cov(table, rowvar=False)) / 2
  return math.sqrt(away @ np.linalg.pinv(joint) @ away)


def _piqe(plane: np.ndarray) -> float:
  margin = [(0, -side % 16) for side in plane.shape]
  plane = np.pad(plane.astype(float), margin, mode='symmetric')
  mscn = _mscn(np.floor(255 * (plane / plane.max()) + 0.5), 'edge')
  distorted, active = 0.0, 0
  for y in range(0, mscn.shape[0], 16):
    for x in range(0, mscn.shape[1], 16):
      block = mscn[y : y + 16, x : x + 16]
      variance = np.var(block, ddof=1)
      if variance <= 0.1:
        continue
      active += 1
      edges = (block[0], block[-1], block[:, 0], block[:, -1])
      if any(
        np.std(edge[at : at + 6], ddof=1) < 0.1
        for edge in edges
        for at in range(11)
      ):
        distorted += 1 - variance
      surround = np.delete(np.delete(block, 7, axis=1), 8, axis=1)
      ratio = np.std(block[:, 7:9], ddof=1) / np.std(surround, ddof=1)
      deviation = math.sqrt(variance)
      beta = abs(deviation - ratio) / max(deviation, ratio)
      if deviation > 2 * beta:
        distorted += variance
  return 100 * (distorted + 1) / (active + 1)


@pytest.mark.parametrize('size', [(4, 5), (17, 22), (131, 140)])
def test_half_is_imresize(size):
  picture = _picture(size)
  smaller, _ = natural.half(jnp.asarray(picture)[None], None)
  expected = _imresize_half(picture.astype(float))
  assert smaller.shape[1:] == (math.ceil(size[0] / 2), math.ceil(size[1] / 2))
  np.testing.assert_allclose(smaller[0], expected, rtol=1e-13)


@pytest.mark.parametrize('size', [(33, 47), (70, 300)])
def test_brisque_equals_numpy(size):
  picture = _picture(size)
  expected = _brisque_features(picture.astype(float))
  exact = natural_brisque.features(jnp.asarray(picture))
  np.testing.assert_allclose(exact, expected, rtol=1e-10, atol=1e-13)
  model = _brisque_model()
  scaled = -1 + 2 * (expected - model.low) / (model.high - model.low)
  distances = np.sum((model.support - scaled) ** 2, axis=1)
  score = model.weights @ np.exp(-model.gamma * distances) - model.rho
  assert _score('brisque', picture) == pytest.approx(score, rel=1e-10)


def test_niqe_equals_numpy():
  picture = _picture((200, 310))
  expected = _niqe(picture.astype(float))
  assert _score('niqe', picture) == pytest.approx(expected, rel=1e-9)
  exact = natural_niqe.niqe(picture, model=_niqe_model())
  assert float(exact) == pytest.approx(expected, rel=1e-9)


def test_niqe_leaves_out_flat_blocks():
  picture = np.full((288, 390), 7, np.uint8)
  picture[:, 192:] = _picture((288, 198), seed=5)
  table, count = natural_niqe.features(jnp.asarray(picture))
  undefined = ~np.isfinite(np.asarray(table)).all(axis=1)
  assert (int(count), table.shape) == (12, (12, 36))
  assert undefined[[0, 4, 8]].all()
  assert not undefined[[2, 3, 6, 7, 10, 11]].any()
  expected = _niqe(picture.astype(float))
  assert _score('niqe', picture) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize('size', [(16, 16), (33, 47), (70, 300)])
def test_piqe_equals_numpy(size):
  # The stretching to 255 meets halves: 171 * 255 / 170 and the like.
  picture = np.minimum(_picture(size), 170)
  expected = _piqe(picture)
  assert 0 < expected < 100
  assert _score('piqe', picture) == pytest.approx(expected, rel=1e-12)
  assert float(natural_piqe.piqe(picture)) == pytest.approx(expected, rel=1e-12)


def test_piqe_equals_pypiqe():
  theirs = pytest.importorskip('pypiqe.piqe', exc_type=ImportError)
  picture = _picture((150, 203))
  expected = theirs.piqe(picture.astype(float))[0]
  assert _score('piqe', picture) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize('level', [0, 90, 255])
def test_flat_pictures(level):
  flat = np.full((100, 200), level, np.uint8)
  assert math.isnan(_score('brisque', flat))
  assert math.isnan(_score('niqe', flat))
  assert _score('piqe', flat) == 100


def test_worse_pictures_have_a_higher_piqe():
  picture = _picture((200, 300))
  noise = np.random.default_rng(6).normal(0, 40, picture.shape)
  noisy = np.clip(picture + noise, 0, 255).astype(np.uint8)
  assert _score('piqe', noisy) > _score('piqe', picture) + 5


def test_smallest_sizes():
  picture = _picture((96, 192))
  least = registry.METRICS['brisque'].min_size
  corner = picture[-least:, -least:]
  np.testing.assert_allclose(
    natural_brisque.features(jnp.asarray(corner)),
    _brisque_features(corner.astype(float)),
    rtol=1e-9,
  )
  assert math.isfinite(_score('niqe', picture))
  # The covariance of one block is undefined.
  assert math.isnan(_score('niqe', picture[:, :96]))
  assert _score('piqe', picture[:1, :1]) == 100
  with pytest.raises(errors.InputError, match='96 pixels'):
    natural_niqe.niqe(picture[:95], model=_niqe_model())
  with pytest.raises(errors.InputError, match='96 pixels'):
    metrics.evaluate(picture[:95], [], metrics='niqe')


def test_evaluate_goes_to_grey():
  colour = np.stack([_picture((40, 50), seed=seed) for seed in range(3)], -1)
  weights = (0.298936021293775, 0.587043074451121, 0.114020904255103)
  grey = np.floor(colour @ np.array(weights) + 0.5)
  found = metrics.evaluate(colour, [], metrics='piqe')['piqe']
  assert found == pytest.approx(_piqe(grey), rel=1e-12)


def test_float32_is_near():
  # Nowhere flat: there the sign of rounding counts, and float32 has another.
  grain = np.random.default_rng(8).normal(0, 3, (64, 256))
  picture = np.clip(_picture((64, 256)) + grain, 0, 255).astype(np.uint8)
  single = jnp.asarray(picture, jnp.float32)
  found = natural_brisque.features(single)
  assert found.dtype == jnp.float32
  np.testing.assert_allclose(
    np.asarray(found, np.float64),
    _brisque_features(picture.astype(float)),
    rtol=0.02,
    atol=2e-3,
  )
  assert float(natural_piqe.piqe(single)) == pytest.approx(
    _piqe(picture), rel=1e-3
  )
