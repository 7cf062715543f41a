"""Rules that fuse the feature maps of two pictures. Maps are [b, h, w, c]."""

from collections.abc import Callable
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax import lax

from fusionjax import errors
from fusionjax.ops import box, saliency

Array = jax.Array
Rule = Literal['sum', 'average', 'l1', 'saliency']
Weights = tuple[Array, Array]


def fuse(first: Array, second: Array, *, rule: Rule) -> Array:
  """Fuses two maps: weight_1 * first + weight_2 * second.

  Args:
    first: [b, h, w, c].
    second: [b, h, w, c].
    rule: `sum`; `average`; `l1`, by the activity of both (see `l1_weights`);
      `saliency`, each channel by the saliency of its own values.

  Returns:
    [b, h, w, c].

  Raises:
    errors.InputError: if there is no such rule.

  References:
    Zhao et al., Deep convolutional sparse coding networks for interpretable
    image fusion, eq. 5.
  """
  check_rule(rule)
  if rule == 'saliency':
    # Channel by channel: the weights of all would be as large as the maps.
    return _over_planes(_salient_blend, first, second)
  weight1, weight2 = _WEIGHTS[rule](first, second)
  return weight1 * first + weight2 * second


def weights(first: Array, second: Array, *, rule: Rule) -> Weights:
  """The weights that `fuse` gives two maps.

  Args:
    first: [b, h, w, c].
    second: [b, h, w, c].
    rule: see `fuse`.

  Returns:
    Two arrays that broadcast to [b, h, w, c].
  """
  check_rule(rule)
  if rule == 'saliency':
    both = _over_planes(
      lambda *planes: jnp.stack(saliency.saliency_weights(*planes)),
      first,
      second,
    )
    return both[0], both[1]
  return _WEIGHTS[rule](first, second)


def check_rule(rule: str) -> None:
  """Raises InputError for a rule that there is not."""
  if rule not in get_args(Rule):
    raise errors.unknown_name('rule of fusion', rule, get_args(Rule))


def l1_weights(first: Array, second: Array) -> Weights:
  """Weights by activity: the l1 norm of the code, averaged over 3 x 3 pixels.

  Where neither map is active both weigh one half; the published code gives
  NaN there.

  Args:
    first: [b, h, w, c].
    second: [b, h, w, c].

  Returns:
    Two [b, h, w, 1] weights that sum to one.

  References:
    Li, Wu, DenseFuse, TIP 2019, section III-C.
  """

  def activity(code: Array) -> Array:
    norm = jnp.sum(jnp.abs(code), axis=-1)
    return box.box_mean(norm, radius=1, border='zero')[..., None]

  a, b = activity(first), activity(second)
  total = a + b
  idle = total == 0
  weight = jnp.where(
    idle, jnp.full_like(a, 0.5), a / jnp.where(idle, jnp.ones_like(a), total)
  )
  return weight, 1 - weight


def _salient_blend(first: Array, second: Array) -> Array:
  weight1, weight2 = saliency.saliency_weights(first, second)
  return weight1 * first + weight2 * second


def _over_planes(
  function: Callable[[Array, Array], Array], first: Array, second: Array
) -> Array:
  """Maps two planes [h, w] to [..., h, w], for each picture and channel."""
  b, h, w, c = first.shape

  def planes(x: Array) -> Array:
    return jnp.moveaxis(x, -1, 1).reshape(b * c, h, w)

  out = lax.map(lambda pair: function(*pair), (planes(first), planes(second)))
  out = out.reshape(b, c, *out.shape[1:])
  # The channel goes last, what the function has added goes first.
  return jnp.moveaxis(jnp.moveaxis(out, 1, -1), 0, -4)


_WEIGHTS: dict[str, Callable[[Array, Array], Weights]] = {
  'sum': lambda first, second: (_constant(first, 1), _constant(first, 1)),
  'average': lambda first, second: (
    _constant(first, 0.5),
    _constant(first, 0.5),
  ),
  'l1': l1_weights,
}


def _constant(like: Array, value: float) -> Array:
  return jnp.full((1, 1, 1, 1), value, like.dtype)
