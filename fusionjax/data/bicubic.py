"""Bicubic resizing in NumPy, as TensorFlow and Pillow do it."""

import functools

import numpy as np

_F = np.float32


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Resizes by cubic convolution (a = -0.5), widened where it shrinks.

  Sums are taken in the order of `tf.image.resize(..., 'bicubic',
  antialias=True)`, so that the results are equal bit for bit where the
  processor does not fuse multiplications and additions.

  Args:
    image: [h, w, c] float32.
    size: height and width of the result.

  Returns:
    [*size, c] float32; values may leave the range of those of the image.

  References:
    Keys, Cubic convolution interpolation for digital image processing, 1981.
  """
  starts, shares = _taps(image.shape[0], size[0])
  rows = np.zeros((size[0], *image.shape[1:]), _F)
  last = image.shape[0] - 1
  for tap, share in enumerate(shares):
    taken = image[np.minimum(starts + tap, last)]
    rows += share[:, None, None] * taken
  starts, shares = _taps(image.shape[1], size[1])
  out = np.zeros((size[0], size[1], image.shape[2]), _F)
  last = image.shape[1] - 1
  for tap, share in enumerate(shares):
    taken = rows[:, np.minimum(starts + tap, last)]
    out += share[None, :, None] * taken
  return out


@functools.lru_cache(maxsize=4096)
def _taps(length: int, wanted: int) -> tuple[np.ndarray, np.ndarray]:
  """The first sample of each sum, [wanted], and shares, [taps, wanted]."""
  inverse = _F(1) / (_F(wanted) / _F(length))
  wide = max(inverse, _F(1))
  reach = _F(2) * wide
  centre = (np.arange(wanted, dtype=_F) + _F(0.5)) * inverse
  first = np.ceil(centre - reach - _F(0.5)).astype(np.int64)
  first = np.maximum(first, 0)
  end = np.floor(centre + reach - _F(0.5)).astype(np.int64)
  end = np.minimum(end, length - 1)
  taps = min(2 * int(np.ceil(reach)) + 1, length)
  shares = np.zeros((taps, wanted), _F)
  total = np.zeros(wanted, _F)
  for tap in range(taps):
    at = first + tap
    away = np.abs((at.astype(_F) + _F(0.5) - centre) * (_F(1) / wide))
    share = np.where(at <= end, _keys(away), _F(0))
    shares[tap] = share
    total += share
  return first, shares * (_F(1) / total)


def _keys(x: np.ndarray) -> np.ndarray:
  """The kernel at distances x >= 0."""
  near = ((_F(1.5) * x - _F(2.5)) * x) * x + _F(1)
  far = ((_F(-0.5) * x + _F(2.5)) * x - _F(4)) * x + _F(2)
  return np.where(x < 1, near, np.where(x < 2, far, _F(0)))
