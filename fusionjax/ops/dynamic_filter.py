"""Filtering with another kernel at every pixel."""

import math
from typing import Literal

import jax
import jax.numpy as jnp

Array = jax.Array
Border = Literal['zero', 'edge']


def dynamic_filter(
  image: Array, filters: Array, *, border: Border = 'zero'
) -> Array:
  """Filters every pixel's neighbourhood with that pixel's own kernel.

  Computed as shifted multiply-adds: the neighbourhoods are never unfolded
  into a tensor of their own.

  Args:
    image: [b, h, w, c] image.
    filters: [b, h, w, k * k] kernels, k odd, taps in row-major order; all
      channels of a pixel share one.
    border: what lies outside the image, zeros or the nearest pixel.

  Returns:
    [b, h, w, c] filtered image.

  References:
    FFMEF, eq. 4 (zero border); Guan et al., MGDN (edge border).
  """
  radius = math.isqrt(filters.shape[-1]) // 2
  mode = 'constant' if border == 'zero' else 'edge'
  padded = jnp.pad(
    image, ((0, 0), (radius, radius), (radius, radius), (0, 0)), mode=mode
  )
  return filter_padded(padded, filters)


def filter_padded(padded: Array, filters: Array) -> Array:
  """`dynamic_filter` of an image that already has its border.

  Args:
    padded: [b, h + k - 1, w + k - 1, c] image.
    filters: [b, h, w, k * k] kernels.

  Returns:
    [b, h, w, c] filtered image.
  """
  size = math.isqrt(filters.shape[-1])
  assert size**2 == filters.shape[-1] and size % 2 == 1, filters.shape
  h, w = filters.shape[1:3]
  total = jnp.zeros((), padded.dtype)
  for tap in range(size**2):
    dy, dx = divmod(tap, size)
    shifted = padded[:, dy : dy + h, dx : dx + w]
    part = filters[..., tap : tap + 1] * shifted
    total = total + part
  return total
