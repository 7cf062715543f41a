"""Cross-attention between the channels of two maps."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax.models.layers import strips
from fusionjax.models.layers.convolution import Rows
from fusionjax.models.layers.plain_conv import Conv, DepthwiseConv
from fusionjax.ops import attention
from fusionjax.ops.frame import Frame

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
  def __call__(
    self,
    guide: Array,
    x: Array,
    *,
    name: str = 'sums',
    frame: Frame | None = None,
  ) -> Array:
    """Mixes the channels of a map.

    Args:
      guide: [b, h, w, c] map that asks.
      x: [b, h, w, c] map that answers and is mixed.
      name: tells several calls of one attention from each other.
      frame: the picture in the maps, where they are strips of it.

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
      parts = _Parts(ask, answer, project, x, frame, self.remat)
      sums = strips.total(self, name, parts.sums(guide), frame=frame)
      return parts.mixed(
        attention.channel_weights(sums[0], sums[1], sums[2], temperature)
      )
    queries = ask(guide, frame)
    keys, values = jnp.split(answer(x, frame), 2, axis=-1)
    if frame is not None:
      queries, keys = (frame.count_only(y) for y in (queries, keys))
    sums = attention.channel_products(queries, keys)
    sums = strips.total(self, name, sums, frame=frame)
    matrix = attention.channel_weights(sums[0], sums[1], sums[2], temperature)
    return project(attention.mix_channels(values, matrix))


class _Projection(nn.Module):
  """A pointwise convolution, then one of each channel by itself."""

  features: int

  @nn.compact
  def __call__(
    self, x: Array, frame: Frame | None = None, *, rows: Rows = 'SAME'
  ) -> Array:
    """Projects a map, or a strip of it; with rows `VALID` to two fewer."""
    x = Conv(self.features, name='pointwise')(x)
    # Beyond the map lie zeros, and not what the bias leaves there.
    x = x if frame is None else frame.clear(x)
    return DepthwiseConv(name='depthwise')(x, rows=rows)


class _Parts:
  """The same strip by strip, twice: to find the weights, and to mix.

  Queries, keys and values of a large picture are never all there, and keys
  and values are projected when their turn comes.
  """

  def __init__(
    self,
    ask: _Projection,
    answer: _Projection,
    project: nn.Module,
    x: Array,
    frame: Frame | None,
    remat: bool,
  ) -> None:
    c, height, width = x.shape[-1], x.shape[1], x.shape[2]
    self._frame = frame or Frame(height=height, width=width)
    self._counted = self._frame.counted(height)
    self._columns = self._frame.columns(width)
    self._x, self._project = x, strips.detach(project)
    self._ask = strips.detach(ask)
    self._keys, self._values = (
      functools.partial(
        _Projection(c, parent=None).apply,
        jax.tree.map(lambda leaf: leaf[..., part], answer.variables),
      )
      for part in (slice(None, c), slice(c, None))
    )
    self._options: dict[str, Any] = {
      'reach': 1,
      'rows': strips.height(x),
      'remat': remat,
    }

  def sums(self, guide: Array) -> tuple[Array, Array, Array]:
    """Products of queries and keys, see `attention.channel_products`."""

    def products(
      guide: Array, x: Array, counted: Array, first: Array
    ) -> tuple[Array, ...]:
      # Rows of the strip itself, less those that are there for the others.
      counted = (
        counted[:, 1:-1, None, None] & self._columns[None, None, :, None]
      )
      return attention.channel_products(
        *(
          jnp.where(counted, self._project_rows(by, y, first), 0)
          for by, y in ((self._ask, guide), (self._keys, x))
        )
      )

    maps = (guide, self._x, self._counted[None])
    return strips.sum_rows(products, maps, **self._options)

  def mixed(self, matrix: Array) -> Array:
    """What the weights make of the values."""

    def mix(x: Array, first: Array) -> Array:
      values = self._project_rows(self._values, x, first)
      return self._project(attention.mix_channels(values, matrix))

    return strips.map_rows(mix, (self._x,), **self._options)

  def _project_rows(
    self, by: Callable[..., Any], x: Array, first: Array
  ) -> Array:
    return by(x, self._frame.below(first - 1), rows='VALID')
