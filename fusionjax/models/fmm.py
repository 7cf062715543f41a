"""FMM: a multi-scale autoencoder with feature mutual mapping.

The authors published neither code nor weights: this is a reading of the paper,
and every choice that it leaves open is an option of `FMM`, whose docstring says
why the default is what it is.

  infrared -> encoder -> f_x at scales 1, 1/2, 1/4 -+
                                                    +-> maps -> eq. 1 -> decoder
  visible  -> encoder -> f_y at scales 1, 1/2, 1/4 -+

References:
  Rao, Wu, Xu, Chen, Unsupervised image fusion method based on feature mutual
  mapping, 2022.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from fusionjax import errors
from fusionjax.models.layers import reflect_conv
from fusionjax.ops import global_mapping, resize

Array = jax.Array
Fusion = Literal['mapping', 'add', 'concat']
Normalization = Literal['softmax', 'sigmoid', 'none']
Embedding = Literal['convolution', 'none']
Downsampling = Literal['max', 'average', 'convolution']
Upsampling = Literal['bilinear', 'nearest']
Output = Literal['sigmoid', 'none']

_WIDEST = 64
# Channels of a map that are up-sampled and convolved together.
_AT_A_TIME = 32


class Conv(nn.Module):
  """A convolution with bias on a mirrored map.

  Attributes:
    features: channels of the output.
    size: side of the kernel.
    stride: rows and columns from one output to the next.
  """

  features: int
  size: int = 3
  stride: int = 1

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Convolves [b, h, w, i]; with a stride s to ceil(h / s) rows."""
    shape = (self.size, self.size, x.shape[-1], self.features)
    kernel = self.param('kernel', nn.initializers.he_normal(), shape)
    bias = self.param('bias', nn.initializers.zeros_init(), (self.features,))
    out = reflect_conv.convolve(x, kernel)[:, :: self.stride, :: self.stride]
    return out + bias[None, None, None]


class JoiningConv(nn.Module):
  """A convolution of maps of several scales, brought to one size.

  It is that of their concatenation, summed over some channels at a time: deep
  maps have many, and up-sampled they would be the largest arrays of the
  network.

  Attributes:
    features: channels of the output.
    upsampling: see `FMM`.
  """

  features: int
  upsampling: Upsampling

  @nn.compact
  def __call__(self, maps: Sequence[Array], *, size: tuple[int, ...]) -> Array:
    """Convolves maps [b, h, w, i] of any sizes to [b, *size, features]."""
    inputs = sum(x.shape[-1] for x in maps)
    shape = (3, 3, inputs, self.features)
    kernel = self.param('kernel', nn.initializers.he_normal(), shape)
    bias = self.param('bias', nn.initializers.zeros_init(), (self.features,))

    def add(out: Array, group: tuple[Array, Array]) -> tuple[Array, None]:
      x, part = group
      if x.shape[1:3] != size:
        x = upsample(x, size, self.upsampling)
      return out + reflect_conv.convolve(x, part), None

    out = jnp.broadcast_to(bias, (maps[0].shape[0], *size, self.features))
    begin = 0
    for x in maps:
      end = begin + x.shape[-1]
      groups = _in_groups(x), _in_groups(kernel[:, :, begin:end], axis=2)
      # A loop, because XLA would begin with up-sampling all that it can.
      out, _ = lax.scan(add, out, groups)
      begin = end
    return out


