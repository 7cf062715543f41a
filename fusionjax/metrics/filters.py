"""Small separable filters that metrics share. Planes are [..., h, w]."""

import functools
import math
import operator
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array


def slide(planes: Array, taps: Sequence[float], *, axis: int) -> Array:
  """Correlates planes with a row of taps along one axis, valid positions.

  Args:
    planes: [..., h, w] planes.
    taps: weights; a zero costs nothing.
    axis: -1 (along the width) or -2 (along the height).

  Returns:
    Planes that are len(taps) - 1 samples shorter along `axis`.
  """
  length = planes.shape[axis] - len(taps) + 1
  start = axis % planes.ndim
  terms = [
    lax.slice_in_dim(planes, at, at + length, axis=start) * tap
    for at, tap in enumerate(taps)
    if tap
  ]
  return functools.reduce(operator.add, terms)


def window_sums(planes: Array, taps: Sequence[float]) -> Array:
  """Weighted sums over the square window taps x taps, valid positions.

  Args:
    planes: [..., h, w] planes.
    taps: weights of the window along each of its sides.

  Returns:
    [..., h - n + 1, w - n + 1] sums, n = len(taps).
  """
  return slide(slide(planes, taps, axis=-2), taps, axis=-1)


def gaussian_taps(size: int, sigma: float) -> tuple[float, ...]:
  """One side of MATLAB's fspecial('gaussian', size, sigma); sums to one."""
  centre = (size - 1) / 2
  samples = [
    math.exp(-((at - centre) ** 2) / (2 * sigma**2)) for at in range(size)
  ]
  total = math.fsum(samples)
  return tuple(sample / total for sample in samples)


def sobel(planes: Array) -> tuple[Array, Array]:
  """Sobel derivatives, unnormalised, valid positions.

  Args:
    planes: [..., h, w] planes.

  Returns:
    Correlations with [-1 0 1; -2 0 2; -1 0 1] and with its transpose, both
    [..., h - 2, w - 2]: positive where the planes rise to the right and
    downwards.
  """
  smooth, rise = (1.0, 2.0, 1.0), (-1.0, 0.0, 1.0)
  horizontal = slide(slide(planes, smooth, axis=-2), rise, axis=-1)
  vertical = slide(slide(planes, rise, axis=-2), smooth, axis=-1)
  return horizontal, vertical


def magnitude(right: Array, down: Array) -> Array:
  """Length of gradients; its derivative is 0, not NaN, where they vanish.

  Args:
    right: derivatives along the width.
    down: derivatives along the height, of the same shape.

  Returns:
    sqrt(right^2 + down^2).
  """
  squares = right * right + down * down
  there = squares > 0
  return jnp.where(there, jnp.sqrt(jnp.where(there, squares, 1)), 0)
