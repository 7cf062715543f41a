"""Networks that look at the whole picture, in strips."""

import dataclasses
import shutil
import tempfile
import types
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest

import fusionjax as fj
from fusionjax import models
from fusionjax.errors import InputError
from fusionjax.inference import execution, segments, storage
from fusionjax.inference.model import FusionModel
from fusionjax.models.layers import strips as inner_strips
from fusionjax.ops import colour

HEIGHT, WIDTH = 61, 45
SMALL: dict[str, Any] = {
  'channels': 6,
  'depths': (2,),
  'heads': 2,
  'guidance_heads': 3,
  'filter_size': 3,
  'mlp_ratio': 2.0,
  'window': 4,
}


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path) -> Iterator[None]:
  """Every picture is a large one, of several strips; no file is left."""
  monkeypatch.setattr(execution, '_LARGE', 0)
  monkeypatch.setattr(segments, '_PIXELS', 30 * (WIDTH + 7))
  monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
  yield
  assert not list(tmp_path.iterdir())


def lively(module, method: str, task: str, *channels: int) -> FusionModel:
  """A model whose result depends on sums over the whole picture."""
  shapes = [jax.ShapeDtypeStruct((1, 16, 16, c), np.float32) for c in channels]
  variables = jax.eval_shape(module.init, jax.random.key(0), *shapes)
  rng = np.random.default_rng(0)

  def draw(path: Any, leaf: jax.ShapeDtypeStruct) -> np.ndarray:
    name = path[-1].key
    inputs = np.prod(leaf.shape[:-1])
    scale = 0.9 / np.sqrt(inputs) if name == 'kernel' else 0.2
    ones = name in ('scale', 'var')
    centre = 30.0 if name == 'temperature' else float(ones)
    return np.float32(centre + scale * rng.normal(size=leaf.shape))

  variables = jax.tree_util.tree_map_with_path(draw, variables)
  return FusionModel(module, variables, f'{method}-{task}', method, task)


def limited(model: FusionModel) -> FusionModel:
  little = dataclasses.replace(model, limits=execution.Limits(memory=1))
  # What is asked what it takes need not be compiled twice.
  little.__dict__['programs'] = model.programs
  return little


def pictures(*shapes: tuple[int, ...]) -> list[np.ndarray]:
  rng = np.random.default_rng(1)
  # Bright to dark: exposures are sorted.
  return [
    np.float32(rng.random(shape) / (1 + number))
    for number, shape in enumerate(shapes)
  ]


def test_exposures_in_strips_are_exact(caplog, monkeypatch) -> None:
  kinds: list[str] = []
  make = storage.Storage.make

  def spy(self: storage.Storage, *args: Any) -> storage.Stored:
    kinds.append(type(made := make(self, *args)).__name__)
    return made

  monkeypatch.setattr(storage.Storage, 'make', spy)
  caplog.set_level('INFO')
  model = lively(models.MGDN(**SMALL), 'mgdn', 'mef', 3, 3)
  images = pictures(*[(HEIGHT, WIDTH, 3)] * 3)
  whole = model.fuse(images)
  assert not caplog.records
  ours = limited(model).fuse(images)
  np.testing.assert_allclose(ours, whole, atol=1e-5)
  # Lifts, a filter, a merge, two blocks, three more of a stage, body, head;
  # filter and blocks twice; for two pairs.
  assert 'Pass 28 of 28.' in caplog.text and 'Pass 29' not in caplog.text
  assert set(kinds) == {'_InFile'}
  # Other colours than the network's own.
  grey = limited(model).fuse(images, color='grey')
  np.testing.assert_allclose(grey, colour.luma(ours)[..., 0], atol=1e-6)
  # Nothing runs where the disk has no room for all maps of a time.
  caplog.clear()
  usage = types.SimpleNamespace(free=6 * 24 * 64 * 48)
  monkeypatch.setattr(shutil, 'disk_usage', lambda folder: usage)
  with pytest.raises(InputError, match=f'in {tempfile.tempdir}, where 0.0 GB'):
    limited(model).fuse(images)
  assert 'Pass' not in caplog.text
  # What is far away matters, too.
  for image in images:
    image[45:] = np.square(image[45:])
  assert np.abs(model.fuse(images)[:24] - whole[:24]).max() > 1e-3


DEPTH = (HEIGHT, WIDTH, 3), (16, 12)
THREE = [(HEIGHT, WIDTH, 3)] * 3


@pytest.mark.parametrize(
  ('module', 'method', 'task', 'channels', 'shapes'),
  [
    (
      # In two sizes.
      models.MGDNDepth(**SMALL, residual=True, coarse=2),
      'mgdn_depth',
      'gdsr',
      (3, 1),
      DEPTH,
    ),
    pytest.param(
      models.MGDNDeghost(**{**SMALL, 'depths': (1,)}, weighted=True),
      'mgdn_deghost',
      'hdr',
      (6, 6, 6),
      THREE,
      marks=pytest.mark.long,
    ),
    (
      # Of channels in two groups.
      models.CSCIVFN(features=6, units=2),
      'csc_ivfn',
      'ivf',
      (1, 1),
      THREE[:2],
    ),
    pytest.param(
      # Windows that divide no other strips; the ablations.
      models.MGDN(
        **{**SMALL, 'depths': (1,), 'window': 6, 'filter_size': 9},
        dynamic_filters=False,
        cross_guidance=False,
        weighted=True,
        sees='detail',
      ),
      'mgdn',
      'mff',
      (3, 3),
      THREE[:2],
      marks=pytest.mark.long,
    ),
  ],
  ids=['depth', 'deghost', 'whole channels', 'ablations'],
)
def test_other_networks_in_strips_are_exact(
  module, method, task, channels, shapes, monkeypatch
) -> None:
  model = lively(module, method, task, *channels)
  images = pictures(*shapes)
  whole = model.fuse(images)
  # Of large strips the layers have smaller ones.
  monkeypatch.setattr(inner_strips, '_LARGE', 0)
  monkeypatch.setattr(inner_strips, 'PIXELS', 9 * (WIDTH + 7))
  ours = limited(model).fuse(images)
  assert ours.shape == whole.shape and np.std(whole) > 0.005
  np.testing.assert_allclose(ours, whole, atol=1e-5)


def test_sparse_codes_in_strips_are_exact() -> None:
  model = fj.load_model('csc_mefn-mef')
  images = pictures(*THREE)
  images = [np.uint8(255 * x) for x in images]
  floats = [np.float32(x) / 255 for x in images]
  little = limited(model)
  ours = little.fuse(floats)
  np.testing.assert_allclose(ours, model.fuse(floats), atol=1e-5)
  levels = little.fuse(images)
  assert levels.dtype == np.uint8
  assert np.abs(levels - 255 * ours).max() < 1.001
  assert execution.foresee(little, (HEIGHT, WIDTH), 3).endswith(
    'in strips, exactly.'
  )
