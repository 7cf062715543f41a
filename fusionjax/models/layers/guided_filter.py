"""Dynamic filters of one picture's features, guided by another picture's."""

from collections.abc import Sequence

import flax.linen as nn
import jax

from fusionjax.models.layers.channel_attention import ChannelCrossAttention
from fusionjax.models.layers.filter_predictor import FilterPredictor
from fusionjax.models.layers.plain_conv import Conv
from fusionjax.ops import dynamic_filter
from fusionjax.ops.frame import Frame
from fusionjax.ops.streams import Neighbourhood

Array = jax.Array
_SLOPE = 0.1
# Rows that a predicted filter depends on: three convolutions.
_FILTER_REACH = 3


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

  @property
  def neighbourhood(self) -> Neighbourhood:
    """What a row of the results depends on, given the attention's sums."""
    # A mean of filters depends on what the attention made of its own sums.
    return Neighbourhood(
      max(_FILTER_REACH, self.size // 2), rounds=1 if self.dynamic else 2
    )

  def _attention(self) -> ChannelCrossAttention:
    return ChannelCrossAttention(self.heads, remat=self.remat, name='attention')

  def _filtered(
    self,
    attention: nn.Module,
    x: Array,
    asks: Array,
    answers: Array,
    name: str,
    frame: Frame | None,
  ) -> Array:
    """Filters x as two maps say, one of which is x, and maps its channels."""
    pair = (asks, answers) if self.cross_guidance else (x, x)
    features = attention(*pair, name=name, frame=frame)
    predictor = FilterPredictor(
      self.size, dynamic=self.dynamic, name=f'predictor_{name}'
    )
    filters = predictor(features, frame=frame)
    self.sow('intermediates', f'attention_{name}', features)
    self.sow('intermediates', f'filters_{name}', filters)
    beyond = x if frame is None else frame.repeat(x)
    filtered = dynamic_filter.dynamic_filter(beyond, filters, border='edge')
    out = Conv(x.shape[-1], name=f'out_{name}')(filtered)
    return nn.leaky_relu(out, _SLOPE)


class MutualGuidedFilter(GuidedFilter):
  """Two maps, each guided by the other; one attention serves both."""

  @nn.compact
  def __call__(
    self, maps: Sequence[Array], *, frame: Frame | None = None
  ) -> tuple[Array, ...]:
    """Filters two maps [b, h, w, c], or strips of them.

    References:
      Guan et al., MGDN, section 3.2. In eq. 1 a map answers to what the other
      asks; in the published code it asks, and is filtered by the answer.
    """
    first, second = maps
    attention = self._attention()
    return (
      self._filtered(attention, first, first, second, 'first', frame),
      self._filtered(attention, second, second, first, 'second', frame),
    )


class ReferenceGuidedFilter(GuidedFilter):
  """Three maps: the middle one guides the others and is convolved itself."""

  @nn.compact
  def __call__(
    self, maps: Sequence[Array], *, frame: Frame | None = None
  ) -> tuple[Array, ...]:
    """Filters three maps [b, h, w, c], or strips: under, reference, over.

    References:
      Guan et al., MGDN, section 3.2, as the published code has it for three
      exposures: guidance goes one way.
    """
    under, reference, over = maps
    attention = self._attention()
    c = reference.shape[-1]
    x = nn.leaky_relu(
      Conv(c, 3, name='reference1')(reference, frame=frame), _SLOPE
    )
    x = nn.leaky_relu(Conv(c, 3, name='reference2')(x, frame=frame), _SLOPE)
    return (
      self._filtered(attention, under, reference, under, 'under', frame),
      x,
      self._filtered(attention, over, reference, over, 'over', frame),
    )
