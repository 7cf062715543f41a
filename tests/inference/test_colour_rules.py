"""Colour rules and stacks, of every method of the registry and every model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.errors import InputError
from fusionjax.inference.load import load_model
from fusionjax.inference.model import FusionModel
from fusionjax.methods import base, colouring, registry
from fusionjax.ops import colour
from fusionjax.pretrained import weights

_SHIPPED = [name for name in registry.MODELS if weights.is_shipped(name)]
# Every method with each of its tasks, once.
_PAIRS = sorted(set(registry.MODELS.values()))
_PICTURES = [pair for pair in _PAIRS if not registry.get_task(pair[1]).measures]
_RULES = ('chroma', 'first', 'grey', 'visible', 'rgb')


def _sources(count=2):
  """Grey, then colours of which none is neutral."""
  rng = np.random.default_rng(0)
  grey = np.repeat(rng.random((1, 32, 32, 1), 'f4'), 3, -1)
  light = 0.3 + 0.2 * rng.random((1, 32, 32, 1), 'f4')
  tints = ([1.4, 0.9, 0.6], [0.7, 1.0, 1.3], [1.0, 1.2, 0.7])
  return [grey, *(light * np.float32(tint) for tint in tints)][:count]


class _Mean:
  """Stands for a network: pictures or luma in, their mean out."""

  def apply(self, variables, *sources):
    return sum(sources) / len(sources)


def _fuse(name, task, sources, **options):
  method = registry.get_method(name)
  return np.asarray(
    base.fuse_pictures(method, _Mean(), {}, sources, task=task, **options)
  )


def _chroma(rgb):
  return np.asarray(colour.rgb_to_ycbcr(rgb, luma_range='centred'))[..., 1:]


@pytest.mark.parametrize(('name', 'task'), _PICTURES)
def test_every_method_has_a_rule(name, task):
  method = registry.get_method(name)
  assert method.colors[task] in _RULES
  found = colouring.choices(method, task)
  assert found[0] == 'published'
  assert {'chroma', 'first', 'grey'} <= set(found)
  assert ('visible' in found) == registry.get_task(task).ordered
  assert ('rgb' in found) != method.luma


@pytest.mark.parametrize(('name', 'task'), _PICTURES)
def test_rules(name, task):
  method = registry.get_method(name)
  # Nothing may be stretched: chroma is compared.
  plain = {'stretch': False} if 'stretch' in method.fuse_options else {}
  sources = _sources()
  published = _fuse(name, task, sources, **plain)
  results = {
    rule: _fuse(name, task, sources, color=rule, **plain)
    for rule in colouring.choices(method, task)
  }
  np.testing.assert_array_equal(results['published'], published)
  np.testing.assert_allclose(results[method.colors[task]], published, atol=1e-6)
  grey = results['grey']
  assert grey.shape == (1, 32, 32, 1)
  for rule, kept in (('first', 0), ('visible', -1)):
    if rule in results:
      chroma = _chroma(results[rule])
      # Where luma pushes a colour out of RGB it is clipped.
      inside = ((results[rule] > 0) & (results[rule] < 1)).all(axis=-1)
      wanted = _chroma(sources[kept])
      assert inside.mean() > 0.5
      np.testing.assert_allclose(chroma[inside], wanted[inside], atol=5e-3)
  # One source is grey: its chroma has no weight.
  inside = ((results['chroma'] > 0) & (results['chroma'] < 1)).all(axis=-1)
  np.testing.assert_allclose(
    _chroma(results['chroma'])[inside], _chroma(sources[1])[inside], atol=5e-3
  )
  luma = np.asarray(colour.luma(results['first']))
  np.testing.assert_allclose(luma, grey, atol=0.02)


@pytest.mark.parametrize(('name', 'task'), _PICTURES)
def test_stacks(name, task):
  row = registry.get_task(task)
  if row.max_sources == 2:
    with pytest.raises(InputError, match='3 images are too many'):
      FusionModel(_Mean(), {}, '', name, task).fuse([np.zeros((16, 16))] * 3)
    return
  sources = _sources(4)
  fused = _fuse(name, task, sources)
  assert fused.shape == (1, 32, 32, 3) and np.isfinite(fused).all()
  # Exposures are taken from dark to bright, whatever their order.
  turned = _fuse(name, task, sources[::-1])
  if row.exposures:
    np.testing.assert_allclose(fused, turned, atol=1e-5)
  grey = _fuse(name, task, sources, color='grey')
  assert grey.shape == (1, 32, 32, 1)


def test_pairs_are_folded_in_order():
  method = registry.get_method('mgdn')
  assert method.stacks == 'pairs'
  a, b, c = _sources(4)[1:]
  fused = _fuse('mgdn', 'mff', [a, b, c])
  np.testing.assert_allclose(fused, ((a + b) / 2 + c) / 2, atol=1e-6)
  batch = [
    np.concatenate([x, y]) for x, y in zip((a, b, c), (c, a, b), strict=True)
  ]
  both = _fuse('mgdn', 'mff', batch)
  np.testing.assert_allclose(both[:1], fused, atol=1e-6)
  np.testing.assert_allclose(both[1:], ((c + a) / 2 + b) / 2, atol=1e-6)


def _picture(channels, size=(32, 32)):
  rng = np.random.default_rng(channels)
  shape = (*size, channels) if channels > 1 else size
  return rng.integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize(
  'name',
  [
    name
    for name in _SHIPPED
    if not (task := registry.get_task(registry.MODELS[name][1])).depth
    and not task.radiance
  ],
)
def test_grey_with_colour(name):
  model = load_model(name)
  task = registry.get_task(model.task)
  if task.measures:
    bands, channels = model.module.bands, model.module.guide_channels
    fused = model.fuse([_picture(bands, (16, 16)), _picture(channels)])
    assert fused.shape == (32, 32, bands)
    return
  grey, tinted = _picture(1), _picture(3)
  # One program serves all of them: grey is compiled as colour.
  published = registry.get_method(model.method).colors[model.task]
  for pair in ([grey, tinted], [tinted, grey]):
    fused = model.fuse(pair)
    assert fused.shape == ((32, 32) if published == 'grey' else (32, 32, 3))
    assert fused.dtype == np.uint8 and fused.std() > 0
  assert model.fuse([grey, grey]).shape == (32, 32)
  with pytest.raises(InputError, match=f'color of {model.method} is blue'):
    model.fuse([grey, tinted], color='blue')


def test_models_without_an_own_rule_have_no_option():
  model = load_model('csc_msfn-msf')
  with pytest.raises(InputError, match='csc_msfn has no option color'):
    model.check_options({'color': 'grey'})
  model = load_model('ffmef-mef')
  for rule in ('visible', 'rgb'):
    with pytest.raises(InputError, match='Give one of published, chroma'):
      model.check_options({'color': rule})


def test_chroma_through_jit_and_batch():
  sources = [jnp.concatenate([x, x[:, ::-1]]) for x in _sources()]
  method = registry.get_method('csc_mefn')

  def fuse(sources):
    return base.fuse_pictures(
      method, _Mean(), {}, sources, task='mef', color='first', stretch=False
    )

  together = fuse(sources)
  np.testing.assert_allclose(jax.jit(fuse)(sources), together, atol=1e-6)
  alone = fuse([x[1:] for x in sources])
  np.testing.assert_allclose(together[1:], alone, atol=1e-6)
