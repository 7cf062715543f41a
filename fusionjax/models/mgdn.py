"""MGDN: a mutual-guided dynamic network for two pictures.

Each stage filters the features of either picture with filters of its own for
every pixel, predicted under the guidance of the other picture, and fuses what
comes out in windows (global context) beside convolutions (local context).

References:
  Guan, Xu, Yao, Wang, Xiong. Mutual-Guided Dynamic Network for Image Fusion.
  ACM Multimedia 2023. Where the paper and the published code differ, this is
  the code.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from fusionjax import errors
from fusionjax.models.layers.fusion_stage import FusionStage, check_heads
from fusionjax.models.layers.guided_filter import (
  GuidedFilter,
  MutualGuidedFilter,
)
from fusionjax.models.layers.local_detail import LocalDetail
from fusionjax.models.layers.plain_conv import Conv
from fusionjax.ops import streams
from fusionjax.ops.frame import Frame, pad_to_multiple

Array = jax.Array
_Seen = Literal['pictures', 'detail', 'both']


class GuidedNetwork(nn.Module):
  """What the networks of MGDN share: the options, the stages, the head.

  Attributes:
    channels: width of the features.
    depths: blocks of parallel fusion in each stage.
    heads: of the window attention.
    window: side of its windows; pictures of other sizes are mirrored at the
      bottom and on the right up to a multiple, and the result is cropped.
    mlp_ratio: width of the hidden layers of the perceptrons, in channels.
    filter_size: side of the dynamic filters.
    guidance_heads: heads of the attention between pictures.
    drop_path: largest part of the samples that a block leaves out in
      training; it rises from 0 over all blocks of the network.
    cross_guidance: False is the ablation without mutual guidance: each
      picture guides itself.
    dynamic_filters: False is the ablation without dynamic filters: one filter
      for all pixels of a picture, with as many parameters.
    remat: whether training computes attention and perceptrons again in its
      backward pass, strip by strip: less memory for more time.
  """

  channels: int = 30
  depths: Sequence[int] = (3, 3)
  heads: int = 3
  window: int = 4
  mlp_ratio: float = 2.0
  filter_size: int = 7
  guidance_heads: int = 6
  drop_path: float = 0.1
  cross_guidance: bool = True
  dynamic_filters: bool = True
  remat: bool = False

  def __post_init__(self) -> None:
    """Refuses options that do not fit."""
    super().__post_init__()
    check_heads(
      type(self).__name__,
      self.channels,
      heads=self.heads,
      guidance_heads=self.guidance_heads,
    )
    if self.filter_size < 1 or self.filter_size % 2 == 0:
      raise errors.InputError(
        f'filter_size is {self.filter_size}. Give an odd number, such as 7.'
      )
    if not self.depths or min(self.depths) < 1 or self.window < 2:
      raise errors.InputError(
        f'depths is {tuple(self.depths)} and window {self.window}. Give at '
        'least one block a stage, and windows of 2 pixels or more.'
      )

  def _pad(
    self, sources: Sequence[Array], frame: Frame | None
  ) -> tuple[list[Array], Frame | None]:
    """Mirrors rows and columns, edge left out, up to whole windows."""
    if frame is None:
      rows, columns = (-side % self.window for side in sources[0].shape[1:3])
      mirror = functools.partial(
        streams.pad, rows=rows, columns=columns, mode='reflect'
      )
      return [mirror(x) for x in sources], None
    pairs = [
      pad_to_multiple(x, frame, multiple=self.window, mode='reflect')
      for x in sources
    ]
    return [x for x, _ in pairs], pairs[0][1]

  def _fuse(
    self,
    maps: Sequence[Array],
    skip: Array,
    *,
    filter_type: type[GuidedFilter],
    outputs: int,
    zeros: bool,
    train: bool,
    frame: Frame | None = None,
  ) -> Array:
    """Runs the stages and the head on features; [b, h, w, outputs].

    With `zeros` the head gives 0 until it is trained.
    """
    rates = np.linspace(0, self.drop_path, sum(self.depths))
    rates = rates if train else np.zeros_like(rates)
    make_filter = functools.partial(
      filter_type,
      self.filter_size,
      heads=self.guidance_heads,
      cross_guidance=self.cross_guidance,
      dynamic=self.dynamic_filters,
      remat=self.remat,
    )
    done = 0
    for number, depth in enumerate(self.depths):
      maps = FusionStage(
        make_filter,
        self.heads,
        self.window,
        self.mlp_ratio,
        tuple(float(rate) for rate in rates[done : done + depth]),
        remat=self.remat,
        name=f'stage{number}',
      )(maps, frame=frame)
      done += depth
    x = Conv(self.channels, 3, name='body')(*maps, frame=frame)
    x = streams.rowwise(_leaky, x)
    self.sow('intermediates', 'features', x)
    x = streams.rowwise(jnp.add, x, skip)
    return Conv(outputs, 3, zeros=zeros, name='head')(x, frame=frame)


def _leaky(x: Array) -> Array:
  return nn.leaky_relu(x, 0.2)


def check_channels(
  name: str, sources: Mapping[str, Array], channels: Mapping[str, int]
) -> None:
  """Checks what a network is called with.

  Args:
    name: of the network.
    sources: NHWC maps by name.
    channels: how many channels each should have.

  Raises:
    errors.InputError: if one has others, or the sizes differ.
  """
  first, *_ = sources.values()
  for what, x in sources.items():
    if x.shape[-1] != channels[what] or x.shape[:3] != first.shape[:3]:
      shapes = ', '.join(f'{n} {list(s.shape)}' for n, s in sources.items())
      takes = ', '.join(f'{n} of {c}' for n, c in channels.items())
      raise errors.InputError(
        f'{name} got {shapes}. Give maps of one size with these channels: '
        f'{takes}.'
      )


# Options of the published network for multi-exposure; the constructor's
# defaults are those for multi-focus.
MULTI_EXPOSURE: Mapping[str, Any] = {
  'channels': 60,
  'depths': (6, 6),
  'heads': 6,
  'window': 8,
}


class MGDN(GuidedNetwork):
  """Fuses two pictures; the defaults are the network for multi-focus.

  178,975 parameters: the 182,755 of the published network less those that it
  never uses. `MGDN(**MULTI_EXPOSURE)` is the one for multi-exposure, with
  893,551 (of 908,311). See `GuidedNetwork` for the other options.

  Attributes:
    weighted: whether the head gives the first picture's weight in each pixel,
      and the result is the weighted mean of the two, in the place of colours
      of its own. Not in the paper: it begins as the mean of the pictures and
      does not have to learn to repeat them.
    sees: `pictures`; `detail`, the pictures less their local means, tenfold,
      which goes with `weighted`; or `both`. Not in the paper but for
      `pictures`: which picture is in focus, or shows the structure, is learned
      within minutes from detail, and not within an hour without.
  """

  weighted: bool = False
  sees: _Seen = 'pictures'

  def __post_init__(self) -> None:
    """Refuses options that do not fit."""
    super().__post_init__()
    if self.sees not in get_args(_Seen):
      raise errors.unknown_name('sees', self.sees, get_args(_Seen))
    if self.sees == 'detail' and not self.weighted:
      raise errors.InputError(
        "sees is 'detail' and weighted is False: local means are lost to the"
        ' network, which then cannot give colours. Set weighted to True.'
      )

  @nn.compact
  def __call__(
    self,
    first: Array,
    second: Array,
    *,
    train: bool = False,
    frame: Frame | None = None,
  ) -> Array:
    """Fuses two RGB pictures of any size from 16 pixels a side.

    Args:
      first: [b, h, w, 3] in [0, 1]; the network is not symmetric.
      second: [b, h, w, 3] in [0, 1].
      train: whether blocks are left out at random (needs the random stream
        `drop_path`).
      frame: the pictures in these arrays, where the arrays are larger.

    Returns:
      [b, h, w, 3] in (0, 1), if `weighted` in [0, 1].

    References:
      Paper, section 3.1.
    """
    check_channels(
      'MGDN',
      {'first': first, 'second': second},
      {'first': 3, 'second': 3},
    )
    h, w = first.shape[1:3]
    padded, frame = self._pad((first, second), frame)
    maps = [
      Conv(self.channels, 3, name=f'lift{number}')(x, frame=frame)
      for number, x in enumerate(self._look(padded, frame), start=1)
    ]
    head = self._fuse(
      maps,
      maps[0],
      filter_type=MutualGuidedFilter,
      outputs=1 if self.weighted else 3,
      zeros=self.weighted,
      train=train,
      frame=frame,
    )
    if self.weighted:
      fused = streams.rowwise(_weighted_mean, head, *padded)
    else:
      fused = streams.rowwise(nn.sigmoid, head)
    return streams.crop(fused, height=h, width=w)

  def _look(
    self, pictures: Sequence[Array], frame: Frame | None
  ) -> Sequence[Array]:
    """What the network sees of each picture; [b, h, w, 3 or 6]."""
    if self.sees == 'pictures':
      return pictures
    find = LocalDetail(gain=10, name='detail')
    details = [find(x, frame=frame) for x in pictures]
    if self.sees == 'detail':
      return details
    pairs = zip(pictures, details, strict=True)
    return [streams.rowwise(_joined, *pair) for pair in pairs]


def _joined(*maps: Array) -> Array:
  return jnp.concatenate(maps, axis=-1)


def _weighted_mean(head: Array, first: Array, second: Array) -> Array:
  return second + nn.sigmoid(head) * (first - second)
