"""Depth at the door: units, dtypes, sizes, and files."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from fusionjax import models
from fusionjax.data import depth as depth_data
from fusionjax.errors import InputError
from fusionjax.inference import depth, files
from fusionjax.inference.load import load_model
from fusionjax.inference.model import FusionModel
from fusionjax.methods import registry
from fusionjax.pretrained import weights

RNG = np.random.default_rng(0)
SMALL = {
  'channels': 6,
  'depths': (1,),
  'heads': 2,
  'guidance_heads': 3,
  'filter_size': 3,
}

_SHIPPED = [n for n in registry.list_models('gdsr') if weights.is_shipped(n)]


@pytest.fixture(scope='module')
def model() -> FusionModel:
  module = models.MGDNDepth(**SMALL)
  shapes = jax.eval_shape(
    module.init,
    jax.random.key(0),
    jnp.zeros((1, 16, 16, 3)),
    jnp.zeros((1, 16, 16, 1)),
  )
  variables = jax.tree.map(
    lambda x: jnp.asarray(0.2 * RNG.normal(size=x.shape), x.dtype), shapes
  )
  return FusionModel(module, variables, 'x', 'mgdn_depth', 'gdsr')


COLOUR = RNG.integers(0, 256, (20, 24, 3), np.uint8)


def test_the_unit_of_the_map_is_kept(model) -> None:
  metres = RNG.uniform(2, 4, (5, 6)).astype(np.float32)
  fused = model.fuse([COLOUR, metres])
  assert fused.shape == (20, 24) and fused.dtype == np.float32
  assert metres.min() <= fused.min() and fused.max() <= metres.max()
  assert np.std(fused) > 0
  # The same depths in millimetres, rounded.
  millimetres = np.rint(1000 * metres).astype(np.uint16)
  again = model.fuse([COLOUR, millimetres])
  assert again.dtype == np.uint16
  np.testing.assert_allclose(again, 1000 * fused, atol=2.5)
  column = model.fuse([COLOUR, millimetres[..., None]])
  np.testing.assert_array_equal(column[..., 0], again)


def test_a_flat_map_stays_flat(model) -> None:
  flat = np.full((5, 6), 1234, np.uint16)
  np.testing.assert_array_equal(model.fuse([COLOUR, flat]), 1234)


def test_units_there_and_back() -> None:
  for depths in (
    RNG.uniform(0.5, 9, (7, 8)).astype(np.float32),
    RNG.integers(0, 65535, (7, 8), np.uint16),
    RNG.integers(0, 256, (7, 8, 1), np.uint8),
  ):
    unit, limits = depth.to_unit(depths)
    assert unit.min() == 0 and unit.max() == 1
    back = depth.from_unit(unit, limits, like=depths)
    assert back.shape == depths.shape and back.dtype == depths.dtype
    np.testing.assert_allclose(back, depths, rtol=1e-6)


@pytest.mark.parametrize(
  ('images', 'words'),
  [
    ([COLOUR], 'One image is not enough'),
    ([COLOUR, np.ones((30, 24), np.uint8)], 'larger than'),
    ([COLOUR, COLOUR], 'a depth map is'),
    ([COLOUR, np.full((5, 6), np.inf)], 'no numbers'),
    ([COLOUR, np.ones((5, 6), np.int32)], 'int32'),
  ],
)
def test_maps_that_do_not_fit(images, words) -> None:
  with pytest.raises(InputError, match=words):
    depth.check_colour_and_depth(images, task='gdsr')


def test_files(model, tmp_path) -> None:
  Image.fromarray(COLOUR).save(tmp_path / 'rgb.png')
  metres = RNG.uniform(2, 4, (5, 6)).astype(np.float32)
  np.save(tmp_path / 'depth.npy', metres)
  millimetres = np.rint(1000 * metres).astype(np.uint16)
  Image.fromarray(millimetres).save(tmp_path / 'depth.png')
  for kind in ('.npy', '.png'):
    paths = [tmp_path / 'rgb.png', tmp_path / f'depth{kind}']
    plan = files.plan_jobs(paths, tmp_path / f'out{kind}', task='gdsr')
    (outcome,) = files.run_jobs(model, plan)
    assert outcome.status == 'fused' and outcome.size == (20, 24)
  fused = np.load(tmp_path / 'out.npy')
  np.testing.assert_array_equal(fused, model.fuse([COLOUR, metres]))
  levels = np.asarray(Image.open(tmp_path / 'out.png'))
  np.testing.assert_allclose(levels, 1000 * fused, atol=2.5)


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(n, marks=() if n.endswith('-x4') else pytest.mark.long)
    for n in _SHIPPED
  ],
)
def test_models_that_ship_beat_bicubic(name) -> None:
  ratio = int(name.rpartition('-x')[2])
  scenes = depth_data.SyntheticDepth(
    length=1, seed=3, split='test', ratio=ratio
  )
  example = scenes.read(0)
  # A part with the outline of an object.
  part = np.s_[40:120, 60:172]
  colour = np.rint(255 * example.sources[0][part]).astype(np.uint8)
  truth = example.reference[part]
  small = depth_data.reduce(truth, ratio=ratio)
  bicubic = depth_data.enlarge(small, size=truth.shape[:2])
  refined = load_model(name).fuse([colour, small])
  ours, theirs = (
    np.sqrt(np.mean(np.square(x - truth))) for x in (refined, bicubic)
  )
  # Of sixteenfold depth that part is 5 x 7 pixels.
  assert 0.001 < ours < (0.9 if ratio == 16 else 0.75) * theirs
