"""Colour spaces and rules that fuse colour.

All values are in [0, 1], where 1 stands for level 255; the channel axis is
the last.
"""

import functools
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Array = jax.Array
LumaRange = Literal['studio', 'full', 'centred']

# Level 128 of 255: the chroma of grey in both ranges.
NEUTRAL = 128 / 255

_STUDIO_FROM_RGB = np.array(
  [
    [0.256789, 0.504129, 0.097906],
    [-0.148223, -0.290992, 0.439215],
    [0.439215, -0.367789, -0.071426],
  ],
  np.float32,
)
_STUDIO_TO_RGB = np.array(
  [
    [1.164383, 0.0, 1.596027],
    [1.164383, -0.391762, -0.812969],
    [1.164383, 2.017230, 0.0],
  ],
  np.float32,
)
_STUDIO_OFFSET = np.array([16, 128, 128], np.float32) / 255

_FULL_FROM_RGB = np.array(
  [
    [0.299, 0.587, 0.114],
    [-0.114 / 0.886 * 0.5 * 0.299 / 0.114, -0.587 / 1.772, 0.5],
    [0.5, -0.587 / 1.402, -0.114 / 1.402],
  ],
  np.float32,
)
_FULL_TO_RGB = np.array(
  [
    [1.0, 0.0, 1.402],
    [1.0, -0.114 * 1.772 / 0.587, -0.299 * 1.402 / 0.587],
    [1.0, 1.772, 0.0],
  ],
  np.float32,
)
_FULL_OFFSET = np.array([0, 128, 128], np.float32) / 255
_CENTRED_FROM_RGB = np.array(
  [
    [0.299, 0.587, 0.114],
    [-0.168736, -0.331264, 0.5],
    [0.5, -0.418688, -0.081312],
  ],
  np.float32,
)
_CENTRED_TO_RGB = np.array(
  [[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]],
  np.float32,
)
_CENTRED_OFFSET = np.array([0, 0.5, 0.5], np.float32)
# Range -> matrix from RGB, matrix to RGB, offset.
_RANGES: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {
  'studio': (_STUDIO_FROM_RGB, _STUDIO_TO_RGB, _STUDIO_OFFSET),
  'full': (_FULL_FROM_RGB, _FULL_TO_RGB, _FULL_OFFSET),
  'centred': (_CENTRED_FROM_RGB, _CENTRED_TO_RGB, _CENTRED_OFFSET),
}


def _transform(x: Array, matrix: np.ndarray) -> Array:
  """Multiplies the last axis with a 3 x 3 matrix, as multiply-adds."""
  rows = [
    sum(float(matrix[row, i]) * x[..., i] for i in range(3)) for row in range(3)
  ]
  return jnp.stack(rows, axis=-1)


def rgb_to_ycbcr(rgb: Array, *, luma_range: LumaRange = 'studio') -> Array:
  """Converts RGB to YCbCr (ITU-R BT.601).

  Args:
    rgb: [..., 3] in [0, 1].
    luma_range: `studio` puts black at 16 / 255 and white at 235 / 255 (the
      published FFMEF); `full` uses all levels (JPEG); `centred` does too,
      with a chroma of 0.5 for grey (the published CSC-MEFN).

  Returns:
    [..., 3] Y, Cb, Cr in [0, 1]; grey has a chroma of `NEUTRAL`, or of 0.5.
  """
  matrix, _, offset = _RANGES[luma_range]
  y = _transform(rgb, matrix)
  return y + lax.broadcast(jnp.asarray(offset, rgb.dtype), y.shape[:-1])


def ycbcr_to_rgb(ycbcr: Array, *, luma_range: LumaRange = 'studio') -> Array:
  """Converts YCbCr to RGB; the inverse of `rgb_to_ycbcr`.

  Args:
    ycbcr: [..., 3] Y, Cb, Cr in [0, 1].
    luma_range: as in `rgb_to_ycbcr`.

  Returns:
    [..., 3] RGB, not clipped: values outside [0, 1] are colours that RGB
    does not have.
  """
  _, matrix, offset = _RANGES[luma_range]
  shift = lax.broadcast(jnp.asarray(offset, ycbcr.dtype), ycbcr.shape[:-1])
  return _transform(ycbcr - shift, matrix)


def luma(rgb: Array) -> Array:
  """The luma of RGB, of all levels; that of grey is grey to the last bit.

  Args:
    rgb: [..., 3] in [0, 1].

  Returns:
    [..., 1].
  """
  red, green, blue = (rgb[..., i : i + 1] for i in range(3))
  return green + 0.299 * (red - green) + 0.114 * (blue - green)


def fuse_chroma(
  chroma: Array, *, neutral: float = NEUTRAL, epsilon: float = 0.0
) -> Array:
  """Blends chroma planes of several images by their distance from neutral.

  Args:
    chroma: [k, ...] Cb or Cr planes in [0, 1], one per source.
    neutral: the value that means "no colour".
    epsilon: added to every distance; the published CSC-MEFN has 1e-8.

  Returns:
    [...] fused plane; a pixel that is neutral in every source stays neutral.

  References:
    Zheng et al., FFMEF, CVPRW 2023, eq. 1. Zhao et al., Deep convolutional
    sparse coding networks for interpretable image fusion, section 3.2.
  """
  # Plane by plane: XLA's sum over the first axis of a stack takes ten times as
  # long on a CPU.
  planes = list(chroma)
  distances = [jnp.abs(plane - neutral) + epsilon for plane in planes]
  total = functools.reduce(jnp.add, distances)
  blend = functools.reduce(jnp.add, map(jnp.multiply, planes, distances))
  # Only the exact 0 / 0 is replaced, as in the published code: no epsilon.
  colourless = total == 0
  safe = jnp.where(colourless, jnp.ones_like(total), total)
  return jnp.where(colourless, jnp.full_like(total, neutral), blend / safe)
