"""Gradient-driven image fidelity (GIF), the unsupervised loss of FFMEF."""

from typing import Literal, get_args

import jax
import jax.numpy as jnp

from fusionjax import errors
from fusionjax.ops import filters

Array = jax.Array
Weighting = Literal['paper', 'published', 'average']
Masks = Literal['binary', 'raw']

_STEEP_WEIGHT = 1.25  # lambda 1
_GLOBAL_WEIGHT = 2.0  # lambda 2
_STEEP_THRESHOLD = 0.5


def gradient_target(y: Array) -> Array:
  """The gradient map that GIF compares with, as the published code makes it.

  Args:
    y: [b, h, w, 1] luma in [0, 1].

  Returns:
    [b, h, w, 1] in whole levels of 1 / 255.
  """
  magnitude = filters.gradient_magnitude(y, border='reflect')
  # The published code truncates to uint8. Luma is a float there, so that
  # rounding noise of float32 can move a level where the gradient is whole.
  return jnp.floor(magnitude * 255 + 1e-5) / 255


def _softmax(a: Array, b: Array) -> tuple[Array, Array]:
  weight = jax.nn.sigmoid(a - b)
  return weight, 1 - weight


def _published_softmax(a: Array, b: Array) -> tuple[Array, Array]:
  """The published code overwrites `a` before it is used a second time."""
  first = jnp.exp(a) / (jnp.exp(a) + jnp.exp(b))
  return first, jnp.exp(b) / (jnp.exp(first) + jnp.exp(b))


def saturation_weights(
  chroma0: Array,
  chroma1: Array,
  *,
  weighting: Weighting = 'paper',
  neutral: float = 0.5,
) -> tuple[Array, Array]:
  """Weights of the sources in smooth regions, by colour saturation.

  Args:
    chroma0: [b, h, w, 2] Cb and Cr of the first source in [0, 1].
    chroma1: [b, h, w, 2] of the second.
    weighting: `paper` is eq. 9, a softmax of a softmax; `published` the
      in-place variant of the code, whose weights sum to 0.97 to 1.03;
      `average` ignores colour (ablation "without SW").
    neutral: the chroma of grey; the code has 0.5 although its grey lies at
      128 / 255.

  Returns:
    Two weights, each [b, h, w, 1].

  References:
    Zheng et al., FFMEF, CVPRW 2023, eq. 9, with chroma in [0, 1] as in the
    code: in 0..255 the exponential overflows.
  """
  saturation0 = jnp.sum(jnp.abs(chroma0 - neutral), axis=-1, keepdims=True)
  saturation1 = jnp.sum(jnp.abs(chroma1 - neutral), axis=-1, keepdims=True)
  if weighting == 'average':
    half = jnp.full_like(saturation0, 0.5)
    return half, half
  softmax = _softmax if weighting == 'paper' else _published_softmax
  return softmax(*softmax(saturation0, saturation1))


def gif_loss(
  fused: Array,
  y0: Array,
  y1: Array,
  chroma0: Array,
  chroma1: Array,
  gradient0: Array,
  gradient1: Array,
  *,
  weighting: Weighting = 'paper',
  masks: Masks = 'binary',
  global_term: bool = True,
) -> tuple[Array, dict[str, Array]]:
  """Gradient-driven image fidelity of a fused luma image.

  Means are over all pixels; the masks only zero terms. Where both sources
  are steep, both steep terms act.

  Args:
    fused: [b, h, w, 1] fused luma, clamped to [0, 1].
    y0: [b, h, w, 1] luma of the first source in [0, 1].
    y1: [b, h, w, 1] luma of the second.
    chroma0: [b, h, w, 2] Cb and Cr of the first source in [0, 1].
    chroma1: [b, h, w, 2] of the second.
    gradient0: [b, h, w, 1] gradient map of the first (`gradient_target`).
    gradient1: [b, h, w, 1] of the second.
    weighting: see `saturation_weights`.
    masks: `raw` replaces the steep and smooth terms by distances weighted
      with the unprocessed gradient maps (ablation "with L_raw").
    global_term: False leaves eq. 11 out (ablation "without L_global").

  Returns:
    The loss and its unweighted parts by name: `steep` and `smooth`, or
    `raw`; `global`.

  Raises:
    errors.InputError: if `weighting` or `masks` is unknown.

  References:
    Zheng et al., FFMEF, CVPRW 2023, eq. 6-11.
  """
  if weighting not in get_args(Weighting):
    raise errors.unknown_name('weighting', weighting, get_args(Weighting))
  if masks not in get_args(Masks):
    raise errors.unknown_name('masks', masks, get_args(Masks))
  distance0, distance1 = jnp.abs(y0 - fused), jnp.abs(y1 - fused)
  parts: dict[str, Array] = {}
  if masks == 'raw':
    parts['raw'] = jnp.mean(distance0 * gradient0 + distance1 * gradient1)
    loss = _STEEP_WEIGHT * parts['raw']
  else:
    steep0 = filters.dilate(gradient0) >= _STEEP_THRESHOLD
    steep1 = filters.dilate(gradient1) >= _STEEP_THRESHOLD
    parts['steep'] = jnp.mean(distance0 * steep0.astype(fused.dtype)) + (
      jnp.mean(distance1 * steep1.astype(fused.dtype))
    )
    weight0, weight1 = saturation_weights(chroma0, chroma1, weighting=weighting)
    smooth = jnp.logical_not(steep0 | steep1).astype(fused.dtype)
    blend = weight0 * y0 + weight1 * y1
    parts['smooth'] = jnp.mean(jnp.abs(blend - fused) * smooth)
    loss = _STEEP_WEIGHT * parts['steep'] + parts['smooth']
  if global_term:
    # The border rule differs from the target's, as in the published code.
    gradient = filters.gradient_magnitude(fused, border='edge')
    target = jnp.maximum(gradient0, gradient1)
    parts['global'] = jnp.mean(jnp.abs(target - gradient))
    loss = loss + _GLOBAL_WEIGHT * parts['global']
  return loss, parts
