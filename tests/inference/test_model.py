"""FusionModel: its checks, grey and colour, dtypes, and the raw network."""

import sys
import types

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.errors import InputError
from fusionjax.inference.load import load_model
from fusionjax.inference.model import FusionModel
from fusionjax.methods import registry
from fusionjax.methods.base import Method

_TRACES = []


class _Mix(nn.Module):
  """A weighted sum: the first source by `share`, the last by the rest."""

  @nn.compact
  def __call__(self, first, last):
    share = self.param('share', nn.initializers.ones_init(), ())
    return share * first + (1 - share) * last


def _fuse(apply, sources, *, task):
  _TRACES.append(sources[0].shape)
  return apply(sources[0], sources[-1])


def _method(rounding):
  return Method(
    name='mix',
    title='',
    paper='',
    module=_Mix,
    example_sources=lambda task: ((1, 16, 16, 3), (1, 16, 16, 3)),
    fuse=_fuse,
    loss=lambda *args, **options: None,
    published_name=lambda path: (path, 'vector'),
    rounding=rounding,
  )


@pytest.fixture
def make(monkeypatch):
  """Makes a model of a stand-in method that mixes its sources."""

  def make(task='mef', share=0.5, rounding='truncate'):
    module = types.SimpleNamespace(METHOD=_method(rounding))
    monkeypatch.setitem(sys.modules, 'stand_in_method', module)
    monkeypatch.setitem(registry.METHODS, 'mix', 'stand_in_method')
    variables = {'params': {'share': jnp.float32(share)}}
    return FusionModel(_Mix(), variables, f'mix-{task}', 'mix', task)

  return make


def _grey(value, dtype=np.uint8, shape=(16, 20)):
  return np.full(shape, value, dtype)


def _colour(value, dtype=np.uint8):
  return _grey(value, dtype, (16, 20, 3))


def test_grey_stays_grey_and_colour_colour(make):
  model = make()
  assert model.fuse([_grey(10), _grey(20)]).shape == (16, 20)
  flat = [_grey(10, shape=(16, 20, 1)), _grey(20)]
  assert model.fuse(flat).shape == (16, 20, 1)
  assert model.fuse(flat[::-1]).shape == (16, 20)
  assert model.fuse([_colour(10), _colour(20)]).shape == (16, 20, 3)
  assert model.fuse([_grey(10), _colour(20)]).shape == (16, 20, 3)


@pytest.mark.parametrize(
  ('rounding', 'expected'), [('truncate', 10), ('nearest', 11)]
)
def test_rounding_is_the_method_s(make, rounding, expected):
  fused = make(share=0.3, rounding=rounding).fuse([_grey(10), _grey(11)])
  assert fused.dtype == np.uint8
  assert (fused == expected).all()


def test_16_bits_are_kept(make):
  fused = make(share=1.0, rounding='nearest').fuse(
    [_grey(12345, np.uint16), _grey(0, np.uint16)]
  )
  assert fused.dtype == np.uint16
  assert (fused == 12345).all()


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
def test_floats_are_clipped_and_not_rounded(make, dtype):
  model = make(share=2.0)
  fused = model.fuse([_grey(0.25, dtype), _grey(0, dtype)])
  assert fused.dtype == dtype
  np.testing.assert_array_equal(fused, _grey(0.5, dtype))
  assert model.fuse([_grey(1, dtype), _grey(0, dtype)]).max() == 1
  assert model.fuse([_grey(0, dtype), _grey(1, dtype)]).min() == 0


def test_dtype_is_the_first_image_s_or_the_visible_one_s(make):
  images = [_grey(10), _grey(0.5, np.float32)]
  assert make('mef').fuse(images).dtype == np.uint8
  assert make('ivf').fuse(images).dtype == np.float32


def test_takes_jax_arrays_and_any_number(make):
  images = [jnp.full((16, 20), value, jnp.uint8) for value in (100, 7, 50)]
  fused = make().fuse(images)
  assert isinstance(fused, np.ndarray)
  assert (fused == 75).all()


def test_a_shape_is_traced_once(make):
  model = make()
  images = [_colour(10), _colour(20)]
  model.fuse(images)
  count = len(_TRACES)
  model.fuse(images)
  model.fuse([_grey(1), _grey(2)])
  assert len(_TRACES) == count


def test_apply_is_the_raw_network(make):
  first, last = jnp.full((2, 5, 4, 1), -3.0), jnp.ones((2, 5, 4, 1))
  np.testing.assert_array_equal(make().apply(first, last), -jnp.ones_like(last))


