"""Phase congruency of Kovesi, and its moments, as Q_P wants them.

Planes are [h, w] and fill their canvas: their Fourier transforms depend on the
size.
"""

import functools
import math
import operator
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from fusionjax.metrics import filters, order

Array = jax.Array

_SCALES = 4
_ORIENTATIONS = 6
_ANGLES = tuple(k * math.pi / _ORIENTATIONS for k in range(_ORIENTATIONS))
# Of the filters, in cycles a pixel: centres of the scales, finest first.
_CENTRES = tuple(1 / (3 * 2.1**scale) for scale in range(_SCALES))
_RADIAL = -1 / (2 * math.log(0.55) ** 2)
_ANGULAR = -1 / (2 * (math.pi / _ORIENTATIONS / 1.2) ** 2)
_CUTOFF, _SHARPNESS = 0.45, 15
# The squared response to noise is distributed exponentially.
_MEAN_OF_MEDIAN = 1 / math.log(2)
# Noise reaches so many deviations above its mean; 1.7 is Kovesi's empirical
# factor for this measure.
_DEVIATIONS, _RESCALED = 2, 1.7
_SPREAD_CUTOFF, _SPREAD_SHARPNESS = 0.5, 10
_EPS = 1e-4

# The least size: one row or column has no frequency but zero.
MIN_SIZE = 2


def features(planes: Array) -> Array:
  """Phase congruency and its moments: edges and corners of any contrast.

  Log-Gabor filters of 4 scales and 6 orientations; per orientation, energy
  above the noise divided by amplitude, weighted by the spread of frequencies.

  Args:
    planes: [n, h, w] in 0..255, uint8 or float, h and w at least 2.

  Returns:
    [n, 3, h, w]: the congruency over all orientations in 0..1, the larger
    moment of its covariance (edges) and the smaller one (corners). NaN where
    filters have no response at all.

  References:
    Kovesi, Image features from phase congruency, Videre 1999, with the
    constants and the slips of the code that Q_P uses: a covariance that is
    divided by 6 where variances are divided by 3, and a low pass that is one
    sample off in pictures of odd size.
  """
  height, width = planes.shape[1:]
  dtype = jnp.result_type(float)
  if jnp.issubdtype(planes.dtype, jnp.inexact):
    dtype = planes.dtype
  radial, angle = _bank((height, width), dtype)
  angles = jnp.asarray(_ANGLES, dtype)
  gains = jnp.asarray(_noise_gains(height, width), dtype)

  def of_plane(kept: Array, plane: Array) -> tuple[Array, Array]:
    spectrum = jnp.fft.fft2(plane.astype(dtype))

    def of_orientation(number: Array, kept: Array) -> Array:
      spread = _spread(angle, angles[number])
      bank = (radial * spread[None]).astype(spectrum.dtype)
      response = jnp.fft.ifft2(spectrum[None] * bank)
      finest = response[0].real ** 2 + response[0].imag ** 2
      power = order.median(finest) * _MEAN_OF_MEDIAN * gains[number]
      found = _energy(response, noise=_noise_threshold(power))
      return lax.dynamic_update_index_in_dim(kept, found, number, axis=0)

    kept = lax.fori_loop(0, _ORIENTATIONS, of_orientation, kept)
    return kept, _moments(kept)

  # One buffer for all planes: what it holds is written anew for each.
  kept = jnp.zeros((_ORIENTATIONS, 2, height, width), dtype)
  return lax.scan(of_plane, kept, planes)[1]


def _energy(response: Array, *, noise: Array) -> Array:
  """Weighted energy above the noise, and amplitude, of one orientation.

  Args:
    response: [4, h, w] complex, of the filters by scale.
    noise: scalar that is subtracted from the energy.

  Returns:
    [2, h, w].
  """
  even, odd = ([part[k] for k in range(_SCALES)] for part in _parts(response))
  amplitudes = [jnp.sqrt(e * e + o * o) for e, o in zip(even, odd, strict=True)]
  amplitude = _sum(amplitudes)
  largest = functools.reduce(jnp.maximum, amplitudes)
  even_sum, odd_sum = _sum(even), _sum(odd)
  square = even_sum * even_sum + odd_sum * odd_sum
  # The published code divides the sums by their length and then multiplies:
  # length times what goes along the mean phase less what goes across it.
  across = _sum(
    jnp.abs(e * odd_sum - o * even_sum) for e, o in zip(even, odd, strict=True)
  )
  energy = (square - across) / (jnp.sqrt(square) + _EPS)
  energy = jnp.maximum(energy - noise, 0)
  width = amplitude / (largest + _EPS) / _SCALES
  weight = 1 + jnp.exp(_SPREAD_SHARPNESS * (_SPREAD_CUTOFF - width))
  return jnp.stack([energy / weight, amplitude])


def _parts(response: Array) -> tuple[Array, Array]:
  return response.real, response.imag


