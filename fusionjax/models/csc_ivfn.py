"""CSC-IVFN: infrared-visible fusion by convolutional sparse codes.

An auto-encoder splits a grey image into a base and a detail, codes each by
unrolled sparse coding, and decodes both codes to the image; it is trained on
single images. Two images are fused by fusing their codes before decoding.

References:
  Zhao et al., Deep convolutional sparse coding networks for interpretable
  image fusion, section 3.1. Where the paper and the published code differ,
  the defaults are the code's: eight units instead of seven, of which only
  the first sees the base or detail image, and codes that are doubled before
  they are decoded.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax import errors
from fusionjax.models.layers import dictionary
from fusionjax.models.layers.batch_norm import BatchNorm
from fusionjax.models.layers.reflect_conv import ReflectConv
from fusionjax.ops import box, code_fusion
from fusionjax.ops.frame import Frame
from fusionjax.ops.streams import Neighbourhood, Stream

Array = jax.Array
UnitInput = Literal['published', 'paper']

_DECODER_FEATURES = (32, 16, 1)
_BLUR_RADIUS = 5
# Channels of codes that are fused together where pictures are large.
_TOGETHER = 4


class CodeDecoder(nn.Module):
  """Decodes a code to an image before its sigmoid.

  Three 3 x 3 convolutions on mirrored maps, each with a batch normalisation
  and none with an activation: at inference it is affine.
  """

  @nn.compact
  def __call__(
    self, code: Array, *, train: bool = False, frame: Frame | None = None
  ) -> Array:
    """Maps [b, h, w, c], or a strip of it in a frame, to [b, h, w, 1]."""
    x = code
    for number, features in enumerate(_DECODER_FEATURES, 1):
      x = ReflectConv(features, name=f'conv{number}')(x, frame=frame)
      x = BatchNorm(name=f'norm{number}')(x, train=train)
    return x


class CSCIVFN(nn.Module):
  """Infrared-visible fusion network; 44,786 parameters as published.

  Attributes:
    features: channels of the codes.
    units: dictionary units of each encoder. The paper says 7; the published
      code has one and seven.
    base_activation: activation of the units that code the base.
    detail_activation: of those that code the detail.
    unit_input: what the units see. `published`: the first unit the base or
      detail, the others the whole image. `paper`: all of them the base or
      detail, as was presumably meant; not for the published weights.
    base_fusion: rule that fuses base codes, see `ops.code_fusion.fuse`.
    detail_fusion: rule that fuses detail codes.
    gain: factor of the fused codes before they are decoded. The published
      code has 2, which acts as a stretch of contrast; the decoder is trained
      without it.
    shared_units: whether all units of an encoder have the same weights.
  """

  features: int = 64
  units: int = 8
  base_activation: dictionary.Activation = 'prelu'
  detail_activation: dictionary.Activation = 'sst'
  unit_input: UnitInput = 'published'
  base_fusion: code_fusion.Rule = 'saliency'
  detail_fusion: code_fusion.Rule = 'l1'
  gain: float = 2.0
  shared_units: bool = False

  def __post_init__(self) -> None:
    """Refuses options that there are not."""
    super().__post_init__()
    code_fusion.check_rule(self.base_fusion)
    code_fusion.check_rule(self.detail_fusion)
    dictionary.check_activation(self.base_activation)
    dictionary.check_activation(self.detail_activation)
    if self.unit_input not in get_args(UnitInput):
      raise errors.unknown_name(
        'unit_input', self.unit_input, get_args(UnitInput)
      )

  def setup(self) -> None:
    self.base_encoder = self._encoder(self.base_activation)
    self.detail_encoder = self._encoder(self.detail_activation)
    self.decoder = CodeDecoder()

  def _encoder(self, activation: dictionary.Activation) -> dictionary.Unrolled:
    return dictionary.Unrolled(
      self.features, self.units, activation=activation, shared=self.shared_units
    )

  def __call__(self, infrared: Array, visible: Array) -> Array:
    """Fuses two grey images of any size above five pixels a side.

    Args:
      infrared: [b, h, w, 1] in [0, 1].
      visible: [b, h, w, 1] in [0, 1].

    Returns:
      [b, h, w, 1] in [0, 1].

    References:
      Paper, eq. 5 and 6.
    """
    if isinstance(infrared, Stream):
      return self._in_parts(infrared, visible)
    count = infrared.shape[0]
    base, detail = self.encode(jnp.concatenate([infrared, visible]))
    base = self._fuse('base', self.base_fusion, base, count)
    detail = self._fuse('detail', self.detail_fusion, detail, count)
    return self.decode(self.gain * base, self.gain * detail)

  @property
  def neighbourhoods(self) -> Mapping[str, Neighbourhood]:
    """What the methods look at that are called with streams."""
    return {
      'encode_strip': Neighbourhood(_BLUR_RADIUS + 2 * self.units - 1),
      'fuse_channels': Neighbourhood(0, whole=True),
      'decode_strip': Neighbourhood(1 + len(_DECODER_FEATURES)),
    }

  def _in_parts(self, infrared: Any, visible: Any) -> Any:
    """The same on streams: codes by strips, saliency by whole channels."""
    # Who computes the strips gives them their frames.
    parts: Any = self
    codes = zip(
      parts.encode_strip(infrared), parts.encode_strip(visible), strict=True
    )
    fused = []
    for rule, groups in zip(self._rules, codes, strict=True):
      pairs: list[Any] = list(zip(*groups, strict=True))
      if rule == 'saliency':
        pairs = [(parts.fuse_channels(*pair),) for pair in pairs]
      fused.append(pairs)
    return parts.decode_strip(fused)

  @property
  def _rules(self) -> tuple[code_fusion.Rule, code_fusion.Rule]:
    return self.base_fusion, self.detail_fusion

  def encode_strip(
    self, image: Array, *, frame: Frame
  ) -> tuple[list[Array], ...]:
    """Codes a strip [1, n, w, 1]: base and detail, some channels each."""
    count = -(-self.features // _TOGETHER)
    codes = self.encode(image, frame=frame)
    return tuple(jnp.array_split(code, count, axis=-1) for code in codes)

  def fuse_channels(
    self, first: Array, second: Array, *, frame: Frame
  ) -> Array:
    """Fuses some channels [1, h, w, c] of two codes by saliency."""
    del frame
    return code_fusion.fuse(first, second, rule='saliency')

  def decode_strip(
    self, codes: Sequence[Sequence[tuple[Array, ...]]], *, frame: Frame
  ) -> Array:
    """Fuses what is not yet, and decodes a strip to [1, n, w, 1].

    Args:
      codes: of base and detail: groups of channels, of which there is one
        where they are fused and else two, all [1, n, w, c].
      frame: the picture in the strip.
    """
    whole = []
    for rule, groups in zip(self._rules, codes, strict=True):
      # Beyond the picture nothing is active.
      joined = [
        frame.clear(jnp.concatenate(parts, axis=-1))
        for parts in zip(*groups, strict=True)
      ]
      one = len(joined) == 1
      code = joined[0] if one else code_fusion.fuse(*joined, rule=rule)
      whole.append(self.gain * code)
    return self.decode(whole[0], whole[1], frame=frame)

  def encode(
    self, image: Array, *, train: bool = False, frame: Frame | None = None
  ) -> tuple[Array, Array]:
    """Codes an image.

    Args:
      image: [b, h, w, 1] in [0, 1].
      train: see `BatchNorm`.
      frame: the picture in the image, where it is a strip.

    Returns:
      The base code and the detail code, each [b, h, w, features].
    """
    base = self._blur(image, frame)
    detail = image - base
    self.sow('intermediates', 'base_image', base)
    self.sow('intermediates', 'detail_image', detail)
    if self.unit_input == 'paper':
      return (
        self.base_encoder(None, base, train=train, frame=frame),
        self.detail_encoder(None, detail, train=train, frame=frame),
      )
    return (
      self.base_encoder(None, image, base, train=train, frame=frame),
      self.detail_encoder(None, image, detail, train=train, frame=frame),
    )

  def _blur(self, image: Array, frame: Frame | None) -> Array:
    radius = _BLUR_RADIUS
    x = image if frame is None else frame.mirror_rows(image, radius)
    blurred = box.box_mean(x[..., 0], radius=radius, border='reflect')
    inner = blurred if frame is None else blurred[:, radius:-radius]
    return inner[..., None]

  def decode(
    self,
    base: Array,
    detail: Array,
    *,
    train: bool = False,
    frame: Frame | None = None,
  ) -> Array:
    """Decodes two codes.

    Args:
      base: [b, h, w, features] base code.
      detail: [b, h, w, features] detail code.
      train: see `BatchNorm`; each code is a call of its own.
      frame: the picture in the codes, where they are strips.

    Returns:
      [b, h, w, 1] in [0, 1].
    """
    if train or self.is_initializing():
      decoded = self.decoder(base, train=train)
      return nn.sigmoid(decoded + self.decoder(detail, train=train))
    # An affine map needs to be taken but once: f(a) + f(b) = f(a + b) + f(0).
    # What it makes of zeros is the same everywhere.
    zero = jnp.zeros((1, 2, 2, base.shape[-1]), base.dtype)
    constant = self.decoder(zero)[:, :1, :1]
    return nn.sigmoid(self.decoder(base + detail, frame=frame) + constant)

  def reconstruct(self, image: Array, *, train: bool = False) -> Array:
    """Codes and decodes one image: what the network is trained to do well.

    Args:
      image: [b, h, w, 1] in [0, 1].
      train: see `BatchNorm`.

    Returns:
      [b, h, w, 1] in [0, 1].
    """
    return self.decode(*self.encode(image, train=train), train=train)

  def _fuse(
    self, name: str, rule: code_fusion.Rule, codes: Array, count: int
  ) -> Array:
    """Fuses the codes of the first `count` images and of the others."""
    first, second = codes[:count], codes[count:]
    if self.is_mutable_collection('intermediates'):
      weights = code_fusion.weights(first, second, rule=rule)
      self.sow('intermediates', f'{name}_weights', weights)
    fused = code_fusion.fuse(first, second, rule=rule)
    self.sow('intermediates', f'{name}_fused', fused)
    return fused
