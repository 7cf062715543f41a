"""Cross-attention between the channels of two maps."""

import functools
from collections.abc import Callable
from typing import Any, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax.models.layers import strips
from fusionjax.models.layers.plain_conv import Conv, DepthwiseConv
from fusionjax.ops import attention

Array = jax.Array


class ChannelCrossAttention(nn.Module):
  """Mixes the channels of a map as another map, the guide, says.

  The weights are c / heads x c / heads whatever the size of the picture
  (transposed attention), and every pixel takes part in them.

  Attributes:
    heads: number of groups of channels, each mixed by itself.
    remat: whether the backward pass computes queries, keys and values again.
  """

  heads: int = 6
  remat: bool = False

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
    ask = _Projection(c, name='query')
    answer = _Projection(2 * c, name='key_value')
    ones = nn.initializers.ones_init()
    temperature = self.param('temperature', ones, (self.heads,))
    project = Conv(c, name='project')
    if strips.worthwhile(x, remat=self.remat) and not self.is_initializing():
      layers = (ask, answer, project)
      return _in_strips(layers, temperature, guide, x, remat=self.remat)
    keys, values = jnp.split(answer(x), 2, axis=-1)
    mixed = attention.channel_attention(ask(guide), keys, values, temperature)
    return project(mixed)


class _Projection(nn.Module):
  """A pointwise convolution, then one of each channel by itself."""

  features: int

  @nn.compact
  def __call__(
    self, x: Array, first: Array | None = None, *, height: int = 0
  ) -> Array:
    """Projects a map, or from row `first` - 1 on rows of one of a height.

    Of rows there must be one more above and one more below, which may lie
    beyond the map.
    """
    x = Conv(self.features, name='pointwise')(x)
    depthwise = DepthwiseConv(name='depthwise')
    if first is None:
      return depthwise(x)
    # Beyond the map lie zeros, and not what the bias leaves there.
    x = _inside(x, first - 1, height)
    return depthwise(x, rows='VALID')


def _inside(x: Array, first: Array, height: int) -> Array:
  inside = strips.rows_inside(first, count=x.shape[1], height=height)
  return jnp.where(inside, x, jnp.zeros((), x.dtype))


def _in_strips(
  layers: tuple[_Projection, _Projection, nn.Module],
  temperature: Array,
  guide: Array,
  x: Array,
  *,
  remat: bool,
) -> Array:
  """The same strip by strip, twice: to find the weights, and to mix.

  Queries, keys and values of a large picture are never all there, and keys
  and values are projected when their turn comes.
  """
  ask, answer, project = layers
  c, height = x.shape[-1], x.shape[1]
  options: dict[str, Any] = {
    'reach': 1,
    'rows': strips.height(x),
    'remat': remat,
  }

  def half(part: slice) -> Callable[..., Array]:
    variables = jax.tree.map(lambda leaf: leaf[..., part], answer.variables)
    free = _Projection(c, parent=None)

    def project(x: Array, first: Array) -> Array:
      return cast(Array, free.apply(variables, x, first, height=height))

    return project

  queries = functools.partial(strips.detach(ask), height=height)
  keys, values = half(slice(None, c)), half(slice(c, None))

  def products(guide: Array, x: Array, first: Array) -> tuple[Array, ...]:
    q, k = queries(guide, first), keys(x, first)
    return attention.channel_products(
      _inside(q, first, height), _inside(k, first, height)
    )

  sums = strips.sum_rows(products, (guide, x), **options)
  matrix = attention.channel_weights(sums[0], sums[1], sums[2], temperature)
  mix = strips.detach(project)

  def mixed(x: Array, first: Array) -> Array:
    return mix(jnp.einsum('bhwj,bij->bhwi', values(x, first), matrix))

  return strips.map_rows(mixed, (x,), **options)
