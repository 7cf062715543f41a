"""Rows of the metrics from grey-level statistics."""

import functools

from fusionjax.metrics import colour, feature_information, information
from fusionjax.metrics.metric import Metric, Variant

_UNDEFINED = (
  'A picture of one level that is not zero has no stretch: NaN (0 / 0; the '
  'published code fails).'
)

_EN = Metric(
  name='en',
  title='Entropy',
  formula='-sum_i p_i log2 p_i over 256 levels of F',
  range='0..8 bits',
  direction='higher',
  sources=(0, 0),
  paper='Roberts et al., J. Applied Remote Sensing 2008',
  tables=(
    'FFMEF 1, 3, 4',
    'MGDN 2',
    'FMM 1, 2, 3',
    'CSCFuse 1',
  ),
  quirks=('Noise raises it; it does not look at the sources.',),
  variants={
    'mefb': Variant(information.en, colour.CHANNELS),
    'vifb': Variant(information.en, colour.CHANNELS),
    'lt': Variant(information.en, colour.GREY),
    'cddfuse': Variant(information.en, colour.GREY_OPENCV),
    'cscfuse': Variant(information.en, colour.GREY),
    'mgdn': Variant(information.en, colour.CHANNELS),
  },
)

_CE = Metric(
  name='ce',
  title='Cross entropy',
  formula='mean_S sum_i p_S(i) log2(p_S(i) / p_F(i))',
  range='usually 0.. bits',
  direction='lower',
  sources=(2, None),
  paper='Bulanon et al., Biosystems Engineering 2009',
  tables=('FFMEF 1', 'MGDN 1', 'FMM 1'),
  quirks=(
    'Levels that one of the two pictures lacks are left out, so that it can '
    'be negative, and is 0 for pictures that have no level in common.',
    'It compares how often levels occur and not where.',
  ),
  variants={
    'mefb': Variant(information.ce, colour.CHANNELS),
    'vifb': Variant(information.ce, colour.CHANNELS),
  },
)

_MI = Metric(
  name='mi',
  title='Mutual information',
  formula='sum_S I(S,F), I(X,Y) = H(X) + H(Y) - H(X,Y)',
  range='0..11.1 nats (vifb, cddfuse), 0..16 bits (lt, cscfuse), two sources',
  direction='higher',
  sources=(2, None),
  paper='Qu et al., Electronics Letters 2002',
  tables=('CSCFuse 1', 'FMM 2, 3'),
  quirks=(
    'vifb and cddfuse count in nats, lt and cscfuse in bits.',
    'vifb stretches each picture to 0..255 first. ' + _UNDEFINED,
    'lt: levels 254 and 255 share a bin of the joint histogram but not of '
    'the single ones: uint8 + 1 ends at 255.',
    'FMM, tables 2 and 3: the printed MI is twice EN to the digits, and so '
    'of another definition.',
  ),
  variants={
    toolbox: Variant(
      functools.partial(information.mi, toolbox=toolbox),  # type: ignore[arg-type]
      rule,
    )
    for toolbox, rule in (
      ('vifb', colour.CHANNELS),
      ('lt', colour.GREY),
      ('cddfuse', colour.GREY_OPENCV),
      ('cscfuse', colour.GREY),
    )
  },
)

_NMI = Metric(
  name='nmi',
  title='Normalised mutual information',
  formula='2 sum_S I(S,F) / (H(S) + H(F))',
  range='0..2 for two sources',
  direction='higher',
  sources=(2, None),
  paper='Hossny et al., Electronics Letters 2008',
  tables=('FFMEF 1',),
  quirks=(
    'Each picture is stretched to 0..255 first. ' + _UNDEFINED,
    'NaN also where the fused picture and a source are all zero.',
    'The MFIF toolbox calls it Q_MI.',
  ),
  variants={
    'mefb': Variant(information.nmi, colour.CHANNELS),
    'mfif': Variant(information.nmi, colour.GREY),
  },
)

_TE = Metric(
  name='te',
  title='Tsallis entropy',
  formula='sum_S (1 - sum_ij h(i,j)^q / (p_F(i) p_S(j))^(q-1)) / (1 - q), '
  'q = 1.85',
  range='no bounds, 1e1..1e5 for photos',
  direction='higher',
  sources=(2, None),
  paper='Cvejic et al., Electronics Letters 2006',
  tables=('none of the papers; the MEFB benchmark',),
  quirks=(
    'The shares of source and fused picture are swapped against the joint '
    'ones, a slip of both toolboxes that is kept: the values are large and '
    'mean little.',
    'Each picture is stretched to 0..255 first. ' + _UNDEFINED,
    'mfif: the definition of mefb, on grey; the one of Nava et al. in the '
    'same toolbox (q = 0.43137, normalised) is another.',
  ),
  variants={
    'mefb': Variant(information.te, colour.CHANNELS),
    'mfif': Variant(information.te, colour.GREY),
  },
)

_QNCIE = Metric(
  name='qncie',
  title='Nonlinear correlation information entropy',
  formula='1 + sum_i (l_i / 3) log256(l_i / 3), l_i the eigenvalues of the '
  'matrix of I(X,Y) / 8 bits of A, B and F, ones on its diagonal',
  range='0.80..1 for two sources',
  direction='higher',
  sources=(2, None),
  paper='Wang et al., Physica D 2005',
  tables=('FFMEF 1, 3',),
  quirks=(
    'Each picture is stretched to 0..255 first. ' + _UNDEFINED,
    'The diagonal is 1 whatever the entropy of a picture, so that identical '
    'pictures stay below 1 unless they have all levels equally often.',
  ),
  variants={
    'mefb': Variant(information.qncie, colour.CHANNELS),
    'mfif': Variant(information.qncie, colour.GREY),
  },
)

_FMI = Metric(
  name='fmi',
  title='Feature mutual information',
  formula='mean_S mean_x 2 I / (H_S + H_F) of 3 x 3 windows of the edge maps',
  range='0..1',
  direction='higher',
  sources=(2, None),
  paper='Haghighat and Razian, AICT 2014',
  tables=('FFMEF 1, 3',),
  quirks=(
    'The toolboxes name no feature in their call, and so compare edge maps '
    "(MATLAB's edge, Sobel), whatever their own name for the metric.",
    'Windows without edges in both pictures count as 1, so that smooth '
    'pictures score high and flat ones 1.',
    'A single pair of windows can score up to 1.1: the blend of '
    'distributions can have bins below 0.',
  ),
  variants={
    'mefb': Variant(feature_information.fmi, colour.CHANNELS),
    'lt': Variant(feature_information.fmi, colour.GREY),
  },
  min_size=feature_information.WINDOW,
)

ROWS = (_EN, _CE, _MI, _NMI, _TE, _QNCIE, _FMI)
