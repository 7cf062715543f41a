"""MGDN for depth: a colour picture guides an upsampled depth map.

References:
  Guan et al., Mutual-Guided Dynamic Network for Image Fusion, ACM Multimedia
  2023, section 4.4; see `mgdn`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax

from fusionjax import errors
from fusionjax.models.layers.guided_filter import MutualGuidedFilter
from fusionjax.models.layers.local_detail import LocalDetail
from fusionjax.models.layers.plain_conv import Conv
from fusionjax.models.mgdn import GuidedNetwork, check_channels
from fusionjax.ops import resize, streams

Array = jax.Array

# Options of the published network for 16 times the resolution; the
# constructor's defaults are those for 4 and 8.
SIXTEENFOLD: Mapping[str, Any] = {'channels': 60}
# Corrections are small, and as large as a step of an optimizer otherwise.
_TENTH = 0.1


def _corrected(depth: Array, correction: Array) -> Array:
  return depth + _TENTH * correction


class MGDNDepth(GuidedNetwork):
  """Refines depth by colour; the defaults are the network for x4 and x8.

  292,282 parameters: the 297,892 of the published network less those that it
  never uses. `MGDNDepth(**SIXTEENFOLD)` is the one for x16, with 1,127,374
  (of 1,149,394). See `GuidedNetwork` for the other options.

  Attributes:
    residual: whether the network corrects the upsampled depth, from none on,
      and does not have to learn to repeat it: it sees the depth less its
      local mean, tenfold, and a tenth of its output is added. Not in the
      paper: beats bicubic depth within minutes of training, and with the
      same parameters; without the local mean it does not within an hour.
    detail_radius: with `residual`, of the square of the local mean, in
      pixels. Two pixels of the low resolution or more: for eightfold depth
      8 gained 0.3 dB where 20 gained 1.0.
    coarse: with `residual`, by how much picture and depth are reduced before
      the network corrects the depth a first time; then it corrects what comes
      out in full size, with the same parameters. Not in the paper: with 4,
      sixteenfold is fourfold twice. 1 leaves the first time out.
  """

  depths: Sequence[int] = (3, 3, 3)
  heads: int = 6
  mlp_ratio: float = 4.0
  residual: bool = False
  detail_radius: int = 8
  coarse: int = 1

  def __post_init__(self) -> None:
    """Refuses options that do not fit."""
    super().__post_init__()
    if self.coarse < 1 or (self.coarse > 1 and not self.residual):
      raise errors.InputError(
        f'coarse is {self.coarse} and residual {self.residual}. Give a whole'
        ' number, and where it is above 1 set residual to True.'
      )

  def __call__(
    self, colour: Array, depth: Array, *, train: bool = False
  ) -> Array:
    """Refines a depth map that was brought to the size of the picture.

    Args:
      colour: [b, h, w, 3] RGB, less the mean of ImageNet and divided by its
        standard deviation.
      depth: [b, h, w, 1] depth, upsampled bicubically, about [0, 1].
      train: see `MGDN`.

    Returns:
      [b, h, w, 1] depth in (0, 1), with `residual` about [0, 1].
    """
    check_channels(
      'MGDNDepth',
      {'colour': colour, 'depth': depth},
      {'colour': 3, 'depth': 1},
    )
    if self.coarse > 1:
      depth = self._corrected_coarsely(colour, depth, train=train)
    return self._refine(colour, depth, train=train)

  def _corrected_coarsely(
    self, colour: Array, depth: Array, *, train: bool
  ) -> Array:
    """Depth that was corrected in a smaller size; [b, h, w, 1]."""
    h, w = depth.shape[1:3]
    rows, columns = (-side % self.coarse for side in (h, w))
    small = [
      resize.box_means(
        streams.pad(x, rows=rows, columns=columns, mode='symmetric'),
        side=self.coarse,
      )
      for x in (colour, depth)
    ]
    refined = self._refine(*small, train=train)
    large = resize.bicubic(refined, size=(h + rows, w + columns))
    return streams.crop(large, height=h, width=w)

  @nn.compact
  def _refine(self, colour: Array, depth: Array, *, train: bool) -> Array:
    """The network, in one size; [b, h, w, 1]."""
    h, w = depth.shape[1:3]
    (picture, padded), _ = self._pad((colour, depth), None)
    seen = padded
    if self.residual:
      seen = LocalDetail(self.detail_radius, gain=10, name='detail')(padded)
    maps = (
      Conv(self.channels, 3, name='lift1')(picture),
      Conv(self.channels, 3, name='lift2')(seen),
    )
    head = self._fuse(
      maps,
      maps[1],
      filter_type=MutualGuidedFilter,
      outputs=1,
      zeros=self.residual,
      train=train,
    )
    if self.residual:
      refined = streams.rowwise(_corrected, padded, head)
    else:
      refined = streams.rowwise(nn.sigmoid, head)
    return streams.crop(refined, height=h, width=w)
