"""What the metrics ask of pictures: checked once, with what to do."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from fusionjax import errors
from fusionjax.metrics import registry

# What rounding may leave outside [0, 1] in a float picture.
_SLACK = 1e-3


def check_pictures(
  fused: Any, sources: Sequence[Any], *, names: Sequence[str]
) -> list[np.ndarray]:
  """Checks a fused picture and its sources for some metrics.

  Args:
    fused: [h, w], [h, w, 1] or [h, w, 3] picture.
    sources: pictures of the same size.
    names: the metrics that are to be computed.

  Returns:
    The fused picture and the sources, [h, w] or [h, w, 3], of the dtype that
    they have.

  Raises:
    errors.InputError: see `evaluate`.
  """
  metric = _label(names)
  if isinstance(sources, np.ndarray | jax.Array) and sources.ndim < 3:
    raise errors.InputError(
      f'{metric}: sources is one array, but a list of pictures is expected. '
      'Write [a, b].'
    )
  labels = ['fused', *(f'source {k + 1}' for k in range(len(sources)))]
  pictures = [
    _checked(np.asarray(picture), label=label, metric=metric)
    for picture, label in zip((fused, *sources), labels, strict=True)
  ]
  first = pictures[0]
  for picture, label in zip(pictures, labels, strict=True):
    if picture.shape[:2] != first.shape[:2]:
      raise errors.InputError(
        f'{metric}: the fused picture and its sources must share one size: '
        f'fused is {_size(first)}, {label} is {_size(picture)} (width x '
        'height). Resize one.'
      )
    if _is_integer(picture) != _is_integer(first):
      raise errors.InputError(
        f'{metric}: the fused picture and its sources must be of one kind: '
        f'fused is {first.dtype}, {label} is {picture.dtype}. Give integers '
        'or floats throughout.'
      )
  for name in names:
    _check_metric(name, first, count=len(sources))
  if any(registry.METRICS[name].values == 'levels' for name in names):
    for picture, label in zip(pictures, labels, strict=True):
      _check_range(picture, label=label, metric=metric)
  return pictures


def in_values(picture: np.ndarray, *, values: str) -> np.ndarray:
  """A checked picture in the values that a metric wants.

  Args:
    picture: [h, w] or [h, w, 3].
    values: `levels` 0..255, `unit` for 0..1 of integers and floats as they
      are, or `stored` for the values as they are.

  Returns:
    The picture, uint8 where it is and may stay so, otherwise float64.
  """
  if values == 'stored':
    return picture.astype(np.float64)
  if values == 'unit':
    most = np.iinfo(picture.dtype).max if _is_integer(picture) else 1
    return picture.astype(np.float64) / most
  if picture.dtype == np.uint8:
    return picture
  if picture.dtype == np.uint16:
    return picture / 257.0
  return np.clip(picture.astype(np.float64), 0, 1) * 255


def _checked(picture: np.ndarray, *, label: str, metric: str) -> np.ndarray:
  if picture.ndim == 3 and picture.shape[-1] == 1:
    picture = picture[..., 0]
  if picture.ndim != 2 and not (picture.ndim == 3 and picture.shape[-1] == 3):
    raise errors.InputError(
      f'{metric}: {label} has the shape {picture.shape}, but [h, w] or '
      '[h, w, 3] is expected. Drop an alpha channel, score a batch one by one.'
    )
  if not picture.size:
    raise errors.InputError(
      f'{metric}: {label} is empty: its shape is {picture.shape}. Give a '
      'picture.'
    )
  if picture.dtype in (np.uint8, np.uint16):
    return picture
  if not (picture.dtype.kind == 'f' or picture.dtype.name == 'bfloat16'):
    raise errors.InputError(
      f'{metric}: {label} is {picture.dtype}, but uint8, uint16 or float is '
      'expected. Convert it.'
    )
  if not np.isfinite(picture.astype(np.float64)).all():
    raise errors.InputError(
      f'{metric}: {label} holds NaN or infinite pixels. Replace them first.'
    )
  return picture


def _check_range(picture: np.ndarray, *, label: str, metric: str) -> None:
  if _is_integer(picture):
    return
  low, high = float(picture.min()), float(picture.max())
  if low < -_SLACK or high > 1 + _SLACK:
    raise errors.InputError(
      f'{metric}: {label} is float in {low:.4g}..{high:.4g}, but floats are '
      'expected in 0..1. Divide by 255, or convert to uint8.'
    )


def _check_metric(name: str, fused: np.ndarray, *, count: int) -> None:
  metric = registry.METRICS[name]
  least, most = metric.sources
  wanted = registry.count(metric.sources)
  if count < least:
    fix = (
      'Give the true image as the one source.'
      if metric.reference
      else 'Give all sources of the scene.'
    )
    raise errors.InputError(
      f'Metric {name!r} takes {wanted} sources, but {count} came. {fix}'
    )
  if most and count > most:
    raise errors.InputError(
      f'Metric {name!r} takes {wanted} sources, but {count} came. Score it '
      'against fewer, or leave the metric out.'
    )
  if min(fused.shape[:2]) < metric.min_size:
    raise errors.InputError(
      f'Metric {name!r} needs at least {metric.min_size} pixels a side, but '
      f'fused is {_size(fused)} (width x height). Leave it out.'
    )


def _label(names: Sequence[str]) -> str:
  if len(names) == 1:
    return f'Metric {names[0]!r}'
  more = f' and {len(names) - 3} more' if len(names) > 3 else ''
  return f'Metrics {", ".join(names[:3])}{more}'


def _is_integer(picture: np.ndarray) -> bool:
  return bool(np.issubdtype(picture.dtype, np.integer))


def _size(picture: np.ndarray) -> str:
  return f'{picture.shape[1]}x{picture.shape[0]}'
