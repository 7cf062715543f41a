"""Pictures of any size, strip of rows by strip of rows, exactly.

A network with instance normalisation needs statistics of whole maps, and each
map needs the statistics of those before it. They are found one after the
other: each time all strips of the pictures are computed up to the next
normalisation, and nothing but its moments is kept. When all are known every
strip can be fused by itself. What is computed again and again is what a
picture that fits would keep; memory is that of a strip, and of the pictures.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from fusionjax.inference.programs import Programs
from fusionjax.methods import base, colouring
from fusionjax.models.layers.folded import InstanceNorm
from fusionjax.ops import levels, precision
from fusionjax.ops.frame import Frame

Array = jax.Array
# Path of a normalisation in the tree of variables.
Path = tuple[str, ...]
Statistics = Mapping[Path, Mapping[str, np.ndarray]]
# Pixels of a strip, less what it overlaps its neighbours.
_PIXELS = 3_000_000


class Strips:
  """A method on pictures of one size, in strips.

  Attributes:
    rows: rows of a strip, less its margins.
    norms: paths of the network's normalisations, in the order of computing.
  """

  def __init__(
    self,
    method: base.Method,
    module: nn.Module,
    variables: base.Variables,
    *,
    task: str,
    size: tuple[int, int],
  ) -> None:
    """Plans the strips.

    Args:
      method: a method with `parts`.
      module: its network.
      variables: the network's variables.
      task: a task of the method.
      size: height and width of the pictures.
    """
    assert method.parts is not None, method.name
    self._parts, self._module, self._variables = method.parts, module, variables
    self._task = task
    self._height, self._width = size
    self._reach: int = module.reach
    rows = max(1, _PIXELS // self._width - 2 * self._reach)
    self.rows = min(self._height, rows)
    self.norms = list_norms(module, variables)
    self._programs = Programs()

  def fuse(
    self,
    pictures: Sequence[np.ndarray],
    *,
    report: Callable[[int, int], None] | None = None,
    **options: Any,
  ) -> Iterator[tuple[int, np.ndarray]]:
    """Fuses pictures.

    Args:
      pictures: two or more [h, w, 3] of one dtype.
      report: called with the number of passes over the pictures that are
        done, and how many there will be.
      **options: `color`, as in `base.fuse_pictures`.

    Yields:
      Number of the first row, and [n, w, 3 or 1] float32 rows in [0, 1].
    """
    color = options.get('color', colouring.PUBLISHED)
    color = None if color == colouring.PUBLISHED else color
    see = jax.jit(
      lambda rows: self._parts.before(levels.to_unit(rows)[None])[0]
    )
    seen: list[_Rows] = [_Seen(picture, see) for picture in pictures]
    if self._task in self._parts.darkest_first:
      seen.sort(key=self._mean)
    passes, done = (len(self.norms) + 1) * (len(seen) - 1), 0
    first, *others = seen
    for other in others:
      fused = np.empty((self._height, self._width, 1), np.float32)
      statistics: dict[Path, dict[str, np.ndarray]] = {}
      for norm in self.norms:
        statistics[norm] = self._measure(norm, (first, other), statistics)
        done += 1
        if report:
          report(done, passes)
      apply = self._program(None)
      for top, strip in self._pairs(first, other):
        out = np.asarray(apply(self._nest(statistics), *strip, top))
        fused[top : top + self.rows] = out[: self._height - top]
      done += 1
      if report:
        report(done, passes)
      first = _Computed(fused)
    yield from self._colour(first, pictures, color=color)

  def _colour(
    self,
    fused: '_Rows',
    pictures: Sequence[np.ndarray],
    *,
    color: str | None,
  ) -> Iterator[tuple[int, np.ndarray]]:
    @jax.jit
    def after(fused: Array, pictures: list[Array]) -> Array:
      sources = [levels.to_unit(picture)[None] for picture in pictures]
      return self._parts.after(
        fused[None], sources, task=self._task, color=color
      )[0]

    for top in range(0, self._height, self.rows):
      strips = [_cut(picture, top, top + self.rows) for picture in pictures]
      out = after(fused.get(top, top + self.rows), strips)
      yield top, np.asarray(out)[: self._height - top]

  def _mean(self, rows: '_Rows') -> float:
    sums = [
      np.sum(rows.get(top, top + self.rows)[: self._height - top], dtype=float)
      for top in range(0, self._height, self.rows)
    ]
    return float(np.sum(sums))

  def _pairs(self, *sources: '_Rows') -> Iterator[tuple[int, list[np.ndarray]]]:
    """Yields the first row of every strip, and the strips with margins."""
    reach = self._reach
    for top in range(0, self._height, self.rows):
      ends = top - reach, top + self.rows + reach
      yield top, [np.asarray(source.get(*ends))[None] for source in sources]

  def _measure(
    self, norm: Path, pair: tuple['_Rows', '_Rows'], statistics: Statistics
  ) -> dict[str, np.ndarray]:
    """Finds the statistics of one normalisation; those before are known."""
    moments = self._program(norm)
    known = self._nest(statistics)
    parts = [
      jax.tree.map(np.float64, moments(known, *strip, top))
      for top, strip in self._pairs(*pair)
    ]
    pixels = np.stack([part['pixels'] for part in parts])[:, None, None]
    means = np.stack([part['mean'] for part in parts])
    mean = np.sum(pixels * means, axis=0) / np.sum(pixels)
    spread = np.stack([part['variance'] for part in parts])
    spread = spread + np.square(means - mean)
    variance = np.sum(pixels * spread, axis=0) / np.sum(pixels)
    return {
      'mean': mean.astype(np.float32),
      'variance': variance.astype(np.float32),
    }

  def _nest(self, statistics: Statistics) -> dict[str, Any]:
    flat = {
      (*path, name): value
      for path, values in statistics.items()
      for name, value in values.items()
    }
    return traverse_util.unflatten_dict(flat)

  def _program(self, norm: Path | None) -> Callable[..., Any]:
    """The network on a strip: moments of a norm, or the result."""
    return self._programs.get(norm, lambda: self._make_program(norm))

  def _make_program(self, norm: Path | None) -> Callable[..., Any]:
    def run(
      statistics: Mapping[str, Any], one: Array, other: Array, top: Array
    ) -> Any:
      frame = Frame(
        height=self._height,
        width=self._width,
        top=top - self._reach,
        margin=self._reach,
      )
      variables = {**self._variables}
      if statistics:
        variables['statistics'] = statistics
      with precision.full():
        fused, sown = self._module.apply(
          variables, one, other, frame=frame, mutable=['moments']
        )
      if norm is None:
        fused = levels.clamp(fused, 0, 1)
        return fused[0, self._reach : self._reach + self.rows]
      found = sown['moments']
      for key in norm:
        found = found[key]
      return {name: value[0] for name, value in found.items()}

    return jax.jit(run)


class _Rows(Protocol):
  """Rows of something as high as the pictures."""

  def get(self, begin: int, end: int) -> np.ndarray:
    """[end - begin, w, c]; rows beyond the picture are of any value."""
    ...


class _Seen:
  """What the network sees of a picture, made when it is asked for."""

  def __init__(
    self, picture: np.ndarray, see: Callable[[np.ndarray], Array]
  ) -> None:
    self._picture, self._see = picture, see

  def get(self, begin: int, end: int) -> np.ndarray:
    return np.asarray(self._see(_cut(self._picture, begin, end)))


class _Computed:
  """What was computed before."""

  def __init__(self, rows: np.ndarray) -> None:
    self._rows = rows

  def get(self, begin: int, end: int) -> np.ndarray:
    return _cut(self._rows, begin, end)


def _cut(x: np.ndarray, begin: int, end: int) -> np.ndarray:
  """Rows of [h, w, c]; those that are not there are zero."""
  height = x.shape[0]
  rows = x[max(begin, 0) : min(end, height)]
  if begin >= 0 and end <= height:
    return rows
  missing = max(-begin, 0), max(end - height, 0)
  return np.pad(rows, (missing, (0, 0), (0, 0)))


def list_norms(module: nn.Module, variables: base.Variables) -> list[Path]:
  """The paths of a network's normalisations, in the order of computing.

  Args:
    module: the network, of two pictures of one channel.
    variables: its variables.
  """
  found: list[Path] = []

  def see(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
    norm = isinstance(context.module, InstanceNorm)
    if norm and context.method_name == '__call__':
      found.append(context.module.path)
    return call(*args, **kwargs)

  some = jax.ShapeDtypeStruct((1, 16, 16, 1), jnp.float32)
  with nn.intercept_methods(see):
    jax.eval_shape(module.apply, variables, some, some)
  return found
