"""Quality metrics of image fusion, as the published toolboxes define them.

`evaluate` scores a picture; `METRICS` is the table of what there is, and
`describe` prints it. The metrics themselves are pure functions of planes
[h, w] in 0..255, in the files of this room.
"""

from fusionjax.metrics.evaluator import evaluate, score
from fusionjax.metrics.gradient import ag, qabf
from fusionjax.metrics.information import en
from fusionjax.metrics.registry import (
  METRICS,
  TOOLBOXES,
  Metric,
  Toolbox,
  describe,
)
from fusionjax.metrics.structure import mef_ssim

__all__ = [
  'METRICS',
  'TOOLBOXES',
  'Metric',
  'Toolbox',
  'ag',
  'describe',
  'en',
  'evaluate',
  'mef_ssim',
  'qabf',
  'score',
]
