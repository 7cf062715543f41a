"""Rows of the metrics from grey-level statistics."""

from fusionjax.metrics import colour, information
from fusionjax.metrics.metric import Metric, Variant

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
  },
)

ROWS = (_EN,)
