"""Metrics that compare the edges of the fused picture with the sources'.

Planes are [h, w] in 0..255, uint8 or float.
"""

import functools
import math
import operator
from collections.abc import Iterable, Sequence
from typing import Literal

import jax
import jax.numpy as jnp

from fusionjax.metrics import filters, tiles

Array = jax.Array

# MEFB and VIFB multiply 0..255 images by 255 once more before the Sobel
# filter. Ratios and angles do not see it, the branch of ties does.
_TIE_SCALES = {'mefb': 255.0, 'vifb': 255.0, 'lt': 1.0}
# What the corrected Zheng Liu toolbox puts in the place of a zero.
_MFIF_ZERO = 1e-5
# N^AB/F: edges weaker than this, in grey levels, hardly count.
_WEAK, _WEIGHT_OF_WEAK = 2.0, 0.001


def qabf(
  fused: Array,
  sources: Sequence[Array],
  *,
  size: tiles.Size | None = None,
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
    size: height and width of the picture, if it is the top left of the planes.
    toolbox: whose treatment of ties and zeros: in MEFB, VIFB and LT a tie has
      G = g_F, which saturates, instead of 1; MFIF replaces zeros by 1e-5.

  Returns:
    Scalar in 0..1; NaN where the sources have no edge to keep, as in pictures
    of zeros: the zero border is an edge of any other flat one.

  References:
    Xydeas, Petrovic, Objective image fusion performance measure, Electronics
    Letters 2000; MFIF's is `Q_G` of Liu et al., TPAMI 2012.
  """

  def of_tile(tile: Array, place: tiles.Place) -> tuple[Array, Array]:
    del place
    if toolbox == 'mfif':
      pairs = _edge_agreement_mfif(tile)
    else:
      pairs = _edge_agreement(tile, tie_scale=_TIE_SCALES[toolbox])
    return (
      _sum(quality * weight for quality, weight in pairs),
      _sum(weight for _, weight in pairs),
    )

  kept, there = tiles.total(
    of_tile,
    jnp.stack([fused, *sources]),
    size=size,
    window=3,
    border='zero',
  )
  return kept / there


def nabf(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """N^AB/F: the edges of the fused picture that no source has.

  With Q as in Q^AB/F, but of other constants, and w = g^1.5: the sum of
  (1 - Q_S) w_S over the sources and over the pixels where the fused edge is
  stronger than that of every source, divided by the sum of all w_S.

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: [h, w] planes in 0..255, two in the paper; more add their terms.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar in 0..1; 0 where no fused edge is stronger than those of all
    sources, as for identical pictures.

  References:
    Kumar, Multifocus and multispectral image fusion based on pixel
    significance using discrete cosine harmonic wavelet transform, SIVP 2013,
    as LT has it.
  """

  def of_tile(tile: Array, place: tiles.Place) -> tuple[Array, Array]:
    del place
    # Sobel sums in grey levels a pixel. The toolbox measures orientations
    # from the other axis, where no edge at all has 0; as a turn by half a
    # circle does not count below, `_edges`, where it has pi / 2, is the same.
    (strength_fused, angle_fused), *others = [_edges(each / 8) for each in tile]
    new = _all(strength_fused > strength for strength, _ in others)
    lost, weights = [], []
    for strength, angle in others:
      quality = _kept((strength, strength_fused), jnp.abs(angle - angle_fused))
      weight = jnp.where(
        strength >= _WEAK, strength * jnp.sqrt(strength), _WEIGHT_OF_WEAK
      )
      lost.append((1 - quality) * weight)
      weights.append(weight)
    return jnp.where(new, _sum(lost), 0), _sum(weights)

  artifacts, there = tiles.total(
    of_tile,
    jnp.stack([fused, *sources]),
    size=size,
    window=3,
    border='mirror',
  )
  return artifacts / there


def _kept(strengths: tuple[Array, Array], turn: Array) -> Array:
  """How much of an edge is kept, by the constants of N^AB/F."""
  stronger = jnp.maximum(*strengths)
  ratio = jnp.minimum(*strengths) / jnp.where(stronger == 0, 1, stronger)
  alignment = jnp.abs(turn - math.pi / 2) / (math.pi / 2)
  of_strength = 1 + jnp.exp(-19 * (ratio - 0.5))
  of_angle = 1 + jnp.exp(-22 * (alignment - 0.5))
  return jnp.sqrt((0.9999 * 0.9995) / (of_strength * of_angle))


def _edge_agreement(
  planes: Array, *, tie_scale: float
) -> list[tuple[Array, Array]]:
  """Per source, quality and weight of every pixel, as MEFB, VIFB and LT."""
  (strength_fused, angle_fused), *others = [_edges(plane) for plane in planes]
  pairs = []
  for strength, angle in others:
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
  right, down = filters.sobel(plane)
  flat = right == 0
  # MATLAB's conv2 flips the kernels, which turns the sign of one of the two:
  # it is seen only beside the fixed pi / 2 of a derivative that is zero.
  angle = jnp.arctan(-down / jnp.where(flat, 1, right))
  angle = jnp.where(flat, math.pi / 2, angle)
  return filters.magnitude(right, down), angle


def _edge_agreement_mfif(planes: Array) -> list[tuple[Array, Array]]:
  """Per source, quality and weight of every pixel, as the MFIF toolbox."""
  (strength_fused, angle_fused), *others = [
    _edges_mfif(plane) for plane in planes
  ]
  pairs = []
  for strength, angle in others:
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
  right, down = filters.sobel(plane)
  angle = jnp.arctan(down / jnp.where(right == 0, _MFIF_ZERO, right))
  return filters.magnitude(right, down), angle


def _edge_quality(ratio: Array, turn: Array) -> Array:
  """Xydeas and Petrovic's product of two logistic curves."""
  alignment = 1 - jnp.abs(turn) / (math.pi / 2)
  of_strength = 1 + jnp.exp(-15 * (ratio - 0.5))
  of_angle = 1 + jnp.exp(-22 * (alignment - 0.8))
  return (0.9994 * 0.9879) / (of_strength * of_angle)


def _sum(terms: Iterable[Array]) -> Array:
  return functools.reduce(operator.add, terms)


def _all(conditions: Iterable[Array]) -> Array:
  return functools.reduce(operator.and_, conditions)
