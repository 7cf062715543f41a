"""Parallel fusion of global and local context."""

import functools
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax.models.layers import strips
from fusionjax.models.layers.layer_norm import LayerNorm
from fusionjax.models.layers.plain_conv import Conv
from fusionjax.models.layers.window_attention import (
  WindowAttention,
  linear_init,
  roll,
)
from fusionjax.ops.attention import Rolled
from fusionjax.ops.frame import Frame
from fusionjax.ops.streams import Neighbourhood

Array = jax.Array


class LocalContext(nn.Module):
  """Local context by a narrow convolution, gated by squeeze and excitation.

  Attributes:
    reduction: by how much the convolution and the gate are narrower.
  """

  reduction: int = 8

  @nn.compact
  def __call__(self, x: Array, *, frame: Frame | None = None) -> Array:
    """Extracts local context from [b, h, w, c], or a strip of it.

    References:
      Hu et al., Squeeze-and-excitation networks, CVPR 2018, eq. 2 to 4.
    """
    c = x.shape[-1]
    narrow = max(1, c // self.reduction)
    # The published code has no activation between the three.
    x = Conv(narrow, name='reduce')(x)
    x = Conv(narrow, 3, name='conv')(x, frame=frame)
    x = nn.leaky_relu(Conv(c, name='expand')(x), 0.2)
    gate = strips.mean(self, 'mean', x, frame=frame)
    gate = nn.Dense(
      narrow, use_bias=False, kernel_init=linear_init(), name='squeeze'
    )(gate)
    gate = nn.Dense(
      c, use_bias=False, kernel_init=linear_init(), name='excite'
    )(nn.relu(gate))
    return x * nn.sigmoid(gate)


def path_scale(key: Array, x: Array, *, rate: float) -> Array:
  """Draws which samples a branch is left out for, in training.

  Args:
    key: a random key.
    x: [b, h, w, c], whose batch and dtype matter.
    rate: the part of the samples, below 1.

  Returns:
    [b, 1, 1, 1] to multiply the branch by: 0, or what makes up for the zeros.
  """
  keep = 1 - rate
  kept = jax.random.bernoulli(key, keep, (x.shape[0], 1, 1, 1))
  return kept.astype(x.dtype) / keep


class GlobalContext(nn.Module):
  """Window attention and a multi-layer perceptron, as a transformer has them.

  Attributes:
    heads: of the window attention.
    window: side of its windows.
    shift: see `WindowAttention`.
    mlp_ratio: width of the perceptron's hidden layer, in units of channels.
  """

  heads: int
  window: int
  shift: int = 0
  mlp_ratio: float = 2.0

  @nn.compact
  def __call__(
    self,
    x: Array,
    normal: Array,
    first: Array | None = None,
    *,
    scales: Sequence[Array] = (),
    rolled: Rolled | None = None,
  ) -> Array:
    """Adds to a map, or rows of it, what its windows say.

    Args:
      x: [b, n, w, c], rolled; see `WindowAttention`.
      normal: [b, n, w, c], the same, normalised.
      first: see `WindowAttention`.
      scales: see `path_scale`; of the two branches, where they are left out.
      rolled: see `WindowAttention`.

    Returns:
      [b, n, w, c], still rolled.
    """
    c = x.shape[-1]
    branch = WindowAttention(
      self.heads, self.window, self.shift, name='attention'
    )(normal, first, rolled=rolled)
    y = x + (branch * scales[0] if scales else branch)
    branch = LayerNorm(name='norm2')(y)
    hidden = int(c * self.mlp_ratio)
    branch = nn.Dense(hidden, kernel_init=linear_init(), name='mlp1')(branch)
    branch = nn.gelu(branch, approximate=False)
    branch = nn.Dense(c, kernel_init=linear_init(), name='mlp2')(branch)
    return y + (branch * scales[1] if scales else branch)


def _rolled(x: Array, frame: Frame | None) -> Rolled:
  """The map that [b, h, w, c] is, or is a strip of, or holds."""
  _, rows, columns, _ = x.shape
  if frame is None:
    return Rolled(rows, columns, rows, columns)
  around = frame.height if frame.margin else rows
  return Rolled(frame.height, frame.width, around, columns)


class ParallelFusionBlock(nn.Module):
  """Global context of windows beside local context of convolutions.

  Attributes:
    heads: see `GlobalContext`, like the others.
    window: side of the windows.
    shift: by how many pixels they are moved.
    mlp_ratio: width of the perceptron's hidden layer, in units of channels.
    drop_path: part of the samples that the global branches are left out for.
    remat: whether the backward pass computes the global context again.
  """

  heads: int
  window: int
  shift: int = 0
  mlp_ratio: float = 2.0
  drop_path: float = 0.0
  remat: bool = False

  @property
  def neighbourhood(self) -> Neighbourhood:
    """What a row of the result depends on, given the mean of the gate."""
    return Neighbourhood(self.window, multiple=self.window)

  @nn.compact
  def __call__(self, x: Array, *, frame: Frame | None = None) -> Array:
    """Fuses the contexts of [b, h, w, c]; sides are multiples of the window.

    Args:
      x: the map, or an array with the map in its upper left corner, or a
        strip of it that begins a window above a row of windows and ends one
        below; rows beyond the map are those of the other end.
      frame: the map in the array or the strip.

    Returns:
      [b, h, w, c]; of a strip with the first and the last window spoilt.

    References:
      Guan et al., MGDN, section 3.3; Liu et al., HDR-Transformer, ECCV 2022.
    """
    normal = LayerNorm(name='norm1')(x)
    context = GlobalContext(
      self.heads, self.window, self.shift, self.mlp_ratio, name='global'
    )
    scales = [
      path_scale(self.make_rng('drop_path'), x, rate=self.drop_path)
      for _ in range(2 if self.drop_path else 0)
    ]
    # Of a strip the windows on its own border are spoilt, and no others.
    y, moved = (roll(z, shift=self.shift) for z in (x, normal))
    top = None if frame is None else jnp.asarray(frame.top)
    rolled = _rolled(x, frame)
    if strips.worthwhile(x, remat=self.remat) and not self.is_initializing():
      # Whole rows of windows at a time: what is wide stays in the caches.
      detached = functools.partial(
        strips.detach(context), scales=scales, rolled=rolled
      )

      def apply(y: Array, moved: Array, first: Array) -> Array:
        return detached(y, moved, first if top is None else first + top)

      rows = strips.height(x, multiple=self.window)
      y = strips.map_rows(
        apply, (y, moved), reach=0, rows=rows, remat=self.remat
      )
    else:
      y = context(y, moved, top, scales=scales, rolled=rolled)
    # Of the first norm, and not of what the attention made of it.
    return roll(y, shift=-self.shift) + LocalContext(name='local')(
      normal, frame=frame
    )
