"""Networks: one file a paper, Flax modules only."""

from fusionjax.models.csc_ivfn import CSCIVFN
from fusionjax.models.csc_mefn import CSCMEFN
from fusionjax.models.csc_msfn import CSCMSFN
from fusionjax.models.ffmef import FFMEF
from fusionjax.models.fmm import FMM
from fusionjax.models.mgdn import MGDN
from fusionjax.models.mgdn_deghost import MGDNDeghost
from fusionjax.models.mgdn_depth import MGDNDepth

__all__ = [
  'CSCIVFN',
  'CSCMEFN',
  'CSCMSFN',
  'FFMEF',
  'FMM',
  'MGDN',
  'MGDNDeghost',
  'MGDNDepth',
]
