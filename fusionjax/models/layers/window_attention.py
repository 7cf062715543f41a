"""Attention among the pixels of small windows, which may be shifted."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax.ops import attention

Array = jax.Array


def linear_init() -> nn.initializers.Initializer:
  """How transformers of this family begin their matrices."""
  return nn.initializers.normal(0.02)


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
  def __call__(self, x: Array) -> Array:
    """Lets the pixels of each window attend to each other.

    Args:
      x: [b, h, w, c]; the sides are multiples of the window.

    Returns:
      [b, h, w, c].

    References:
      Liu et al., Swin Transformer, ICCV 2021, section 3.2.
    """
    c, shift = x.shape[-1], self.shift
    table = self.param(
      'position_bias',
      linear_init(),
      ((2 * self.window - 1) ** 2, self.heads),
    )
    index = jnp.asarray(attention.relative_index(self.window))
    bias = jnp.moveaxis(table[index], -1, 0)
    if shift:
      x = jnp.roll(x, (-shift, -shift), axis=(1, 2))
    qkv = nn.Dense(3 * c, kernel_init=linear_init(), name='qkv')(x)
    mixed = attention.window_attention(
      qkv, bias, window=self.window, shift=shift
    )
    out = nn.Dense(c, kernel_init=linear_init(), name='project')(mixed)
    return jnp.roll(out, (shift, shift), axis=(1, 2)) if shift else out
