"""How toolboxes bring colour pictures to the single planes of a metric.

A rule takes pictures of shape [h, w] or [h, w, 3] in 0..255 and gives the
planes that belong together, [n, h, w] with n = 1 or 3. The value of a metric
is the mean over the n planes. The metrics that look at a whole picture at
once get it as the one plane, [1, 3, h, w] or [1, h, w, 3].

Planes of uint8 pictures are uint8: canvases stay small.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

Array = jax.Array
Planes = tuple[Array, tuple[Array, ...]]


@dataclasses.dataclass(frozen=True)
class Rule:
  """A colour rule.

  Attributes:
    title: what it does, in a word or two, for listings.
    split: from the fused picture and the sources to their planes.
  """

  title: str
  split: Callable[[Array, Sequence[Array]], Planes]


def rgb2gray(picture: Array) -> Array:
  """MATLAB's rgb2gray of an 8-bit picture, rounded to whole levels.

  Args:
    picture: [h, w, 3] in 0..255, or [h, w], which is given back as it is.

  Returns:
    [h, w] in 0..255.
  """
  if picture.ndim == 2:
    return picture
  red, green, blue = _channels_as_floats(picture)
  grey = (
    0.298936021293775 * red
    + 0.587043074451121 * green
    + 0.114020904255103 * blue
  )
  return _levels(jnp.floor(grey + 0.5), like=picture)


def rgb2gray_opencv(picture: Array) -> Array:
  """OpenCV's grey, rounded to whole levels as CDDFuse rounds it.

  Args:
    picture: [h, w, 3] in 0..255, or [h, w], which is given back as it is.

  Returns:
    [h, w] in 0..255.
  """
  if picture.ndim == 2:
    return picture
  red, green, blue = _channels_as_floats(picture)
  # In thousandths, which are exact: one pixel in a thousand lies half-way
  # between two levels and goes to the even one, as NumPy rounds it.
  thousandths = 299 * red + 587 * green + 114 * blue
  level = jnp.floor((thousandths + 0.5) / 1000)
  rest = thousandths - 1000 * level
  up = (rest > 500) | ((rest == 500) & (level % 2 == 1))
  return _levels(level + up.astype(level.dtype), like=picture)


def _channels_as_floats(picture: Array) -> Array:
  """[3, h, w]; arithmetic on uint8 would wrap around."""
  channels = jnp.moveaxis(picture, -1, 0)
  if jnp.issubdtype(picture.dtype, jnp.inexact):
    return channels
  return channels.astype(jnp.result_type(float))


def _levels(grey: Array, *, like: Array) -> Array:
  """Whole levels in the dtype of the picture that they come from."""
  return grey.astype(like.dtype)


def _grey(
  fused: Array,
  sources: Sequence[Array],
  *,
  convert: Callable[[Array], Array],
) -> Planes:
  return convert(fused)[None], tuple(convert(each)[None] for each in sources)


def _channels(
  fused: Array,
  sources: Sequence[Array],
  *,
  colour_beside_grey: Callable[[Array], Array],
) -> Planes:
  if fused.ndim == 2:
    return _grey(fused, sources, convert=rgb2gray)
  if sources and all(source.ndim == 2 for source in sources):
    fused = colour_beside_grey(fused)
    return fused[None], tuple(source[None] for source in sources)
  return _as_three(fused), tuple(_as_three(source) for source in sources)


def _as_three(picture: Array) -> Array:
  """Channels first; a grey picture stands beside each of the channels."""
  if picture.ndim == 2:
    return jnp.broadcast_to(picture, (3, *picture.shape))
  return jnp.moveaxis(picture, -1, 0)


def _red(picture: Array) -> Array:
  return picture[..., 0]


def _together(fused: Array, sources: Sequence[Array]) -> Planes:
  pictures = [
    each[None] if each.ndim == 2 else jnp.moveaxis(each, -1, 0)
    for each in (fused, *sources)
  ]
  most = max(each.shape[0] for each in pictures)
  # A grey picture stands beside each of the channels.
  stacks = [
    jnp.broadcast_to(each, (most, *each.shape[1:]))[None] for each in pictures
  ]
  return stacks[0], tuple(stacks[1:])


def _result_alone(fused: Array, sources: Sequence[Array]) -> Planes:
  del sources
  return _together(fused, ())


def _as_stored(fused: Array, sources: Sequence[Array]) -> Planes:
  return fused[None], tuple(source[None] for source in sources)


# MEFB and VIFB. A grey source beside colour ones is VIFB's infrared image; the
# MEFB code fails there. Between grey sources a colour result counts by its
# red channel alone.
CHANNELS = Rule(
  'mean of R, G, B',
  functools.partial(_channels, colour_beside_grey=_red),
)
# The one metric of these toolboxes that goes to grey between grey sources.
CHANNELS_AG = Rule(
  'mean of R, G, B',
  functools.partial(_channels, colour_beside_grey=rgb2gray),
)
GREY = Rule('grey', functools.partial(_grey, convert=rgb2gray))
GREY_OPENCV = Rule(
  'grey (OpenCV)', functools.partial(_grey, convert=rgb2gray_opencv)
)
# All channels of a picture at once, [1, channels, h, w].
TOGETHER = Rule('R, G, B together', _together)
# The same where the sources say nothing about the channels.
RESULT_TOGETHER = Rule('R, G, B side by side', _result_alone)
# Pictures as they are, [1, h, w] or [1, h, w, 3].
AS_STORED = Rule('all channels together', _as_stored)
