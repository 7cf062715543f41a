"""FFMEF for multi-exposure, multi-focus and infrared-visible images."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax import errors
from fusionjax.losses import gif
from fusionjax.methods import colouring
from fusionjax.methods.base import (
  Apply,
  Layout,
  LossOutput,
  Method,
  Parts,
  bind,
  fold,
)
from fusionjax.models.ffmef import FFMEF
from fusionjax.ops import colour, levels
from fusionjax.ops.frame import Frame, mean

Array = jax.Array
Clamping = Literal['through', 'published']
_DARKEST_FIRST = ('mef',)
_COLORS: dict[str, colouring.Rule] = {
  'mef': 'chroma',
  'mff': 'chroma',
  'ivf': 'visible',
}


def fuse(
  apply: Apply,
  sources: Sequence[Array],
  *,
  task: str,
  color: colouring.Rule | None = None,
  frame: Frame | None = None,
) -> Array:
  """Fuses RGB pictures: the network on luma, a rule on chroma.

  More than two pictures are folded one after the other: the fused luma of the
  first two with the third, and so on; chroma takes all at once. Exposures are
  taken from dark to bright by their mean luma, whatever the order given: the
  network was trained so and is far from symmetric (the other way round costs
  10 % of Q^AB/F on MEFB). Other tasks keep the order given.

  Args:
    apply: the network, `apply(y0, y1)`.
    sources: at least two [b, h, w, 3] RGB pictures in [0, 1]; for `ivf`
      infrared, then visible.
    task: `mef` and `mff` blend the chroma of all sources by eq. 1; `ivf`
      keeps that of the visible picture.
    color: another rule than that of the task.
    frame: the pictures in the sources, where these are larger.

  Returns:
    [b, h, w, 3] RGB in [0, 1], or [b, h, w, 1] where grey.

  References:
    Zheng et al., FFMEF, CVPRW 2023, section 3.1; studio-range YCbCr as in
    the published code.
  """
  lumas = jnp.stack([to_luma(rgb) for rgb in sources])
  if task in _DARKEST_FIRST:
    lumas = _darkest_first(lumas, frame)
  luma = fold(lambda one, other: levels.clamp(apply(one, other), 0, 1), lumas)
  return from_luma(luma, sources, task=task, color=color)


def to_luma(rgb: Array) -> Array:
  """What the network sees of RGB [b, h, w, 3]: luma [b, h, w, 1]."""
  return colour.rgb_to_ycbcr(rgb, luma_range='studio')[..., :1]


def from_luma(
  luma: Array,
  sources: Sequence[Array],
  *,
  task: str,
  color: colouring.Rule | None = None,
) -> Array:
  """Puts colours around fused luma [b, h, w, 1]; see `fuse`."""
  return colouring.colour_luma(
    luma,
    sources,
    rule=color or _COLORS.get(task, 'chroma'),
    luma_range='studio',
  )


def loss(
  module: nn.Module,
  variables: Mapping[str, Any],
  batch: Mapping[str, Any],
  *,
  task: str,
  clamping: Clamping = 'through',
  **options: Any,
) -> tuple[Array, LossOutput]:
  """The unsupervised GIF loss of a batch of pairs, the same for every task.

  Args:
    module: the network.
    variables: its variables.
    batch: `sources` holds two [b, h, w, 3] RGB pictures in [0, 1].
    task: the task; the loss does not depend on it.
    clamping: how fused luma outside [0, 1] learns: `through` passes the
      gradient on, `published` stops it. Stopped, whatever the first steps
      drive below zero stays black: a training with it ended with a black
      last column in every picture.
    **options: options of `fusionjax.losses.gif_loss`.

  Returns:
    The loss and its parts.

  Raises:
    errors.InputError: if the samples are no pairs, or an option is unknown.
  """
  del task
  if clamping not in get_args(Clamping):
    raise errors.unknown_name('clamping', clamping, get_args(Clamping))
  if len(batch['sources']) != 2:
    raise errors.InputError(
      f'FFMEF trains on pairs, and data.sources is {len(batch["sources"])}. '
      'Set it to 2; more pictures can be fused all the same.'
    )
  first, second = (
    colour.rgb_to_ycbcr(rgb, luma_range='studio') for rgb in batch['sources']
  )
  y0, y1 = first[..., :1], second[..., :1]
  clamp = levels.clamp_through if clamping == 'through' else levels.clamp
  fused = clamp(bind(module, variables)(y0, y1), 0, 1)
  value, parts = gif.gif_loss(
    fused,
    y0,
    y1,
    first[..., 1:],
    second[..., 1:],
    gif.gradient_target(y0),
    gif.gradient_target(y1),
    **options,
  )
  return value, LossOutput(parts)


def _darkest_first(lumas: Array, frame: Frame | None) -> Array:
  """Sorts [k, b, h, w, 1] lumas by their mean, each picture of the batch."""
  means = jnp.stack([mean(luma, frame)[:, 0] for luma in lumas])
  order = jnp.argsort(means, axis=0)
  return jnp.take_along_axis(lumas, order[:, :, None, None, None], axis=0)


# From our names to those of the published code, applied one after the other.
_RENAMES = (
  # Blocks. Levels are numbered there and named by their filters' side here.
  (r'^lift/', r'preconv/'),
  (r'^encoder/encode(\d)/', r'encode.layer_dowm\1.body.0.'),
  (r'^encoder/bottleneck/', r'encode.layer_bottom.body.0.'),
  (r'^encoder/decode(\d)/', r'encode.layer_up\1.body.0.'),
  (r'^encoder/fuse(\d)/body/', r'encode.fus\1.body.0.'),
  (r'^encoder/fuse(\d)/', r'encode.fus\1.'),
  (r'^encoder/down(\d)/', r'encode.dowm\1.conv.'),
  (r'^encoder/up(\d)/', r'encode.up\1.conv.'),
  (r'^encoder/skip(\d)/body/', r'encode.skip\1.body.'),
  (r'^encoder/skip(\d)/', r'encode.skip\1.'),
  (r'^level_(\d)/attention/', r'sca<\1>.spatial_attention.'),
  (r'^level_(\d)/', r'kp<\1>.spatial_attention.'),
  (r'^weight_(\d)', r'alpha<\1>'),
  (r'<1>', '1'),
  (r'<3>', '2'),
  (r'<5>', '3'),
  # Layers of a residual block, of a predictor or attention, of the others.
  (r'body\.0\.conv1/', r'body.0.conv_1/'),
  (r'body\.0\.conv2/', r'body.0.conv_2.0/'),
  (r'attention\.conv1/', r'attention.0/'),
  (r'attention\.conv2/', r'attention.2/'),
  (r'attention\.conv3/', r'attention.4/'),
  (r'\.(conv|body)\.conv/', r'.\1.0/'),
  (r'\.(conv|body)\.norm/', r'.\1.1/'),
  # Parameters.
  (r'/(kernel|scale)$', r'.weight'),
  (r'/bias$', r'.bias'),
  (r'body_weight$', r'alpha1'),
  (r'skip_weight$', r'alpha2'),
)


def published_name(path: str) -> tuple[str, Layout]:
  """Names a parameter as the published PyTorch checkpoint does.

  Args:
    path: path of a Flax parameter, such as `encoder/up1/conv/kernel`.

  Returns:
    The name, such as `encode.up1.conv.0.weight`, and the layout.
  """
  name = path
  for pattern, replacement in _RENAMES:
    name = re.sub(pattern, replacement, name)
  if not path.endswith('kernel'):
    return name, 'vector'
  return name, 'conv_transpose' if path.startswith('encoder/up') else 'conv'


METHOD = Method(
  name='ffmef',
  title='Filter-dominated fusion',
  paper=(
    'Zheng, Huang, Yu, Zhao. Efficient Multi-exposure Image Fusion via '
    'Filter-dominated Fusion and Gradient-driven Unsupervised Learning. '
    'CVPR Workshops 2023.'
  ),
  module=FFMEF,
  example_sources=lambda task: ((1, 16, 16, 1), (1, 16, 16, 1)),
  colors=_COLORS,
  luma=True,
  fuse=fuse,
  loss=loss,
  published_name=published_name,
  # Counters that thop.profile left in the published files.
  ignorable_entries=('*total_ops', '*total_params'),
  rounding='truncate',
  frames=True,
  parts=Parts(before=to_luma, after=from_luma, darkest_first=_DARKEST_FIRST),
)
