"""Scores of held-out scenes, on the pictures that a user would save."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from fusionjax import metrics as metrics_lib
from fusionjax.data.scenes import Example
from fusionjax.data.sources import Source
from fusionjax.methods import base
from fusionjax.training import scores as scores_lib

Fuse = Callable[[Mapping[str, Any], Sequence[np.ndarray]], np.ndarray]


def to_levels(image: np.ndarray, *, rounding: str) -> np.ndarray:
  """Turns [0, 1] into 8-bit levels.

  Args:
    image: any shape, in [0, 1].
    rounding: 'truncate' or 'nearest'.

  Returns:
    uint8 of the same shape.
  """
  levels = np.clip(np.asarray(image, np.float32), 0.0, 1.0) * 255.0
  if rounding == 'nearest':
    levels = levels + 0.5
  return levels.astype(np.uint8)


def make_fuse(method: base.Method, module: nn.Module, *, task: str) -> Fuse:
  """Makes the compiled function from pictures to the saved picture.

  Args:
    method: the method.
    module: its network.
    task: a task of the method.

  Returns:
    `fuse(variables, sources)`: [h, w, 3] float32 sources in [0, 1] to the
    [h, w, 3] uint8 picture, rounded as the method does.
  """

  @jax.jit
  def run(
    variables: Mapping[str, Any], sources: tuple[jax.Array, ...]
  ) -> jax.Array:
    return base.fuse_pictures(method, module, variables, sources, task=task)

  def fuse(
    variables: Mapping[str, Any], sources: Sequence[np.ndarray]
  ) -> np.ndarray:
    fused = run(variables, tuple(source[None] for source in sources))
    return to_levels(jax.device_get(fused)[0], rounding=method.rounding)

  return fuse


def to_host(variables: Mapping[str, Any]) -> dict[str, Any]:
  """Copies replicated variables to the host, for use on one device."""
  return jax.tree.map(
    lambda leaf: (
      np.asarray(leaf.addressable_data(0))
      if isinstance(leaf, jax.Array)
      else leaf
    ),
    dict(variables),
  )


def first_scenes(source: Source, count: int) -> Iterator[Example]:
  """Reads the first scenes of a source; all of them where count is 0."""
  for index in range(min(count or len(source), len(source))):
    yield source.read(index)


def score_scenes(
  fuse: Fuse,
  variables: Mapping[str, Any],
  scenes: Iterator[Example],
  *,
  metrics: Sequence[str],
  toolbox: str,
) -> dict[str, dict[str, float]]:
  """Fuses scenes and scores the results.

  Args:
    fuse: from `make_fuse`.
    variables: the network's variables, on the host.
    scenes: the scenes.
    metrics: names of metrics.
    toolbox: whose definitions of the metrics.

  Returns:
    Metrics by scene, and their means under `mean`.
  """
  scores: dict[str, dict[str, float]] = {}
  for scene in scenes:
    fused = fuse(variables, scene.sources)
    pictures = [to_levels(s, rounding='nearest') for s in scene.sources]
    name = scene.name if scene.name not in scores else f'{scene.name} (2)'
    scores[name] = dict(
      metrics_lib.evaluate(
        fused, pictures, metrics=tuple(metrics), toolbox=toolbox
      )
    )
  if scores:
    scores[scores_lib.MEAN] = {
      name: float(np.mean([values[name] for values in scores.values()]))
      for name in metrics
    }
  return scores


def format_means(scores: scores_lib.Scores) -> str:
  """The mean scores as text, such as `en 7.0040  ag 5.1540`."""
  means = scores[scores_lib.MEAN]
  return '  '.join(f'{name} {value:.4f}' for name, value in means.items())
