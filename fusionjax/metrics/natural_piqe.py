"""PIQE, the perception-based quality evaluator. It needs no training."""

import jax
import jax.numpy as jnp

from fusionjax.metrics import filters, natural, tiles

Array = jax.Array

BLOCK = 16
_SEGMENT = 6
_ACTIVE = 0.1  # Least variance of a block that is looked at.
_FLAT = 0.1  # Deviation below which a segment of an edge is an artifact.


def piqe(fused: Array, *, size: tiles.Size | None = None) -> Array:
  """PIQE: the share of a picture's active blocks that look distorted.

  The picture is stretched to a maximum of 255, rounded, and normalised
  locally. Of its blocks of 16 x 16 those with a variance v above 0.1 are
  active. One whose border has six pixels in a row with a deviation below 0.1
  has an artifact; one with s > 2 |s - r| / max(s, r) is noisy, where
  s = sqrt(v) and r is the deviation of the two centre columns over that of
  the others. With N active blocks:
  PIQE = 100 (1 + sum_artifact (1 - v) + sum_noisy v) / (1 + N).

  Args:
    fused: [h, w] fused plane in 0..255.
    size: height and width of the picture on a larger canvas.

  Returns:
    Scalar, 0 (good) to 100, which is also the value of a flat picture; blocks
    of a high variance can push it beyond.

  References:
    Venkatanath et al., Blind image quality evaluation using perception based
    features, NCC 2015; MATLAB's piqe.
  """
  size = tiles.extent(fused, size)
  padded, whole = _padded(jnp.asarray(fused)[None], size)

  def step(
    carry: tuple[Array, Array], tile: Array, place: tiles.Place
  ) -> tuple[Array, Array]:
    blocks = _blocks(natural.normalised(tile[0]))
    inside = place.inside[::BLOCK, ::BLOCK]
    active, distortion = _judged(blocks)
    active = active & inside
    distorted, number = carry
    return (
      distorted + jnp.sum(jnp.where(active, distortion, 0)),
      number + jnp.sum(active.astype(number.dtype)),
    )

  zero = jnp.zeros((), padded.dtype)
  distorted, number = tiles.accumulate(
    step,
    padded,
    (zero, zero),
    size=whole,
    window=natural.WINDOW,
    border='replicate',
  )
  return 100 * (distorted + 1) / (number + 1)


# Compiled as one also where `piqe` is not: a maximum that the compiler knows
# would turn the division into a product, which rounds some levels otherwise.
@jax.jit
def _padded(planes: Array, size: tiles.Size) -> tuple[Array, tiles.Size]:
  """The picture stretched to 0..255, reflected up to whole blocks."""

  def largest(carry: Array, tile: Array, place: tiles.Place) -> Array:
    return jnp.maximum(carry, jnp.max(jnp.where(place.inside, tile[0], 0)))

  dtype = jnp.result_type(float)
  if jnp.issubdtype(planes.dtype, jnp.inexact):
    dtype = planes.dtype
  most = tiles.accumulate(largest, planes, jnp.zeros((), dtype), size=size)
  most = jnp.where(most == 0, 1, most)

  def stretched(tile: Array, _: tiles.Place) -> Array:
    level = 255 * (tile / most)
    whole = jnp.floor(level)
    return jnp.where(level - whole >= 0.5, whole + 1, whole)

  # Tiles are whole blocks, and what a tile has outside the picture is its
  # reflection: the canvas holds the padding already.
  canvas, _ = tiles.rendered(stretched, planes, size=size, border='symmetric')
  height, width = (-(-side // BLOCK) * BLOCK for side in size)
  return canvas, (height, width)


def _blocks(plane: Array) -> Array:
  """[h, w] to [h / 16, w / 16, 16, 16]."""
  rows, columns = (side // BLOCK for side in plane.shape)
  split = plane.reshape(rows, BLOCK, columns, BLOCK)
  return split.transpose(0, 2, 1, 3)


def _judged(blocks: Array) -> tuple[Array, Array]:
  """Whether blocks are active, and how distorted they are."""
  variance = jnp.var(blocks, axis=(-2, -1), ddof=1)
  active = variance > _ACTIVE
  edges = jnp.stack(
    [
      blocks[..., 0, :],
      blocks[..., -1, :],
      blocks[..., :, 0],
      blocks[..., :, -1],
    ],
    axis=-2,
  )
  ones = (1.0,) * _SEGMENT
  sums = filters.slide(edges, ones, axis=-1)
  squares = filters.slide(edges * edges, ones, axis=-1)
  spread = (squares - sums * sums / _SEGMENT) / (_SEGMENT - 1)
  artifact = jnp.any(spread < _FLAT**2, axis=(-2, -1))
  deviation = jnp.sqrt(variance)
  surround = _centre_to_surround(blocks)
  beta = jnp.abs(deviation - surround) / jnp.maximum(deviation, surround)
  noisy = deviation > 2 * beta
  return active, (
    jnp.where(artifact, 1 - variance, 0) + jnp.where(noisy, variance, 0)
  )


def _centre_to_surround(blocks: Array) -> Array:
  """Deviation of the two centre columns over that of the other columns."""
  left = BLOCK // 2 - 1
  centre = blocks[..., left : left + 2]
  # The published code drops column 7 of the block and then column 8 of what
  # is left, which was column 9: column 8 stays.
  surround = jnp.concatenate(
    [
      blocks[..., :left],
      blocks[..., left + 1 : left + 2],
      blocks[..., left + 3 :],
    ],
    axis=-1,
  )
  inner, outer = (
    jnp.sqrt(jnp.var(each, axis=(-2, -1), ddof=1))
    for each in (centre, surround)
  )
  flat = (inner == 0) & (outer == 0)
  return jnp.where(flat, 0, inner / jnp.where(flat, 1, outer))
