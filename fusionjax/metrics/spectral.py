"""How near a cube of bands is to the true one. Cubes are [h, w, bands].

These compare with a truth, so that they are no metrics of fusion: they are
what papers on multi-spectral fusion report under the protocol of Wald.
"""

import jax
import jax.numpy as jnp

Array = jax.Array


def psnr(fused: Array, truth: Array) -> Array:
  """Peak signal-to-noise ratio of all bands together, in dB.

  Args:
    fused: [h, w, bands] in [0, 1].
    truth: [h, w, bands] in [0, 1].

  Returns:
    Scalar; infinite where both are equal.
  """
  return -10 * jnp.log10(jnp.mean(jnp.square(fused - truth)))


def sam(fused: Array, truth: Array) -> Array:
  """Spectral angle mapper: the mean angle between spectra, in degrees.

  Args:
    fused: [h, w, bands].
    truth: [h, w, bands].

  Returns:
    Scalar in 0..180. Where either spectrum is zero there is no angle, and the
    pixel counts as 0.

  References:
    Yuhas, Goetz, Boardman, Discrimination among semi-arid landscape endmembers
    using the spectral angle mapper, 1992.
  """
  product = jnp.sum(fused * truth, axis=-1)
  norms = jnp.sqrt(
    jnp.sum(jnp.square(fused), axis=-1) * jnp.sum(jnp.square(truth), axis=-1)
  )
  dark = norms == 0
  cosine = product / jnp.where(dark, jnp.ones_like(norms), norms)
  angle = jnp.degrees(jnp.arccos(jnp.clip(cosine, -1, 1)))
  return jnp.mean(jnp.where(dark, jnp.zeros_like(angle), angle))


def ergas(fused: Array, truth: Array, *, ratio: float) -> Array:
  """Relative global error of synthesis, in percent.

  ERGAS = 100 / ratio sqrt(mean_b (RMSE_b / mean_b)^2).

  Args:
    fused: [h, w, bands].
    truth: [h, w, bands], no band of it zero everywhere.
    ratio: side of a pixel of the cube that was fused, by that of the guide.

  Returns:
    Scalar of at least 0.

  References:
    Wald, Data fusion: definitions and architectures, 2002.
  """
  error = jnp.mean(jnp.square(fused - truth), axis=(0, 1))
  mean = jnp.mean(truth, axis=(0, 1))
  return 100 / ratio * jnp.sqrt(jnp.mean(error / jnp.square(mean)))
