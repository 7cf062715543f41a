"""Metrics from correlations of whole pictures. Planes are [h, w] in 0..255."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.metrics import sharing, tiles

Array = jax.Array


def cc(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """Correlation coefficient: CC = mean_S r(S, F), with Pearson's r.

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: [h, w] planes in 0..255, two in the paper.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar in -1..1; NaN if a plane has one value.

  References:
    Ma, Ma, Li, Infrared and visible image fusion methods and applications: A
    survey, Information Fusion 2019, as LT has it.
  """
  count = len(sources)
  table = _correlations(fused, tuple(sources), size=size)
  return jnp.mean(table[0, 1 : count + 1])


def scd(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """Sum of the correlations of differences: r(F - B, A) + r(F - A, B).

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: two [h, w] planes in 0..255.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar in -2..2, which F = A + B reaches; NaN if A, B, F - A or F - B has
    one value, as F - A has for identical pictures.

  References:
    Aslantas, Bendes, A new image quality metric for image fusion: The sum of
    the correlations of differences, AEU 2015.
  """
  first, second = sources
  table = _correlations(fused, (first, second), size=size)
  # In the order F, A, B, F - A, F - B.
  return table[4, 1] + table[3, 2]


@sharing.shared
def _correlations(
  fused: Array, sources: tuple[Array, ...], *, size: tiles.Size | None
) -> Array:
  """[n, n] Pearson's r of F, of the sources S and of the differences F - S."""
  planes = jnp.stack([fused, *sources])

  def compared(tile: Array) -> Array:
    return jnp.concatenate([tile, tile[:1] - tile[1:]])

  # Means are taken from the first pixel on, so that a plane of one value
  # leaves exact zeros in any precision.
  dtype = jnp.result_type(float)
  if jnp.issubdtype(planes.dtype, jnp.inexact):
    dtype = planes.dtype
  origin = compared(planes[:, :1, :1].astype(dtype))
  sums = tiles.total(
    lambda tile, place: compared(tile) - origin, planes, size=size
  )
  centre = (
    origin
    + (sums / tiles.pixels(tiles.extent(fused, size), dtype))[:, None, None]
  )

  def step(products: Array, tile: Array, place: tiles.Place) -> Array:
    centred = jnp.where(place.inside, compared(tile) - centre, 0)
    return products + jnp.einsum(
      'ihw,jhw->ij', centred, centred, precision=lax.Precision.HIGHEST
    )

  count = origin.shape[0]
  products = tiles.accumulate(
    step, planes, jnp.zeros((count, count), dtype), size=size
  )
  spread = jnp.sqrt(jnp.diagonal(products))
  return products / (spread[:, None] * spread[None])
