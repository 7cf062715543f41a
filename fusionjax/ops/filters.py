"""Gradient filters and morphology on NHWC images."""

import functools
import math
import operator
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.ops import levels

Array = jax.Array
# 'reflect' repeats no edge pixel (OpenCV's REFLECT_101), 'edge' repeats it
# for ever (REPLICATE).
Border = Literal['reflect', 'edge']
# 'zero' has zeros there; 'valid' keeps windows that lie inside the image.
AnyBorder = Literal['reflect', 'edge', 'zero', 'valid']


def gaussian_taps(size: int, sigma: float) -> tuple[float, ...]:
  """One side of a Gaussian window of odd size; sums to one."""
  squares = [(at - size // 2) ** 2 for at in range(size)]
  samples = [math.exp(-square / (2 * sigma**2)) for square in squares]
  total = math.fsum(samples)
  return tuple(sample / total for sample in samples)


def separable(
  image: Array, taps: Sequence[float], *, border: AnyBorder = 'reflect'
) -> Array:
  """Correlates images with the square window taps x taps.

  Args:
    image: [b, h, w, c].
    taps: weights along each side of the window, of odd number.
    border: what lies outside the image.

  Returns:
    [b, h, w, c]; of `valid` each side is shorter by the window's less one.
  """
  radius = len(taps) // 2
  pads = ((0, 0), (radius, radius), (radius, radius), (0, 0))
  if border == 'valid':
    x = image
  elif border == 'zero':
    x = jnp.pad(image, pads)
  else:
    x = jnp.pad(image, pads, mode=border)
  for axis in (1, 2):
    length = x.shape[axis] - 2 * radius
    terms = [
      tap * lax.slice_in_dim(x, at, at + length, axis=axis)
      for at, tap in enumerate(taps)
    ]
    x = functools.reduce(operator.add, terms)
  return x


def sobel(image: Array, *, border: Border = 'edge') -> tuple[Array, Array]:
  """Sobel derivatives along x and y; the weights of each sum to one.

  Args:
    image: [b, h, w, c].
    border: what lies outside the image.

  Returns:
    Derivatives along x and along y, each [b, h, w, c].
  """
  x = jnp.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode=border)
  down = (x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:]) / 8
  across = (x[:, :, :-2] + 2 * x[:, :, 1:-1] + x[:, :, 2:]) / 8
  return down[:, :, 2:] - down[:, :, :-2], across[:, 2:] - across[:, :-2]


def scharr(image: Array, *, border: Border = 'reflect') -> tuple[Array, Array]:
  """Scharr derivatives (weights 3, 10, 3) along x and y, unnormalised.

  Args:
    image: [b, h, w, c].
    border: what lies outside the image.

  Returns:
    Derivatives along x and along y, each [b, h, w, c].
  """
  x = jnp.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode=border)
  # Separable: smooth across, then difference along.
  down = 3 * x[:, :-2] + 10 * x[:, 1:-1] + 3 * x[:, 2:]
  across = 3 * x[:, :, :-2] + 10 * x[:, :, 1:-1] + 3 * x[:, :, 2:]
  return down[:, :, 2:] - down[:, :, :-2], across[:, 2:] - across[:, :-2]


def gradient_magnitude(image: Array, *, border: Border = 'reflect') -> Array:
  """Mean of the absolute Scharr derivatives, each limited to the white level.

  Args:
    image: [b, h, w, c] in [0, 1].
    border: what lies outside the image.

  Returns:
    [b, h, w, c] in [0, 1].

  References:
    Zheng et al., FFMEF, CVPRW 2023, eq. 7 and 11.
  """
  dx, dy = scharr(image, border=border)
  dx, dy = levels.clamp(dx, -1, 1), levels.clamp(dy, -1, 1)
  return (jnp.abs(dx) + jnp.abs(dy)) / 2


def dilate(image: Array, *, size: int = 3) -> Array:
  """Largest value in a square neighbourhood; outside the image lies 0.

  Args:
    image: [b, h, w, c], not negative.
    size: side of the square, odd.

  Returns:
    [b, h, w, c].
  """
  zero = jnp.zeros((), image.dtype)
  return lax.reduce_window(
    image, zero, lax.max, (1, size, size, 1), (1, 1, 1, 1), 'SAME'
  )
