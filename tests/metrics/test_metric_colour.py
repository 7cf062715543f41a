"""Grey conversion and the channel rules of the toolboxes."""

import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.metrics import colour

RNG = np.random.default_rng(7)
COLOUR = RNG.integers(0, 256, (3, 48, 50, 3)).astype(np.uint8)
COLOUR[0] = COLOUR.mean(axis=0)
GREY = RNG.integers(0, 256, (2, 48, 50)).astype(np.uint8)
NAMES = ('sd', 'ag', 'qabf')


def _grey(picture: np.ndarray) -> np.ndarray:
  weights = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])
  return np.floor((picture * weights).sum(-1) + 0.5).astype(np.uint8)


def test_rgb2gray_rounds_to_levels():
  grey = colour.rgb2gray(jnp.asarray(COLOUR[0], jnp.float32))
  np.testing.assert_array_equal(grey, _grey(COLOUR[0].astype(float)))
  levels = np.repeat(np.arange(256.0)[None, :, None], 3, axis=-1)
  np.testing.assert_array_equal(
    colour.rgb2gray(jnp.asarray(levels, jnp.float32)), levels[..., 0]
  )


def test_opencv_grey_sends_ties_to_the_even_level():
  pixel = jnp.asarray([[[0.0, 0.0, 250.0], [0.0, 100.0, 250.0]]])
  # 28.5 and 87.2.
  np.testing.assert_array_equal(colour.rgb2gray_opencv(pixel), [[28.0, 87.0]])


@pytest.mark.parametrize('convert', [colour.rgb2gray, colour.rgb2gray_opencv])
def test_grey_of_bytes_is_bytes(convert):
  """Arithmetic on uint8 would wrap around."""
  grey = convert(jnp.asarray(COLOUR[0]))
  assert grey.dtype == jnp.uint8
  np.testing.assert_array_equal(
    grey.astype(jnp.float32), convert(jnp.asarray(COLOUR[0], jnp.float32))
  )
  np.testing.assert_array_equal(convert(GREY[0]), GREY[0])


@pytest.mark.parametrize(
  ('rule', 'shapes'),
  [
    (colour.CHANNELS, [(3, 48, 50), (3, 48, 50)]),
    (colour.GREY, [(1, 48, 50), (1, 48, 50)]),
    (colour.TOGETHER, [(1, 3, 48, 50), (1, 3, 48, 50)]),
    (colour.RESULT_TOGETHER, [(1, 3, 48, 50)]),
    (colour.AS_STORED, [(1, 48, 50, 3), (1, 48, 50)]),
  ],
)
def test_planes_of_colour_beside_grey_stay_bytes(rule, shapes):
  fused, sources = rule.split(jnp.asarray(COLOUR[0]), [jnp.asarray(GREY[0])])
  if rule is colour.CHANNELS:
    # Beside grey sources alone it would be the red channel.
    fused, sources = rule.split(
      jnp.asarray(COLOUR[0]), [jnp.asarray(GREY[0]), jnp.asarray(COLOUR[1])]
    )
    sources = sources[:1]
  planes = [fused, *sources]
  assert [each.shape for each in planes] == shapes
  assert {each.dtype for each in planes} == {jnp.dtype(jnp.uint8)}


@pytest.mark.parametrize('toolbox', ['mefb', 'vifb'])
def test_colour_is_the_mean_of_three_channels(toolbox):
  fused, *sources = COLOUR
  whole = metrics.evaluate(fused, sources, metrics=NAMES, toolbox=toolbox)
  parts = [
    metrics.evaluate(
      fused[..., k],
      [source[..., k] for source in sources],
      metrics=NAMES,
      toolbox=toolbox,
    )
    for k in range(3)
  ]
  for name in NAMES:
    mean = np.mean([part[name] for part in parts])
    assert whole[name] == pytest.approx(mean, rel=1e-13)


def test_grey_infrared_stands_beside_each_channel():
  scores = [
    metrics.evaluate(
      COLOUR[0], [COLOUR[1], infrared], metrics='qabf', toolbox='vifb'
    )['qabf']
    for infrared in (GREY[0], np.repeat(GREY[0][..., None], 3, axis=-1))
  ]
  assert scores[0] == pytest.approx(scores[1], rel=1e-13)


def test_between_grey_sources_colour_counts_by_its_red_channel():
  scores = metrics.evaluate(COLOUR[0], GREY, metrics=NAMES)
  red = metrics.evaluate(COLOUR[0][..., 0], GREY, metrics=NAMES)
  assert scores['sd'] == pytest.approx(red['sd'], rel=1e-13)
  assert scores['qabf'] == pytest.approx(red['qabf'], rel=1e-13)
  grey = metrics.evaluate(_grey(COLOUR[0].astype(float)), GREY, metrics='ag')
  assert scores['ag'] == pytest.approx(grey['ag'], rel=1e-13)


def test_a_grey_result_takes_grey_sources():
  fused, sources = GREY[0], COLOUR[:2]
  greys = [_grey(source.astype(float)) for source in sources]
  assert metrics.evaluate(fused, sources, metrics='qabf')[
    'qabf'
  ] == pytest.approx(
    metrics.evaluate(fused, greys, metrics='qabf')['qabf'], rel=1e-13
  )


@pytest.mark.parametrize(
  ('toolbox', 'names'),
  [('mefb', ('mef_ssim',)), ('lt', ('sd', 'ag', 'qabf', 'ms_ssim'))],
)
def test_grey_toolboxes_convert_all(toolbox, names):
  greys = [_grey(picture.astype(float)) for picture in COLOUR]
  assert metrics.evaluate(
    COLOUR[0], COLOUR[1:], metrics=names, toolbox=toolbox
  ) == pytest.approx(
    metrics.evaluate(greys[0], greys[1:], metrics=names, toolbox=toolbox),
    rel=1e-13,
  )
