"""What a map has beside the mean of its surroundings."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.ops.frame import Frame
from fusionjax.ops.streams import Neighbourhood

Array = jax.Array


class LocalDetail(nn.Module):
  """A map less its mean in a square around each pixel; has no parameters.

  Attributes:
    radius: of the square, in pixels; beyond its edge the map is repeated.
    gain: what the difference is multiplied by: detail is small.
  """

  radius: int = 8
  gain: float = 1.0

  @property
  def neighbourhood(self) -> Neighbourhood:
    """What a row of the result depends on."""
    return Neighbourhood(self.radius)

  @nn.compact
  def __call__(self, x: Array, *, frame: Frame | None = None) -> Array:
    """Takes the local mean from a map.

    Args:
      x: [b, h, w, c].
      frame: the picture in it, where it is a strip of one.

    Returns:
      [b, h, w, c].
    """
    r, side = self.radius, 2 * self.radius + 1
    beyond = x if frame is None else frame.repeat(x)
    total = jnp.pad(beyond, ((0, 0), (r, r), (r, r), (0, 0)), mode='edge')
    for window in ((1, side, 1, 1), (1, 1, side, 1)):
      total = lax.reduce_window(
        total, 0.0, lax.add, window, (1, 1, 1, 1), 'VALID'
      )
    return self.gain * (x - total / side**2)
