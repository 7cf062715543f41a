"""Metrics from local derivatives. Planes are [h, w] floats in 0..255."""

import math
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp

from fusionjax.metrics import filters

Array = jax.Array

# MEFB and VIFB multiply 0..255 images by 255 once more before the Sobel
# filter. Ratios and angles do not see it, the branch of ties does.
_TIE_SCALES = {'mefb': 255.0, 'vifb': 255.0, 'lt': 1.0}
# What the corrected Zheng Liu toolbox puts in the place of a zero.
_MFIF_ZERO = 1e-5


def ag(fused: Array, *, divisor: Literal['inner', 'all'] = 'inner') -> Array:
  """Average gradient: AG = sum sqrt((dx^2 + dy^2) / 2) / ((h - 1)(w - 1)).

  Derivatives are central, one-sided at the borders, and the sum goes over
  all h w pixels: the divisor of the MATLAB toolboxes is smaller than the
  number of terms.

  Args:
    fused: [h, w] fused plane in 0..255, h and w at least 2.
    divisor: `inner` divides by (h - 1)(w - 1) as MEFB, VIFB and LT do, `all`
      by h w as CDDFuse does.

  Returns:
    Scalar of 0 or more, in grey levels per pixel.

  References:
    Cui et al., Optics Communications 2015.
  """
  height, width = fused.shape
  count = height * width if divisor == 'all' else (height - 1) * (width - 1)
  down, right = jnp.gradient(fused)
  return jnp.sum(jnp.sqrt((right**2 + down**2) / 2)) / count


def qabf(
  fused: Array,
  sources: Sequence[Array],
  *,
  toolbox: Literal['mefb', 'vifb', 'lt', 'mfif'] = 'mefb',
) -> Array:
  """Q^AB/F: how much of the sources' edges the fused image keeps.

  With g and a the strength and orientation of the Sobel edges, G the ratio
  of the weaker to the stronger of g and g_F and A = 1 - |a - a_F| / (pi / 2):
  Q = 0.9994 / (1 + exp(-15 (G - 0.5))) 0.9879 / (1 + exp(-22 (A - 0.8))),
  Q^AB/F = sum_S sum_x Q_S g_S / sum_S sum_x g_S.

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: [h, w] planes in 0..255, two in the paper; more add their terms.
    toolbox: whose treatment of ties and zeros: in MEFB, VIFB and LT a tie has
      G = g_F, which saturates, instead of 1; MFIF replaces zeros by 1e-5.

  Returns:
    Scalar in 0..1; NaN where the sources have no edge to keep, as in pictures
    of zeros: the zero border is an edge of any other flat one.

  References:
    Xydeas, Petrovic, Objective image fusion performance measure, Electronics
    Letters 2000; MFIF's is `Q_G` of Liu et al., TPAMI 2012.
  """
  if toolbox == 'mfif':
    pairs = _edge_agreement_mfif(fused, sources)
  else:
    pairs = _edge_agreement(fused, sources, tie_scale=_TIE_SCALES[toolbox])
  qualities = jnp.stack([quality for quality, _ in pairs])
  weights = jnp.stack([weight for _, weight in pairs])
  return jnp.sum(qualities * weights) / jnp.sum(weights)


def _edge_agreement(
  fused: Array, sources: Sequence[Array], *, tie_scale: float
) -> list[tuple[Array, Array]]:
  """Per source, quality and weight of every pixel, as MEFB, VIFB and LT."""
  strength_fused, angle_fused = _edges(fused)
  pairs = []
  for source in sources:
    strength, angle = _edges(source)
    weaker = jnp.minimum(strength, strength_fused)
    stronger = jnp.maximum(strength, strength_fused)
    tie = strength == strength_fused
    # The published code gives a tie g_F itself, not 1: it saturates unless
    # both are 0, and there the weight is 0 too.
    ratio = jnp.where(
      tie, strength_fused * tie_scale, weaker / jnp.where(tie, 1, stronger)
    )
    pairs.append((_edge_quality(ratio, angle - angle_fused), strength))
  return pairs


def _edges(plane: Array) -> tuple[Array, Array]:
  """Strength and orientation in [-pi / 2, pi / 2] of the Sobel edges."""
  right, down = filters.sobel(plane, border='zero')
  flat = right == 0
  # MATLAB's conv2 flips the kernels, which turns the sign of one of the two:
  # it is seen only beside the fixed pi / 2 of a derivative that is zero.
  angle = jnp.arctan(-down / jnp.where(flat, 1, right))
  angle = jnp.where(flat, math.pi / 2, angle)
  return jnp.sqrt(right**2 + down**2), angle


def _edge_agreement_mfif(
  fused: Array, sources: Sequence[Array]
) -> list[tuple[Array, Array]]:
  """Per source, quality and weight of every pixel, as the MFIF toolbox."""
  strength_fused, angle_fused = _edges_mfif(fused)
  pairs = []
  for source in sources:
    strength, angle = _edges_mfif(source)
    loses = strength > strength_fused
    strength = jnp.where(strength == 0, _MFIF_ZERO, strength)
    lost = strength_fused / strength
    # Replaced here, once: the first source meets the true zeros of the fused
    # image above, every later one their replacement.
    strength_fused = jnp.where(strength_fused == 0, _MFIF_ZERO, strength_fused)
    ratio = jnp.where(loses, lost, strength / strength_fused)
    pairs.append((_edge_quality(ratio, angle - angle_fused), strength))
  return pairs


def _edges_mfif(plane: Array) -> tuple[Array, Array]:
  right, down = filters.sobel(plane, border='zero')
  angle = jnp.arctan(down / jnp.where(right == 0, _MFIF_ZERO, right))
  return jnp.sqrt(right**2 + down**2), angle


def _edge_quality(ratio: Array, turn: Array) -> Array:
  """Xydeas and Petrovic's product of two logistic curves."""
  alignment = 1 - jnp.abs(turn) / (math.pi / 2)
  of_strength = 0.9994 / (1 + jnp.exp(-15 * (ratio - 0.5)))
  of_angle = 0.9879 / (1 + jnp.exp(-22 * (alignment - 0.8)))
  return of_strength * of_angle
