"""Pictures of many sizes share a program, and none of them notices."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fusionjax as fj
from fusionjax import models
from fusionjax.inference import buckets
from fusionjax.inference.model import FusionModel
from fusionjax.methods import base, registry
from fusionjax.pretrained import weights

SHIPPED = [
  name
  for name in registry.list_models()
  if registry.get_method(registry.get_model(name)[0]).frames
  and weights.is_shipped(name)
]
_FIRST_OF_THEIR_METHOD = {
  registry.get_model(name)[0]: name
  for name in reversed(SHIPPED)
  # Of MGDN a smaller network goes in strips below.
  if not name.startswith('mgdn')
}.values()


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


# It decides, nearly, which picture is in focus, and turns rounding into more.
_TOLERANCES = {'mgdn-mff': 1e-3}


def test_some_models_have_frames() -> None:
  assert {'ffmef-mef', 'csc_mefn-mef', 'mgdn-mff', 'mgdn-hdr'} <= {*SHIPPED}


@pytest.mark.parametrize('name', SHIPPED)
def test_equal_the_exact_size(name) -> None:
  model = fj.load_model(name)
  exact = dataclasses.replace(model, buckets=False)
  rng = np.random.default_rng(len(name))
  # A small one, and where the network is another one a large one, which goes
  # in strips.
  sizes = [rng.integers(16, 120, 2).tolist()]
  if name in _FIRST_OF_THEIR_METHOD:
    sizes += [[219, 203]]
  count = registry.get_task(model.task).min_sources
  for height, width in sizes:
    images = [picture(height, width, seed) for seed in range(1, 1 + count)]
    ours, theirs = model.fuse(images), exact.fuse(images)
    assert ours.shape == theirs.shape
    difference = np.abs(ours - theirs)
    where = f'{name} at {width}x{height}'
    assert difference.max() <= _TOLERANCES.get(name, 1e-5), where
    assert np.mean(difference > 1e-5) < 1e-3, where


MGDN = {
  'channels': 12,
  'depths': (2,),
  'heads': 2,
  'guidance_heads': 2,
  'filter_size': 5,
}


@pytest.mark.parametrize(
  ('module', 'name', 'task', 'count'),
  [
    (models.MGDN(**MGDN, window=4), 'mgdn', 'mef', 3),
    # Windows that do not divide what is mirrored before; strips.
    pytest.param(
      models.MGDN(**MGDN, window=6, weighted=True, sees='both'),
      'mgdn',
      'mff',
      2,
      id='detail',
    ),
    pytest.param(
      models.MGDN(
        **MGDN, window=8, dynamic_filters=False, cross_guidance=False
      ),
      'mgdn',
      'mff',
      2,
      marks=pytest.mark.long,
      id='ablations',
    ),
    pytest.param(
      models.MGDNDeghost(**MGDN, window=8, weighted=True),
      'mgdn_deghost',
      'hdr',
      3,
      marks=pytest.mark.long,
    ),
  ],
)
def test_networks_equal_the_exact_size(module, name, task, count) -> None:
  shapes = base.abstract_variables(registry.get_method(name), module, task)
  rng = np.random.default_rng(7)
  variables = jax.tree.map(
    lambda x: jnp.asarray(0.2 * rng.normal(size=x.shape), x.dtype), shapes
  )
  model = FusionModel(module, variables, 'x', name, task)
  exact = dataclasses.replace(model, buckets=False)
  large = [(203, 209)] if task == 'mff' else []
  for height, width in [(33, 42), (37, 45), (40, 41), *large]:
    images = [picture(height, width, seed) for seed in range(count)]
    ours, theirs = model.fuse(images), exact.fuse(images)
    assert ours.shape == theirs.shape and np.std(ours) > 1e-2
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
  assert len(model.programs) == 1 + len(large)


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


# Of the 50 pairs of MEFB, and how often they come.
MEFB = """
  222x348:1 231x343:1 324x484:1 333x500:1 338x231:1 339x512:2 340x512:1
  341x226:1 341x512:5 342x512:1 356x536:6 364x512:1 384x512:1 408x612:1
  512x335:1 512x356:1 600x808:1 612x408:1 612x816:3 708x1064:2 720x480:1
  756x1008:3 795x530:1 800x1200:5 802x1200:2 809x1200:1 816x612:2 1008x756:1
  1200x800:1
"""


def area(size):
  return size[0] * size[1]


def test_a_folder_has_few_buckets() -> None:
  sizes = []
  for entry in MEFB.split():
    size, count = entry.split(':')
    sizes += [tuple(map(int, size.split('x')))] * int(count)
  assert len(sizes) == 50
  found = buckets.Buckets()
  found.expect(sizes)
  used = {size: found.find(size) for size in sizes}
  for size, bucket in used.items():
    assert size[0] <= bucket[0] and size[1] <= bucket[1]
    assert area(bucket) <= 3 * area(size)
  assert len({*used.values()}) == 5
  total = sum(map(area, sizes))
  assert sum(area(used[size]) for size in sizes) <= 1.2 * total


def test_many_pictures_of_a_size_are_worth_a_bucket() -> None:
  few = {(304, 400): 2, (352, 480): 2}
  many = {size: 1000 for size in few}
  assert buckets.cover(few) == [(352, 480)]
  assert buckets.cover(many) == [(304, 400), (352, 480)]
  # Nothing is gained by what does not fit.
  apart = [(104, 400), (400, 104)]
  assert buckets.cover(dict.fromkeys(apart, 1)) == apart


def test_unexpected_sizes_have_buckets_too() -> None:
  found = buckets.Buckets()
  assert found.find((300, 400)) == (320, 416)
  found.expect([(300, 400), (310, 390)])
  assert found.find((300, 400)) == (312, 400)
  assert found.find((301, 395)) == (312, 400)
  assert found.find((200, 200)) == (208, 208)
  assert found.find((313, 400)) == (320, 416)
  # Of one size, or of very many, there is nothing to choose.
  for sizes in ([(300, 400)] * 9, [(300 + k, 400) for k in range(101)]):
    found.expect(sizes)
    assert found.find((300, 400)) == (320, 416)
