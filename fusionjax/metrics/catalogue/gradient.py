"""Rows of the metrics from local derivatives and from contrast."""

import functools

from fusionjax.metrics import colour, edges, gradient
from fusionjax.metrics.metric import Metric, Variant

_SF_OWN = functools.partial(gradient.sf, divisor='own')

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
    'cscfuse': Variant(gradient.ag, colour.GREY),
  },
  min_size=2,
)

_EI = Metric(
  name='ei',
  title='Edge intensity',
  formula='mean sqrt(sx^2 + sy^2), Sobel',
  range='0..',
  direction='higher',
  sources=(0, 0),
  paper='Rajalingam and Priya, IJESI 2018',
  tables=('FFMEF 4', 'FMM 1, 2, 3'),
  quirks=(
    'The Sobel sums are not divided by 8; edge pixels are repeated.',
    'Noise raises it; it does not look at the sources.',
  ),
  variants={
    'mefb': Variant(gradient.ei, colour.CHANNELS),
    'vifb': Variant(gradient.ei, colour.CHANNELS),
  },
)

_SD = Metric(
  name='sd',
  title='Standard deviation',
  formula='sqrt(mean((F - mean F)^2))',
  range='0..127.5',
  direction='higher',
  sources=(0, 0),
  paper='textbook',
  tables=('FMM 1, 2, 3', 'CSCFuse 1'),
  quirks=(
    'Of the population: the divisor is h w, not h w - 1.',
    'vifb prints it as Variance.',
    "cscfuse: table 1's figures are 9 % below this one with the published "
    'weights, and no definition explains them.',
  ),
  variants={
    'mefb': Variant(gradient.sd, colour.CHANNELS),
    'vifb': Variant(gradient.sd, colour.CHANNELS),
    'lt': Variant(gradient.sd, colour.GREY),
    'cddfuse': Variant(gradient.sd, colour.GREY_OPENCV),
    'cscfuse': Variant(gradient.sd, colour.GREY),
  },
)

_SF = Metric(
  name='sf',
  title='Spatial frequency',
  formula='sqrt(RF^2 + CF^2), mean squares of the differences of neighbours',
  range='0..',
  direction='higher',
  sources=(0, 0),
  paper='Eskicioglu and Fisher, IEEE Trans. Communications 1995',
  tables=('FFMEF 4', 'FMM 1, 2, 3', 'CSCFuse 1'),
  quirks=(
    'mefb, vifb: both sums are divided by the number of pixels; lt, cddfuse, '
    'cscfuse: each by the number of its differences.',
    "vifb: R, G and B stand side by side as one picture, MATLAB's size of a "
    '3-D array, and the differences across the two seams count.',
    'The published table of lt is of pictures in 0..1: 255 times smaller.',
    "cscfuse: table 1's figures are not reproduced with the published "
    'weights by any definition (18.25 and 11.65 for 21.85 and 12.88).',
  ),
  variants={
    'mefb': Variant(gradient.sf, colour.CHANNELS),
    'vifb': Variant(gradient.sf, colour.RESULT_TOGETHER),
    'lt': Variant(_SF_OWN, colour.GREY),
    'cddfuse': Variant(_SF_OWN, colour.GREY_OPENCV),
    'cscfuse': Variant(_SF_OWN, colour.GREY),
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
    'mefb': Variant(edges.qabf, colour.CHANNELS),
    'vifb': Variant(
      functools.partial(edges.qabf, toolbox='vifb'), colour.CHANNELS
    ),
    'mfif': Variant(functools.partial(edges.qabf, toolbox='mfif'), colour.GREY),
    'lt': Variant(functools.partial(edges.qabf, toolbox='lt'), colour.GREY),
    'mgdn': Variant(edges.qabf, colour.GREY),
  },
)

_NABF = Metric(
  name='nabf',
  title='N^AB/F, fusion artifacts',
  formula='sum_new sum_S (1 - Q_S) w_S / sum_S sum w_S, w = g^1.5',
  range='0..1',
  direction='lower',
  sources=(2, None),
  paper='Kumar, Signal, Image and Video Processing 2013',
  tables=('none of the papers; the LT toolbox',),
  quirks=(
    "Counts only where the fused edge is stronger than every source's.",
    'Its logistic curves and its border (reflected) are not those of qabf.',
  ),
  variants={'lt': Variant(edges.nabf, colour.GREY)},
  min_size=2,
)

ROWS = (_AG, _EI, _SD, _SF, _QABF, _NABF)