def _moments(kept: Array) -> Array:
  """[3, h, w] features from [6, 2, h, w] energies and amplitudes."""
  energies, amplitudes = (
    [kept[k, part] for k in range(_ORIENTATIONS)] for part in range(2)
  )
  congruency = _sum(energies) / (_sum(amplitudes) + _EPS)
  squares = [
    (energy / amplitude) ** 2
    for energy, amplitude in zip(energies, amplitudes, strict=True)
  ]
  across, along, both = (
    _sum(
      square * (weigh(angle) / divisor)
      for square, angle in zip(squares, _ANGLES, strict=True)
    )
    for weigh, divisor in (
      (lambda a: math.cos(a) ** 2, _ORIENTATIONS / 2),
      (lambda a: math.sin(a) ** 2, _ORIENTATIONS / 2),
      # Divided by twice as much in the published code, and not doubled below.
      (lambda a: math.cos(a) * math.sin(a), _ORIENTATIONS),
    )
  )
  reach = filters.magnitude(both, across - along) + _EPS
  total = across + along
  return jnp.stack([congruency, (total + reach) / 2, (total - reach) / 2])


def _noise_threshold(power: Array) -> Array:
  """From the energy of the noise to what counts as noise."""
  reach = math.sqrt(math.pi / 2) + _DEVIATIONS * math.sqrt(2 - math.pi / 2)
  return jnp.sqrt(power) * (reach / _RESCALED)


def _bank(shape: tuple[int, int], dtype: jnp.dtype) -> tuple[Array, Array]:
  """[4, h, w] radial parts of the filters and [h, w] angles of frequencies."""
  (y, y_low), (x, x_low) = (
    [jnp.asarray(each, dtype) for each in _frequencies(side)] for side in shape
  )
  centres = jnp.asarray(_CENTRES, dtype)[:, None, None]
  square = (y * y)[None, :, None] + (x * x)[None, None]
  zero = square == 0
  # In [4, h, w] from the start: XLA then has one kernel for all of it.
  distance = jnp.log(jnp.where(zero, 1, square) / (centres * centres)) / 2
  low = (y_low * y_low)[None, :, None] + (x_low * x_low)[None, None]
  low = 1 + (low / _CUTOFF**2) ** _SHARPNESS
  radial = jnp.exp(_RADIAL * distance * distance) / low
  angle = jnp.arctan2(
    jnp.broadcast_to(-y[:, None], shape), jnp.broadcast_to(x[None], shape)
  )
  return jnp.where(zero, 0, radial), angle


def _frequencies(side: int) -> tuple[np.ndarray, np.ndarray]:
  """Frequencies of the samples of a spectrum, for the filters and the low pass.

  The published code divides those of an odd number of samples by one less, and
  shifts the low pass in the wrong direction, which odd sizes see.
  """
  centred = np.arange(side) - side // 2
  return (
    np.fft.ifftshift(centred) / (side - side % 2),
    np.fft.fftshift(centred) / side,
  )


def _spread(angle: Array, orientation: Array) -> Array:
  turn = jnp.abs(angle - orientation)
  turn = jnp.minimum(turn, 2 * math.pi - turn)
  return jnp.exp(_ANGULAR * turn * turn)


@functools.cache
def _noise_gains(height: int, width: int) -> np.ndarray:
  """[6] squared energy of filtered noise over the finest filter's, by angle.

  The published code sums products n_s n_t of the real parts of the filters'
  inverse transforms. By Parseval's theorem that is the energy of the even part
  of the sum of the filters, which takes no transform; it is a number of the
  size alone.
  """
  (y, y_low), (x, x_low) = (_frequencies(side) for side in (height, width))
  square = y[:, None] ** 2 + x**2
  square[0, 0] = 1
  distance = np.log(square) / 2
  low = 1 + ((y_low[:, None] ** 2 + x_low**2) / _CUTOFF**2) ** _SHARPNESS
  bands = [
    np.exp(_RADIAL * (distance - math.log(centre)) ** 2) / low
    for centre in _CENTRES
  ]
  for band in bands:
    band[0, 0] = 0
  together = _sum(bands)
  angle = np.arctan2(-y[:, None], x)
  # In place: fresh memory takes longer than what is computed in it.
  spread, total = np.empty_like(angle), np.empty_like(angle)
  gains = []
  for orientation in _ANGLES:
    np.abs(np.subtract(angle, orientation, out=spread), out=spread)
    np.minimum(spread, 2 * math.pi - spread, out=spread)
    np.exp(np.multiply(_ANGULAR * spread, spread, out=spread), out=spread)
    np.multiply(spread, together, out=total)
    mirrored = np.roll(total[::-1, ::-1], (1, 1), axis=(0, 1))
    energy = (np.vdot(total, total) + np.vdot(total, mirrored)) / 2
    np.multiply(spread, bands[0], out=spread)
    gains.append(energy / np.vdot(spread, spread))
  return np.array(gains)


def _sum(terms: Iterable[Any]) -> Any:
  return functools.reduce(operator.add, terms)
