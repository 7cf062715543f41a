"""How toolboxes bring colour pictures to the single planes of a metric.

A rule takes pictures of shape [h, w] or [h, w, 3] in 0..255 and gives the
planes that belong together, [n, h, w] with n = 1 or 3. The value of a metric
is the mean over the n planes.
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
  red, green, blue = jnp.moveaxis(picture, -1, 0)
  grey = (
    0.298936021293775 * red
    + 0.587043074451121 * green
    + 0.114020904255103 * blue
  )
  return jnp.floor(grey + 0.5)


def rgb2gray_opencv(picture: Array) -> Array:
  """OpenCV's grey, rounded to whole levels as CDDFuse rounds it.

  Args:
    picture: [h, w, 3] in 0..255, or [h, w], which is given back as it is.

  Returns:
    [h, w] in 0..255.
  """
  if picture.ndim == 2:
    return picture
  red, green, blue = jnp.moveaxis(picture, -1, 0)
  # In thousandths, which are exact: one pixel in a thousand lies half-way
  # between two levels and goes to the even one, as NumPy rounds it.
  thousandths = 299 * red + 587 * green + 114 * blue
  level = jnp.floor((thousandths + 0.5) / 1000)
  rest = thousandths - 1000 * level
  up = (rest > 500) | ((rest == 500) & (level % 2 == 1))
  return level + up.astype(level.dtype)


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
