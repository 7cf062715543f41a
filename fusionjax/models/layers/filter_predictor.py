"""Prediction of a filter for every pixel."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax.models.layers import strips
from fusionjax.models.layers.plain_conv import Conv
from fusionjax.ops.frame import Frame

Array = jax.Array
_SLOPE = 0.1


class FilterPredictor(nn.Module):
  """Predicts filters from features; raw, neither normalised nor bounded.

  Attributes:
    size: side of the filters, odd.
    dynamic: whether every pixel has a filter of its own; else the filters of
      a picture are averaged to one, with as many parameters (the ablation
      without dynamic filters).
  """

  size: int = 7
  dynamic: bool = True

  @nn.compact
  def __call__(self, x: Array, *, frame: Frame | None = None) -> Array:
    """Predicts filters.

    Args:
      x: [b, h, w, c] features.
      frame: the picture in the map, where it is a strip of it.

    Returns:
      [b, h, w, size * size] filters, taps in row-major order.

    References:
      Guan et al., MGDN, section 3.2.2.
    """
    c = x.shape[-1]
    x = nn.leaky_relu(Conv(c, 3, name='conv1')(x, frame=frame), _SLOPE)
    x = nn.leaky_relu(Conv(c, 3, name='conv2')(x, frame=frame), _SLOPE)
    filters = Conv(self.size**2, name='conv3')(x)
    if self.dynamic:
      return filters
    mean = strips.mean(self, 'mean', filters, frame=frame)
    return jnp.broadcast_to(mean, filters.shape)
