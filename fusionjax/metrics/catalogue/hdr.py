"""Rows of the metrics against a true HDR picture or depth map."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax

from fusionjax.metrics import colour, depth, hdr
from fusionjax.metrics.metric import ANY, Metric, Variant

Array = jax.Array

_KALANTARI = 'Kalantari and Ramamoorthi, TOG 2017'
_STORED = (
  'Floats as they are stored, linear in 0..1, integers divided by their '
  'largest; nothing is clipped.'
)


def _against(function: Callable[..., Array], **options: Any) -> Variant:
  """A metric of two pictures as one of a picture and its single source."""

  def metric(
    fused: Array, sources: Sequence[Array], *, size: Any = None
  ) -> Array:
    (target,) = sources
    return function(fused, target, size=size, **options)

  functools.update_wrapper(metric, function)
  return Variant(metric, colour.AS_STORED)


def _by_code(function: Callable[..., Array]) -> dict[str, Variant]:
  mgdn = _against(function, toolbox='mgdn')
  return {ANY: mgdn, 'mgdn': mgdn, 'hdrt': _against(function, toolbox='hdrt')}


def _of_all(function: Callable[..., Array]) -> dict[str, Variant]:
  return dict.fromkeys((ANY, 'mgdn', 'hdrt'), _against(function))


_PSNR_L = Metric(
  name='psnr_l',
  title='PSNR of linear radiance',
  formula='10 log10(1 / mean (x - y)^2)',
  range='dB, infinite for identical pictures',
  direction='higher',
  sources=(1, 1),
  paper=_KALANTARI,
  tables=('MGDN 3, 5',),
  quirks=(_STORED, 'All channels together.'),
  variants=_of_all(hdr.psnr_l),
  values='unit',
  reference=True,
)

_PSNR_MU = Metric(
  name='psnr_mu',
  title='PSNR after tone mapping',
  formula='10 log10(1 / mean (T(x) - T(y))^2), T(x) = ln(1 + 5000x) / ln 5001',
  range='dB, infinite for identical pictures',
  direction='higher',
  sources=(1, 1),
  paper=_KALANTARI,
  tables=('MGDN 3, 5',),
  quirks=(
    _STORED,
    'All channels together.',
    'NaN where radiance is -1 / 5000 or less.',
  ),
  variants=_of_all(hdr.psnr_mu),
  values='unit',
  reference=True,
)

_WINDOWS = (
  'mgdn: 7 x 7 boxes, sample covariances, data range 1, not clipped; hdrt: '
  '255 x clipped to 0..255, 11 x 11 Gaussian windows, data range 255. The two '
  'differ in the third digit.'
)

_SSIM_L = Metric(
  name='ssim_l',
  title='SSIM of linear radiance',
  formula='mean over the channels of SSIM(x, y)',
  range='-1..1',
  direction='higher',
  sources=(1, 1),
  paper='Wang et al., IEEE TIP 2004',
  tables=('MGDN 3, 5',),
  quirks=(_WINDOWS,),
  variants=_by_code(hdr.ssim_l),
  min_size=hdr.SSIM_MIN_SIZE,
  values='unit',
  reference=True,
)

_SSIM_MU = Metric(
  name='ssim_mu',
  title='SSIM after tone mapping',
  formula='mean over the channels of SSIM(T(x), T(y))',
  range='-1..1',
  direction='higher',
  sources=(1, 1),
  paper='Wang et al., IEEE TIP 2004',
  tables=('MGDN 3, 5',),
  quirks=(_WINDOWS, 'NaN where radiance is -1 / 5000 or less.'),
  variants=_by_code(hdr.ssim_mu),
  min_size=hdr.SSIM_MIN_SIZE,
  values='unit',
  reference=True,
)

_NYU = depth.PROTOCOLS['mgdn/nyu']

_DEPTH_RMSE = Metric(
  name='depth_rmse',
  title='RMSE of a depth map',
  formula='scale sqrt(mean (d - t)^2)',
  range='0..',
  direction='lower',
  sources=(1, 1),
  paper='Guan et al., MGDN, ACM MM 2023',
  tables=('MGDN 4',),
  quirks=(
    'Values as they are stored. mgdn: the NYU protocol, metres in and '
    'centimetres out, without 6 pixels at each side; every toolbox else: all '
    'pixels, in the unit of the input.',
    'Tables print the mean of the values of the maps.',
    'NaN where the crop leaves nothing.',
    'The protocols of other codes and data sets: metrics.depth.PROTOCOLS.',
  ),
  variants={
    ANY: _against(depth.depth_rmse),
    'mgdn': _against(depth.depth_rmse, crop=_NYU.crop, scale=_NYU.scale),
  },
  values='stored',
  reference=True,
)

ROWS: tuple[Metric, ...] = (_PSNR_L, _PSNR_MU, _SSIM_L, _SSIM_MU, _DEPTH_RMSE)
