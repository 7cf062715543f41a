"""Metrics from grey-level statistics. Planes are [h, w] in 0..255."""

import functools
import math
import operator
from collections.abc import Iterable, Sequence
from typing import Literal

import jax
import jax.numpy as jnp

from fusionjax import errors
from fusionjax.metrics import histograms, tiles

Array = jax.Array

_NAT = math.log(2)  # nats in a bit
# MI by toolbox: whether planes are stretched, and its unit in bits.
_MI_RULES = {
  'vifb': (True, _NAT),
  'lt': (False, 1.0),
  'cddfuse': (False, _NAT),
  'cscfuse': (False, 1.0),
}
_TSALLIS = 1.85  # the exponent q of TE


def entropy(shares: Array) -> Array:
  """Entropy in bits of shares that sum to one; empty bins count nothing."""
  # Not `> 0`: shares that are NaN must count.
  present = shares != 0
  return -jnp.sum(shares * jnp.log2(jnp.where(present, shares, 1)))


def en(fused: Array, *, size: tiles.Size | None = None) -> Array:
  """Entropy: EN = -sum_i p_i log2 p_i over the 256 levels of the fused image.

  Args:
    fused: [h, w] fused plane in 0..255.
    size: height and width of the picture, if it is the top left of the plane.

  Returns:
    Scalar in 0 (one level) to 8 bits (all levels equally often).

  References:
    Roberts, van Aardt, Ahmed, J. Applied Remote Sensing 2008; the same in
    MEFB, VIFB, LT and CDDFuse.
  """
  return entropy(histograms.histogram(fused, size=size))


