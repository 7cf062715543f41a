"""Rows of the metrics from differences of pixels and from correlations."""

import functools

from fusionjax.metrics import colour, correlation, fidelity
from fusionjax.metrics.metric import Metric, Variant

_REVIEW = 'Jagalingam and Hegde, Aquatic Procedia 2015'

_PSNR = Metric(
  name='psnr',
  title='Peak signal-to-noise ratio',
  formula='20 log10(255 / sqrt(RMSE)) (mefb, vifb, mgdn), '
  '20 log10(255 / sqrt(MSE)) (lt), 10 log10(max(F)^2 / MSE) (cddfuse)',
  range='..inf dB; 55..65 for photos (mefb, vifb, mgdn)',
  direction='higher',
  sources=(2, None),
  paper=_REVIEW,
  tables=('FFMEF 1, 4', 'MGDN 2'),
  quirks=(
    'Infinite where all sources are the fused picture.',
    'mefb, vifb, mgdn: of the RMSE of this table, which is no mean square: '
    'larger pictures have a higher value.',
    'lt: a peak of 255 with the error of pictures in 0..1, 48.13 dB above '
    "the textbook's.",
    'cddfuse: the largest value of the fused picture is the peak; -inf '
    'where it is 0.',
  ),
  variants={
    toolbox: Variant(
      functools.partial(fidelity.psnr, toolbox=toolbox),  # type: ignore[arg-type]
      rule,
    )
    for toolbox, rule in (
      ('mefb', colour.CHANNELS),
      ('vifb', colour.CHANNELS),
      ('lt', colour.GREY),
      ('cddfuse', colour.GREY_OPENCV),
      ('mgdn', colour.CHANNELS),
    )
  },
)

_RMSE = Metric(
  name='rmse',
  title='Root error',
  formula='mean_S sqrt(sum (S - F)^2) / (h w)',
  range='0..; 0.05..0.3 for photos',
  direction='lower',
  sources=(2, None),
  paper=_REVIEW,
  tables=('FFMEF 4',),
  quirks=(
    'Divided by the number of pixels after the root, not before: smaller '
    'than a root mean square by the root of that number.',
  ),
  variants={'vifb': Variant(fidelity.rmse, colour.CHANNELS)},
)

_MSE = Metric(
  name='mse',
  title='Mean square error',
  formula='mean_S mean ((S - F) / 255)^2',
  range='0..1',
  direction='lower',
  sources=(2, None),
  paper='textbook',
  tables=('none of the papers; the LT toolbox',),
  quirks=('Of pictures in 0..1.',),
  variants={'lt': Variant(fidelity.mse, colour.GREY)},
)

_SCD = Metric(
  name='scd',
  title='Sum of the correlations of differences',
  formula='r(F - B, A) + r(F - A, B)',
  range='-2..2',
  direction='higher',
  sources=(2, 2),
  paper='Aslantas and Bendes, AEU 2015',
  tables=('CSCFuse 1', 'FMM 2, 3'),
  quirks=(
    'NaN where a source, or its difference from the fused picture, has one '
    'value, as for identical pictures.',
    'The sum of the sources reaches 2, a copy of one source does not score.',
  ),
  variants={
    'lt': Variant(correlation.scd, colour.GREY),
    'cddfuse': Variant(correlation.scd, colour.GREY_OPENCV),
    'cscfuse': Variant(correlation.scd, colour.GREY),
  },
)

_CC = Metric(
  name='cc',
  title='Correlation coefficient',
  formula="mean_S r(S,F), Pearson's r",
  range='-1..1',
  direction='higher',
  sources=(2, None),
  paper='Ma, Ma, Li, Information Fusion 2019',
  tables=('none of the papers; the LT toolbox',),
  quirks=('NaN where a picture has one value.',),
  variants={'lt': Variant(correlation.cc, colour.GREY)},
)

ROWS = (_PSNR, _RMSE, _MSE, _SCD, _CC)
