"""Var-SSIM: structural similarity with the livelier source, of FMM."""

from typing import Literal, get_args

import jax
import jax.numpy as jnp

from fusionjax import errors
from fusionjax.ops import filters

Array = jax.Array
Selection = Literal['variance', 'mean']
Window = Literal['uniform', 'gaussian']

_SIGMA = 1.5
# Of SSIM, for pictures in [0, 1]; the paper does not give them.
_CONSTANTS = (0.01**2, 0.03**2)


def var_ssim(
  fused: Array,
  first: Array,
  second: Array,
  *,
  selection: Selection = 'variance',
  size: int = 11,
  window: Window = 'uniform',
  constants: tuple[float, float] = _CONSTANTS,
) -> Array:
  """SSIM of each window with one of the sources, averaged over windows.

  Windows lie wholly inside the picture, one at every pixel where that fits.
  The negative of a picture, -fused, scores nearly as the picture does: what is
  trained with this needs an output that cannot be negative.

  Args:
    fused: [b, h, w, 1] in [0, 1], each side at least `size`.
    first: [b, h, w, 1] in [0, 1].
    second: [b, h, w, 1] in [0, 1].
    selection: what chooses the source of a window, the larger `variance` as
      the paper proposes, or the larger `mean` as VIF-Net has it (table 5). The
      second source is taken where both are equal (eq. 4).
    size: side of the windows, odd.
    window: `uniform`, as eq. 3 defines the variance; or `gaussian` of sigma
      1.5, as SSIM was published.
    constants: C1 and C2 of SSIM.

  Returns:
    [b] of at most 1.

  Raises:
    errors.InputError: if an option is unknown, or a picture smaller than a
      window.

  References:
    Rao, Wu, Xu, Chen, Unsupervised image fusion method based on feature mutual
    mapping, eq. 2-5.
  """
  _check(fused, selection=selection, size=size, window=window)
  # Ones are summed first and divided later: exact where a picture is clipped.
  taps = [1.0] * size
  if window == 'gaussian':
    taps = list(filters.gaussian_taps(size, _SIGMA))
  pictures = [fused, first, second]
  products = [fused * fused, first * first, second * second]
  products += [fused * first, fused * second]
  sums = filters.separable(
    jnp.concatenate([*pictures, *products], -1), taps, border='valid'
  )
  means = sums / sum(taps) ** 2
  mean_f, mean_x, mean_y, ff, xx, yy, fx, fy = jnp.moveaxis(means, -1, 0)
  variance_x, variance_y = xx - mean_x * mean_x, yy - mean_y * mean_y
  if selection == 'variance':
    takes_first = variance_x > variance_y
  else:
    takes_first = mean_x > mean_y
  mean_s = jnp.where(takes_first, mean_x, mean_y)
  variance_s = jnp.where(takes_first, variance_x, variance_y)
  product = jnp.where(takes_first, fx, fy)
  c1, c2 = constants
  luminance = (2 * mean_f * mean_s + c1) / (
    mean_f * mean_f + mean_s * mean_s + c1
  )
  structure = (2 * (product - mean_f * mean_s) + c2) / (
    ff - mean_f * mean_f + variance_s + c2
  )
  return jnp.mean(luminance * structure, axis=(1, 2))


def var_ssim_loss(
  fused: Array,
  first: Array,
  second: Array,
  *,
  selection: Selection = 'variance',
  size: int = 11,
  window: Window = 'uniform',
) -> tuple[Array, dict[str, Array]]:
  """1 - Var-SSIM, averaged over the batch.

  Args:
    fused: [b, h, w, 1].
    first: [b, h, w, 1] in [0, 1].
    second: [b, h, w, 1] in [0, 1].
    selection: see `var_ssim`.
    size: see `var_ssim`.
    window: see `var_ssim`.

  Returns:
    The loss, and `var_ssim`.

  References:
    Rao et al., eq. 5.
  """
  similarity = jnp.mean(
    var_ssim(
      fused, first, second, selection=selection, size=size, window=window
    )
  )
  return 1 - similarity, {'var_ssim': similarity}


def _check(
  fused: Array, *, selection: Selection, size: int, window: Window
) -> None:
  for name, value, kind in (
    ('selection', selection, Selection),
    ('window', window, Window),
  ):
    if value not in get_args(kind):
      raise errors.unknown_name(name, value, get_args(kind))
  height, width = fused.shape[1:3]
  if min(height, width) < size:
    raise errors.InputError(
      f'Var-SSIM looks at windows of {size}x{size}, and the pictures are '
      f'{width}x{height}. Set data.size larger.'
    )
