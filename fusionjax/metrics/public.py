"""Metrics as functions for users: exact outside a trace, pure inside one."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import jax
import numpy as np

from fusionjax import errors
from fusionjax.metrics import programs, registry

Array = jax.Array
Function = TypeVar('Function', bound=Callable[..., Any])


def public(function: Function) -> Function:
  """Gives a metric of planes a door and float64.

  Args:
    function: f(fused, *, options) or f(fused, sources, *, options) on planes.

  Returns:
    The function. Called with arrays it checks them, computes in float64
    whatever JAX's default, and keeps what it compiled; inside `jit`, `vmap`
    or `grad` it is the pure function itself, in the precision of its input.
  """

  @functools.wraps(function)
  def checked(fused: Any, *sources: Any, **options: Any) -> Any:
    leaves = jax.tree.leaves((fused, sources, options))
    if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
      return function(fused, *sources, **options)
    name = function.__name__
    fused = np.asarray(fused)
    others = [_sources(each, fused, name=name) for each in sources]
    row = registry.METRICS.get(name)
    if row and fused.ndim >= 2 and 0 < min(fused.shape[:2]) < row.min_size:
      raise errors.InputError(
        f'Metric {name!r} needs at least {row.min_size} pixels a side, but '
        f'fused has the shape {fused.shape}.'
      )
    for argument, plane in _named(fused, others):
      _check(plane, fused, name=name, argument=argument)
    fused, others = jax.tree.map(_in_float64, (fused, others))
    with programs.float64():
      return _compiled(function, options)(fused, *others)

  return checked  # type: ignore[return-value]


def _compiled(
  function: Callable[..., Any], options: dict[str, Any]
) -> Callable[..., Any]:
  try:
    return _kept(function, tuple(sorted(options.items())))
  except TypeError:  # An option that is an array: it has no hash.
    return jax.jit(functools.partial(function, **options))


@functools.cache
def _kept(
  function: Callable[..., Any], options: tuple[tuple[str, Any], ...]
) -> Callable[..., Any]:
  return jax.jit(functools.partial(function, **dict(options)))


def _sources(given: Any, fused: np.ndarray, *, name: str) -> Any:
  if isinstance(given, np.ndarray | jax.Array) and given.ndim == fused.ndim:
    return np.asarray(given)  # The true result of an HDR or depth metric.
  planes = tuple(np.asarray(plane) for plane in given)
  row = registry.METRICS.get(name)
  least, most = row.sources if row else (1, None)
  if len(planes) < least or (most and len(planes) > most):
    wanted = registry.count((least, most))
    raise errors.InputError(
      f'Metric {name!r}: sources has {len(planes)} planes, but {wanted} are '
      'expected.'
    )
  return planes


def _named(
  fused: np.ndarray, others: Sequence[Any]
) -> Iterator[tuple[str, np.ndarray]]:
  yield 'fused', fused
  for each in others:
    if isinstance(each, tuple):
      for number, plane in enumerate(each, start=1):
        yield f'source {number}', plane
    else:
      yield 'the reference', each


def _check(
  plane: np.ndarray, fused: np.ndarray, *, name: str, argument: str
) -> None:
  if plane.ndim not in (2, 3):
    raise errors.InputError(
      f'Metric {name!r}: {argument} has the shape {plane.shape}, but a plane '
      '[h, w] is expected. Use evaluate for colour pictures.'
    )
  if not plane.size:
    raise errors.InputError(
      f'Metric {name!r}: {argument} is empty: its shape is {plane.shape}.'
    )
  if plane.shape != fused.shape:
    raise errors.InputError(
      f'Metric {name!r}: fused has the shape {fused.shape}, {argument} '
      f'{plane.shape}. Give planes of one size.'
    )
  if (plane.dtype.kind in 'ui') != (fused.dtype.kind in 'ui'):
    raise errors.InputError(
      f'Metric {name!r}: fused is {fused.dtype}, {argument} is {plane.dtype}. '
      'Give integers or floats throughout.'
    )
  if not np.isfinite(plane.astype(np.float64)).all():
    raise errors.InputError(
      f'Metric {name!r}: {argument} holds NaN or infinite pixels. Replace '
      'them first.'
    )


def _in_float64(plane: np.ndarray) -> np.ndarray:
  return plane if plane.dtype == np.uint8 else plane.astype(np.float64)
