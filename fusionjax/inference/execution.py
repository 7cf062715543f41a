"""Which way pictures are fused: at once, in strips, or in tiles."""

import contextlib
import dataclasses
import functools
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from fusionjax.errors import InputError
from fusionjax.inference import (
  buckets,
  memory,
  segments,
  strips,
  tiles,
  traced,
)
from fusionjax.inference.request import Options, Request
from fusionjax.methods import registry
from fusionjax.ops import levels

if TYPE_CHECKING:
  from fusionjax.inference.model import FusionModel

_LOG = logging.getLogger(__name__)
# Smaller pictures are fused without asking whether the memory suffices.
_LARGE = 4_000_000
# Bytes of a program beside which another one may run.
_MUCH = 500_000_000
# Of the memory, what maps between segments may take; others lie in files.
_SHARE = 0.5


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


def fuse(model: 'FusionModel', wanted: Request) -> np.ndarray:
  """Fuses pictures in the way that the memory allows.

  Several threads may do so at a time; what takes much memory goes alone.

  Args:
    model: the model.
    wanted: the pictures, checked.

  Returns:
    [h, w, c'].

  Raises:
    InputError: if the memory does not suffice for any way.
  """
  placed, size = _place(model, wanted)
  program = _compile(
    model, placed, size, dtype=wanted.dtype, options=wanted.options
  )
  need = memory.needed(program)
  with contextlib.ExitStack() as alone:
    if need > _MUCH:
      alone.enter_context(model.alone)
    if wanted.pixels > _LARGE:
      limit = _limit(model)
      if need > limit:
        return _fuse_parts(model, wanted, need=need, limit=limit)
    out = np.asarray(program(model.variables, placed, size=size))
  return out if size is None else out[: size[0], : size[1]]


def foresee(
  model: 'FusionModel',
  size: tuple[int, int],
  count: int,
  *,
  options: Options = (),
) -> str:
  """Says what memory pictures will take, and what will be done about it.

  Args:
    model: of a task that fuses pictures of one size.
    size: (height, width) of the pictures.
    count: how many there are.
    options: checked options of `fuse`.

  Returns:
    A line for the user; empty for pictures of which nobody asks.
  """
  if size[0] * size[1] <= _LARGE:
    return ''
  bucket = find_bucket(model, size)
  shape = jax.ShapeDtypeStruct((*(bucket or size), 3), np.uint8)
  program = _compile(
    model,
    [shape] * count,
    None if bucket is None else np.array(size, np.int32),
    dtype=shape.dtype,
    options=options,
  )
  need, limit = memory.needed(program), _limit(model)
  how = 'at once'
  if need > limit:
    manner = {'strips': 'exactly', 'tiles': 'approximately'}
    way = _way(model)
    how = f'in {way}, {manner[way]}' if way else 'too much'
  return f'{_why(model, size, need=need, limit=limit)}: {how}.'


def _way(model: 'FusionModel') -> Literal['strips', 'tiles'] | None:
  """How pictures of one size are fused that do not fit, if they can be."""
  if registry.get_method(model.method).in_strips:
    return 'strips'
  return 'tiles' if model.limits.approximate_tiles else None


def _limit(model: 'FusionModel') -> int:
  return model.limits.memory or memory.available()


def _why(
  model: 'FusionModel', size: tuple[int, int], *, need: int, limit: int
) -> str:
  return (
    f'{size[1]}x{size[0]} takes {memory.in_gigabytes(need)} with {model.name},'
    f' and {memory.in_gigabytes(limit)} are there'
  )


def find_bucket(
  model: 'FusionModel', size: tuple[int, int]
) -> tuple[int, int] | None:
  """The size that is compiled for pictures, None for exactly theirs."""
  frames = registry.get_method(model.method).frames
  return model.sizes.find(size) if model.buckets and frames else None


