"""CSC-MEFN for multi-exposure images."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax.losses import mef_ssim
from fusionjax.methods import csc_names
from fusionjax.methods.base import Apply, Layout, LossOutput, Method
from fusionjax.models.csc_mefn import CSCMEFN
from fusionjax.ops import levels, streams
from fusionjax.ops.frame import Frame
from fusionjax.ops.streams import Stream

Array = jax.Array


def fuse(
  apply: Apply,
  sources: Sequence[Array],
  *,
  task: str,
  stretch: bool = True,
  frame: Frame | None = None,
) -> Array:
  """Fuses any number of exposures.

  Args:
    apply: the network, `apply(*exposures)`.
    sources: two or more [b, h, w, 3] RGB pictures in [0, 1], in any order.
    task: `mef`.
    stretch: whether the result is stretched, so that 0.5 % of its values
      become 0 and 0.5 % become 1, as published.
    frame: the pictures in the sources, where these are larger.

  Returns:
    [b, h, w, 3] RGB in [0, 1].

  References:
    Zhao et al., section 3.2.
  """
  del task
  fused = streams.rowwise(levels.clamp_unit, apply(*sources))
  if not stretch:
    return fused
  if isinstance(fused, Stream):
    return cast(Any, levels.stretch_stream(fused))
  alone = functools.partial(levels.stretch, frame=frame)
  return jax.vmap(lambda picture: alone(picture[None])[0])(fused)


def loss(
  module: nn.Module,
  variables: Mapping[str, Any],
  batch: Mapping[str, Any],
  *,
  task: str,
  **options: Any,
) -> tuple[Array, LossOutput]:
  """The unsupervised loss of a batch of stacks.

  Args:
    module: the network.
    variables: its variables.
    batch: `sources` holds two or more [b, h, w, 3] RGB exposures in [0, 1];
      `step` is the number of steps done.
    task: the task; the loss does not depend on it.
    **options: options of `fusionjax.losses.mef_ssim_loss`.

  Returns:
    The loss, its parts, and the running statistics.
  """
  del task
  exposures = batch['sources']
  fused, updates = module.apply(
    variables, *exposures, train=True, mutable=['batch_stats']
  )
  step = jnp.asarray(batch['step'])
  value, parts = mef_ssim.mef_ssim_loss(fused, exposures, step=step, **options)
  return value, LossOutput(parts, updates)


_LAYERS = {
  'lift/kernel': 'main.0.conv2d.weight',
  'activation/threshold': 'main.2.theta',
  # After a convolution with its norm and activation, and two units.
  'head/kernel': 'main.5.conv2d.weight',
}


def published_name(path: str) -> tuple[str, Layout]:
  """Names a parameter as the published checkpoint does.

  Args:
    path: path of a Flax parameter, such as `main/unit1/encode/kernel`.

  Returns:
    The name, such as `main.3.conv.conv_encoder.en_conv0.conv2d.weight`, and
    the layout.
  """
  rest = path.removeprefix('main/')
  layout = csc_names.layout(path)
  if rest in _LAYERS:
    return _LAYERS[rest], layout
  layer, rest = rest.split('/', 1)
  if layer == 'norm':
    return f'main.1.{csc_names.in_norm(rest)}', layout
  number = int(layer.removeprefix('unit'))
  return f'main.{number + 2}.{csc_names.in_unit(rest)}', layout


METHOD = Method(
  name='csc_mefn',
  title='Convolutional sparse coding, multi-exposure',
  paper=(
    'Zhao, Zhang, Bai, Wang, Cui, Deng, Sun, Zhang, Liu, Xu. Deep '
    'Convolutional Sparse Coding Networks for Interpretable Image Fusion. '
    'CVPR Workshops 2023.'
  ),
  module=CSCMEFN,
  example_sources=lambda task: ((1, 16, 16, 3), (1, 16, 16, 3)),
  colors={'mef': 'rgb'},
  fuse=fuse,
  loss=loss,
  published_name=published_name,
  ignorable_entries=csc_names.IGNORABLE,
  rounding='truncate',
  fuse_options={'stretch': (True, False)},
  frames=True,
  streams=True,
)
