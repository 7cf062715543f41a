"""Networks that look at the whole picture, strip of rows by strip of rows.

A network on streams (see `ops.streams`) calls modules that look at some rows
around each other: these are its segments. Each is computed for all strips of
its maps, and what comes out is kept, in memory or in files, for the next one;
so nothing is computed twice but the rows by which strips overlap. What a
segment has to know of all pixels are sums (see `layers.strips.total`), which
a pass before it finds.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from fusionjax.inference.programs import Programs
from fusionjax.inference.storage import Storage, Stored
from fusionjax.methods import base
from fusionjax.ops import levels, precision, streams
from fusionjax.ops.frame import Frame
from fusionjax.ops.streams import Held, Neighbourhood, Stream

Array = jax.Array
Report = Callable[[int, int], None]
# Pixels of a strip, with what it overlaps its neighbours.
_PIXELS = 250_000


class Segments:
  """A method on pictures of any size, in strips."""

  def __init__(
    self,
    method: base.Method,
    module: nn.Module,
    variables: base.Variables,
    *,
    task: str,
    memory: int,
  ) -> None:
    """Keeps what is needed.

    Args:
      method: a method with `streams`.
      module: its network.
      variables: the network's variables.
      task: a task of the method.
      memory: bytes that maps between segments may take; more go to files.
    """
    assert method.streams, method.name
    self._method, self._module, self._variables = method, module, variables
    self._task, self._memory = task, memory
    self._programs = Programs()

  def fuse(
    self,
    pictures: Sequence[np.ndarray],
    *,
    report: Report | None = None,
    **options: Any,
  ) -> Iterator[tuple[int, np.ndarray]]:
    """Fuses pictures.

    Args:
      pictures: [h, w, c], of the sizes and dtypes that the method takes.
      report: called with the number of passes over the pictures that are
        done, and how many there will be.
      **options: as in `base.fuse_pictures`.

    Yields:
      Number of the first row, and [n, w, c'] float32 rows in [0, 1].
    """
    passes = _Count(self._programs)
    nothing = [_zeros(x.shape, x.dtype) for x in pictures]
    self._fuse(passes, nothing, options)
    storage = Storage(self._memory)
    storage.check(passes.most)
    run = _Run(self._programs, storage, passes.done, report)
    fused = self._fuse(run, pictures, options)
    top = 0
    for rows in streams.strips(fused):
      yield top, rows[0]
      top += rows.shape[1]

  def _fuse(
    self,
    run: '_Count | _Run',
    pictures: Sequence[np.ndarray],
    options: Mapping[str, Any],
  ) -> Stream:
    sources = [
      streams.rowwise(levels.to_unit, Held(picture)) for picture in pictures
    ]

    def apply(*sources: Stream) -> Any:
      with nn.intercept_methods(_intercept(run)):
        return self._module.apply(self._variables, *sources)

    return base.fuse_streams(
      self._method, apply, sources, task=self._task, **options
    )


def _intercept(run: Callable[..., Any]) -> Callable[..., Any]:
  """Lets `run` compute the modules that are called with streams."""

  def intercept(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
    streams = [x for x in jax.tree.leaves(args) if isinstance(x, Stream)]
    if streams and _looks(context.module, context.method_name):
      return run(context.module, context.method_name, args)
    return call(*args, **kwargs)

  return intercept


def _looks(module: nn.Module, method: str) -> Neighbourhood | None:
  """How far a method of a module looks, if it may be computed in strips."""
  if method == '__call__':
    return getattr(module, 'neighbourhood', None)
  parts: Mapping[str, Neighbourhood] = getattr(module, 'neighbourhoods', {})
  return parts.get(method)


class _Segment:
  """A module on strips of one shape, all of one height.

  Attributes:
    reach: rows by which a strip is longer above and below.
    rows: those between them.
    rounds: passes that find its sums; 0 where there are none.
    apply: `apply(variables, statistics, strips, top, height)` to its results
      for the rows between.
    measure: likewise, to the sums of the strip.
    results: shapes of what `apply` returns.
  """

  def __init__(
    self, module: nn.Module, method: str, args: Any, variables: Any
  ) -> None:
    leaves, tree = jax.tree.flatten(args)
    neighbourhood = _looks(module, method)
    assert neighbourhood is not None, method
    self.reach = neighbourhood.reach
    width = leaves[0].shape[2]
    self.rows = _share_rows(leaves[0].shape, neighbourhood)
    height = self.rows + 2 * self.reach

    # Traced once for the shapes, the sums and, where there are none, the rows.
    @jax.jit
    def run(
      variables: Any, statistics: Any, strips: Any, top: Array, rows: Array
    ) -> Any:
      frame = Frame(rows, width, top=top - self.reach, margin=self.reach)
      known = {**variables, 'statistics': statistics}
      with precision.full():
        out, sown = module.apply(
          known,
          *jax.tree.unflatten(tree, strips),
          frame=frame,
          method=method,
          mutable=['moments'],
        )
      inner = slice(self.reach, self.reach + self.rows)
      sums = jax.tree.map(
        lambda each: each[0],
        dict(sown.get('moments', {})),
        is_leaf=lambda each: isinstance(each, tuple),
      )
      return jax.tree.map(lambda x: x[:, inner], out), sums

    self.apply = jax.jit(lambda *args: run(*args)[0])
    self.measure = jax.jit(lambda *args: run(*args)[1])
    number = jax.ShapeDtypeStruct((), jnp.int32)
    strips = [
      jax.ShapeDtypeStruct((1, height, *x.shape[2:]), x.dtype) for x in leaves
    ]
    self.results, sums = jax.eval_shape(
      run, variables, {}, strips, number, number
    )
    self.rounds = neighbourhood.rounds if jax.tree.leaves(sums) else 0


def _share_rows(shape: tuple[int, ...], neighbourhood: Neighbourhood) -> int:
  """Rows of each strip of a map: as many strips as needed, all alike."""
  _, height, width, _ = shape
  if neighbourhood.whole:
    return height
  reach, multiple = neighbourhood.reach, neighbourhood.multiple
  # What overlaps is computed twice: that it is less than half comes first.
  most = max(multiple, _PIXELS // width - 2 * reach, 4 * reach)
  count = -(-height // (most // multiple * multiple))
  return -(-height // (count * multiple)) * multiple


def _zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
  """Zeros that take no memory."""
  return np.broadcast_to(np.zeros((), dtype), shape)


class _Runner:
  """What computes the modules of a network on streams."""

  def __init__(self, programs: Programs) -> None:
    self._programs = programs
    self.done = 0

  def _find(
    self, module: nn.Module, method: str, args: Any
  ) -> tuple[_Segment, Any]:
    """The segment of a module and its variables; alike ones share one."""
    variables = module.variables
    free = module.clone(parent=None, name=None)
    leaves, tree = jax.tree.flatten(args)
    key = free, method, tree, tuple((x.shape, str(x.dtype)) for x in leaves)
    segment = self._programs.get(
      key, lambda: _Segment(free, method, args, variables)
    )
    return segment, variables


class _Count(_Runner):
  """Counts passes and what maps take, and computes nothing.

  Attributes:
    most: bytes of all maps that there were at a time.
  """

  def __init__(self, programs: Programs) -> None:
    super().__init__(programs)
    self.most = self._now = 0

  def __call__(self, module: nn.Module, method: str, args: Any) -> Any:
    segment, _ = self._find(module, method, args)
    self.done += segment.rounds + 1
    height = jax.tree.leaves(args)[0].shape[1]

    def make(x: jax.ShapeDtypeStruct) -> Held:
      result = Held(_zeros((height, *x.shape[2:]), np.dtype(x.dtype)))
      size = int(np.prod(result.shape)) * result.dtype.itemsize
      self._add(size)
      weakref.finalize(result, self._add, -size)
      return result

    return jax.tree.map(make, segment.results)

  def _add(self, size: int) -> None:
    self._now += size
    self.most = max(self.most, self._now)


class _Run(_Runner):
  """Computes segments, each for all strips of its maps."""

  def __init__(
    self,
    programs: Programs,
    storage: Storage,
    passes: int,
    report: Report | None,
  ) -> None:
    super().__init__(programs)
    self._storage, self._passes, self._report = storage, passes, report

  def __call__(self, module: nn.Module, method: str, args: Any) -> Any:
    segment, variables = self._find(module, method, args)
    maps = jax.tree.leaves(args)
    height = maps[0].shape[1]
    rows = np.int32(height)
    statistics: Any = {}
    for _ in range(segment.rounds):
      sums = None
      for top, strips in _strips(segment, maps):
        part = segment.measure(
          variables, statistics, strips, np.int32(top), rows
        )
        part = jax.tree.map(lambda x: np.asarray(x, np.float64), part)
        sums = part if sums is None else jax.tree.map(np.add, sums, part)
      statistics = jax.tree.map(np.float32, sums)
      self._count()

    def make(x: jax.ShapeDtypeStruct) -> Stored:
      shape = (1, height, x.shape[2], x.shape[3])
      return self._storage.make(shape, np.dtype(x.dtype))

    results = jax.tree.map(make, segment.results)
    for top, strips in _strips(segment, maps):
      out = segment.apply(variables, statistics, strips, np.int32(top), rows)
      for result, part in zip(
        jax.tree.leaves(results), jax.tree.leaves(out), strict=True
      ):
        result.write(top, np.asarray(part)[:, : height - top])
    self._count()
    return results

  def _count(self) -> None:
    self.done += 1
    if self._report:
      self._report(self.done, self._passes)


def _strips(
  segment: _Segment, maps: Sequence[Stream]
) -> Iterator[tuple[int, list[Any]]]:
  """Yields the first row of every strip, and the strips with their reach."""
  height = maps[0].shape[1]
  for top in range(0, height, segment.rows):
    ends = top - segment.reach, top + segment.rows + segment.reach
    yield top, [x.between(*ends) for x in maps]
