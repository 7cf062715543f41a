"""Rows of the metrics from models of human vision."""

import functools

from fusionjax.metrics import (
  chen_blum,
  chen_varshney,
  colour,
  visual_information,
  zhao,
)
from fusionjax.metrics.metric import Metric, Variant

_ONE_LEVEL = (
  'Each picture is stretched to 0..255 first: NaN for a picture of one level '
)
_SIZES = 'Its Fourier transforms are compiled for every new size.'

_QP = Metric(
  name='qp',
  title='Q_P, phase congruency',
  formula='prod_k mean max_S (cov(k_S, k_F) + C) / (sqrt|var var| + C), k the '
  'phase congruency and its larger and smaller moment',
  range='about 0..1',
  direction='higher',
  sources=(2, 2),
  paper='Zhao, Laganiere, Liu, IJICIC 2007',
  tables=('FFMEF 1',),
  quirks=(
    "With the slips of the published copy of Kovesi's code: a covariance "
    'divided by 6 where variances are divided by 3, a low pass one sample off '
    'in pictures of odd size.',
    'Features are found where the phase congruency, not the moment itself, '
    'is above 0.1; the fused picture is not masked.',
    'NaN where the sources have no feature, as in flat pictures. A flat fused '
    'picture has correlations C / C: nearly 1.',
    _SIZES,
  ),
  variants={
    toolbox: Variant(zhao.qp, rule, spectra=zhao.spectra, pooled=zhao.pooled)
    for toolbox, rule in (('mefb', colour.CHANNELS), ('mfif', colour.GREY))
  },
  min_size=zhao.MIN_SIZE,
)

_QCB = Metric(
  name='qcb',
  title='Chen and Blum, Q_CB',
  formula='mean sum_S c_S^2 / (sum c^2) min(c_S, c_F) / max(c_S, c_F), c the '
  'masked contrast',
  range='0..1',
  direction='higher',
  sources=(2, None),
  paper='Chen and Blum, Image and Vision Computing 2009',
  tables=('FFMEF 1', 'MGDN 1'),
  quirks=(
    _ONE_LEVEL + 'alone.',
    'mefb: divides by 255 before, which moves some halves of a level to the '
    'other side and the value by less than 1e-5.',
    'The Gaussians of the contrast are cut off at 31 x 31 and not normed.',
    _SIZES,
  ),
  variants={
    toolbox: Variant(
      functools.partial(chen_blum.qcb, toolbox=toolbox),  # type: ignore[arg-type]
      rule,
      spectra=functools.partial(chen_blum.spectra, toolbox=toolbox),  # type: ignore[arg-type]
      pooled=chen_blum.pooled,
    )
    for toolbox, rule in (
      ('mefb', colour.CHANNELS),
      ('vifb', colour.CHANNELS),
      ('mfif', colour.GREY),
    )
  },
)

_QCV = Metric(
  name='qcv',
  title='Chen and Varshney, Q_CV',
  formula='sum_S sum_w lambda_S D_S / sum_S sum_w lambda_S, lambda = sum g^5, '
  'D = mean square of the visible F - S, in 16 x 16 regions w',
  range='0..',
  direction='lower',
  sources=(2, None),
  paper='Chen and Varshney, Information Fusion 2007',
  tables=('FFMEF 1, 3, 4',),
  quirks=(
    _ONE_LEVEL + 'that is not zero, and where all sources are zero.',
    'Regions that reach out of the picture count with zeros, and their mean '
    'is over all 256 pixels.',
    _SIZES,
  ),
  variants={
    toolbox: Variant(
      chen_varshney.qcv,
      rule,
      spectra=chen_varshney.spectra,
      pooled=chen_varshney.pooled,
    )
    for toolbox, rule in (
      ('mefb', colour.CHANNELS),
      ('vifb', colour.CHANNELS),
      ('mfif', colour.GREY),
    )
  },
)

_VIFF = Metric(
  name='viff',
  title='Visual information fidelity for fusion',
  formula='(V_1 + 0.15 V_3 + V_4) / 2.15, V_s = sum N / sum D over the windows '
  'of scale s',
  range='0..',
  direction='higher',
  sources=(2, None),
  paper='Han et al., Information Fusion 2013',
  tables=('FFMEF 1, 3', 'MGDN 1', 'CSCFuse 1', 'FMM 1'),
  quirks=(
    'Each window counts by the source of the smaller gain, of equal gains by '
    'the last one: swapping the sources can change the value.',
    'A source that is flat in a window, with a variance below 1e-10, has a '
    'gain of 0 and takes the window. The published code has rounding of that '
    'size in saturated areas, and values that are up to 1e-3 off; here '
    'variances are about the mean.',
    'Flat sources have nothing to keep: 1. More than 1 where contrast is '
    'gained.',
    'The toolbox calls it VIF. Its weight of the second scale is 0.',
    'cscfuse: the printed values of table 1 are met on grey.',
  ),
  variants={
    'mefb': Variant(visual_information.viff, colour.CHANNELS),
    'cscfuse': Variant(visual_information.viff, colour.GREY),
  },
  min_size=visual_information.MIN_SIZE,
)

_VIFP = Metric(
  name='vifp',
  title='Visual information fidelity in the pixel domain',
  formula='sum_S sum N / sum D over the windows of four scales, N = '
  'log(1 + g^2 var_S / (s + 2)), D = log(1 + var_S / 2)',
  range='0.., the number of sources for identical pictures',
  direction='higher',
  sources=(1, None),
  paper='Sheikh and Bovik, IEEE TIP 2006',
  tables=('FMM 2, 3',),
  quirks=(
    'A sum over the sources. The toolboxes call it VIF.',
    'NaN where a source is flat.',
    'lt: the values that the toolbox publishes are 8 to 40 % larger than '
    'those of the code that it ships.',
  ),
  variants={
    'lt': Variant(visual_information.vifp, colour.GREY),
    'cddfuse': Variant(visual_information.vifp, colour.GREY_OPENCV),
  },
  min_size=visual_information.MIN_SIZE,
)

ROWS: tuple[Metric, ...] = (_QP, _QCB, _QCV, _VIFF, _VIFP)
