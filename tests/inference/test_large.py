"""Pictures that take more memory than there is."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest
from flax import traverse_util

import fusionjax as fj
from fusionjax import errors
from fusionjax.inference import execution, memory, strips, tiles
from fusionjax.inference.model import FusionModel
from fusionjax.models import FFMEF


def picture(height: int, width: int, seed: int) -> np.ndarray:
  rng = np.random.default_rng(seed)
  y, x = np.mgrid[:height, :width] / 30
  rgb = 0.5 + 0.3 * np.sin(x * rng.uniform(1, 4) + y)[..., None]
  rgb = rgb * rng.uniform(0.4, 1, 3) + rng.normal(0, 0.02, (height, width, 3))
  return np.uint8(255 * np.clip(rgb, 0, 1))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> FusionModel:
  """A model that takes every picture for a large one."""
  monkeypatch.setattr(execution, '_LARGE', 0)
  monkeypatch.setattr(strips, '_PIXELS', 10_000)
  model = fj.load_model('ffmef-mef')
  # Unfolded, which compiles faster: there are 18 programs.
  return dataclasses.replace(
    model, module=model.module.clone(folded_channels=4)
  )


def limited(model: FusionModel, **limits) -> FusionModel:
  other = dataclasses.replace(model, limits=execution.Limits(**limits))
  # What is asked what it takes need not be compiled twice.
  other.__dict__['programs'] = model.programs
  return other


def test_little_memory_means_strips_and_they_are_exact(small, caplog) -> None:
  caplog.set_level('INFO')
  little = limited(small, memory=1)
  # Bright to dark: they are sorted, as they are when all is done at once.
  images = [np.float32(picture(113, 90, s) / 255 / s) for s in (1, 2, 3)]
  whole = small.fuse(images)
  assert not caplog.records
  np.testing.assert_allclose(little.fuse(images), whole, atol=1e-5)
  assert '90x113 takes 0.0 GB' in caplog.text
  assert 'Pass 36 of 36.' in caplog.text
  # A strip is a part of the picture.
  plan = little.programs.get(('strips', 113, 90), lambda: None)
  assert 0 < plan.rows < 113


def test_memory_is_said_before_the_run(small) -> None:
  size, plenty = (64, 48), limited(small, memory=10**12)
  said = execution.foresee(plenty, size, 2)
  assert said.startswith('48x64 takes 0.0 GB with ffmef-mef, and 1000.0 GB')
  assert said.endswith('are there: at once.')
  # What was compiled to be asked is what fuses.
  plenty.fuse([picture(*size, seed) for seed in (1, 2)])
  assert len(plenty.programs) == 1
  # Also with other colours.
  options = plenty.check_options({'color': 'grey'})
  execution.foresee(plenty, size, 2, options=options)
  plenty.fuse([picture(*size, seed) for seed in (1, 2)], color='grey')
  assert len(plenty.programs) == 2
  scarce = limited(small, memory=1)
  assert execution.foresee(scarce, size, 2).endswith('in strips, exactly.')


def test_of_small_pictures_nobody_asks() -> None:
  assert not execution.foresee(fj.load_model('ffmef-mef'), (1000, 1000), 2)


def test_large_ones_go_alone(small, monkeypatch) -> None:
  monkeypatch.setattr(execution, '_MUCH', 0)
  model, images = small, [picture(64, 48, seed) for seed in (1, 2)]
  model.fuse(images)
  with ThreadPoolExecutor(1) as pool:
    with model.alone:
      waiting = pool.submit(model.fuse, images)
      with pytest.raises(TimeoutError):
        waiting.result(timeout=1)
    assert waiting.result(timeout=60).shape == (64, 48, 3)


def test_reach_is_how_far_a_pixel_is_seen() -> None:
  net = FFMEF()
  y = np.random.default_rng(0).random((1, 60, 9, 1), np.float32)
  shapes = jax.eval_shape(net.init, jax.random.key(0), y, y)
  rng = np.random.default_rng(1)
  variables = jax.tree.map(
    lambda x: np.float32(0.5 * rng.normal(size=x.shape)), shapes
  )
  known = {
    (*norm, name): np.full((2, 4), value, np.float32)
    for norm in strips.list_norms(net, variables)
    for name, value in (('mean', 0), ('variance', 1))
  }
  variables['statistics'] = traverse_util.unflatten_dict(known)

  @jax.jit
  def slope(y: jax.Array) -> jax.Array:
    return jax.grad(lambda y: net.apply(variables, y, y)[:, 30].sum())(y)

  seen = np.flatnonzero(np.abs(slope(y)).max(axis=(0, 2, 3)))
  assert [seen[0], seen[-1]] == [30 - net.reach, 30 + net.reach]


def test_no_exact_way_is_an_error_or_tiles(small, monkeypatch, caplog) -> None:
  del small
  model = fj.load_model('fmm-ivf')
  images = [picture(64, 96, seed) for seed in (1, 2)]
  with pytest.raises(errors.InputError, match='--approximate-tiles'):
    limited(model, memory=1).fuse(images)
  whole = model.fuse(images)
  # Tiles fit.
  monkeypatch.setattr(execution, '_LARGE', 64 * 64)
  monkeypatch.setattr(tiles, 'TILE', 64)
  monkeypatch.setattr(tiles, 'OVERLAP', 24)
  caplog.set_level('INFO')
  tiled = limited(model, memory=1, approximate_tiles=True)
  ours = tiled.fuse(images)
  assert 'in tiles, approximately' in caplog.text
  assert ours.dtype == np.uint8 and ours.shape == whole.shape
  # This network looks at everything, but tells no far pixels apart.
  difference = np.abs(ours.astype(int) - whole)
  assert 0 < difference.max() <= 12 and difference.mean() < 2


def test_memory_is_asked_of_the_compiler(small) -> None:
  images = [picture(64, 48, seed) for seed in (1, 2)]
  small.fuse(images)
  small.fuse(images)
  assert len(small.programs) == 1
  program = small.programs.get(next(iter(small.programs)), lambda: None)
  need = memory.needed(program)
  assert 64 * 48 * 3 * 3 < need < 10_000_000
  assert need < memory.available()
  assert memory.in_gigabytes(5_140_000_000) == '5.1 GB'


@pytest.mark.parametrize('size', [(100, 70), (33, 64), (129, 31)])
def test_tiles_are_blended_without_a_seam(size) -> None:
  x = picture(*size, 3).astype(np.float32)

  def bounded(parts: list[np.ndarray]) -> np.ndarray:
    assert max(parts[0].shape[:2]) <= 32
    return parts[0] + 2 * parts[1]

  whole = tiles.fuse_tiles(bounded, [x, x], tile=32, overlap=8)
  np.testing.assert_allclose(whole, 3 * x, rtol=1e-5)
  # Tiles that differ in level: a ramp, and no step.
  level = iter(range(1000))
  steps = tiles.fuse_tiles(
    lambda parts: np.full_like(parts[0], next(level) % 2),
    [np.zeros((40, 100, 1), np.float32)],
    tile=40,
    overlap=20,
  )
  assert steps.max() == 1 and np.abs(np.diff(steps, axis=1)).max() < 0.06
