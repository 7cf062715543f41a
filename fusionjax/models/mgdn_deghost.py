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
# Differences of tone-mapped radiance from here on are alike to the network.
_LARGE = 0.1
_DARKEST = -0.1
# From where to where a picture's values become white.
_WHITE = 0.9, 0.98


class MGDNDeghost(GuidedNetwork):
  """Merges three exposures without ghosts.

  1,826,445 parameters: the 1,826,685 of the published network less those that
  it never uses. See `GuidedNetwork` for the other options.

  Attributes:
    weighted: whether the head gives weights of the outer exposures in each
      pixel, by which what they say beside a guess is added to it, from none
      on, in the place of radiance of its own: the guess is the radiance of
      the reference, or where that is white that of the darkest exposure, if
      it is more. White pixels say nothing, nor do those whose tone-mapped
      radiance (`ops.tone.mu_law`) differs by much more than 0.1 from the
      guess: there something has moved. In the place of radiance the network
      sees those differences. Not in the paper.
  """

  channels: int = 60
  depths: Sequence[int] = (6, 6, 6)
  heads: int = 6
  window: int = 8
  mlp_ratio: float = 4.0
  weighted: bool = False

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
      [b, h, w, 3] radiance in (0, 1), with `weighted` about [0, 1].
    """
    sources = {'under': under, 'reference': reference, 'over': over}
    check_channels('MGDNDeghost', sources, _CHANNELS)
    h, w = reference.shape[1:3]
    padded, frame = self._pad(list(sources.values()), frame)
    seen = padded
    if self.weighted:
      guess = streams.rowwise(_guess, padded[0], padded[1])
      seen = [streams.rowwise(_compared, x, guess) for x in padded]
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
      outputs=2 if self.weighted else 3,
      zeros=self.weighted,
      train=train,
      frame=frame,
    )
    if self.weighted:
      merged = streams.rowwise(weigh, *padded, head)
    else:
      merged = streams.rowwise(nn.sigmoid, head)
    return streams.crop(merged, height=h, width=w)


def _guess(under: Array, reference: Array) -> Array:
  return tone.mu_law(guessed_radiance(under, reference))


def _difference(x: Array, guess: Array) -> Array:
  return tone.mu_law(x[..., 3:]) - guess


def _compared(x: Array, guess: Array) -> Array:
  """A picture [b, h, w, 6], and what its radiance says beside the guess."""
  difference = jnp.tanh(_difference(x, guess) / _LARGE)
  return jnp.concatenate([x[..., :3], difference], axis=-1)


def weigh(under: Array, reference: Array, over: Array, head: Array) -> Array:
  """Adds to a guess what the outer exposures say beside it.

  Args:
    under: [..., 6], as `MGDNDeghost` takes it, like the next two.
    reference: [..., 6].
    over: [..., 6].
    head: [..., 2] weights of under and over.

  Returns:
    [..., 3] radiance.
  """
  guess = mapped = _guess(under, reference)
  for x, weight in ((under, head[..., :1]), (over, head[..., 1:])):
    difference = _difference(x, guess)
    alike = jnp.exp(-jnp.square(difference / _LARGE))
    mapped = mapped + weight * (1 - _white(x)) * alike * difference
  # Less than no light by little: the loss is to see that it is less.
  return tone.inverse_mu_law(jnp.maximum(mapped, _DARKEST))


def _white(x: Array) -> Array:
  """How white a picture [b, h, w, 6] is: [b, h, w, 3] in [0, 1]."""
  least, most = _WHITE
  return jnp.clip((x[..., :3] - least) / (most - least), 0, 1)


def guessed_radiance(under: Array, reference: Array) -> Array:
  """The radiance of a reference, of a darker exposure where it is white.

  Args:
    under: [b, h, w, 6] the darker exposure, as `MGDNDeghost` takes it.
    reference: [b, h, w, 6].

  Returns:
    [b, h, w, 3]; nowhere less than the reference says: what is white is as
    bright or brighter.
  """
  radiance = reference[..., 3:]
  more = jnp.maximum(under[..., 3:] - radiance, 0)
  return radiance + _white(reference) * more