def ce(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """Cross entropy: CE = mean_S sum_i p_S(i) log2(p_S(i) / p_F(i)).

  The sum leaves out levels that one of the two lacks: a truncated divergence,
  which can be negative.

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: [h, w] planes in 0..255, two in the paper.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar in bits; 0 for identical pictures, and for pictures that have no
    level in common.

  References:
    Bulanon, Burks, Alchanatis, Image fusion of visible and thermal images for
    fruit detection, Biosystems Engineering 2009, as MEFB and VIFB have it.
  """
  of_fused = histograms.histogram(fused, size=size)
  terms = []
  for source in sources:
    shares = histograms.histogram(source, size=size)
    both = (shares > 0) & (of_fused > 0)
    ratio = jnp.where(both, shares, 1) / jnp.where(both, of_fused, 1)
    # The logarithm is 0 where one of the two is.
    terms.append(jnp.sum(shares * jnp.log2(ratio)))
  return _sum(terms) / len(terms)


def mi(
  fused: Array,
  sources: Sequence[Array],
  *,
  size: tiles.Size | None = None,
  toolbox: Literal['vifb', 'lt', 'cddfuse', 'cscfuse'] = 'vifb',
) -> Array:
  """Mutual information: MI = sum_S I(S, F), I = H(S) + H(F) - H(S, F).

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: [h, w] planes in 0..255, two in the paper; more add their terms.
    size: height and width of the picture, if it is the top left of the planes.
    toolbox: `vifb` in nats, each plane stretched to 0..255; `cddfuse` in nats
      and `cscfuse` in bits, of the levels as they are; `lt` in bits, with
      levels 254 and 255 in one bin of the joint histogram, but not of the
      others.

  Returns:
    Scalar of 0 or more, of at most 8 bits a source. 0 where the fused plane
    has one level; `vifb`: NaN if a plane has one level that is not zero.

  Raises:
    errors.InputError: if the toolbox is none of these.

  References:
    Qu, Zhang, Yan, Information measure for performance of image fusion,
    Electronics Letters 2002.
  """
  if toolbox not in _MI_RULES:
    raise errors.unknown_name('toolbox', toolbox, _MI_RULES)
  stretched, unit = _MI_RULES[toolbox]
  count = histograms.joint_stretched if stretched else histograms.joint
  terms = []
  for source in sources:
    shares = count(source, fused, size=size)
    apart = entropy(shares.sum(axis=1)) + entropy(shares.sum(axis=0))
    terms.append(apart - entropy(_saturated(shares, toolbox)))
  return unit * _sum(terms)


def nmi(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """Normalised mutual information: NMI = 2 sum_S I(S, F) / (H(S) + H(F)).

  Of planes stretched to 0..255 each.

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: [h, w] planes in 0..255, two in the paper; more add their terms.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar from 0 to the number of sources, which identical pictures reach.
    NaN if a plane has one level that is not zero, or F and a source are zero.

  References:
    Hossny, Nahavandi, Creighton, Comments on `Information measure for
    performance of image fusion', Electronics Letters 2008; MFIF's `Q_MI`.
  """
  terms = []
  for source in sources:
    apart, together = _entropies(source, fused, size=size)
    terms.append((apart - together) / apart)
  return 2 * _sum(terms)


def te(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """Tsallis mutual information of the toolboxes, TE = sum_S T(S, F).

  T = (1 - sum_ij h(i,j)^q / (p_F(i) p_S(j))^(q-1)) / (1 - q), q = 1.85, over
  levels i of S and j of F, of planes stretched to 0..255 each.

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: [h, w] planes in 0..255, two in the paper; more add their terms.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar, some 1e1..1e5 for photos. NaN if a plane has one level that is not
    zero.

  References:
    Cvejic, Canagarajah, Bull, Image fusion metric based on mutual information
    and Tsallis entropy, Electronics Letters 2006, as MEFB and MFIF have it.
  """
  return _sum(
    _tsallis(histograms.joint_stretched(source, fused, size=size))
    for source in sources
  )


def qncie(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """Nonlinear correlation information entropy.

  Q_NCIE = 1 + sum_i (l_i / n) log256(l_i / n) with the eigenvalues l_i of the
  matrix of the mutual informations I(X, Y) / 8 bits of the n planes, sources
  and fused, that has ones on its diagonal. Of planes stretched to 0..255 each.

  Args:
    fused: [h, w] fused plane in 0..255.
    sources: [h, w] planes in 0..255, two in the paper.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar from 1 - log256(n), 0.80 for two sources, to 1. NaN if a plane has
    one level that is not zero.

  References:
    Wang, Shen, Jin, A nonlinear correlation measure for multivariable data
    set, Physica D 2005; Wang et al., Performance evaluation of image fusion
    techniques, 2008.
  """
  planes = (*sources, fused)
  count = len(planes)
  upper = {}
  for i in range(count):
    for j in range(i + 1, count):
      apart, together = _entropies(planes[i], planes[j], size=size)
      upper[i, j] = (apart - together) / math.log2(histograms.LEVELS)
  one = jnp.ones_like(upper[0, 1])
  matrix = jnp.stack(
    [
      jnp.stack(
        [one if i == j else upper[min(i, j), max(i, j)] for j in range(count)]
      )
      for i in range(count)
    ]
  )
  # Sorted for nothing; rounding can leave a zero just below.
  shares = jnp.maximum(jnp.linalg.eigvalsh(matrix), 0) / count
  return 1 - entropy(shares) / math.log2(histograms.LEVELS)


def _entropies(
  first: Array, second: Array, *, size: tiles.Size | None
) -> tuple[Array, Array]:
  """H(X) + H(Y) and H(X, Y) in bits, of stretched planes."""
  shares = histograms.joint_stretched(first, second, size=size)
  apart = entropy(shares.sum(axis=1)) + entropy(shares.sum(axis=0))
  return apart, entropy(shares)


def _saturated(shares: Array, toolbox: str) -> Array:
  """Joint shares as a toolbox has them."""
  if toolbox != 'lt':
    return shares
  # LT finds the bin by uint8 + 1, which ends at 255: the last two levels
  # meet, but only here, not in its histograms of one picture.
  for axis in (0, 1):
    rest, last = jnp.split(shares, [histograms.LEVELS - 2], axis=axis)
    last = jnp.sum(last, axis=axis, keepdims=True)
    shares = jnp.concatenate([rest, last], axis=axis)
  return shares


def _tsallis(shares: Array) -> Array:
  """T of a source, its levels in rows, and of the fused plane."""
  of_source, of_fused = shares.sum(axis=1), shares.sum(axis=0)
  # The published code has the shares of the fused plane where those of the
  # source belong and the other way round: with p_S(i) p_F(j) it would be a
  # mutual information. It is kept, and makes the values what they are.
  product = of_fused[:, None] * of_source[None]
  there = product != 0
  terms = shares**_TSALLIS / jnp.where(there, product, 1) ** (_TSALLIS - 1)
  return (1 - jnp.sum(jnp.where(there, terms, 0))) / (1 - _TSALLIS)


def _sum(terms: Iterable[Array]) -> Array:
  return functools.reduce(operator.add, terms)