def _in_groups(x: Array, *, axis: int = -1) -> Array:
  """Moves groups of channels to a new first axis."""
  count = x.shape[axis]
  size = _AT_A_TIME if count % _AT_A_TIME == 0 else count
  return jnp.stack(jnp.split(x, count // size, axis=axis))


class ResidualBlock(nn.Module):
  """Two convolutions around which the map is added (He et al., 2016).

  Attributes:
    features: channels of the output; a 1 x 1 convolution brings the map to
      them where it has others.
  """

  features: int

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps [b, h, w, i] to [b, h, w, features]."""
    inner = nn.relu(Conv(self.features, name='conv1')(x))
    inner = Conv(self.features, name='conv2')(inner)
    if x.shape[-1] != self.features:
      x = Conv(self.features, size=1, name='skip')(x)
    return nn.relu(inner + x)


class Encoder(nn.Module):
  """A convolution and residual blocks, with down-sampling between them.

  Attributes:
    widths: channels of each scale, finest first.
    downsampling: see `FMM`.
  """

  widths: Sequence[int]
  downsampling: Downsampling

  @nn.compact
  def __call__(self, image: Array) -> list[Array]:
    """Features of [b, h, w, 1] at every scale, finest first."""
    scales = [nn.relu(Conv(self.widths[0], name='conv')(image))]
    for number, width in enumerate(self.widths[1:], start=1):
      x = self._halve(scales[-1], number)
      scales.append(ResidualBlock(width, name=f'block{number}')(x))
    return scales

  def _halve(self, x: Array, number: int) -> Array:
    if self.downsampling == 'convolution':
      return Conv(x.shape[-1], stride=2, name=f'down{number}')(x)
    # An odd row or column is repeated, so that nothing is lost.
    pads = ((0, 0), *((0, side % 2) for side in x.shape[1:3]), (0, 0))
    x = jnp.pad(x, pads, mode='edge')
    b, h, w, c = x.shape
    squares = x.reshape(b, h // 2, 2, w // 2, 2, c)
    pool = jnp.max if self.downsampling == 'max' else jnp.mean
    return pool(squares, axis=(2, 4))


class MappingFusion(nn.Module):
  """Feature mutual mapping at every scale.

  On the deepest scale every position of one modality looks at all positions of
  the other: Map_X = softmax(e_x e_y^T) f_y and Map_Y = softmax(e_y e_x^T) f_x,
  with e the embedded features. On a shallower scale a convolution makes each
  map of the deeper ones, up-sampled and concatenated (dense connection). Maps
  are normalised across the modalities, and everywhere (eq. 1)

    fuse = Map_X * f_x + Map_Y * f_y.

  Attributes:
    normalization: see `FMM`.
    embedding: see `FMM`.
    upsampling: see `FMM`.
  """

  normalization: Normalization
  embedding: Embedding
  upsampling: Upsampling

  @nn.compact
  def __call__(self, first: list[Array], second: list[Array]) -> list[Array]:
    """Fuses features of two modalities, given and returned finest first."""
    maps = [self._global_maps(first[-1], second[-1])]
    for scale in range(len(first) - 2, -1, -1):
      size = first[scale].shape[1:3]
      shallower: list[Array] = []
      for which, modality in enumerate('xy'):
        deeper = [each[which] for each in maps]
        width = first[scale].shape[-1]
        conv = JoiningConv(
          width, self.upsampling, name=f'map{scale}_{modality}'
        )
        shallower.append(conv(deeper, size=size))
      maps.append((shallower[0], shallower[1]))
    fused = []
    for f_x, f_y, (map_x, map_y) in zip(
      first, second, reversed(maps), strict=True
    ):
      w_x, w_y = self._weights(map_x, map_y)
      self.sow('intermediates', 'weights', (w_x, w_y))
      fused.append(w_x * f_x + w_y * f_y)
    return fused

  def _global_maps(self, f_x: Array, f_y: Array) -> tuple[Array, Array]:
    """The maps of the deepest scale, each [b, h, w, c]."""
    e_x, e_y = f_x, f_y
    if self.embedding == 'convolution':
      # Half as many channels, as non-local networks have.
      half = max(1, f_x.shape[-1] // 2)
      e_x = Conv(half, size=1, name='embed_x')(f_x)
      e_y = Conv(half, size=1, name='embed_y')(f_y)
    e_x, e_y, v_x, v_y = (
      x.reshape(x.shape[0], -1, x.shape[-1]) for x in (e_x, e_y, f_x, f_y)
    )
    # As for attention: else the softmax is a maximum from the start.
    scale = e_x.shape[-1] ** -0.5
    map_x = global_mapping.attend(e_x * scale, e_y, v_y)
    map_y = global_mapping.attend(e_y * scale, e_x, v_x)
    return map_x.reshape(f_x.shape), map_y.reshape(f_y.shape)

  def _weights(self, map_x: Array, map_y: Array) -> tuple[Array, Array]:
    if self.normalization == 'softmax':
      share = nn.sigmoid(map_x - map_y)
      return share, 1 - share
    if self.normalization == 'sigmoid':
      return nn.sigmoid(map_x), nn.sigmoid(map_y)
    return map_x, map_y


class Decoder(nn.Module):
  """Aggregates fused features from the deepest scale to the finest.

  Attributes:
    widths: channels of each scale, finest first.
    upsampling: see `FMM`.
  """

  widths: Sequence[int]
  upsampling: Upsampling

  @nn.compact
  def __call__(self, fused: list[Array]) -> Array:
    """Decodes features, finest first, to [b, h, w, 1]."""
    decoded = [fused[-1]]
    for scale in range(len(fused) - 2, -1, -1):
      size = fused[scale].shape[1:3]
      conv = JoiningConv(
        self.widths[scale], self.upsampling, name=f'aggregate{scale}'
      )
      decoded.append(nn.relu(conv([fused[scale], *decoded], size=size)))
    return Conv(1, name='conv')(decoded[-1])


class FMM(nn.Module):
  """Feature mutual mapping network; 256,993 parameters by default.

  Attributes:
    fusion: `mapping`, eq. 1; `add` and `concat` are the ablations of table 6.
    depth: scales; 3 is a convolution and two residual blocks (table 7 has 4
      and 5).
    width: channels of the finest scale. Each scale has twice as many as the
      one above, up to 64: the paper gives no widths, and these train on a CPU.
    normalization: how the two maps become weights. `softmax` across the
      modalities, in every channel: the paper calls them attention weights, and
      these sum to one, so that equal features stay. `sigmoid` weighs each by
      itself; `none` multiplies by the maps as they are.
    embedding: what is compared. `convolution`, a 1 x 1 convolution for each
      modality: their encoders are not shared, so that their channels mean
      different things, and the self-attention that the paper refers to has
      embeddings. `none` compares the features.
    downsampling: between the blocks. `max` pooling, which has no parameters:
      the text calls an encoder a convolution and two residual blocks.
      `average`, or `convolution` with a stride of 2.
    upsampling: `bilinear`, which leaves no blocks in maps that become weights;
      or `nearest`.
    output: `sigmoid` keeps pictures in (0, 1). With `none` the last convolution
      is the result, and may become the negative of a picture: SSIM cannot tell
      them apart, since the means and the covariance both change their sign
      (measured: trained so, every fused picture was black).
    remat: whether training computes the encoders again in the backward pass
      instead of keeping their maps.
  """

  fusion: Fusion = 'mapping'
  depth: int = 3
  width: int = 16
  normalization: Normalization = 'softmax'
  embedding: Embedding = 'convolution'
  downsampling: Downsampling = 'max'
  upsampling: Upsampling = 'bilinear'
  output: Output = 'sigmoid'
  remat: bool = False

  def __post_init__(self) -> None:
    """Refuses options that there are not."""
    super().__post_init__()
    for name, value, kind in (
      ('fusion', self.fusion, Fusion),
      ('normalization', self.normalization, Normalization),
      ('embedding', self.embedding, Embedding),
      ('downsampling', self.downsampling, Downsampling),
      ('upsampling', self.upsampling, Upsampling),
      ('output', self.output, Output),
    ):
      if value not in get_args(kind):
        raise errors.unknown_name(name, value, get_args(kind))
    if self.depth < 2 or self.width < 1:
      raise errors.InputError(
        f'FMM has depth {self.depth} and width {self.width}. Give at least 2 '
        'scales and 1 channel.'
      )

  @nn.compact
  def __call__(self, infrared: Array, visible: Array) -> Array:
    """Fuses two grey pictures.

    Args:
      infrared: [b, h, w, 1] in [0, 1], each side at least 16.
      visible: [b, h, w, 1] in [0, 1].

    Returns:
      [b, h, w, 1] in (0, 1); of any value where `output` is `none`.

    References:
      Paper, figures 1 and 2, eq. 1.
    """
    widths = [
      min(_WIDEST, self.width * 2**scale) for scale in range(self.depth)
    ]
    encoder = nn.remat(Encoder) if self.remat else Encoder
    # Not shared: the modalities have different distributions (section 3.1).
    first = encoder(widths, self.downsampling, name='encoder_x')(infrared)
    second = encoder(widths, self.downsampling, name='encoder_y')(visible)
    pairs = list(zip(first, second, strict=True))
    if self.fusion == 'mapping':
      fused = MappingFusion(
        self.normalization, self.embedding, self.upsampling, name='mapping'
      )(first, second)
    elif self.fusion == 'add':
      fused = [f_x + f_y for f_x, f_y in pairs]
    else:
      fused = [jnp.concatenate(pair, axis=-1) for pair in pairs]
    decoder = nn.remat(Decoder) if self.remat else Decoder
    out = decoder(widths, self.upsampling, name='decoder')(fused)
    return nn.sigmoid(out) if self.output == 'sigmoid' else out


def upsample(x: Array, size: tuple[int, ...], kind: Upsampling) -> Array:
  """Brings [b, h, w, c] to a size, the centres of its pixels in place."""
  height, width = size
  if kind == 'bilinear':
    return resize.bilinear(x, size=(height, width), grid='centres')
  return jax.image.resize(
    x, (x.shape[0], height, width, x.shape[-1]), method='nearest'
  )
