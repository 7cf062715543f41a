"""Scores of held-out scenes, on the pictures that a user would save."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from fusionjax.data.scenes import Example
from fusionjax.data.sources import Source
from fusionjax.methods import base, registry
from fusionjax.training import checkpoints, judges
from fusionjax.training import scores as scores_lib

Fuse = Callable[[Mapping[str, Any], Sequence[np.ndarray]], np.ndarray]


def make_fuse(method: base.Method, module: nn.Module, *, task: str) -> Fuse:
  """Makes the compiled function from pictures to the saved picture.

  Args:
    method: the method.
    module: its network.
    task: a task of the method.

  Returns:
    `fuse(variables, sources)`: [h, w, 3] float32 sources in [0, 1] to the
    [h, w, 3] or [h, w, 1] uint8 picture, rounded as the method does; cubes to
    a cube in [0, 1], and depth to depth in [0, 1].
  """
  measures = registry.get_task(task).measures

  @jax.jit
  def run(
    variables: Mapping[str, Any], sources: tuple[jax.Array, ...]
  ) -> jax.Array:
    return base.fuse_pictures(method, module, variables, sources, task=task)

  def fuse(
    variables: Mapping[str, Any], sources: Sequence[np.ndarray]
  ) -> np.ndarray:
    fused = run(variables, tuple(source[None] for source in sources))
    image = jax.device_get(fused)[0]
    if measures:
      return image
    return judges.to_levels(image, rounding=method.rounding)

  return fuse


def to_host(variables: Mapping[str, Any]) -> dict[str, Any]:
  """Copies variables to the host, for use on one device.

  Args:
    variables: whole on each device, or split: then all processes must ask.

  Returns:
    The same tree of numpy arrays.
  """
  return jax.tree.map(checkpoints.to_host, dict(variables))


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
  names, rows = [], []
  for scene in scenes:
    found = score_scene(
      fuse, variables, scene, metrics=metrics, toolbox=toolbox
    )
    names.append(scene.name)
    rows.append([found[name] for name in metrics])
  return scores_lib.collect(names, np.array(rows), metrics=metrics)


def score_scene(
  fuse: Fuse,
  variables: Mapping[str, Any],
  scene: Example,
  *,
  metrics: Sequence[str],
  toolbox: str,
) -> dict[str, float]:
  """Fuses one scene and scores the result; see `score_scenes`."""
  fused = fuse(variables, scene.sources)
  if fused.shape[-1] == 1 and not scene.cubes:
    fused = fused[..., 0]
  return judges.score(fused, scene, metrics=metrics, toolbox=toolbox)


def format_means(scores: scores_lib.Scores) -> str:
  """The mean scores as text, such as `en 7.0040  ag 5.1540`."""
  means = scores[scores_lib.MEAN]
  return '  '.join(f'{name} {value:.4f}' for name, value in means.items())
