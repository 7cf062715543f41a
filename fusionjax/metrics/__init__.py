"""Quality metrics of image fusion, as the published toolboxes define them.

`evaluate` scores a picture; `METRICS` is the table of what there is, and
`describe` prints it. The metrics themselves are pure functions of planes
[h, w] in 0..255, in the files of this room.
"""

from fusionjax.metrics.evaluator import evaluate, score
from fusionjax.metrics.gradient import ag, qabf
from fusionjax.metrics.information import en
from fusionjax.metrics.metric import Metric, Variant
from fusionjax.metrics.registry import METRICS, describe
from fusionjax.metrics.structure import mef_ssim
from fusionjax.metrics.toolboxes import TOOLBOXES, Toolbox

__all__ = [
  'METRICS',
  'TOOLBOXES',
  'Metric',
  'Toolbox',
  'Variant',
  'ag',
  'describe',
  'en',
  'evaluate',
  'mef_ssim',
  'qabf',
  'score',
]
