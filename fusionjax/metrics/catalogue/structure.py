"""Rows of the metrics from local structure."""

import functools

from fusionjax.metrics import (
  colour,
  csc_ssim,
  piella,
  structure,
  yang_cvejic,
)
from fusionjax.metrics.metric import Metric, Variant

_SSIM = Metric(
  name='ssim',
  title='Structural similarity',
  formula='sum_S mean((2 mu_S mu_F + C1)(2 cov + C2) / ((mu_S^2 + mu_F^2 + '
  'C1)(var_S + var_F + C2)))',
  range='-2..2 for two sources (vifb, cddfuse); -1..1 (lt, mgdn)',
  direction='higher',
  sources=(1, None),
  paper='Wang et al., IEEE TIP 2004',
  tables=('FFMEF 4', 'MGDN 2'),
  quirks=(
    'vifb and cddfuse sum over the sources, lt and mgdn take the mean.',
    "lt: MATLAB's ssim takes doubles to lie in 0..1 and is given 0..255, so "
    'that C1 = 1e-4 and C2 = 9e-4; edge pixels are repeated.',
    'cddfuse: scikit-image before 0.20 took floats to lie in -1..1 and is '
    'given 0..255, so that its data range is 2; 7 x 7 boxes. Later versions '
    'refuse the call.',
    'mgdn: the paper does not say what it computes, and its 0.902 on Lytro '
    'is not reproduced: the mean of the two values of vifb, on grey, is '
    '0.843 to 0.849 with the published weights.',
  ),
  variants={
    toolbox: Variant(
      functools.partial(structure.ssim, toolbox=toolbox),  # type: ignore[arg-type]
      rule,
    )
    for toolbox, rule in (
      ('vifb', colour.CHANNELS),
      ('lt', colour.GREY),
      ('cddfuse', colour.GREY_OPENCV),
      ('mgdn', colour.GREY),
    )
  },
  min_size=structure.SSIM_MIN_SIZE,
)

_MEF_QUIRKS = (
  'No term for luminance; structure and contrast alone.',
  '-inf where the smaller side is below 44 pixels, as the reference.',
  'NaN where the mean of a level is negative (an inverted image).',
)

_MEF_SSIM = Metric(
  name='mef_ssim',
  title='MEF-SSIM',
  formula='prod_l mean((2 cov(r,f) + C) / (var r + var f + C))^weight_l',
  range='-1..1',
  direction='higher',
  sources=(2, None),
  paper='Ma, Zeng, Wang, IEEE TIP 2015',
  tables=('FFMEF 1', 'MGDN 1 (named SSIM there)'),
  quirks=(
    *_MEF_QUIRKS,
    'cscfuse: what CSC-MEFN is trained with, not for tables: one scale, with '
    'luminance, on 0..1, zeros around the picture, compared with the source '
    'of the largest variance; finite at any size.',
  ),
  variants={
    'mefb': Variant(structure.mef_ssim, colour.GREY),
    'mgdn': Variant(structure.mef_ssim, colour.GREY),
    'cscfuse': Variant(csc_ssim.mef_ssim_csc, colour.TOGETHER),
  },
)

_MS_SSIM = Metric(
  name='ms_ssim',
  title='MS_SSIM of the LT toolbox',
  formula='that of mef_ssim',
  range='-1..1',
  direction='higher',
  sources=(2, None),
  paper='Ma, Zeng, Wang, IEEE TIP 2015',
  tables=('FMM 1, 3',),
  quirks=(
    'The name is that of multi-scale SSIM, the code is MEF-SSIM.',
    *_MEF_QUIRKS,
  ),
  variants={'lt': Variant(structure.mef_ssim, colour.GREY)},
)

_PIELLA = 'Piella and Heijmans, ICIP 2003'

