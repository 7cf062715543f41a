"""From pictures to scores: checks at the door, float64, jit per metric."""

import functools
import importlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fusionjax import errors
from fusionjax.metrics import registry

Array = jax.Array

# What rounding may leave outside [0, 1] in a float picture.
_SLACK = 1e-3


def evaluate(
  fused: Any,
  sources: Sequence[Any],
  *,
  metrics: str | Sequence[str] = 'all',
  toolbox: str = 'mefb',
) -> dict[str, float]:
  """Scores a fused picture against its sources.

  Computed in float64 whatever JAX's default. The toolboxes read 8-bit
  pictures, and score them in 0..255; 16-bit levels are divided by 257, floats
  multiplied by 255, and neither is rounded except where a metric counts
  levels or goes to grey.

  Args:
    fused: [h, w] or [h, w, 3] picture, uint8, uint16 or float in [0, 1].
    sources: pictures of the same size, grey or colour, integers if `fused`
      is, floats if `fused` is. May be empty for metrics without sources.
    metrics: names of `METRICS`, one name, or `all`: every metric that the
      toolbox defines.
    toolbox: whose definitions and whose colour rule: a key of `TOOLBOXES`.

  Returns:
    The value of each metric by name, in the order asked for.

  Raises:
    errors.InputError: if a name is unknown, sizes or kinds differ, there are
      too few or too many sources, or a picture is empty or not finite.
  """
  names = registry.select(metrics, toolbox=toolbox)
  first, *others = _checked_pictures(fused, sources)
  for name in names:
    _check_metric(name, first, count=len(others))
  with _float64():
    arrays = [jnp.asarray(picture) for picture in (first, *others)]
    values = {
      name: _compiled(name, toolbox)(arrays[0], tuple(arrays[1:]))
      for name in names
    }
    return {name: float(value) for name, value in values.items()}


def score(
  fused: Array, sources: Sequence[Array], *, name: str, toolbox: str
) -> Array:
  """One metric of one picture under a toolbox's colour rule, jittable.

  Args:
    fused: [h, w] or [h, w, 3] floats in 0..255.
    sources: the same, of the same size.
    name: a key of `METRICS`.
    toolbox: a toolbox that defines the metric.

  Returns:
    Scalar of the dtype of `fused`. Only float64 has the digits of the
    toolboxes.
  """
  metric = registry.METRICS[name]
  variant = metric.variant(toolbox)
  assert variant is not None, f'{name} under {toolbox}'
  planes, source_planes = variant.colour.split(fused, sources)
  inputs = (planes,) if metric.sources[1] == 0 else (planes, source_planes)
  return jnp.mean(jax.vmap(variant.function)(*inputs))


@functools.cache
def _compiled(name: str, toolbox: str) -> Callable[..., Array]:
  return jax.jit(functools.partial(score, name=name, toolbox=toolbox))


def _float64() -> AbstractContextManager[Any]:
  """Switches 64-bit types on within a `with` block."""
  # It moved from jax.experimental into jax; either way it is a context
  # manager.
  switch = getattr(jax, 'enable_x64', None)
  if switch is None:
    switch = importlib.import_module('jax.experimental').enable_x64
  return switch(True)


def _checked_pictures(fused: Any, sources: Sequence[Any]) -> list[np.ndarray]:
  """The pictures as float64 in 0..255, after all checks of the door."""
  if isinstance(sources, np.ndarray | jax.Array) and sources.ndim < 3:
    raise errors.InputError(
      'sources is one array, but a list of pictures is expected. Write [a, b].'
    )
  labels = ['fused', *(f'source {k + 1}' for k in range(len(sources)))]
  raw = [np.asarray(picture) for picture in (fused, *sources)]
  pictures = [
    _in_levels(picture, label=label)
    for picture, label in zip(raw, labels, strict=True)
  ]
  for picture, given, label in zip(pictures, raw, labels, strict=True):
    if picture.shape[:2] != pictures[0].shape[:2]:
      raise errors.InputError(
        f'The fused picture and its sources must share one size: fused is '
        f'{_size(pictures[0])}, {label} is {_size(picture)} (width x '
        'height). Resize one.'
      )
    if _is_integer(given) != _is_integer(raw[0]):
      raise errors.InputError(
        f'The fused picture and its sources must be of one kind: fused is '
        f'{raw[0].dtype}, {label} is {given.dtype}. Give integers or floats '
        'in [0, 1] throughout.'
      )
  return pictures


def _in_levels(picture: np.ndarray, *, label: str) -> np.ndarray:
  """One picture as [h, w] or [h, w, 3] float64 in 0..255."""
  if picture.ndim == 3 and picture.shape[-1] == 1:
    picture = picture[..., 0]
  if picture.ndim != 2 and not (picture.ndim == 3 and picture.shape[-1] == 3):
    raise errors.InputError(
      f'{label} has the shape {picture.shape}, but [h, w] or [h, w, 3] is '
      'expected. Drop an alpha channel, score a batch one by one.'
    )
  if not picture.size:
    raise errors.InputError(
      f'{label} is empty: its shape is {picture.shape}. Give a picture.'
    )
  if picture.dtype == np.uint8:
    return picture.astype(np.float64)
  if picture.dtype == np.uint16:
    return picture / 257.0
  if not (picture.dtype.kind == 'f' or picture.dtype.name == 'bfloat16'):
    raise errors.InputError(
      f'{label} is {picture.dtype}, but uint8, uint16 or float in [0, 1] is '
      'expected. Convert it.'
    )
  picture = picture.astype(np.float64)
  low, high = picture.min(), picture.max()
  if not (np.isfinite(low) and np.isfinite(high)):
    raise errors.InputError(
      f'{label} holds NaN or infinite pixels. Replace them first.'
    )
  if low < -_SLACK or high > 1 + _SLACK:
    raise errors.InputError(
      f'{label} is float in {low:.4g}..{high:.4g}, but floats are expected '
      'in 0..1. Divide by 255, or convert to uint8.'
    )
  return np.clip(picture, 0, 1) * 255


def _check_metric(name: str, fused: np.ndarray, *, count: int) -> None:
  metric = registry.METRICS[name]
  least, most = metric.sources
  if count < least:
    raise errors.InputError(
      f'Metric {name!r} takes {registry.count(metric.sources)} sources, but '
      f'{count} came. Give all sources of the scene.'
    )
  if most and count > most:
    raise errors.InputError(
      f'Metric {name!r} takes {registry.count(metric.sources)} sources, but '
      f'{count} came. Score it against fewer, or leave the metric out.'
    )
  if min(fused.shape[:2]) < metric.min_size:
    raise errors.InputError(
      f'Metric {name!r} needs at least {metric.min_size} pixels a side, but '
      f'fused is {_size(fused)} (width x height). Leave it out.'
    )


def _is_integer(picture: np.ndarray) -> bool:
  return np.issubdtype(picture.dtype, np.integer)


def _size(picture: np.ndarray) -> str:
  return f'{picture.shape[1]}x{picture.shape[0]}'
