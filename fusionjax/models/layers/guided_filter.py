"""Dynamic filters of one picture's features, guided by another picture's."""

from collections.abc import Sequence

import flax.linen as nn
import jax

from fusionjax.models.layers.channel_attention import ChannelCrossAttention
from fusionjax.models.layers.filter_predictor import FilterPredictor
from fusionjax.models.layers.plain_conv import Conv
from fusionjax.ops import dynamic_filter

Array = jax.Array
_SLOPE = 0.1


class GuidedFilter(nn.Module):
  """Filters maps by filters that a look at a guide predicts.

  Attributes:
    size: side of the filters.
    heads: of the attention between a map and its guide.
    cross_guidance: whether another map takes part; else every map guides
      itself (the ablation without mutual guidance).
    dynamic: see `FilterPredictor`.
    remat: see `ChannelCrossAttention`.
  """

  size: int = 7
  heads: int = 6
  cross_guidance: bool = True
  dynamic: bool = True
  remat: bool = False

  def _attention(self) -> ChannelCrossAttention:
    return ChannelCrossAttention(self.heads, remat=self.remat, name='attention')

  def _filtered(
    self,
    attention: nn.Module,
    x: Array,
    asks: Array,
    answers: Array,
    name: str,
  ) -> Array:
    """Filters x as two maps say, one of which is x, and maps its channels."""
    pair = (asks, answers) if self.cross_guidance else (x, x)
    features = attention(*pair)
    predictor = FilterPredictor(
      self.size, dynamic=self.dynamic, name=f'predictor_{name}'
    )
    filters = predictor(features)
    self.sow('intermediates', f'attention_{name}', features)
    self.sow('intermediates', f'filters_{name}', filters)
    filtered = dynamic_filter.dynamic_filter(x, filters, border='edge')
    out = Conv(x.shape[-1], name=f'out_{name}')(filtered)
    return nn.leaky_relu(out, _SLOPE)


class MutualGuidedFilter(GuidedFilter):
  """Two maps, each guided by the other; one attention serves both."""

  @nn.compact
  def __call__(self, maps: Sequence[Array]) -> tuple[Array, ...]:
    """Filters two maps [b, h, w, c].

    References:
      Guan et al., MGDN, section 3.2. In eq. 1 a map answers to what the other
      asks; in the published code it asks, and is filtered by the answer.
    """
    first, second = maps
    attention = self._attention()
    return (
      self._filtered(attention, first, first, second, 'first'),
      self._filtered(attention, second, second, first, 'second'),
    )


class ReferenceGuidedFilter(GuidedFilter):
  """Three maps: the middle one guides the others and is convolved itself."""

  @nn.compact
  def __call__(self, maps: Sequence[Array]) -> tuple[Array, ...]:
    """Filters three maps [b, h, w, c]: under, reference, over.

    References:
      Guan et al., MGDN, section 3.2, as the published code has it for three
      exposures: guidance goes one way.
    """
    under, reference, over = maps
    attention = self._attention()
    c = reference.shape[-1]
    x = nn.leaky_relu(Conv(c, 3, name='reference1')(reference), _SLOPE)
    x = nn.leaky_relu(Conv(c, 3, name='reference2')(x), _SLOPE)
    return (
      self._filtered(attention, under, reference, under, 'under'),
      x,
      self._filtered(attention, over, reference, over, 'over'),
    )
