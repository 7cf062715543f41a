"""Attention among the pixels of small windows, which may be shifted."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax.ops import attention

Array = jax.Array


def linear_init() -> nn.initializers.Initializer:
  """How transformers of this family begin their matrices."""
  return nn.initializers.normal(0.02)


def roll(x: Array, *, shift: int) -> Array:
  """Rolls [b, h, w, c] up and left by `shift` pixels; down where negative."""
  return jnp.roll(x, (-shift, -shift), axis=(1, 2)) if shift else x


class WindowAttention(nn.Module):
  """Multi-head attention within windows, with a bias by relative position.

  Attributes:
    heads: number of heads.
    window: side of a window in pixels.
    shift: by how many pixels the windows are moved down and right; pixels
      of opposite borders never meet.
  """

  heads: int
  window: int
  shift: int = 0

  @nn.compact
  def __call__(
    self,
    x: Array,
    first: Array | None = None,
    *,
    rolled: attention.Rolled | None = None,
  ) -> Array:
    """Lets the pixels of each window attend to each other.

    Args:
      x: [b, n, w, c] a map that was rolled (see `roll`), or whole rows of
        windows of it; n and w are multiples of the window.
      first: int32 scalar, the number of the first row; None for all rows.
      rolled: the map, and the array that it was rolled in, where these are
        some of its rows, or more than the map.

    Returns:
      [b, n, w, c], still rolled.

    References:
      Liu et al., Swin Transformer, ICCV 2021, section 3.2.
    """
    c = x.shape[-1]
    table = self.param(
      'position_bias', linear_init(), ((2 * self.window - 1) ** 2, self.heads)
    )
    index = jnp.asarray(attention.relative_index(self.window))
    bias = jnp.moveaxis(table[index], -1, 0)
    qkv = nn.Dense(3 * c, kernel_init=linear_init(), name='qkv')(x)
    mixed = attention.window_attention(
      qkv, bias, first, window=self.window, shift=self.shift, rolled=rolled
    )
    return nn.Dense(c, kernel_init=linear_init(), name='project')(mixed)
