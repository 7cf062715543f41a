"""RMSE of depth maps, and the protocols by which papers print it."""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp

from fusionjax import errors
from fusionjax.metrics import tiles

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Protocol:
  """How a paper's code gets from the output of a network to an RMSE.

  Attributes:
    unit: of the true depth map that it is given.
    result: the unit of the RMSE.
    crop: pixels that do not count at each side.
    scale: what the difference is multiplied by.
    clip: whether the output is clipped to 0..1 first.
    limits: the depths that 0 and 1 of the output stand for: those of the
      `scene`, the least and the largest true depth, or two fixed ones.
  """

  unit: str
  result: str
  crop: int
  scale: float
  clip: bool
  limits: Literal['scene'] | tuple[float, float] = 'scene'


_NYU = Protocol('m', 'cm', crop=6, scale=100.0, clip=True)
_LEVELS = Protocol('levels 0..255', 'levels', crop=0, scale=1.0, clip=True)
# SGNet's code divides these maps by 255 and multiplies the result by it.
_SGNET_LEVELS = dataclasses.replace(
  _LEVELS, crop=6, clip=False, limits=(0.0, 255.0)
)

# By code and data set. What the two make of a data set differs, but for NYU's:
# only there can their tables be compared.
PROTOCOLS: dict[str, Protocol] = {
  'mgdn/nyu': _NYU,
  'mgdn/rgbdd': dataclasses.replace(_NYU, crop=0),
  'mgdn/middlebury': _LEVELS,
  'mgdn/lu': _LEVELS,
  'sgnet/nyu': dataclasses.replace(_NYU, clip=False),
  'sgnet/rgbdd': Protocol('mm', 'cm', crop=6, scale=0.1, clip=False),
  'sgnet/middlebury': _SGNET_LEVELS,
  'sgnet/lu': _SGNET_LEVELS,
}


def depth_rmse(
  depth: Array,
  target: Array,
  *,
  size: tiles.Size | None = None,
  crop: int = 0,
  scale: float = 1.0,
) -> Array:
  """Root mean square error of a depth map: scale sqrt(mean (d - t)^2).

  Tables print the mean of the values of the maps, which is not the RMSE of
  all their pixels.

  Args:
    depth: [h, w] depths, in any unit; [h, w, c] takes all values together.
    target: the true ones, of the same shape and unit.
    size: height and width of the map, if it is the top left of the arrays.
    crop: pixels that do not count at each side.
    scale: what the result is multiplied by: 100 from metres to centimetres.

  Returns:
    Scalar of 0 or more in the unit of the depths times `scale`; NaN where
    the crop leaves nothing.

  References:
    Guan et al., MGDN, ACM MM 2023, table 4.
  """
  planes = jnp.concatenate([_planes(depth), _planes(target)])
  channels = planes.shape[0] // 2

  def of_tile(tile: Array, place: tiles.Place) -> Array:
    squares = jnp.sum((tile[:channels] - tile[channels:]) ** 2, axis=0)
    return jnp.where(_within(place, crop), squares, 0)

  total = tiles.total(of_tile, planes, size=size)
  height, width = (
    jnp.maximum(jnp.asarray(side - 2 * crop, jnp.int32), 0)
    for side in tiles.extent(planes, size)
  )
  count = channels * tiles.pixels((height, width), total.dtype)
  return scale * jnp.sqrt(total / count)


def depth_rmse_of_output(
  output: Array,
  target: Array,
  *,
  protocol: str,
  size: tiles.Size | None = None,
) -> Array:
  """RMSE of the output of a network by the protocol of a published code.

  Args:
    output: [h, w] network output in 0..1.
    target: [h, w] true depths in the unit of the protocol.
    protocol: a key of `PROTOCOLS`: `mgdn` or `sgnet`, a slash, and `nyu`,
      `rgbdd`, `middlebury` or `lu`.
    size: height and width of the map, if it is the top left of the planes.

  Returns:
    Scalar of 0 or more in the result's unit of the protocol; NaN where the
    crop leaves nothing.

  Raises:
    errors.InputError: if there is no such protocol.

  References:
    Guan et al., MGDN, ACM MM 2023, table 4; Wang et al., SGNet, AAAI 2024.
  """
  if protocol not in PROTOCOLS:
    raise errors.unknown_name('protocol', protocol, PROTOCOLS)
  rule = PROTOCOLS[protocol]
  target = target.astype(output.dtype)  # Levels may come as uint8.
  low, high = (
    _range(target, size=size) if rule.limits == 'scene' else rule.limits
  )
  if rule.clip:
    output = jnp.clip(output, 0, 1)
  return depth_rmse(
    output * (high - low) + low,
    target,
    size=size,
    crop=rule.crop,
    scale=rule.scale,
  )


def _planes(depth: Array) -> Array:
  """[channels, h, w]"""
  return depth[None] if depth.ndim == 2 else jnp.moveaxis(depth, -1, 0)


def _within(place: tiles.Place, crop: int) -> Array:
  """Whether a pixel is left by the crop."""
  rows = (place.rows >= crop) & (place.rows < place.height - crop)
  columns = (place.columns >= crop) & (place.columns < place.width - crop)
  return rows & columns


def _range(plane: Array, *, size: tiles.Size | None) -> tuple[Array, Array]:
  """The least and the largest value of a picture on a canvas."""
  height, width = tiles.extent(plane, size)
  rows = jnp.arange(plane.shape[0], dtype=jnp.int32)[:, None]
  columns = jnp.arange(plane.shape[1], dtype=jnp.int32)[None]
  inside = (rows < height) & (columns < width)
  low = jnp.min(plane, where=inside, initial=jnp.inf)
  return low, jnp.max(plane, where=inside, initial=-jnp.inf)
