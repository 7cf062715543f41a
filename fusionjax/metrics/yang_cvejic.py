"""Q_Y and Q_C, similarities weighted by window. Planes are [h, w], 0..255.

In a flat window variances and covariances are rounding noise, and both
metrics would divide noise by noise: the published code gives values as far
off as 36 or -460. Here the moments of a window that is exactly constant are
exactly 0, which is what the formulas mean.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from fusionjax.metrics import filters, moments, sharing, tiles

Array = jax.Array

WINDOW = 7
_GAUSSIAN = filters.gaussian_taps(WINDOW, 1.5)
_CONSTANTS = (2e-16, 2e-16)
# Sources that are less alike than this in a window are not averaged.
_ALIKE = 0.75
# What rounding leaves of a covariance of 0, in units of the precision.
_NOISE = 64 * 255**2


def qy(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """Q_Y of Yang et al.: similarity to the source that a window belongs to.

  With S the similarity in 7 x 7 Gaussian windows (sigma 1.5) and lambda =
  var_A / (var_A + var_B): lambda S(A,F) + (1 - lambda) S(B,F) where S(A,B) >=
  0.75, max(S(A,F), S(B,F)) elsewhere, and the mean of it. Where both sources
  are flat they weigh alike.

  Args:
    fused: [h, w] fused plane in 0..255, h and w at least 7.
    sources: two [h, w] planes in 0..255.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar of at most 1.

  References:
    Yang et al., A novel similarity based quality metric for image fusion,
    Information Fusion 2008.
  """
  sums = _shared_sums(fused, tuple(sources), size=size)
  return sums['qy'] / sums['windows']


def qc(
  fused: Array, sources: Sequence[Array], *, size: tiles.Size | None = None
) -> Array:
  """Q_C of Cvejic et al.: similarities weighted by covariance.

  With S as in `qy` and s = cov_AF / (cov_AF + cov_BF): the mean of s S(A,F) +
  (1 - s) S(B,F), which is set to 0 where s < 0 and to 1 where s > 1. The paper
  limits s to 0..1; the toolbox limits the result, and is followed. Windows
  where s is 0 / 0 are left out, and where the covariances cancel, s = +-inf,
  the result is 0. The jumps at 0 and 1 make the value worth five digits.

  Args:
    fused: [h, w] fused plane in 0..255, h and w at least 7.
    sources: two [h, w] planes in 0..255.
    size: height and width of the picture, if it is the top left of the planes.

  Returns:
    Scalar of at most 1; NaN where no window is left.

  References:
    Cvejic et al., A similarity metric for assessment of image fusion
    algorithms, International Journal of Signal Processing 2005.
  """
  sums = _shared_sums(fused, tuple(sources), size=size)
  return sums['qc'] / sums['qc_windows']


@sharing.shared
def _shared_sums(
  fused: Array, sources: tuple[Array, ...], *, size: tiles.Size | None
) -> dict[str, Array]:
  """Sums over all windows that make up both metrics."""
  first, second = sources
  planes = jnp.stack([first, second, fused])
  return tiles.total(_maps, planes, size=size, window=WINDOW)


def _maps(tile: Array, place: tiles.Place) -> dict[str, Array]:
  del place
  means, table = moments.weighted(tile, _GAUSSIAN)
  constant = moments.flat(tile, WINDOW)
  table = {
    (i, j): jnp.where(constant[i] | constant[j], 0, each)
    for (i, j), each in table.items()
  }
  variances = [jnp.maximum(table[k, k], 0) for k in range(3)]

  def similar(i: int, j: int) -> Array:
    return moments.similarity(
      (means[i], means[j]),
      (variances[i], variances[j]),
      table[i, j],
      _CONSTANTS,
    )

  between, of_first, of_second = similar(0, 1), similar(0, 2), similar(1, 2)
  total = variances[0] + variances[1]
  flat = total == 0
  share = jnp.where(flat, 0.5, variances[0] / jnp.where(flat, 1, total))
  yang = jnp.where(
    between >= _ALIKE,
    share * of_first + (1 - share) * of_second,
    jnp.maximum(of_first, of_second),
  )
  ones = jnp.ones_like(between)
  cvejic, known = _cvejic(table[0, 2], table[1, 2], of_first, of_second)
  return {
    'qy': yang,
    'windows': ones,
    'qc': jnp.where(known, cvejic, 0),
    'qc_windows': jnp.where(known, ones, 0),
  }


def _cvejic(
  first: Array, second: Array, of_first: Array, of_second: Array
) -> tuple[Array, Array]:
  """Q_C's map from covariances and similarities, and where it is defined."""
  # The map jumps where a covariance or their sum is 0. What is rounding there
  # becomes 0, so that the sides that windows take are no matter of chance.
  noise = _NOISE * float(jnp.finfo(first.dtype).eps)
  first, second = (
    jnp.where(jnp.abs(each) < noise, 0, each) for each in (first, second)
  )
  total = first + second
  known = (first != 0) | (second != 0)
  cancel = jnp.abs(total) < noise
  share = first / jnp.where(cancel, 1, total)
  blend = share * of_first + (1 - share) * of_second
  quality = jnp.where(share < 0, 0, jnp.where(share > 1, 1, blend))
  return jnp.where(cancel, 0, quality), known
