"""Rows of the metrics from models of human vision."""

from fusionjax.metrics.metric import Metric

ROWS: tuple[Metric, ...] = ()
