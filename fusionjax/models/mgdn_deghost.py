"""MGDN for HDR deghosting: three exposures of a scene that moved.

References:
  Guan et al., Mutual-Guided Dynamic Network for Image Fusion, ACM Multimedia
  2023, section 4.3; see `mgdn`. The middle exposure guides the others, as in
  the published code.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax.models.layers.guided_filter import ReferenceGuidedFilter
from fusionjax.models.layers.plain_conv import Conv
from fusionjax.models.mgdn import GuidedNetwork, check_channels
from fusionjax.ops import streams
from fusionjax.ops.streams import Stream

Array = jax.Array

_CHANNELS = {'under': 6, 'reference': 6, 'over': 6}


class MGDNDeghost(GuidedNetwork):
  """Merges three exposures without ghosts.

  1,826,445 parameters: the 1,826,685 of the published network less those that
  it never uses. See `GuidedNetwork` for the options.
  """

  channels: int = 60
  depths: Sequence[int] = (6, 6, 6)
  heads: int = 6
  window: int = 8
  mlp_ratio: float = 4.0

  @nn.compact
  def __call__(
    self, under: Array, reference: Array, over: Array, *, train: bool = False
  ) -> Array:
    """Merges exposures of any size from 16 pixels a side.

    Args:
      under: [b, h, w, 6] the darkest exposure: three channels of the picture
        and three of the radiance that it stands for.
      reference: [b, h, w, 6] the middle one, whose content is kept.
      over: [b, h, w, 6] the brightest one.
      train: see `MGDN`.

    Returns:
      [b, h, w, 3] radiance in (0, 1).
    """
    sources = {'under': under, 'reference': reference, 'over': over}
    check_channels('MGDNDeghost', sources, _CHANNELS)
    h, w = reference.shape[1:3]
    padded = [self._pad(x) for x in sources.values()]
    lift = Conv(self.channels, 3, name='lift')
    if isinstance(padded[0], Stream):
      maps = [lift(x) for x in padded]
    else:
      # One convolution for all: they are one batch to it.
      maps = jnp.split(lift(jnp.concatenate(padded)), 3)
    merged = self._fuse(
      maps, maps[1], filter_type=ReferenceGuidedFilter, outputs=3, train=train
    )
    return streams.crop(merged, height=h, width=w)
