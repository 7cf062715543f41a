"""Rows of the metrics without a source or reference."""

from fusionjax.metrics.metric import Metric

ROWS: tuple[Metric, ...] = ()
