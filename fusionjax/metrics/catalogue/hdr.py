"""Rows of the metrics against a true HDR image or depth map."""

from fusionjax.metrics.metric import Metric

ROWS: tuple[Metric, ...] = ()