@pytest.mark.parametrize(
  ('task', 'images', 'message'),
  [
    ('mef', [], '0 images are not enough.*Give 2 or more images of'),
    ('mef', [_grey(1)], 'One image is not enough.*under, over'),
    ('ivf', [_grey(1)], 'One image .*infrared, visible.*Give 2 images'),
    ('ivf', [_grey(1)] * 3, '3 images are too many.*Give 2'),
    (
      'mef',
      [_grey(1), _grey(1, shape=(17, 20))],
      r'share one size: image 1 is 20x16, image 2 is 20x17\. Resize one\.',
    ),
    ('mef', [_grey(1, shape=(15, 20))] * 2, 'image 1 is 20x15.*16 pixels'),
    ('mef', [_grey(1, shape=(16, 20, 4))] * 2, 'has 4 channels.*alpha'),
    ('mef', [_grey(1, shape=(2, 16, 20, 3))] * 2, r'has shape \[2, 16, 20, 3'),
    ('mef', [_grey(1, shape=(16,))] * 2, r'has shape \[16\]'),
    ('mef', [_grey(1, np.int64)] * 2, 'image 1 is int64, expected uint8'),
    ('mef', [_grey(1, np.bool_)] * 2, 'image 1 is bool, expected uint8'),
    ('mef', [_grey(1), _grey(9.0, 'f4')], 'image 2 is float.* from 9 to 9'),
    ('mef', [_grey(-0.1, 'f4')] * 2, r'from -0.1 to -0.1, expected \[0, 1\]'),
    ('mef', [_grey(1.0000001, 'f4')] * 2, r'from 1.0000001 to 1.0000001,'),
    ('mef', [_grey(np.nan, 'f4')] * 2, 'from nan to nan'),
    ('mef', ['a.png', 'b.png'], 'image 1 is a path.*read_image'),
  ],
)
def test_the_door(make, task, images, message):
  with pytest.raises(InputError, match=message) as raised:
    make(task).fuse(images)
  assert '\n' not in str(raised.value)


def test_errors_use_the_names_of_files(make):
  images = [_grey(1, shape=(480, 640)), _grey(1, shape=(512, 640))]
  with pytest.raises(InputError) as raised:
    make().fuse(images, names=['a.png', 'b.png'])
  assert str(raised.value) == (
    'Images of a stack must share one size: a.png is 640x480, b.png is'
    ' 640x512. Resize one.'
  )


@pytest.mark.parametrize(
  'sources',
  [
    (jnp.ones((16, 16)), jnp.ones((16, 16))),
    (jnp.ones((1, 16, 16, 1), jnp.uint8),) * 2,
  ],
)
def test_the_door_of_the_raw_network(make, sources):
  with pytest.raises(InputError, match=r'Source 1 .*For images use fuse'):
    make().apply(*sources)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_levels_become_the_nearest_float32(make, dtype):
  top = np.iinfo(dtype).max
  image = np.arange(top + 1).astype(dtype).reshape(16, -1)
  # The second image makes the result float; its share is none.
  fused = make('ivf', share=1.0).fuse([image, np.zeros(image.shape, 'f4')])
  # XLA's own division by 255 is off by a bit for some levels.
  np.testing.assert_array_equal(fused, image.astype('f4') / np.float32(top))


def test_bytes_in_another_order_and_brain_floats(make):
  deep = _grey(12345, '>u2')
  model = make(share=1.0, rounding='nearest')
  np.testing.assert_array_equal(model.fuse([deep, deep]), deep)
  brain = jnp.full((16, 20), 0.5, jnp.bfloat16)
  fused = model.fuse([brain, brain])
  assert fused.dtype == brain.dtype
  assert (fused == 0.5).all()


def test_printing_a_model_prints_no_weights(make):
  assert repr(make()).count('\n') < 5
  assert 'params' not in repr(make())


@pytest.mark.parametrize('task', ['mef', 'mff'])
def test_published_ffmef_fuses_as_published(reference, task):
  parity = np.load(reference / 'parity' / f'ffmef_{task}_pipeline_240x320.npz')
  images = [parity[name] for name in ('rgb0_u8', 'rgb1_u8')]
  weights = reference / 'weights' / 'ffmef' / f'{task}.pth'
  fused = load_model(weights, like=f'ffmef-{task}').fuse(images)
  expected = parity['fused_rgb_u8'].astype(int)
  assert abs(fused - expected).max() <= 1
  assert (fused == expected).mean() >= 0.999


def test_frozen_but_cached(make):
  model = make()
  with pytest.raises(AttributeError):
    model.name = 'other'
  assert model.program is model.program
  assert isinstance(hash(model), int)
  assert jax.tree.leaves(model.variables)
