"""MGDN for depth maps of low resolution, guided by colour."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from fusionjax import losses
from fusionjax.methods import mgdn_names, mgdn_training
from fusionjax.methods.base import Apply, LossOutput, Method
from fusionjax.models import mgdn_depth
from fusionjax.ops import levels, resize, streams

Array = jax.Array

# Of ImageNet, as the published script normalises.
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


def fuse(apply: Apply, sources: Sequence[Array], *, task: str) -> Array:
  """Brings a depth map to the resolution of a colour picture.

  Args:
    apply: the network, `apply(colour, depth)`.
    sources: RGB [b, H, W, 3] in [0, 1], and depth [b, h, w, 1], whose least
      and largest value are 0 and 1; of the size of the picture it is taken
      for upsampled.
    task: `gdsr`.

  Returns:
    [b, H, W, 1] in [0, 1].
  """
  del task
  colour, depth = sources
  size = (colour.shape[1], colour.shape[2])
  refined = apply(
    streams.rowwise(standardise, colour), resize.bicubic(depth, size=size)
  )
  return streams.rowwise(levels.clamp_unit, refined)


def standardise(colour: Array) -> Array:
  """Brings RGB [b, h, w, 3] in [0, 1] to the mean and spread of ImageNet."""
  mean, deviation = (
    jnp.asarray(values, colour.dtype)[None, None, None]
    for values in (_MEAN, _DEVIATION)
  )
  return (colour - mean) / deviation


def loss(
  module: mgdn_depth.MGDNDepth,
  variables: Mapping[str, Any],
  batch: Mapping[str, Any],
  *,
  task: str,
  information_weight: float = mgdn_training.INFORMATION_WEIGHT,
  root_weight: float = 0.0,
) -> tuple[Array, LossOutput]:
  """Difference from the true depth, plus masked mutual information.

  Args:
    module: the network.
    variables: its variables, and those of the loss under `loss`.
    batch: `sources` holds RGB [b, h, w, 3] in [0, 1] and upsampled depth
      [b, h, w, 1], `reference` the true depth, and `step` the number of steps
      done.
    task: the task; the loss does not depend on it.
    information_weight: lambda, the weight of the information; 0 is the
      ablation without it.
    root_weight: of the root of the mean squared error, which is not in the
      paper. A network that corrects (`residual`) needs some: most pixels are
      right from the start, and the least absolute error is to leave all.

  Returns:
    The loss and its unweighted parts.

  References:
    Guan et al., MGDN, eq. 5.
  """
  del task
  colour, depth = batch['sources']
  refined, stages = mgdn_training.run(
    module, variables, (standardise(colour), depth), batch['step']
  )
  value = losses.mean_absolute_error(refined, batch['reference'])
  found = {'absolute_error': value}
  if root_weight:
    root = losses.root_mean_squared_error(refined, batch['reference'])
    value, found = value + root_weight * root, {**found, 'root_error': root}
  value, parts = mgdn_training.add_information(
    found,
    value,
    variables,
    stages,
    weight=information_weight,
  )
  return value, LossOutput(parts)


METHOD = Method(
  name='mgdn_depth',
  title='Mutual-guided dynamic network, depth',
  paper=(
    'Guan, Xu, Yao, Wang, Xiong. Mutual-Guided Dynamic Network for Image '
    'Fusion. ACM Multimedia 2023.'
  ),
  module=mgdn_depth.MGDNDepth,
  example_sources=lambda task: ((1, 16, 16, 3), (1, 16, 16, 1)),
  fuse=fuse,
  loss=loss,
  published_name=mgdn_names.published_name,
  ignorable_entries=mgdn_names.IGNORABLE_OF_PAIRS,
  rounding='nearest',
  streams=True,
  init_loss=mgdn_training.init_loss,
  published_options={'mgdn-gdsr-x16': mgdn_depth.SIXTEENFOLD},
)
