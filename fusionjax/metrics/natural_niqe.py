"""NIQE, the natural image quality evaluator."""

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax import errors
from fusionjax.metrics import natural, natural_models, tiles

Array = jax.Array

BLOCK = 96
_FEATURES = 36
# circshift(block, ...) of the published code.
_SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))


def niqe(
  fused: Array,
  *,
  model: natural_models.NiqeModel | None = None,
  size: tiles.Size | None = None,
) -> Array:
  """NIQE: how far a picture's statistics lie from those of good photographs.

  The picture is cut to blocks of 96 x 96, each with 36 statistics like those
  of BRISQUE. With m and C their mean and covariance and m_0, C_0 those of
  photographs: NIQE = sqrt((m_0 - m)^T ((C_0 + C) / 2)^+ (m_0 - m)).

  What does not fill a block at the right and the bottom is left out, and so
  is a block with an undefined statistic, such as a flat one.

  Args:
    fused: [h, w] fused plane in 0..255, h and w at least 96.
    model: the trained numbers; `natural_models.niqe_model()` if None.
    size: height and width of the picture on a larger canvas.

  Returns:
    Scalar of 0 or more; NaN where fewer than two blocks count.

  Raises:
    errors.InputError: if no model is given and none is installed, or the
      planes hold no block.

  References:
    Mittal, Soundararajan, Bovik, Making a completely blind image quality
    analyzer, IEEE SPL 2013, eq. 10.
  """
  if model is None:
    model = natural_models.niqe_model()
  table, count = features(fused, size=size)
  counts = (jnp.arange(table.shape[0], dtype=jnp.int32) < count) & jnp.all(
    jnp.isfinite(table), axis=1
  )
  number = jnp.sum(counts.astype(table.dtype))
  mean = jnp.sum(jnp.where(counts[:, None], table, 0), axis=0) / number
  centred = jnp.where(counts[:, None], table - mean[None], 0)
  covariance = jnp.einsum(
    'ni,nj->ij', centred, centred, precision=lax.Precision.HIGHEST
  ) / (number - 1)
  away = jnp.asarray(model.mean, table.dtype) - mean
  joint = (jnp.asarray(model.covariance, table.dtype) + covariance) / 2
  # What MATLAB's pinv takes for zero.
  least = _FEATURES * float(jnp.finfo(table.dtype).eps)
  inverse = jnp.linalg.pinv(joint, rtol=least, hermitian=True)
  form = jnp.einsum(
    'i,ij,j->', away, inverse, away, precision=lax.Precision.HIGHEST
  )
  return jnp.sqrt(form)


def features(
  fused: Array, *, size: tiles.Size | None = None
) -> tuple[Array, Array]:
  """The 36 statistics of every block.

  Args:
    fused: [h, w] fused plane in 0..255, h and w at least 96.
    size: height and width of the picture on a larger canvas.

  Returns:
    [n, 36] statistics, n the blocks that the canvas can hold, and how many
    of the first rows are the picture's.

  Raises:
    errors.InputError: if the planes hold no block.

  References:
    Mittal et al., IEEE SPL 2013, section II.
  """
  if min(fused.shape) < BLOCK:
    raise errors.InputError(
      f"Metric 'niqe' needs planes of at least {BLOCK} pixels a side, but "
      f'fused has the shape {fused.shape}. Leave it out.'
    )
  height, width = tiles.extent(fused, size)
  down, across = height // BLOCK, width // BLOCK
  cut = (down * BLOCK, across * BLOCK)
  planes = jnp.asarray(fused)[None]
  smaller, half_cut = natural.half(planes, cut)
  scales = [
    natural.normalised_picture(planes, cut, border='replicate')[0],
    natural.normalised_picture(smaller, half_cut, border='replicate')[0],
  ]

  def body(number: Array, table: Array) -> Array:
    row, column = number // across, number % across
    found = []
    for maps, side in zip(scales, (BLOCK, BLOCK // 2), strict=True):
      at = (jnp.int32(0), row * side, column * side)
      block = lax.dynamic_slice(maps, at, (1, side, side))[0]
      found.append(_of_block(block))
    return table.at[number].set(jnp.concatenate(found))

  most = (fused.shape[0] // BLOCK) * (fused.shape[1] // BLOCK)
  start = jnp.zeros((most, _FEATURES), scales[0].dtype)
  across = jnp.asarray(across, jnp.int32)
  count = jnp.asarray(down, jnp.int32) * across
  return lax.fori_loop(jnp.int32(0), count, body, start), count


def _of_block(block: Array) -> Array:
  """18 statistics of a block, which is closed to a ring by itself."""
  shifted = [jnp.roll(block, shift, axis=(0, 1)) for shift in _SHIFTS]
  samples = jnp.stack([block, *(block * each for each in shifted)])
  moments = jax.tree.map(
    lambda each: jnp.sum(each, axis=(-2, -1)), natural.sample_maps(samples)
  )
  fit = natural.fit_asymmetric(moments)
  left, right = fit.left * fit.scale, fit.right * fit.scale
  pairs = jnp.stack(
    [fit.shape, (right - left) * fit.mean_factor, left, right], axis=1
  )
  itself = jnp.stack([fit.shape[0], (left[0] + right[0]) / 2])
  return jnp.concatenate([itself, pairs[1:].ravel()])
