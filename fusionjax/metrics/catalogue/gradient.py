"""Rows of the metrics from local derivatives."""

import functools

from fusionjax.metrics import colour, gradient
from fusionjax.metrics.metric import Metric, Variant

_AG = Metric(
  name='ag',
  title='Average gradient',
  formula='sum sqrt((dx^2 + dy^2) / 2) / ((h-1)(w-1))',
  range='0..',
  direction='higher',
  sources=(0, 0),
  paper='Cui et al., Optics Communications 2015',
  tables=('FFMEF 1, 3, 4', 'CSCFuse 1'),
  quirks=(
    'The sum has h w terms, the divisor is (h-1)(w-1); cddfuse divides by h w.',
    'mefb, vifb: a colour result between grey sources goes to grey, where '
    'the other metrics take its red channel.',
  ),
  variants={
    'mefb': Variant(gradient.ag, colour.CHANNELS_AG),
    'vifb': Variant(gradient.ag, colour.CHANNELS_AG),
    'lt': Variant(gradient.ag, colour.GREY),
    'cddfuse': Variant(
      functools.partial(gradient.ag, divisor='all'), colour.GREY_OPENCV
    ),
  },
  min_size=2,
)

_QABF = Metric(
  name='qabf',
  title='Q^AB/F, edge preservation',
  formula='sum_S sum Q_S g_S / sum_S sum g_S, Q = logistic(G) logistic(A)',
  range='0..1',
  direction='higher',
  sources=(2, None),
  paper='Xydeas and Petrovic, Electronics Letters 2000',
  tables=('FFMEF 1, 3', 'MGDN 2 (grey)', 'FMM 1, 3'),
  quirks=(
    'Identical images reach 0.9994 * 0.9879 at most, not 1.',
    'mefb, vifb, lt: a tie of the edge strengths has G = g_F, not 1; mefb '
    'and vifb scale it by another 255, so that it saturates.',
    'mfif: zeros become 1e-5 one source after the other (the toolbox calls '
    'the metric Q_G); swapping the sources can change the last digits.',
    'NaN where no source has an edge.',
  ),
  variants={
    'mefb': Variant(gradient.qabf, colour.CHANNELS),
    'vifb': Variant(
      functools.partial(gradient.qabf, toolbox='vifb'), colour.CHANNELS
    ),
    'mfif': Variant(
      functools.partial(gradient.qabf, toolbox='mfif'), colour.GREY
    ),
    'lt': Variant(functools.partial(gradient.qabf, toolbox='lt'), colour.GREY),
  },
)

ROWS = (
  _AG,
  _QABF,
)
