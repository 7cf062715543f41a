"""CSC-MSFN for multi-spectral images."""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax

from fusionjax.losses import reconstruction
from fusionjax.methods import csc_names
from fusionjax.methods.base import Apply, Layout, LossOutput, Method
from fusionjax.models.csc_msfn import CSCMSFN
from fusionjax.ops import levels

Array = jax.Array


def fuse(apply: Apply, sources: Sequence[Array], *, task: str) -> Array:
  """Brings a cube to the resolution of its guide.

  Args:
    apply: the network, `apply(low_resolution, guide)`.
    sources: the cube [b, h, w, bands] and the guide [b, H, W, c], in [0, 1].
    task: `msf`.

  Returns:
    [b, H, W, bands] in [0, 1].
  """
  del task
  low_resolution, guide = sources
  return levels.clamp(apply(low_resolution, guide), 0, 1)


def loss(
  module: nn.Module,
  variables: Mapping[str, Any],
  batch: Mapping[str, Any],
  *,
  task: str,
) -> tuple[Array, LossOutput]:
  """Squared error of the cubes at full resolution.

  Args:
    module: the network.
    variables: its variables.
    batch: `sources` holds cubes [b, h, w, bands] and guides [b, H, W, c], and
      `reference` the cubes at full resolution [b, H, W, bands].
    task: the task; the loss does not depend on it.

  Returns:
    The loss, its parts, and the running statistics.
  """
  del task
  fused, updates = module.apply(
    variables, *batch['sources'], train=True, mutable=['batch_stats']
  )
  value = reconstruction.mean_squared_error(fused, batch['reference'])
  return value, LossOutput({'squared_error': value}, updates)


_BRANCHES = {'cube': 'backbone_lr', 'guide': 'backbone_guide'}
_LAYERS = {'lift/kernel': 'conv0.weight', 'activation/threshold': 'relu0.theta'}


def published_name(path: str) -> tuple[str, Layout]:
  """Names a parameter as the published checkpoint does.

  Args:
    path: path of a Flax parameter, such as `cube/unit1/activation/threshold`.

  Returns:
    The name, such as `backbone_lr.csc1.activation.theta`, and the layout.
  """
  layout = csc_names.layout(path)
  if path == 'decoder/kernel':
    return 'decoder.conv0.weight', layout
  branch, rest = path.split('/', 1)
  if rest in _LAYERS:
    return f'{_BRANCHES[branch]}.{_LAYERS[rest]}', layout
  layer, rest = rest.split('/', 1)
  number = int(layer.removeprefix('unit'))
  name = f'{_BRANCHES[branch]}.csc{number}.{csc_names.in_unit(rest)}'
  return name, layout


METHOD = Method(
  name='csc_msfn',
  title='Convolutional sparse coding, multi-spectral',
  paper=(
    'Zhao, Zhang, Bai, Wang, Cui, Deng, Sun, Zhang, Liu, Xu. Deep '
    'Convolutional Sparse Coding Networks for Interpretable Image Fusion. '
    'CVPR Workshops 2023.'
  ),
  module=CSCMSFN,
  example_sources=lambda task: ((1, 8, 8, 31), (1, 16, 16, 3)),
  fuse=fuse,
  loss=loss,
  published_name=published_name,
  ignorable_entries=csc_names.IGNORABLE,
  rounding='truncate',
  source_channels=lambda module: (module.bands, module.guide_channels),
)
