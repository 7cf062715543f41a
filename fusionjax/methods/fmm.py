"""FMM for infrared-visible, medical and multi-focus images."""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax import errors
from fusionjax.losses import var_ssim
from fusionjax.methods import colouring
from fusionjax.methods.base import (
  Apply,
  Layout,
  LossOutput,
  Method,
  bind,
  fold,
)
from fusionjax.models.fmm import FMM
from fusionjax.ops import colour

Array = jax.Array
# What the paper does: grey for infrared and visible, the colours of PET and
# SPECT for medical pictures.
_COLORS: dict[str, colouring.Rule] = {
  'ivf': 'grey',
  'medical': 'first',
  'mff': 'chroma',
}


def fuse(
  apply: Apply,
  sources: Sequence[Array],
  *,
  task: str,
  color: colouring.Rule | None = None,
) -> Array:
  """Fuses two pictures: the network on luma, a rule on chroma.

  Args:
    apply: the network, `apply(infrared, visible)`.
    sources: two [b, h, w, 3] RGB pictures in [0, 1]: for `ivf` infrared and
      visible; for `medical` CT, PET or SPECT and MR; more for `mff`, which are
      folded one after the other.
    task: the task.
    color: another rule than the published one: `grey` for `ivf`, `first` for
      `medical` (PET and SPECT are in false colours), `chroma` for `mff`.

  Returns:
    [b, h, w, 3] in [0, 1], or [b, h, w, 1] where grey.

  References:
    Rao, Wu, Xu, Chen, Unsupervised image fusion method based on feature mutual
    mapping, sections 4.3-4.5.
  """
  lumas = jnp.stack(
    [colour.rgb_to_ycbcr(rgb, luma_range='centred')[..., :1] for rgb in sources]
  )
  luma = fold(lambda one, other: jnp.clip(apply(one, other), 0, 1), lumas)
  return colouring.colour_luma(
    luma, sources, rule=color or _COLORS[task], luma_range='centred'
  )


def loss(
  module: nn.Module,
  variables: Mapping[str, Any],
  batch: Mapping[str, Any],
  *,
  task: str,
  **options: Any,
) -> tuple[Array, LossOutput]:
  """The unsupervised Var-SSIM loss of a batch of pairs.

  Args:
    module: the network.
    variables: its variables.
    batch: `sources` holds two [b, h, w, 3] RGB pictures in [0, 1].
    task: the task; the loss does not depend on it.
    **options: options of `fusionjax.losses.var_ssim_loss`.

  Returns:
    The loss and its parts.

  Raises:
    errors.InputError: if the samples are no pairs, or an option is unknown.
  """
  del task
  if len(batch['sources']) != 2:
    raise errors.InputError(
      f'FMM trains on pairs, and data.sources is {len(batch["sources"])}. '
      'Set it to 2; more pictures can be fused all the same.'
    )
  first, second = (
    colour.rgb_to_ycbcr(rgb, luma_range='centred')[..., :1]
    for rgb in batch['sources']
  )
  fused = bind(module, variables)(first, second)
  value, parts = var_ssim.var_ssim_loss(fused, first, second, **options)
  return value, LossOutput(parts)


def published_name(path: str) -> tuple[str, Layout]:
  """Names a parameter as PyTorch would: there is no published checkpoint.

  Args:
    path: path of a Flax parameter, such as `decoder/conv/kernel`.

  Returns:
    The name, such as `decoder.conv.weight`, and the layout.
  """
  *module, kind = path.split('/')
  name = {'kernel': 'weight'}.get(kind, kind)
  layout: Layout = 'conv' if kind == 'kernel' else 'vector'
  return '.'.join([*module, name]), layout


METHOD = Method(
  name='fmm',
  title='Feature mutual mapping',
  paper=(
    'Rao, Wu, Xu, Chen. Unsupervised Image Fusion Method based on Feature '
    'Mutual Mapping. 2022.'
  ),
  module=FMM,
  example_sources=lambda task: ((1, 16, 16, 1), (1, 16, 16, 1)),
  colors=_COLORS,
  luma=True,
  fuse=fuse,
  loss=loss,
  published_name=published_name,
  rounding='nearest',
)
