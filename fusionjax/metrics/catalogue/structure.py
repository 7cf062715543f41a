"""Rows of the metrics from local structure."""

from fusionjax.metrics import colour, structure
from fusionjax.metrics.metric import Metric, Variant

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
    'No term for luminance; structure and contrast alone.',
    '-inf where the smaller side is below 44 pixels, as the reference.',
    'NaN where the mean of a level is negative (an inverted image).',
    "lt: the toolbox's MS_SSIM is this code.",
  ),
  variants={
    'mefb': Variant(structure.mef_ssim, colour.GREY),
    'lt': Variant(structure.mef_ssim, colour.GREY),
  },
)

ROWS = (_MEF_SSIM,)
