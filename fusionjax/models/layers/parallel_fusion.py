"""Parallel fusion of global and local context."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax.models.layers.layer_norm import LayerNorm
from fusionjax.models.layers.plain_conv import Conv
from fusionjax.models.layers.window_attention import (
  WindowAttention,
  linear_init,
)

Array = jax.Array


class LocalContext(nn.Module):
  """Local context by a narrow convolution, gated by squeeze and excitation.

  Attributes:
    reduction: by how much the convolution and the gate are narrower.
  """

  reduction: int = 8

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Extracts local context from [b, h, w, c].

    References:
      Hu et al., Squeeze-and-excitation networks, CVPR 2018, eq. 2 to 4.
    """
    c = x.shape[-1]
    narrow = max(1, c // self.reduction)
    # The published code has no activation between the three.
    x = Conv(narrow, name='reduce')(x)
    x = Conv(narrow, 3, name='conv')(x)
    x = nn.leaky_relu(Conv(c, name='expand')(x), 0.2)
    gate = jnp.mean(x, axis=(1, 2), keepdims=True)
    gate = nn.Dense(
      narrow, use_bias=False, kernel_init=linear_init(), name='squeeze'
    )(gate)
    gate = nn.Dense(
      c, use_bias=False, kernel_init=linear_init(), name='excite'
    )(nn.relu(gate))
    return x * nn.sigmoid(gate)


class DropPath(nn.Module):
  """Leaves out a branch for a random part of the samples, in training.

  Attributes:
    rate: the part; 0 leaves out nothing and needs no random numbers.
  """

  rate: float = 0.0

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Zeroes [b, h, w, c] sample by sample; the rest makes up for it."""
    if not self.rate:
      return x
    keep = 1 - self.rate
    shape = (x.shape[0], 1, 1, 1)
    kept = jax.random.bernoulli(self.make_rng('drop_path'), keep, shape)
    return x * (kept.astype(x.dtype) / keep)


class ParallelFusionBlock(nn.Module):
  """Window attention and a multi-layer perceptron beside local context.

  Attributes:
    heads: of the window attention.
    window: side of its windows.
    shift: see `WindowAttention`.
    mlp_ratio: width of the perceptron's hidden layer, in units of channels.
    drop_path: see `DropPath`; of both global branches.
  """

  heads: int
  window: int
  shift: int = 0
  mlp_ratio: float = 2.0
  drop_path: float = 0.0

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Fuses the contexts of [b, h, w, c]; sides are multiples of the window.

    References:
      Guan et al., MGDN, section 3.3; Liu et al., HDR-Transformer, ECCV 2022.
    """
    c = x.shape[-1]
    normal = LayerNorm(name='norm1')(x)
    branch = WindowAttention(
      self.heads, self.window, self.shift, name='attention'
    )(normal)
    y = x + DropPath(self.drop_path)(branch)
    branch = LayerNorm(name='norm2')(y)
    hidden = int(c * self.mlp_ratio)
    branch = nn.Dense(hidden, kernel_init=linear_init(), name='mlp1')(branch)
    branch = nn.gelu(branch, approximate=False)
    branch = nn.Dense(c, kernel_init=linear_init(), name='mlp2')(branch)
    y = y + DropPath(self.drop_path)(branch)
    # Of the first norm, and not of what the attention made of it.
    return y + LocalContext(name='local')(normal)
