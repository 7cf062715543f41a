"""Which way pictures are fused: at once, in strips, or in tiles."""

import dataclasses
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fusionjax.errors import InputError
from fusionjax.inference import buckets, memory, strips, tiles
from fusionjax.methods import registry
from fusionjax.ops import levels

if TYPE_CHECKING:
  from fusionjax.inference.model import FusionModel

_LOG = logging.getLogger(__name__)
# Smaller pictures are fused without asking for memory.
_LARGE = 4_000_000
Options = tuple[tuple[str, Any], ...]


@dataclasses.dataclass(frozen=True)
class Limits:
  """What fusing large pictures may do.

  Attributes:
    memory: bytes that it may take; None for what the machine has left.
    approximate_tiles: whether pictures for which that is too little are fused
      tile by tile where there is no exact way: see `tiles`.
  """

  memory: int | None = None
  approximate_tiles: bool = False


def fuse(
  model: 'FusionModel',
  pictures: Sequence[np.ndarray],
  *,
  dtype: np.dtype,
  options: Options,
) -> np.ndarray:
  """Fuses pictures of one size in the way that the memory allows.

  Args:
    model: the model.
    pictures: [h, w, c], see `FusionModel.fuse`.
    dtype: of the result.
    options: of the method.

  Returns:
    [h, w, c'].

  Raises:
    InputError: if the memory does not suffice for any way.
  """
  method = registry.get_method(model.method)
  h, w = pictures[0].shape[:2]
  size, placed = None, list(pictures)
  if model.buckets and method.frames:
    size = np.array((h, w), np.int32)
    placed = buckets.put(pictures)
  how: dict[str, Any] = {'dtype': dtype, 'options': options}
  if h * w <= _LARGE:
    out = model.program(model.variables, placed, size=size, **how)
  else:
    program = _compile(model, placed, size, how)
    need = memory.needed(program)
    limit = model.limits.memory or memory.available()
    if need > limit:
      return _fuse_parts(model, pictures, how, need=need, limit=limit)
    out = program(model.variables, placed, size=size)
  return np.asarray(out)[:h, :w]


def _compile(
  model: 'FusionModel',
  pictures: Sequence[np.ndarray],
  size: np.ndarray | None,
  how: dict[str, Any],
) -> Callable[..., Any]:
  """Compiles for pictures, or finds what was compiled before."""
  shapes = tuple((picture.shape, picture.dtype.str) for picture in pictures)
  key = shapes, how['dtype'].str, how['options']
  if key not in model.large_programs:
    lowered = model.program.lower(model.variables, pictures, size=size, **how)
    model.large_programs[key] = lowered.compile()
  return model.large_programs[key]


def _fuse_parts(
  model: 'FusionModel',
  pictures: Sequence[np.ndarray],
  how: dict[str, Any],
  *,
  need: int,
  limit: int,
) -> np.ndarray:
  """Fuses what does not fit at once."""
  method = registry.get_method(model.method)
  h, w = pictures[0].shape[:2]
  why = (
    f'{w}x{h} takes {memory.in_gigabytes(need)} with {model.name}, and'
    f' {memory.in_gigabytes(limit)} are there'
  )
  if method.parts is not None:
    _LOG.info('%s: fused in strips, which takes longer.', why)
    return _fuse_strips(model, pictures, how)
  if model.limits.approximate_tiles:
    _LOG.info('%s: fused in tiles, approximately.', why)
    return _fuse_tiles(model, pictures, how)
  raise InputError(
    f'{why}. Give smaller pictures, more memory, or approximate tiles'
    ' (--approximate-tiles).'
  )


def _fuse_strips(
  model: 'FusionModel', pictures: Sequence[np.ndarray], how: dict[str, Any]
) -> np.ndarray:
  method = registry.get_method(model.method)
  options = dict(how['options'])
  h, w = pictures[0].shape[:2]
  plan = model.large_programs.get((h, w))
  if plan is None:
    plan = model.large_programs[h, w] = strips.Strips(
      method, model.module, model.variables, task=model.task, size=(h, w)
    )

  def report(done: int, passes: int) -> None:
    _LOG.info('Pass %d of %d.', done, passes)

  color = options.get('color', 'published')
  whole = None
  for top, rows in plan.fuse(
    pictures,
    to_unit=levels.to_unit,
    color=None if color == 'published' else color,
    report=report,
  ):
    if whole is None:
      whole = np.empty((h, w, rows.shape[-1]), how['dtype'])
    whole[top : top + len(rows)] = in_levels(
      rows, dtype=how['dtype'], rounding=method.rounding
    )
  assert whole is not None
  return whole


def _fuse_tiles(
  model: 'FusionModel', pictures: Sequence[np.ndarray], how: dict[str, Any]
) -> np.ndarray:
  def fuse_tile(parts: list[np.ndarray]) -> np.ndarray:
    return fuse(
      model, parts, dtype=np.dtype(np.float32), options=how['options']
    )

  whole = tiles.fuse_tiles(fuse_tile, pictures)
  method = registry.get_method(model.method)
  return in_levels(whole, dtype=how['dtype'], rounding=method.rounding)


def in_levels(
  x: np.ndarray, *, dtype: np.dtype, rounding: levels.Rounding
) -> np.ndarray:
  """Turns [0, 1] into the values of a dtype."""
  if np.issubdtype(dtype, np.floating):
    return np.clip(x, 0, 1)
  top = int(np.iinfo(dtype).max)
  whole = levels.to_levels(x, levels=top, rounding=rounding)
  return np.asarray(whole).astype(dtype)