_QS = Metric(
  name='qs',
  title="Piella's Q_S",
  formula='mean sum_S lambda_S SSIM_w(S,F), lambda_S = var_S / sum var',
  range='-1..1',
  direction='higher',
  sources=(2, None),
  paper=_PIELLA,
  tables=('none of the papers; the MFIF toolbox',),
  quirks=('Flat windows count with equal weights, in 8 x 8 boxes.',),
  variants={'mfif': Variant(piella.qs, colour.GREY)},
  min_size=piella.WINDOWS['mfif'],
)

_QW = Metric(
  name='qw',
  title="Piella's Q_W",
  formula='sum c sum_S lambda_S SSIM_w(S,F), c = max_S var_S / sum of it',
  range='-1..1',
  direction='higher',
  sources=(2, None),
  paper=_PIELLA,
  tables=('FFMEF 1, 3',),
  quirks=(
    'mefb: computed of the edge images alone, which is the edge factor of '
    "Piella's Q_E and not her Q_W; 11 x 11 Gaussian windows.",
    'mfif: 8 x 8 boxes, C1 = C2 = 6.5e-8.',
  ),
  variants={
    'mefb': Variant(piella.qw, colour.CHANNELS),
    'mfif': Variant(functools.partial(piella.qw, toolbox='mfif'), colour.GREY),
  },
  min_size=piella.WINDOWS['mefb'],
)

_QE = Metric(
  name='qe',
  title="Piella's Q_E",
  formula='Q_W(images) Q_W(edge images)',
  range='-1..1',
  direction='higher',
  sources=(2, None),
  paper=_PIELLA,
  tables=('none of the papers; the MFIF benchmark',),
  quirks=(
    'C1 = C2 = 6.5e-8: windows without edges leave 1e-6 to 4e-5 of rounding '
    'in the published values.',
  ),
  variants={'mfif': Variant(piella.qe, colour.GREY)},
  min_size=piella.WINDOWS['mfif'],
)

_FLAT = (
  'Windows that are exactly flat have variances and covariances of exactly '
  '0; the toolboxes divide rounding noise there, and have printed values '
  'far off.'
)

_QY = Metric(
  name='qy',
  title="Yang's Q_Y",
  formula='mean(lambda S(A,F) + (1 - lambda) S(B,F) where S(A,B) >= 0.75, '
  'else max(S(A,F), S(B,F)))',
  range='-1..1',
  direction='higher',
  sources=(2, 2),
  paper='Yang et al., Information Fusion 2008',
  tables=('none of the papers; the MEFB and MFIF benchmarks',),
  quirks=(
    _FLAT,
    'Where both sources are flat they weigh alike.',
  ),
  variants={
    'mefb': Variant(yang_cvejic.qy, colour.CHANNELS),
    'mfif': Variant(yang_cvejic.qy, colour.GREY),
  },
  min_size=yang_cvejic.WINDOW,
)

_QC = Metric(
  name='qc',
  title="Cvejic's Q_C",
  formula='mean(s S(A,F) + (1 - s) S(B,F)), s = cov_AF / (cov_AF + cov_BF)',
  range='-1..1',
  direction='higher',
  sources=(2, 2),
  paper='Cvejic et al., International Journal of Signal Processing 2005',
  tables=('none of the papers; the MEFB benchmark',),
  quirks=(
    _FLAT,
    'The paper limits s to 0..1. The toolbox sets the result to 0 where s < '
    '0 and to 1 where s > 1, and is followed.',
    'Windows where s is 0 / 0 are left out of the mean; where the covariances '
    'cancel the result is 0.',
    'The map jumps where s passes 0 and 1: rounding decides the sides that '
    'windows take in the toolbox, from the sixth digit on. Here covariances '
    'that are rounding are 0.',
    'Swapping the sources can change the value: 0 and 1 change places.',
  ),
  variants={'mefb': Variant(yang_cvejic.qc, colour.CHANNELS)},
  min_size=yang_cvejic.WINDOW,
)

ROWS = (_SSIM, _MEF_SSIM, _MS_SSIM, _QS, _QW, _QE, _QY, _QC)
