"""Cross-attention between the channels of two maps."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax.models.layers.plain_conv import Conv, DepthwiseConv
from fusionjax.ops import attention

Array = jax.Array


class ChannelCrossAttention(nn.Module):
  """Mixes the channels of a map as another map, the guide, says.

  The weights are c / heads x c / heads whatever the size of the picture
  (transposed attention), and every pixel takes part in them.

  Attributes:
    heads: number of groups of channels, each mixed by itself.
  """

  heads: int = 6

  @nn.compact
  def __call__(self, guide: Array, x: Array) -> Array:
    """Mixes the channels of a map.

    Args:
      guide: [b, h, w, c] map that asks.
      x: [b, h, w, c] map that answers and is mixed.

    Returns:
      [b, h, w, c].

    References:
      Guan et al., MGDN, eq. 1. As in the published code there is no layer
      norm before and no residual sum after it, and the temperature
      multiplies.
    """
    c = x.shape[-1]
    queries = Conv(c, name='query')(guide)
    queries = DepthwiseConv(name='query_depthwise')(queries)
    both = Conv(2 * c, name='key_value')(x)
    both = DepthwiseConv(name='key_value_depthwise')(both)
    keys, values = jnp.split(both, 2, axis=-1)
    ones = nn.initializers.ones_init()
    temperature = self.param('temperature', ones, (self.heads,))
    mixed = attention.channel_attention(queries, keys, values, temperature)
    return Conv(c, name='project')(mixed)
