"""Networks: one file a paper, Flax modules only."""

from fusionjax.models.csc_ivfn import CSCIVFN
from fusionjax.models.csc_mefn import CSCMEFN
from fusionjax.models.csc_msfn import CSCMSFN
from fusionjax.models.ffmef import FFMEF
from fusionjax.models.fmm import FMM

__all__ = ['CSCIVFN', 'CSCMEFN', 'CSCMSFN', 'FFMEF', 'FMM']
