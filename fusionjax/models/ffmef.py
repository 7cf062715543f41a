"""FFMEF: filter-dominated fusion of two luminance images.

A hierarchical encoder looks at both images, a predictor per level turns its
features into one filter per pixel and image, and the fused image is the sum
of the filtered images: no pixel is ever decoded from features.

References:
  Zheng, Huang, Yu, Zhao. Efficient Multi-exposure Image Fusion via
  Filter-dominated Fusion and Gradient-driven Unsupervised Learning. CVPR
  Workshops 2023. Where the paper and the published code differ, this is the
  code: every map of the "U-Net" has the full resolution.
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from fusionjax import errors
from fusionjax.models.layers import folded, folding, strips
from fusionjax.models.layers.filter_level import FilterLevel, join_pairs
from fusionjax.ops.frame import Frame

Array = jax.Array

# The published initial weights of the levels, by the side of their filters.
_LEVEL_WEIGHTS = {1: 0.6, 3: 0.3, 5: 0.1, 7: 0.1}
# The images of a larger pair are encoded one by one and filtered in strips: as
# fast, with a fraction of the memory. Batches go all at once, whatever their
# size: their first axis may lie on many devices.
_BATCHED_PIXELS = 160_000
# Rows above and below that the features of each level depend on, statistics
# of the picture aside: one for each 3 x 3 convolution on the longest way.
_FINE_REACH, _MIDDLE_REACH, _BOTTOM_REACH = 18, 13, 8


def _torch_uniform(fan: int) -> nn.initializers.Initializer:
  """PyTorch's default initializer for a transposed convolution."""

  def init(key: Array, shape: Sequence[int], dtype: Any = jnp.float32) -> Array:
    bound = fan**-0.5
    return jax.random.uniform(key, shape, dtype, minval=-bound, maxval=bound)

  return init


