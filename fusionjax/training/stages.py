"""What a network computes on its way, as pictures: features, codes, filters."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util
from PIL import Image

from fusionjax.methods import base
from fusionjax.training import samples

# Where modules note their stages, by `sow`.
_COLLECTION = 'intermediates'
# Rows and columns that are cut out of a scene, and maps of a stage that are
# shown: maps of filters have many.
_SIDE = 256
_MOST_MAPS = 6

Stages = Mapping[tuple[str, ...], tuple[Any, ...]]
Watch = Callable[[Mapping[str, Any], Sequence[np.ndarray]], Image.Image | None]


class _Called(Exception):  # noqa: N818
  """Says what a network is called with, in place of computing it."""

  def __init__(self, args: tuple[Any, ...]):
    super().__init__()
    self.inputs = args


class _Asked:
  """In the place of a network: who calls it is told no result."""

  def apply(self, variables: Any, *args: Any, **how: Any) -> Any:
    del variables, how
    raise _Called(args)


def make_watch(method: base.Method, module: nn.Module, *, task: str) -> Watch:
  """Makes the function that shows the stages of a network.

  Args:
    method: the method.
    module: its network.
    task: a task of the method.

  Returns:
    `watch(variables, sources)`: [h, w, c] float32 sources in [0, 1] to a sheet
    with a row per stage, the first maps of each stretched to its 1st and 99th
    percentile; None where the network notes no maps. Sources of one size are
    cut to their middle; of several pairs that are fused one after the other
    the first is shown.
  """

  @jax.jit
  def run(variables: Mapping[str, Any], *inputs: jax.Array) -> Stages:
    _, noted = module.apply(variables, *inputs, mutable=[_COLLECTION])
    return traverse_util.flatten_dict(noted.get(_COLLECTION, {}))

  silent = False

  def watch(
    variables: Mapping[str, Any], sources: Sequence[np.ndarray]
  ) -> Image.Image | None:
    nonlocal silent
    if silent:
      return None
    inputs = _inputs(method, variables, _middle(sources), task)
    # Tracing tells whether there is anything; only then it is compiled.
    if not any(map(_maps, jax.eval_shape(run, variables, *inputs).values())):
      silent = True
      return None
    return _sheet(jax.device_get(run(variables, *inputs)))

  return watch


def _inputs(
  method: base.Method,
  variables: Mapping[str, Any],
  sources: Sequence[np.ndarray],
  task: str,
) -> tuple[Any, ...]:
  """What a method calls its network with, to fuse these sources."""
  asked = cast(nn.Module, _Asked())
  pictures = [jnp.asarray(source[None]) for source in sources]
  # Step by step: inside of a compiled loop there are no values to be had.
  with jax.disable_jit():
    try:
      base.fuse_pictures(method, asked, variables, pictures, task=task)
    except _Called as called:
      return called.inputs
  raise AssertionError(f'{method.name} does not call its network')


def _middle(sources: Sequence[np.ndarray]) -> list[np.ndarray]:
  if len({x.shape[:2] for x in sources}) > 1:
    return list(sources)
  height, width = sources[0].shape[:2]
  top, left = max(0, height - _SIDE) // 2, max(0, width - _SIDE) // 2
  return [x[top : top + _SIDE, left : left + _SIDE] for x in sources]


def _maps(noted: tuple[Any, ...]) -> list[Any]:
  """Those of the values that are maps [b, h, w, c]."""
  return [x for x in jax.tree.leaves(noted) if x.ndim == 4 and x.shape[2] > 1]


def _sheet(stages: Stages) -> Image.Image:
  rows = []
  for path, noted in stages.items():
    for number, x in enumerate(_maps(noted)):
      name = '/'.join(path) + (f' {number}' if number else '')
      count = min(x.shape[-1], _MOST_MAPS)
      shown = [_stretch(x[0, ..., i]) for i in range(count)]
      white = np.full_like(shown[0], 255)
      shown += [white] * (_MOST_MAPS - count)
      size = ' x '.join(map(str, x.shape[1:]))
      rows.append((f'{name}: {size}', shown))
  return samples.sheet(rows, columns=[f'map {i}' for i in range(_MOST_MAPS)])


def _stretch(x: np.ndarray) -> np.ndarray:
  """A map [h, w] as a grey picture [h, w, 3] uint8."""
  x = np.asarray(x, np.float32)
  low, high = np.percentile(x, (1, 99))
  grey = np.clip((x - low) / max(float(high - low), 1e-12), 0, 1)
  return np.repeat(np.rint(255 * grey).astype(np.uint8)[..., None], 3, axis=-1)
