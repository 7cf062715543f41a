"""How well an image is rebuilt: squared error, and structural similarity."""

import jax
import jax.numpy as jnp
import numpy as np

from fusionjax.ops import filters, levels

Array = jax.Array

_SSIM_CONSTANTS = (0.01**2, 0.03**2)


def mean_squared_error(rebuilt: Array, image: Array) -> Array:
  """Mean squared difference, the loss of CSC-MSFN.

  Args:
    rebuilt: [b, h, w, c].
    image: [b, h, w, c].

  Returns:
    Scalar.
  """
  return jnp.mean(jnp.square(rebuilt - image))


def structural_dissimilarity(
  rebuilt: Array, image: Array, *, window: int = 3, sigma: float = 1.5
) -> Array:
  """Mean of (1 - SSIM) / 2, each value limited to [0, 1 / 2].

  Args:
    rebuilt: [b, h, w, c] in [0, 1].
    image: [b, h, w, c] in [0, 1].
    window: side of the Gaussian window; borders are mirrored, edge left out.
    sigma: of the Gaussian, in pixels.

  Returns:
    Scalar in [0, 1 / 2].

  References:
    Wang et al., Image quality assessment: from error visibility to structural
    similarity, TIP 2004, eq. 13; window and limits as in the published code.
  """
  taps = _published_taps(window, sigma)

  def mean(x: Array) -> Array:
    return filters.separable(x, taps, border='reflect')

  mean_x, mean_y = mean(rebuilt), mean(image)
  variance_x = mean(rebuilt * rebuilt) - mean_x * mean_x
  variance_y = mean(image * image) - mean_y * mean_y
  covariance = mean(rebuilt * image) - mean_x * mean_y
  c1, c2 = _SSIM_CONSTANTS
  luminance = (2 * mean_x * mean_y + c1) / (
    mean_x * mean_x + mean_y * mean_y + c1
  )
  structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
  return jnp.mean(levels.clamp(1 - luminance * structure, 0, 1)) / 2


def _published_taps(window: int, sigma: float) -> list[float]:
  """A side of the Gaussian window in the digits of the published code.

  Its float32 weights sum to 1 + 3e-8. The constants of SSIM make 2e-5 of the
  loss of that where an image is bright and flat.
  """
  squares = (np.arange(window, dtype=np.float32) - window // 2) ** 2
  samples = np.exp(-squares / np.float32(2 * sigma**2))
  return [float(tap) for tap in samples / samples.sum()]


def reconstruction_loss(
  rebuilt: Array,
  image: Array,
  *,
  ssim_weight: float = 5.0,
  window: int = 3,
  sigma: float = 1.5,
) -> tuple[Array, dict[str, Array]]:
  """Squared error plus structural dissimilarity, the loss of CSC-IVFN.

  Args:
    rebuilt: [b, h, w, 1] in [0, 1].
    image: [b, h, w, 1] in [0, 1].
    ssim_weight: lambda, the weight of (1 - SSIM) / 2.
    window: side of the window of SSIM.
    sigma: of its Gaussian, in pixels.

  Returns:
    The loss and its unweighted parts, `squared_error` and `dissimilarity`.

  References:
    Zhao et al., Deep convolutional sparse coding networks for interpretable
    image fusion, eq. 4.
  """
  parts = {
    'squared_error': mean_squared_error(rebuilt, image),
    'dissimilarity': structural_dissimilarity(
      rebuilt, image, window=window, sigma=sigma
    ),
  }
  return parts['squared_error'] + ssim_weight * parts['dissimilarity'], parts
