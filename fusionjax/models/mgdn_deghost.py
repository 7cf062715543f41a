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
from fusionjax.ops import streams, tone
from fusionjax.ops.frame import Frame
from fusionjax.ops.streams import Stream

Array = jax.Array

_CHANNELS = {'under': 6, 'reference': 6, 'over': 6}
# Corrections are small, and as large as a step of an optimizer otherwise.
_TENTH = 0.1
# From where to where a picture's values become white.
_WHITE = 0.9, 0.98


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
  residual: bool = False

  @nn.compact
  def __call__(
    self,
    under: Array,
    reference: Array,
    over: Array,
    *,
    train: bool = False,
    frame: Frame | None = None,
  ) -> Array:
    """Merges exposures of any size from 16 pixels a side.

    Args:
      under: [b, h, w, 6] the darkest exposure: three channels of the picture
        and three of the radiance that it stands for.
      reference: [b, h, w, 6] the middle one, whose content is kept.
      over: [b, h, w, 6] the brightest one.
      train: see `MGDN`.
      frame: see `MGDN`.

    Returns:
      [b, h, w, 3] radiance in (0, 1), with `residual` about [0, 1].
    """
    sources = {'under': under, 'reference': reference, 'over': over}
    check_channels('MGDNDeghost', sources, _CHANNELS)
    h, w = reference.shape[1:3]
    padded, frame = self._pad(list(sources.values()), frame)
    seen = padded
    if self.residual:
      seen = [streams.rowwise(_tone_mapped, x) for x in padded]
    lift = Conv(self.channels, 3, name='lift')
    if isinstance(seen[0], Stream):
      maps = [lift(x) for x in seen]
    else:
      # One convolution for all: they are one batch to it.
      maps = jnp.split(lift(jnp.concatenate(seen), frame=frame), 3)
    head = self._fuse(
      maps,
      maps[1],
      filter_type=ReferenceGuidedFilter,
      outputs=3,
      zeros=self.residual,
      train=train,
      frame=frame,
    )
    if self.residual:
      merged = streams.rowwise(_corrected, padded[0], padded[1], head)
    else:
      merged = streams.rowwise(nn.sigmoid, head)
    return streams.crop(merged, height=h, width=w)


def _tone_mapped(x: Array) -> Array:
  """A picture with its radiance [b, h, w, 6], the radiance tone-mapped."""
  return jnp.concatenate([x[..., :3], tone.mu_law(x[..., 3:])], axis=-1)


def _corrected(under: Array, reference: Array, head: Array) -> Array:
  """Guesses the radiance and corrects it, [b, h, w, 3]."""
  guess = tone.mu_law(guessed_radiance(under, reference))
  return tone.inverse_mu_law(guess + _TENTH * head)


def guessed_radiance(under: Array, reference: Array) -> Array:
  """The radiance of a reference, of a darker exposure where it is white.

  Args:
    under: [b, h, w, 6] the darker exposure, as `MGDNDeghost` takes it.
    reference: [b, h, w, 6].

  Returns:
    [b, h, w, 3]; nowhere less than the reference says: what is white is as
    bright or brighter.
  """
  picture, radiance = reference[..., :3], reference[..., 3:]
  least, most = _WHITE
  white = jnp.clip((picture - least) / (most - least), 0, 1)
  return radiance + white * jnp.maximum(under[..., 3:] - radiance, 0)