def _place(
  model: 'FusionModel', wanted: Request
) -> tuple[list[np.ndarray], np.ndarray | None]:
  """The pictures in their bucket and their size, where there are buckets."""
  height, width = wanted.pictures[0].shape[:2]
  bucket = find_bucket(model, (height, width))
  if bucket is None:
    return wanted.pictures, None
  placed = buckets.put(wanted.pictures, bucket)
  return placed, np.array([height, width], np.int32)


def _compile(
  model: 'FusionModel',
  pictures: Sequence[np.ndarray | jax.ShapeDtypeStruct],
  size: np.ndarray | None,
  *,
  dtype: np.dtype,
  options: Options,
) -> Any:
  """Compiles for pictures, or finds what was compiled before."""
  shapes = tuple((picture.shape, picture.dtype.name) for picture in pictures)
  key = shapes, dtype.name, options

  def compile_() -> Any:
    program = functools.partial(model.program, dtype=dtype, options=options)
    lowered = traced.lower(
      program,
      (model.variables, list(pictures)),
      {'size': size},
      key=(model.method, model.task, repr(model.module), repr(key)),
    )
    return lowered.compile()

  return model.programs.get(key, compile_)


def _fuse_parts(
  model: 'FusionModel', wanted: Request, *, need: int, limit: int
) -> np.ndarray:
  """Fuses what does not fit at once."""
  height, width = wanted.pictures[0].shape[:2]
  why = _why(model, (height, width), need=need, limit=limit)
  way = _way(model)
  if way == 'strips':
    _LOG.info('%s: fused in strips, which takes longer.', why)
    return _fuse_strips(model, wanted)
  if not wanted.one_size:
    raise InputError(f'{why}. Give smaller images, or more memory.')
  if way == 'tiles':
    _LOG.info('%s: fused in tiles, approximately.', why)
    return _fuse_tiles(model, wanted)
  raise InputError(
    f'{why}. Give smaller pictures, more memory, or approximate tiles'
    ' (--approximate-tiles).'
  )


def _fuse_strips(model: 'FusionModel', wanted: Request) -> np.ndarray:
  method = registry.get_method(model.method)
  h, w = wanted.pictures[0].shape[:2]
  plan = _plan_strips(model, (h, w))

  def report(done: int, passes: int) -> None:
    _LOG.info('Pass %d of %d.', done, passes)

  whole = None
  for top, rows in plan.fuse(
    wanted.pictures, report=report, **dict(wanted.options)
  ):
    if whole is None:
      whole = np.empty((h, w, rows.shape[-1]), wanted.dtype)
    whole[top : top + len(rows)] = _from_unit(rows, wanted, method.rounding)
  assert whole is not None
  return whole


def _plan_strips(
  model: 'FusionModel', size: tuple[int, int]
) -> strips.Strips | segments.Segments:
  """What fuses pictures of a size in strips, found or made."""
  method = registry.get_method(model.method)
  options: dict[str, Any] = {'task': model.task}

  def make() -> strips.Strips | segments.Segments:
    if method.streams:
      room = min(_limit(model), memory.available_to_host())
      share = int(_SHARE * room)
      kind: Any = functools.partial(segments.Segments, memory=share)
    else:
      kind = functools.partial(strips.Strips, size=size)
    return kind(method, model.module, model.variables, **options)

  # Segments find the size themselves.
  key = ('strips', *(() if method.streams else size))
  return model.programs.get(key, make)


def _fuse_tiles(model: 'FusionModel', wanted: Request) -> np.ndarray:
  def fuse_tile(parts: list[np.ndarray]) -> np.ndarray:
    tile = dataclasses.replace(
      wanted, pictures=parts, dtype=np.dtype(np.float32)
    )
    return fuse(model, tile)

  fused = tiles.fuse_tiles(fuse_tile, wanted.pictures)
  rounding = registry.get_method(model.method).rounding
  return _from_unit(fused, wanted, rounding)


def _from_unit(
  x: np.ndarray, wanted: Request, rounding: levels.Rounding
) -> np.ndarray:
  return np.asarray(
    levels.from_unit(jnp.asarray(x), dtype=wanted.dtype, rounding=rounding)
  )
