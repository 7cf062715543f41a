"""Which way pictures are fused: at once, in strips, or in tiles."""

import dataclasses
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from fusionjax.errors import InputError
from fusionjax.inference import buckets, memory, strips, tiles
from fusionjax.inference.request import Request
from fusionjax.methods import colouring, registry
from fusionjax.ops import levels

if TYPE_CHECKING:
  from fusionjax.inference.model import FusionModel

_LOG = logging.getLogger(__name__)
# Smaller pictures are fused without asking for memory.
_LARGE = 4_000_000


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

  Args:
    model: the model.
    wanted: the pictures, checked.

  Returns:
    [h, w, c'].

  Raises:
    InputError: if the memory does not suffice for any way.
  """
  placed, size = _place(model, wanted)
  program = _compile(model, placed, size, wanted)
  if wanted.pixels > _LARGE:
    need = memory.needed(program)
    limit = model.limits.memory or memory.available()
    if need > limit:
      return _fuse_parts(model, wanted, need=need, limit=limit)
  out = np.asarray(program(model.variables, placed, size=size))
  return out if size is None else out[: size[0], : size[1]]


def prepare(model: 'FusionModel', wanted: Request) -> None:
  """Compiles what `fuse` will need."""
  _compile(model, *_place(model, wanted), wanted)


def _place(
  model: 'FusionModel', wanted: Request
) -> tuple[list[np.ndarray], np.ndarray | None]:
  """The pictures in their bucket and their size, where there are buckets."""
  pictures = wanted.pictures
  if not (model.buckets and registry.get_method(model.method).frames):
    return pictures, None
  return buckets.put(pictures), np.array(pictures[0].shape[:2], np.int32)


def _compile(
  model: 'FusionModel',
  pictures: Sequence[np.ndarray],
  size: np.ndarray | None,
  wanted: Request,
) -> Any:
  """Compiles for pictures, or finds what was compiled before."""
  shapes = tuple((picture.shape, picture.dtype.str) for picture in pictures)
  key = shapes, wanted.dtype.str, wanted.options

  def compile_() -> Any:
    lowered = model.program.lower(
      model.variables,
      pictures,
      size=size,
      dtype=wanted.dtype,
      options=wanted.options,
    )
    return lowered.compile()

  return model.programs.get(key, compile_)


def _fuse_parts(
  model: 'FusionModel', wanted: Request, *, need: int, limit: int
) -> np.ndarray:
  """Fuses what does not fit at once."""
  h, w = wanted.pictures[0].shape[:2]
  why = (
    f'{w}x{h} takes {memory.in_gigabytes(need)} with {model.name}, and'
    f' {memory.in_gigabytes(limit)} are there'
  )
  if registry.get_method(model.method).parts is not None:
    _LOG.info('%s: fused in strips, which takes longer.', why)
    return _fuse_strips(model, wanted)
  if not wanted.one_size:
    raise InputError(f'{why}. Give smaller images, or more memory.')
  if model.limits.approximate_tiles:
    _LOG.info('%s: fused in tiles, approximately.', why)
    return _fuse_tiles(model, wanted)
  raise InputError(
    f'{why}. Give smaller pictures, more memory, or approximate tiles'
    ' (--approximate-tiles).'
  )


def _fuse_strips(model: 'FusionModel', wanted: Request) -> np.ndarray:
  method = registry.get_method(model.method)
  h, w = wanted.pictures[0].shape[:2]
  plan = model.programs.get(
    ('strips', h, w),
    lambda: strips.Strips(
      method, model.module, model.variables, task=model.task, size=(h, w)
    ),
  )

  def report(done: int, passes: int) -> None:
    _LOG.info('Pass %d of %d.', done, passes)

  color = dict(wanted.options).get('color', colouring.PUBLISHED)
  whole = None
  for top, rows in plan.fuse(
    wanted.pictures,
    to_unit=levels.to_unit,
    color=None if color == colouring.PUBLISHED else color,
    report=report,
  ):
    if whole is None:
      whole = np.empty((h, w, rows.shape[-1]), wanted.dtype)
    whole[top : top + len(rows)] = in_levels(
      rows, dtype=wanted.dtype, rounding=method.rounding
    )
  assert whole is not None
  return whole


def _fuse_tiles(model: 'FusionModel', wanted: Request) -> np.ndarray:
  def fuse_tile(parts: list[np.ndarray]) -> np.ndarray:
    tile = dataclasses.replace(
      wanted, pictures=parts, dtype=np.dtype(np.float32)
    )
    return fuse(model, tile)

  return in_levels(
    tiles.fuse_tiles(fuse_tile, wanted.pictures),
    dtype=wanted.dtype,
    rounding=registry.get_method(model.method).rounding,
  )


def in_levels(
  x: np.ndarray, *, dtype: np.dtype, rounding: levels.Rounding
) -> np.ndarray:
  """Turns [0, 1] into the values of a dtype."""
  if np.issubdtype(dtype, np.floating):
    return np.clip(x, 0, 1)
  top = int(np.iinfo(dtype).max)
  whole = levels.to_levels(jnp.asarray(x), levels=top, rounding=rounding)
  return np.asarray(whole).astype(dtype)
