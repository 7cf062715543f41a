"""CSC-MEFN: multi-exposure fusion by weights from sparse codes.

The luma of each exposure is coded by unrolled sparse coding and turned into
a map of logits; a softmax over the exposures gives the weights of their
lumas. Chroma is blended by its distance from grey.

References:
  Zhao et al., Deep convolutional sparse coding networks for interpretable
  image fusion, section 3.2. The paper counts three dictionary units; the
  published network has a convolution and two units.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax import errors
from fusionjax.models.layers import dictionary
from fusionjax.models.layers.batch_norm import BatchNorm
from fusionjax.models.layers.reflect_conv import Initializer, ReflectConv
from fusionjax.ops import colour
from fusionjax.ops.frame import Frame
from fusionjax.ops.streams import Neighbourhood

Array = jax.Array


def _kaiming_normal() -> Initializer:
  """PyTorch's kaiming_normal with a = 0.1."""
  return nn.initializers.variance_scaling(2 / 1.01, 'fan_in', 'normal')


class LogitNet(nn.Module):
  """The network that looks at each exposure alone.

  Attributes:
    features: channels of the code.
    units: number of dictionary units after the first convolution.
    activation: activation of all of them.
  """

  features: int
  units: int
  activation: dictionary.Activation

  @nn.compact
  def __call__(
    self,
    luma: Array,
    *,
    train: bool = False,
    groups: int = 1,
    frame: Frame | None = None,
  ) -> Array:
    """Maps [b, h, w, 1] luma to [b, h, w, 1] logits."""
    init = _kaiming_normal()
    lift = ReflectConv(self.features, kernel_init=init, name='lift')
    code = lift(luma, implementation=None if train else 'stencil', frame=frame)
    self.sow('intermediates', 'lifted', code)
    code = BatchNorm(name='norm')(code, train=train, groups=groups)
    self.sow('intermediates', 'normed', code)
    code = dictionary.make_activation(self.activation, shared=True)(code)
    self.sow('intermediates', 'code', code)
    for number in range(1, self.units + 1):
      code = dictionary.DictionaryUnit(
        self.features,
        activation=self.activation,
        kernel_init=init,
        name=f'unit{number}',
      )(code, luma, train=train, groups=groups, frame=frame)
      self.sow('intermediates', f'code{number}', code)
    return ReflectConv(1, kernel_size=1, kernel_init=init, name='head')(code)


class CSCMEFN(nn.Module):
  """Multi-exposure fusion network; 1,297 parameters as published.

  Attributes:
    features: channels of the codes.
    units: number of dictionary units after the first convolution.
    activation: activation of all of them; with `sst` the first convolution
      has one threshold for all channels, as published.
  """

  features: int = 24
  units: int = 2
  activation: dictionary.Activation = 'sst'

  def __post_init__(self) -> None:
    """Refuses an activation that there is not."""
    super().__post_init__()
    dictionary.check_activation(self.activation)

  @property
  def neighbourhood(self) -> Neighbourhood:
    """What a row of the result depends on: convolutions, two in a unit."""
    return Neighbourhood(1 + 2 * self.units)

  @nn.compact
  def __call__(
    self,
    *exposures: Array,
    train: bool = False,
    frame: Frame | None = None,
  ) -> Array:
    """Fuses exposures of any size above one pixel a side.

    Args:
      *exposures: two or more [b, h, w, 3] RGB in [0, 1]; their order has no
        meaning.
      train: whether the batch normalisations use the statistics of the
        batch, each exposure's of its own, and update the running ones
        exposure by exposure.
      frame: the pictures in these arrays, where the arrays are larger.

    Returns:
      [b, h, w, 3] RGB, not yet clamped to [0, 1].

    References:
      Paper, section 3.2; full-range YCbCr as in the published code.
    """
    count = len(exposures)
    if count < 2:
      raise errors.InputError(
        f'CSC-MEFN fuses exposures, and {count} came. Give 2 or more.'
      )
    ycbcr = jnp.stack(
      [colour.rgb_to_ycbcr(rgb, luma_range='centred') for rgb in exposures],
      axis=1,
    )
    self.sow('intermediates', 'ycbcr', ycbcr)
    # The exposures of a scene follow each other in the batch: then a batch
    # can lie on several devices, whole scenes on each.
    flat = ycbcr.reshape(-1, *ycbcr.shape[2:])
    net = LogitNet(self.features, self.units, self.activation, name='main')
    logits = net(flat[..., :1], train=train, groups=count, frame=frame)
    logits = logits.reshape(*ycbcr.shape[:-1], 1)
    self.sow('intermediates', 'logits', logits)
    weights = nn.softmax(logits, axis=1)
    self.sow('intermediates', 'weights', weights)
    luma = jnp.sum(weights * ycbcr[..., :1], axis=1)
    chroma = colour.fuse_chroma(
      jnp.moveaxis(ycbcr[..., 1:], 1, 0), neutral=0.5, epsilon=1e-8
    )
    fused = jnp.concatenate([luma, chroma], axis=-1)
    return colour.ycbcr_to_rgb(fused, luma_range='centred')
