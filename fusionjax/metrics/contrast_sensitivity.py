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

_ENDS = (jnp.min, jnp.max)


@sharing.shared
def transformed(
  planes: tuple[Array, ...], *, unit: bool
) -> tuple[Array, Array]:
  """Stretches planes and transforms them, once for both metrics.

  Args:
    planes: as for `stretched`.
    unit: as for `stretched`.

  Returns:
    [n, h, w] stretched planes, [n, h, w // 2 + 1] their half spectra.
  """
  levels = stretched(planes, unit=unit)
  return levels, jnp.fft.rfft2(levels)


def stretched(planes: tuple[Array, ...], *, unit: bool) -> Array:
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
  dtype = jnp.result_type(float)
  if jnp.issubdtype(levels.dtype, jnp.inexact):
    dtype = levels.dtype
  # Before the conversion, so that all that follows is one pass.
  ends = [pick(levels, axis=(-2, -1), keepdims=True) for pick in _ENDS]
  low, high, levels = (each.astype(dtype) for each in (*ends, levels))
  if unit:
    low, high, levels = (_divided(each, 255) for each in (low, high, levels))
  # Half a level is met often, and its side hangs on the last bit: the order is
  # that of the published code, and lax.round leaves no sum to be fused.
  found = _divided(levels - low, high - low) * 255
  found = lax.round(found, lax.RoundingMethod.AWAY_FROM_ZERO)
  return jnp.where((low == 0) & (high == 0), 0, found)


def filtered(spectra: Array, sensitivity: Array, *, width: int) -> Array:
  """Multiplies half spectra and goes back to planes.

  Args:
    spectra: [n, h, w // 2 + 1] what rfft2 gives.
    sensitivity: [h, w // 2 + 1] factors, see `radii`; the other half of the
      spectrum mirrors this one.
    width: of the planes.

  Returns:
    [n, h, w] planes.
  """
  spectra = spectra * sensitivity[None].astype(spectra.dtype)
  return jnp.fft.irfft2(spectra, s=(spectra.shape[-2], width))


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
