"""Where the colours of a fused picture come from: one rule a task."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import jax
import jax.numpy as jnp

from fusionjax.methods import registry
from fusionjax.ops import colour

if TYPE_CHECKING:
  from fusionjax.methods.base import Method

Array = jax.Array
# What a rule does:
#   chroma   blends the chroma of all sources by its distance from grey
#   visible  keeps that of the last source of an ordered pair
#   first    keeps that of the first source
#   grey     gives one channel
#   rgb      leaves the network's own colours
Rule = Literal['chroma', 'visible', 'first', 'grey', 'rgb']
PUBLISHED = 'published'
_NEUTRAL = {
  'studio': colour.NEUTRAL,
  'full': colour.NEUTRAL,
  'centred': 0.5,
}


def choices(method: 'Method', task: str) -> tuple[str, ...]:
  """The values of the option `color`, the default first.

  Args:
    method: the method.
    task: one of its tasks.

  Returns:
    Names of rules; none where the result is no picture.
  """
  if task not in method.colors:
    return ()
  found = [PUBLISHED, 'chroma', 'first', 'grey']
  if registry.get_task(task).ordered:
    found.insert(2, 'visible')
  # A network of luma has no colours of its own.
  return tuple(found if method.luma else [*found, 'rgb'])


def colour_luma(
  luma: Array,
  sources: Sequence[Array],
  *,
  rule: Rule,
  luma_range: colour.LumaRange,
) -> Array:
  """Puts colours around fused luma.

  Args:
    luma: [b, h, w, 1] in the range of luma_range.
    sources: [b, h, w, 3] RGB pictures in [0, 1].
    rule: any but `rgb`.
    luma_range: as in `ops.colour.rgb_to_ycbcr`.

  Returns:
    [b, h, w, 3] RGB in [0, 1], or [b, h, w, 1] where grey.
  """
  neutral = _NEUTRAL[luma_range]
  if rule == 'grey':
    chroma = jnp.full_like(luma, neutral, shape=(*luma.shape[:-1], 2))
  else:
    chosen = {'first': sources[:1], 'visible': sources[-1:]}.get(rule, sources)
    planes = [
      colour.rgb_to_ycbcr(rgb, luma_range=luma_range)[..., 1:] for rgb in chosen
    ]
    chroma = planes[0]
    if len(planes) > 1:
      chroma = colour.fuse_chroma(jnp.stack(planes), neutral=neutral)
  whole = jnp.concatenate([luma, chroma], axis=-1)
  rgb = jnp.clip(colour.ycbcr_to_rgb(whole, luma_range=luma_range), 0, 1)
  return rgb[..., :1] if rule == 'grey' else rgb


def recolour(fused: Array, sources: Sequence[Array], *, rule: Rule) -> Array:
  """Gives a fused picture the colours of a rule; its luma stays.

  Args:
    fused: [b, h, w, 3] RGB in [0, 1].
    sources: [b, h, w, 3] RGB pictures in [0, 1].
    rule: `rgb` leaves it as it is.

  Returns:
    [b, h, w, 3] RGB in [0, 1], or [b, h, w, 1] where grey.
  """
  if rule == 'rgb':
    return fused
  if rule == 'grey':
    return colour.luma(fused)
  luma = colour.rgb_to_ycbcr(fused, luma_range='centred')[..., :1]
  return colour_luma(luma, sources, rule=rule, luma_range='centred')
