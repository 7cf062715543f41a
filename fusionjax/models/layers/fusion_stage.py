"""A stage of MGDN: guided filtering, then parallel fusion."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax

from fusionjax import errors
from fusionjax.models.layers.guided_filter import GuidedFilter
from fusionjax.models.layers.parallel_fusion import ParallelFusionBlock
from fusionjax.models.layers.plain_conv import Conv
from fusionjax.ops.frame import Frame

Array = jax.Array


class FusionStage(nn.Module):
  """Filters maps under guidance, fuses them, and gives each its share.

  Attributes:
    make_filter: makes the guided filter, `make_filter(name=...)`.
    heads: of the window attention.
    window: side of its windows.
    mlp_ratio: see `ParallelFusionBlock`.
    drop_paths: see `ParallelFusionBlock`; one rate a block, and so the number
      of blocks. The windows of every second one are shifted by half.
    remat: whether the backward pass computes the global context of each block
      again, instead of keeping it.
  """

  make_filter: Callable[..., GuidedFilter]
  heads: int
  window: int
  mlp_ratio: float
  drop_paths: Sequence[float]
  remat: bool = False

  @nn.compact
  def __call__(
    self, maps: Sequence[Array], *, frame: Frame | None = None
  ) -> tuple[Array, ...]:
    """Maps two or three maps [b, h, w, c], with the frame, to as many."""
    c = maps[0].shape[-1]
    filtered = self.make_filter(name='filter')(maps, frame=frame)
    # The loss of the features looks at these.
    self.sow('intermediates', 'filtered', filtered)
    x = Conv(c, name='merge')(*filtered)
    self.sow('intermediates', 'merged', x)
    for number, rate in enumerate(self.drop_paths):
      x = ParallelFusionBlock(
        self.heads,
        self.window,
        shift=self.window // 2 * (number % 2),
        mlp_ratio=self.mlp_ratio,
        drop_path=rate,
        remat=self.remat,
        name=f'block{number}',
      )(x, frame=frame)
      self.sow('intermediates', f'fused{number}', x)
    x = Conv(c, 3, dilation=2, name='dilated')(x, frame=frame)
    self.sow('intermediates', 'spread', x)
    out = tuple(
      Conv(c, name=f'share{number}')(x, y) for number, y in enumerate(filtered)
    )
    self.sow('intermediates', 'out', out)
    return out


def check_heads(name: str, channels: int, **heads: int) -> None:
  """Raises InputError where heads do not divide the channels."""
  for what, count in heads.items():
    if channels < 1 or count < 1 or channels % count:
      raise errors.InputError(
        f'{name} has {channels} channels and {what} {count}. Give a number of '
        f'channels that is a multiple of {what}.'
      )
