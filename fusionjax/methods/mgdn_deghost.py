"""MGDN for HDR pictures of three exposures of a scene that moved."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from fusionjax import losses
from fusionjax.methods import mgdn_names, mgdn_training
from fusionjax.methods.base import Apply, LossOutput, Method
from fusionjax.models.mgdn_deghost import MGDNDeghost
from fusionjax.ops import levels, streams
from fusionjax.ops.frame import Frame

Array = jax.Array


def fuse(
  apply: Apply,
  sources: Sequence[Array],
  *,
  task: str,
  frame: Frame | None = None,
) -> Array:
  """Merges three exposures; the picture is that of the middle one.

  Args:
    apply: the network, `apply(under, middle, over)`.
    sources: three [b, h, w, 6], each a picture and the radiance that it
      stands for.
    task: `hdr`.
    frame: the pictures in the sources, where these are larger.

  Returns:
    [b, h, w, 3] linear radiance in [0, 1]; 1 is white in the darkest exposure.
  """
  del task, frame  # The network has the frame, too.
  return streams.rowwise(levels.clamp_unit, apply(*sources))


def loss(
  module: MGDNDeghost,
  variables: Mapping[str, Any],
  batch: Mapping[str, Any],
  *,
  task: str,
  information_weight: float = mgdn_training.INFORMATION_WEIGHT,
) -> tuple[Array, LossOutput]:
  """Difference of tone-mapped radiance, plus masked mutual information.

  Args:
    module: the network.
    variables: its variables, and those of the loss under `loss`.
    batch: `sources` holds three [b, h, w, 6], `reference` the true radiance
      [b, h, w, 3] in [0, 1], and `step` the number of steps done.
    task: the task; the loss does not depend on it.
    information_weight: lambda, the weight of what the outer exposures share
      with the middle one; 0 is the ablation without it.

  Returns:
    The loss and its unweighted parts.

  References:
    Guan et al., MGDN, eq. 6; tone mapping as in the published code.
  """
  del task
  merged, stages = mgdn_training.run(
    module, variables, batch['sources'], batch['step']
  )
  value = losses.mu_law_error(merged, batch['reference'])
  value, parts = mgdn_training.add_information(
    {'mu_law_error': value},
    value,
    variables,
    stages,
    weight=information_weight,
  )
  return value, LossOutput(parts)


METHOD = Method(
  name='mgdn_deghost',
  title='Mutual-guided dynamic network, HDR',
  paper=(
    'Guan, Xu, Yao, Wang, Xiong. Mutual-Guided Dynamic Network for Image '
    'Fusion. ACM Multimedia 2023.'
  ),
  module=MGDNDeghost,
  example_sources=lambda task: ((1, 16, 16, 6),) * 3,
  fuse=fuse,
  loss=loss,
  published_name=mgdn_names.published_name,
  ignorable_entries=mgdn_names.IGNORABLE,
  rounding='nearest',
  frames=True,
  streams=True,
  init_loss=functools.partial(mgdn_training.init_loss, maps=3),
)
