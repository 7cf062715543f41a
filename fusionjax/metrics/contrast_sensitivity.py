"""What Q_CB and Q_CV share: stretched planes, filtered as an eye filters them.

Planes are [n, h, w] and fill their canvas: their Fourier transforms depend on
the size.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from fusionjax.metrics import sharing

Array = jax.Array


@sharing.shared
def stretched(planes: tuple[Array, ...], *, unit: bool = False) -> Array:
  """Brings each plane to the full range, round(255 (x - min) / (max - min)).

  Args:
    planes: n planes [h, w] in 0..255, uint8 or float.
    unit: divide by 255 before, as MEFB does: where half a level is met, the
      rounding of that division decides where it goes.

  Returns:
    [n, h, w] whole levels; NaN for a plane of one level that is not zero,
    where the stretch is 0 / 0.
  """
  levels = jnp.stack(planes)
  if not jnp.issubdtype(levels.dtype, jnp.inexact):
    levels = levels.astype(jnp.result_type(float))
  if unit:
    levels = _divided(levels, 255)
  low, high = (
    pick(levels, axis=(-2, -1), keepdims=True) for pick in (jnp.min, jnp.max)
  )
  # Half a level is met often, and its side hangs on the last bit: the order is
  # that of the published code, and lax.round leaves no sum to be fused.
  found = _divided(levels - low, high - low) * 255
  found = lax.round(found, lax.RoundingMethod.AWAY_FROM_ZERO)
  return jnp.where((low == 0) & (high == 0), 0, found)


def filtered(planes: Array, sensitivity: Array) -> Array:
  """Multiplies the spectra of planes.

  Args:
    planes: [n, h, w] planes.
    sensitivity: [h, w // 2 + 1] factors, see `radii`; the other half of the
      spectrum mirrors it.

  Returns:
    [n, h, w] planes.
  """
  spectra = jnp.fft.rfft2(planes)
  spectra = spectra * sensitivity[None].astype(spectra.dtype)
  return jnp.fft.irfft2(spectra, s=planes.shape[-2:])


def radii(shape: tuple[int, ...], *, unit: float, dtype: jnp.dtype) -> Array:
  """Frequencies of the half spectrum that `filtered` multiplies.

  Args:
    shape: height and width of the planes.
    unit: how many cycles a picture are one.
    dtype: of the result.

  Returns:
    [h, w // 2 + 1] distances from frequency zero.
  """
  height, width = shape
  rows = np.fft.ifftshift(np.arange(height) - height // 2) / unit
  columns = np.arange(width // 2 + 1) / unit
  squares = jnp.asarray(rows**2, dtype)[:, None]
  return jnp.sqrt(squares + jnp.asarray(columns**2, dtype)[None])


def _divided(planes: Array, divisor: Any) -> Array:
  """Planes of 0 or more by one divisor, rounded once.

  XLA would multiply by the reciprocal of a divisor that all elements share.
  """
  return planes / jnp.where(planes >= 0, divisor, 1)
