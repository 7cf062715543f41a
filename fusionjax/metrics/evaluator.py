"""From pictures to scores."""

from collections.abc import Sequence
from typing import Any

import jax

from fusionjax.metrics import door, programs, registry

Array = jax.Array


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
  levels or goes to grey. HDR and depth metrics take the values as they are
  stored (see `Metric.values`), and the true result as the one source.

  The metrics of one call share what they can, so that asking for all is
  cheaper than asking for each. Pictures of up to 1024 pixels a side share one
  compilation, larger ones one for each canvas (1536, 2048, 3072, 4096 ...);
  only the Fourier transforms of `qcb`, `qcv` and `qp` are compiled anew for a
  new size. May be called from several threads.

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
    errors.InputError: a ValueError that names the metric and the argument, if
      a name is unknown, sizes or kinds differ, there are too few or too many
      sources, or a picture is empty, too small or not finite.
  """
  names = registry.select(metrics, toolbox=toolbox)
  pictures = door.check_pictures(fused, sources, names=names)
  found: dict[str, float] = {}
  for values in dict.fromkeys(registry.METRICS[name].values for name in names):
    chosen = tuple(
      name for name in names if registry.METRICS[name].values == values
    )
    given = [door.in_values(picture, values=values) for picture in pictures]
    found.update(programs.run(given, names=chosen, toolbox=toolbox))
  return {name: found[name] for name in names}


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
  found = programs.values(fused, sources, names=(name,), toolbox=toolbox)
  return found[name]
