"""BRISQUE, the spatial quality evaluator without a reference."""

import operator

import jax
import jax.numpy as jnp

from fusionjax.metrics import natural, natural_models, tiles

Array = jax.Array


def brisque(
  fused: Array,
  *,
  model: natural_models.BrisqueModel | None = None,
  size: tiles.Size | None = None,
) -> Array:
  """BRISQUE: a trained regression on 36 statistics of natural scenes.

  Of the locally normalised picture I, and of that of the picture at half the
  size: shape and variance of the generalized Gaussian of I, and shape, mean,
  left and right variance of the asymmetric ones of its products with its four
  neighbours (the picture is closed to a ring). Brought to -1..1, they go into
  a support vector regression: sum_i w_i exp(-gamma |s_i - x|^2) - rho.

  The authors' program prints its features with six digits after the point
  and the score through text; here nothing is rounded.

  Args:
    fused: [h, w] fused plane in 0..255, h and w at least 4.
    model: the trained numbers; `natural_models.brisque_model()` if None.
    size: height and width of the picture on a larger canvas.

  Returns:
    Scalar, about 0 (good) to 100; NaN where the products with a neighbour
    are all of one sign, as in a flat picture.

  Raises:
    errors.InputError: if no model is given and none is installed.

  References:
    Mittal, Moorthy, Bovik, No-reference image quality assessment in the
    spatial domain, IEEE TIP 2012.
  """
  if model is None:
    model = natural_models.brisque_model()
  values = features(fused, size=size)
  low, high, support, weights = (
    jnp.asarray(each, values.dtype)
    for each in (model.low, model.high, model.support, model.weights)
  )
  scaled = 2 * (values - low) / (high - low) - 1
  distances = jnp.sum((support - scaled[None]) ** 2, axis=1)
  return jnp.sum(weights * jnp.exp(-model.gamma * distances)) - model.rho


def features(fused: Array, *, size: tiles.Size | None = None) -> Array:
  """The 36 statistics that BRISQUE is a regression on.

  Args:
    fused: [h, w] fused plane in 0..255, h and w at least 4.
    size: height and width of the picture on a larger canvas.

  Returns:
    [36] statistics, 18 of each scale, in the order of the authors' program.

  References:
    Mittal et al., IEEE TIP 2012, table 1.
  """
  planes = jnp.asarray(fused)[None]
  smaller, smaller_size = natural.half(planes, size)
  return jnp.concatenate(
    [
      _of_one_scale(planes, size),
      _of_one_scale(smaller, smaller_size),
    ]
  )


def _of_one_scale(planes: Array, size: tiles.Size | None) -> Array:
  # The published code leaves zeros outside: the frame of a picture counts as
  # an edge.
  maps, size = natural.normalised_picture(planes, size, border='zero')

  def samples(tile: Array, _: tiles.Place) -> natural.Moments:
    plane = tile[0]
    rows, columns = plane.shape[0] - 2, plane.shape[1] - 2

    def at(down: int, right: int) -> Array:
      return plane[1 + down :, 1 + right :][:rows, :columns]

    centre = at(0, 0)
    neighbours = (at(0, -1), at(-1, 0), at(-1, -1), at(-1, 1))
    return natural.sample_maps(
      jnp.stack([centre, *(centre * each for each in neighbours)])
    )

  moments = tiles.total(samples, maps, size=size, window=3, border='wrap')
  itself = jax.tree.map(operator.itemgetter(0), moments)
  shape, variance = natural.fit_symmetric(itself)
  fit = natural.fit_asymmetric(
    jax.tree.map(operator.itemgetter(slice(1, None)), moments)
  )
  mean = (fit.right - fit.left) * fit.mean_factor * fit.scale
  pairs = jnp.stack([fit.shape, mean, fit.left**2, fit.right**2], axis=1)
  return jnp.concatenate([jnp.stack([shape, variance]), pairs.ravel()])
