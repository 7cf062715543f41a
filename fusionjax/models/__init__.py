"""Networks: one file a paper, Flax modules only."""

from fusionjax.models.ffmef import FFMEF

__all__ = ['FFMEF']
