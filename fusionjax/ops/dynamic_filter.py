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
  size = math.isqrt(filters.shape[-1])
  assert size**2 == filters.shape[-1] and size % 2 == 1, filters.shape
  h, w = image.shape[1:3]
  radius = size // 2
  mode = 'constant' if border == 'zero' else 'edge'
  padded = jnp.pad(
    image, ((0, 0), (radius, radius), (radius, radius), (0, 0)), mode=mode
  )
  total = jnp.zeros_like(image)
  for tap in range(size**2):
    dy, dx = divmod(tap, size)
    shifted = padded[:, dy : dy + h, dx : dx + w]
    total = total + filters[..., tap : tap + 1] * shifted
  return total
