"""Layer normalisation as PyTorch has it."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array


class LayerNorm(nn.Module):
  """Normalises the channels of every pixel.

  In two passes, mean and then variance: in one, as Flax has it, the variance
  cancels where the mean is large. And in the dtype of the map: Flax's own
  allows no float64 under strict promotion.

  Attributes:
    epsilon: added to the variance.
  """

  epsilon: float = 1e-5

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Normalises [b, h, w, c]."""
    c = x.shape[-1]
    scale = self.param('scale', nn.initializers.ones_init(), (c,))
    bias = self.param('bias', nn.initializers.zeros_init(), (c,))
    centred = x - jnp.mean(x, axis=-1, keepdims=True)
    variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
    normal = centred * lax.rsqrt(variance + self.epsilon)
    return normal * scale[None, None, None] + bias[None, None, None]
