"""CSC-IVFN for infrared and visible images."""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax.losses import reconstruction
from fusionjax.methods import colouring, csc_names
from fusionjax.methods.base import Apply, Layout, LossOutput, Method
from fusionjax.models.csc_ivfn import CSCIVFN
from fusionjax.ops import colour, streams

Array = jax.Array
_COLORS: dict[str, colouring.Rule] = {'ivf': 'grey'}


def fuse(
  apply: Apply,
  sources: Sequence[Array],
  *,
  task: str,
  color: colouring.Rule | None = None,
) -> Array:
  """Fuses two pictures: the network on luma.

  Args:
    apply: the network, `apply(infrared, visible)`.
    sources: infrared and visible, each [b, h, w, 3] RGB in [0, 1].
    task: `ivf`.
    color: another rule than `grey`, the published one; `visible` puts the
      chroma of the visible picture around the fused luma.

  Returns:
    [b, h, w, 1] or, with colour, [b, h, w, 3] in [0, 1].
  """
  infrared, visible = sources
  fused = apply(*(streams.rowwise(colour.luma, x) for x in (infrared, visible)))
  rule = color or _COLORS[task]
  if rule == 'grey':
    return fused

  def put(fused: Array, *sources: Array) -> Array:
    return colouring.colour_luma(
      fused, sources, rule=rule, luma_range='centred'
    )

  return streams.rowwise(put, fused, *sources)


def loss(
  module: nn.Module,
  variables: Mapping[str, Any],
  batch: Mapping[str, Any],
  *,
  task: str,
  **options: Any,
) -> tuple[Array, LossOutput]:
  """How well single images are reconstructed.

  Args:
    module: the network.
    variables: its variables.
    batch: `sources` holds one or more [b, h, w, 3] pictures in [0, 1], of
      whatever modality: each is an image of its own.
    task: the task; the loss does not depend on it.
    **options: options of `fusionjax.losses.reconstruction_loss`.

  Returns:
    The loss, its parts, and the running statistics.
  """
  del task
  # Pictures of a scene follow each other: whole scenes on each device.
  images = jnp.stack([colour.luma(rgb) for rgb in batch['sources']], axis=1)
  images = images.reshape(-1, *images.shape[2:])
  rebuilt, updates = module.apply(
    variables,
    images,
    train=True,
    method=CSCIVFN.reconstruct,
    mutable=['batch_stats'],
  )
  value, parts = reconstruction.reconstruction_loss(rebuilt, images, **options)
  return value, LossOutput(parts, updates)


def published_name(path: str) -> tuple[str, Layout]:
  """Names a parameter as the published checkpoints do.

  The three files are told apart by what is put before their entries, see
  `METHOD.published_files`.

  Args:
    path: path of a Flax parameter, such as `decoder/conv1/kernel`.

  Returns:
    The name, such as `decoder.decode_last.1.weight`, and the layout.
  """
  part, rest = path.split('/', 1)
  layer, rest = rest.split('/', 1)
  if part == 'decoder':
    kind, number = layer[:-1], int(layer[-1])
    # Each stage is a padding, a convolution and a normalisation.
    first = 3 * (number - 1)
    if kind == 'conv':
      name = f'decoder.decode_last.{first + 1}.weight'
    else:
      name = f'decoder.decode_last.{first + 2}.{csc_names.in_norm(rest)}'
    return name, csc_names.layout(path)
  number = int(layer.removeprefix('unit'))
  unit = f'convLayer.{number - 1}' if number else 'convLayer0'
  prefix = part.removesuffix('_encoder')
  return f'{prefix}.{unit}.{csc_names.in_unit(rest)}', csc_names.layout(path)


METHOD = Method(
  name='csc_ivfn',
  title='Convolutional sparse coding, infrared-visible',
  paper=(
    'Zhao, Zhang, Bai, Wang, Cui, Deng, Sun, Zhang, Liu, Xu. Deep '
    'Convolutional Sparse Coding Networks for Interpretable Image Fusion. '
    'CVPR Workshops 2023.'
  ),
  module=CSCIVFN,
  example_sources=lambda task: ((1, 16, 16, 1), (1, 16, 16, 1)),
  colors=_COLORS,
  luma=True,
  fuse=fuse,
  loss=loss,
  published_name=published_name,
  ignorable_entries=csc_names.IGNORABLE,
  rounding='truncate',
  streams=True,
  published_files={
    'LISTA_Base_Train': 'base.',
    'LISTA_Detail_Train': 'detail.',
    'LISTA_Decoder': 'decoder.',
  },
)
