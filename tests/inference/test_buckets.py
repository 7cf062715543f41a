"""Pictures of many sizes share a program, and none of them notices."""

import dataclasses

import numpy as np
import pytest

import fusionjax as fj
from fusionjax.inference import buckets
from fusionjax.methods import registry

SHIPPED = [
  name
  for name in registry.list_models()
  if registry.get_method(registry.get_model(name)[0]).frames
]
_FIRST_OF_THEIR_METHOD = {
  registry.get_model(name)[0]: name for name in reversed(SHIPPED)
}.values()
# The codes of CSC-IVFN are fused by weights that jump from level to level.
JUMPS: dict[str, tuple[float, float]] = {'csc_ivfn-ivf': (1e-3, 0.999)}


def picture(height: int, width: int, seed: int) -> np.ndarray:
  """Smooth, with edges and some noise."""
  rng = np.random.default_rng(seed)
  y, x = np.mgrid[:height, :width] / 40
  waves = np.sin(x * rng.uniform(1, 4) + y * rng.uniform(1, 4))
  steps = (x + 2 * y) % 2 < 1
  rgb = 0.5 + 0.25 * waves + 0.15 * steps
  rgb = rgb[..., None] * rng.uniform(0.5, 1, 3)
  rgb = rgb + rng.normal(0, 0.02, rgb.shape)
  return np.clip(rgb, 0, 1).astype(np.float32)


def test_some_models_have_frames() -> None:
  assert {'ffmef-mef', 'ffmef-mff', 'ffmef-ivf', 'csc_mefn-mef'} <= {*SHIPPED}


@pytest.mark.parametrize('name', SHIPPED)
def test_equal_the_exact_size(name) -> None:
  model = fj.load_model(name)
  exact = dataclasses.replace(model, buckets=False)
  rng = np.random.default_rng(len(name))
  most, share = JUMPS.get(name, (1e-5, 1.0))
  # A small one, and where the network is another one a large one, which goes
  # in strips.
  sizes = [rng.integers(16, 120, 2).tolist()]
  if name in _FIRST_OF_THEIR_METHOD:
    sizes += [[419, 391]]
  for height, width in sizes:
    images = [picture(height, width, seed) for seed in (1, 2)]
    ours, theirs = model.fuse(images), exact.fuse(images)
    assert ours.shape == theirs.shape
    difference = np.abs(ours - theirs)
    where = f'{name} at {width}x{height}'
    assert np.quantile(difference, share) <= most, where
    assert (difference <= 1 / 255).mean() >= 0.999, where


@pytest.mark.parametrize('name', ['ffmef-mef', 'csc_mefn-mef'])
def test_sizes_share_a_program(name) -> None:
  model = fj.load_model(name)
  for height, width in ((41, 50), (48, 56), (45, 49), (48, 51)):
    model.fuse([picture(height, width, seed) for seed in (1, 2)])
  assert len(model.programs) == 1
  model.fuse([picture(49, 50, seed) for seed in (1, 2)])
  assert len(model.programs) == 2


def test_stacks_and_whole_numbers() -> None:
  model = fj.load_model('ffmef-mef')
  exact = dataclasses.replace(model, buckets=False)
  images = [
    np.uint16(65535 * picture(53, 61, seed) ** power)
    for seed, power in ((1, 0.5), (2, 1), (3, 2))
  ]
  ours, theirs = model.fuse(images).astype(int), exact.fuse(images)
  assert np.abs(ours - theirs).max() <= 1
  grey = [image[..., 0] for image in images]
  assert model.fuse(grey).shape == (53, 61)


def test_buckets_are_close() -> None:
  sides = np.arange(16, 20_000)
  rounded = np.array([buckets.round_up(int(side)) for side in sides])
  assert (rounded >= sides).all()
  large = sides >= 64
  assert (rounded[large] < sides[large] * 1.125).all()
  assert (rounded < sides + 8)[~large].all()
  assert len({*rounded[(sides >= 256) & (sides <= 8192)]}) == 41
  # A bucket is its own.
  assert all(buckets.round_up(int(side)) == side for side in {*rounded})
