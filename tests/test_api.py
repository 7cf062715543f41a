"""The functions that `import fusionjax` offers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fusionjax as fj
from fusionjax import api
from fusionjax.methods import registry
from fusionjax.models import FFMEF
from fusionjax.pretrained import weights


@pytest.fixture
def shipped(tmp_path, monkeypatch):
  """A package whose `ffmef-mef` is a small network of random numbers."""
  y = jax.ShapeDtypeStruct((1, 16, 16, 1), jnp.float32)
  shapes = jax.eval_shape(
    FFMEF(kernel_sizes=(1,)).init, jax.random.key(0), y, y
  )
  rng = np.random.default_rng(0)
  variables = jax.tree.map(
    lambda leaf: rng.normal(size=leaf.shape).astype('f4'), shapes
  )
  weights.save_weights(
    tmp_path / 'ffmef-mef.safetensors',
    variables,
    method='ffmef',
    task='mef',
    options={'kernel_sizes': (1,)},
    metadata={},
  )
  monkeypatch.setattr(weights.importlib.resources, 'files', lambda _: tmp_path)
  api._shipped.cache_clear()
  yield tmp_path
  api._shipped.cache_clear()


def test_fuse(shipped):
  rng = np.random.default_rng(0)
  images = [rng.integers(0, 255, (17, 19, 3), np.uint8) for _ in range(2)]
  fused = fj.fuse(images)
  assert (fused.shape, fused.dtype) == ((17, 19, 3), np.uint8)
  model = fj.load_model('ffmef-mef')
  assert isinstance(model, fj.FusionModel)
  for other in (
    fj.fuse(images, model=model),
    fj.fuse(images, model=shipped / 'ffmef-mef.safetensors'),
  ):
    np.testing.assert_array_equal(other, fused)
  # Loaded once: a second call does not touch the file.
  (shipped / 'ffmef-mef.safetensors').unlink()
  np.testing.assert_array_equal(fj.fuse(images), fused)


def test_errors():
  with pytest.raises(fj.InputError, match='Did you mean'):
    fj.fuse([], model='fmef-mef')


def test_list_models():
  assert fj.list_models() == tuple(sorted(registry.MODELS))
  assert fj.list_models(task='mff') == ('ffmef-mff', 'mgdn-mff')
  with pytest.raises(fj.InputError, match='Unknown task'):
    fj.list_models(task='x')


def test_every_name_that_is_offered_is_there():
  for name in fj.__all__:
    assert getattr(fj, name) is not None
  assert dir(fj) == sorted(fj.__all__)
  with pytest.raises(AttributeError, match='no_such'):
    fj.no_such  # noqa: B018