class ResidualBlock(nn.Module):
  """Half-instance-normalised residual block.

  The first half of the channels is normalised, the rest is not; no
  activation follows the sum.
  """

  channels: int

  @nn.compact
  def __call__(self, *maps: Array, fold: folding.Fold) -> Array:
    """Maps folded [b, h, blocks, lanes] maps, joined, to one."""
    x = folded.FoldedConv(self.channels, 3, name='conv1')(*maps, fold=fold)
    x = folded.InstanceNorm(self.channels // 2, name='norm')(x, fold=fold)
    x = fold.real(nn.leaky_relu(x, 0.2))
    x = folded.FoldedConv(self.channels, 3, name='conv2')(x, fold=fold)
    x = nn.leaky_relu(x, 0.2)
    shortcut = folded.FoldedConv(self.channels, name='identity')
    return fold.real(x + shortcut(*maps, fold=fold))


class ConvNormReLU(nn.Module):
  """Convolution, instance norm, ReLU: a "down", an "up", or a skip's body.

  Attributes:
    channels: channels of the output.
    kernel_size: side of the kernel.
    transposed: whether the published layer is a transposed convolution; at
      stride one that is a convolution with another initialisation.
  """

  channels: int
  kernel_size: int
  transposed: bool = False

  @nn.compact
  def __call__(self, *maps: Array, fold: folding.Fold) -> Array:
    """Maps folded [b, h, blocks, lanes] maps, joined, to one."""
    if self.transposed:
      init = _torch_uniform(self.channels * self.kernel_size**2)
      conv = folded.FoldedConv(
        self.channels,
        self.kernel_size,
        kernel_init=init,
        bias_init=init,
        name='conv',
      )
    else:
      conv = folded.FoldedConv(self.channels, self.kernel_size, name='conv')
    x = conv(*maps, fold=fold)
    x = folded.InstanceNorm(self.channels, name='norm')(x, fold=fold)
    return fold.real(nn.relu(x))


class Skip(nn.Module):
  """Weighted sum of a body on two maps and the second map.

  Attributes:
    body: module applied to both maps, joined.
  """

  body: nn.Module

  @nn.compact
  def __call__(self, a: Array, b: Array, *, fold: folding.Fold) -> Array:
    """Returns body_weight * body(a, b) + skip_weight * b."""
    body_weight = self.param('body_weight', nn.initializers.ones_init(), (1,))
    skip_weight = self.param('skip_weight', nn.initializers.constant(0.5), (1,))
    return body_weight[0] * self.body(a, b, fold=fold) + skip_weight[0] * b


class HierarchicalEncoder(nn.Module):
  """The hierarchical representation extractor (HRE).

  Hierarchical in receptive field only: nothing is down-sampled.
  """

  channels: int

  def setup(self) -> None:
    c = self.channels
    self.encode1, self.encode2 = ResidualBlock(c), ResidualBlock(c)
    self.down1, self.down2 = ConvNormReLU(c, 3), ConvNormReLU(c, 3)
    self.bottleneck = ResidualBlock(c)
    self.up2 = ConvNormReLU(c, 3, transposed=True)
    self.up1 = ConvNormReLU(c, 3, transposed=True)
    self.decode2, self.decode1 = ResidualBlock(c), ResidualBlock(c)
    self.skip1, self.skip2 = self._skip(), self._skip()
    self.skip3, self.skip4 = self._skip(), self._skip()
    self.skip5, self.skip6 = self._skip(), self._skip()
    self.fuse2 = Skip(ResidualBlock(c))
    self.fuse1 = Skip(ResidualBlock(c))

  def _skip(self) -> Skip:
    return Skip(ConvNormReLU(self.channels, 1))

  def __call__(
    self, x: Array, *, fold: folding.Fold
  ) -> tuple[Array, Array, Array]:
    """Extracts features, from the widest receptive field to the finest.

    Args:
      x: [b, h, blocks, lanes] folded features.
      fold: how they are folded.

    Returns:
      Three maps of the shape of x: bottleneck, second and last decoder stage.
    """
    x11 = self.encode1(x, fold=fold)
    d1 = self.down1(x11, fold=fold)
    d1 = self.skip1(x, d1, fold=fold)
    x12 = self.encode2(d1, fold=fold)
    d2 = self.down2(x12, fold=fold)
    d2 = self.skip2(d1, d2, fold=fold)
    d2 = self.skip3(x, d2, fold=fold)
    bottom = self.bottleneck(d2, fold=fold)
    u2 = self.up2(bottom, fold=fold)
    u2 = self.skip4(bottom, u2, fold=fold)
    x22 = self.decode2(u2, fold=fold)
    x22 = self.fuse2(x12, x22, fold=fold)
    u1 = self.up1(x22, fold=fold)
    u1 = self.skip5(x22, u1, fold=fold)
    x21 = self.decode1(u1, fold=fold)
    x21 = self.skip6(bottom, x21, fold=fold)
    x21 = self.fuse1(x11, x21, fold=fold)
    return bottom, x22, x21


def _large_pair(images: Array) -> bool:
  """Whether images [2 b, h, w, 1] are one pair too large to go at once."""
  count, height, width = images.shape[:3]
  return count == 2 and height * width > _BATCHED_PIXELS


class FFMEF(nn.Module):
  """Filter-dominated fusion network; 7,662 parameters as published.

  Attributes:
    channels: width of the features.
    kernel_sizes: sides of the filters, one level each. Published: (1, 3, 5).
      The ablations of table 2 are (1,), (1, 3), (3, 5) and (1, 3, 5, 7). A
      filter of side 1 is predicted from the finest features, of side 3 from
      the middle, of 5 and more from the bottleneck, as published; the initial
      weights of the levels are the published ones, scaled to a sum of one.
    folded_channels: channels times pixels that are computed as one position
      (see `layers/folding.py`); 16, four pixels of four channels, is what XLA
      convolves best on a CPU. How, not what, is computed.
    strip_rows: rows of the strips in which the filters of a larger pair are
      predicted; likewise.
  """

  channels: int = 4
  kernel_sizes: tuple[int, ...] = (1, 3, 5)
  folded_channels: int = 16
  strip_rows: int = 64

  def __post_init__(self) -> None:
    """Refuses a width or filters that there are not."""
    super().__post_init__()
    if self.channels < 2:
      raise errors.InputError(
        f'FFMEF has {self.channels} channels. Give 2 or more: half of them '
        'are normalised.'
      )
    sizes = tuple(self.kernel_sizes)
    once = len(set(sizes)) == len(sizes) > 0
    if not once or not set(sizes) <= set(_LEVEL_WEIGHTS):
      raise errors.InputError(
        f'FFMEF has kernel_sizes {sizes}. Give some of '
        f'{", ".join(map(str, _LEVEL_WEIGHTS))}, each once, such as (1, 3, 5).'
      )

  @property
  def reach(self) -> int:
    """Rows above and below a pixel that its result depends on.

    Given the statistics of the pictures (see `folded.InstanceNorm`).
    """
    features = {1: _FINE_REACH, 3: _MIDDLE_REACH}
    return max(
      features.get(size, _BOTTOM_REACH) + 1 + size // 2
      for size in self.kernel_sizes
    )

  @nn.compact
  def __call__(
    self, y0: Array, y1: Array, *, frame: Frame | None = None
  ) -> Array:
    """Fuses two luminance images of any size.

    Args:
      y0: [b, h, w, 1] luma of the first image in [0, 1] (studio range: black
        is 16 / 255, white 235 / 255).
      y1: [b, h, w, 1] luma of the second.
      frame: the images in these arrays, where the arrays are larger.

    Returns:
      [b, h, w, 1] fused luma, not yet clamped to [0, 1]; of any value outside
      the frame.

    References:
      Paper, section 3 and eq. 4.
    """
    fold = folding.Fold(
      width=y0.shape[2],
      factor=max(1, self.folded_channels // self.channels),
      frame=frame,
    )
    images = join_pairs(y0, y1)
    if frame is not None:
      images = frame.clear(images)
    bottom, middle, fine = self._features(images, fold)
    total = sum(_LEVEL_WEIGHTS[size] for size in self.kernel_sizes)
    fused = jnp.zeros_like(y0)
    for size in self.kernel_sizes:
      features = {1: fine, 3: middle}.get(size, bottom)
      weight = self.param(
        f'weight_{size}',
        nn.initializers.constant(_LEVEL_WEIGHTS[size] / total),
        (1,),
      )
      fused = fused + weight[0] * self._level(images, features, size, fold)
    return fused

  def _features(
    self, images: Array, fold: folding.Fold
  ) -> tuple[Array, Array, Array]:
    """Encodes all images; those of a large pair one after the other."""
    lift = folded.FoldedConv(self.channels, name='lift')
    encoder = HierarchicalEncoder(self.channels, name='encoder')
    if _large_pair(images) and not self._by_statistics():
      lift_one, encode_one = strips.detach(lift), strips.detach(encoder)
      features = lax.map(
        lambda image: tuple(
          x[0]
          for x in encode_one(
            fold.real(lift_one(fold.fold(image[None]), fold=fold)), fold=fold
          )
        ),
        images,
      )
    else:
      x = fold.real(lift(fold.fold(images), fold=fold))
      self.sow('intermediates', 'lifted', fold.unfold(x))
      features = encoder(x, fold=fold)
      for name, map_ in zip(
        ('bottom', 'middle', 'fine'), features, strict=True
      ):
        self.sow('intermediates', name, fold.unfold(map_))
    return features

  def _by_statistics(self) -> bool:
    """Whether this is a strip of a picture, see `reach`."""
    found = self.is_mutable_collection('moments')
    return found and not self.is_initializing()

  def _level(
    self, images: Array, features: Array, size: int, fold: folding.Fold
  ) -> Array:
    """Applies one level, to a large pair in strips of rows."""
    level = FilterLevel(
      self.channels,
      size,
      height=images.shape[1],
      fold=fold,
      reach=1 + max(self.kernel_sizes) // 2,
      name=f'level_{size}',
    )
    if _large_pair(images):
      return strips.map_rows(
        strips.detach(level),
        (images, features),
        reach=level.reach,
        rows=self.strip_rows,
      )
    rows = ((0, 0), (level.reach, level.reach), (0, 0), (0, 0))
    return level(
      jnp.pad(images, rows), jnp.pad(features, rows), jnp.zeros((), jnp.int32)
    )
