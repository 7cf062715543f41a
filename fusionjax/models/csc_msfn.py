"""CSC-MSFN: a cube of low resolution brought to that of a guide.

Cube and guide are coded by unrolled sparse coding, each at its resolution; a
fast guided filter brings the code of the cube up, guided by that of the
guide, and one convolution decodes it. The cube itself, brought up
bilinearly, is added.

References:
  Zhao et al., Deep convolutional sparse coding networks for interpretable
  image fusion, section 3.3. The addition of the cube is the published
  code's, which works for squares alone; here any height and width will do.
"""

import flax.linen as nn
import jax

from fusionjax import errors
from fusionjax.models.layers import dictionary
from fusionjax.models.layers.reflect_conv import ReflectConv, torch_uniform
from fusionjax.ops import guided_filter, resize

Array = jax.Array


class CodeNet(nn.Module):
  """A convolution with an activation, then dictionary units.

  Attributes:
    features: channels of the code.
    units: number of dictionary units after the first convolution.
    activation: activation of all of them.
  """

  features: int
  units: int
  activation: dictionary.Activation

  @nn.compact
  def __call__(self, image: Array, *, train: bool = False) -> Array:
    """Codes [b, h, w, c] as [b, h, w, features]."""
    code = ReflectConv(self.features, name='lift')(image)
    code = dictionary.make_activation(self.activation)(code)
    for number in range(1, self.units + 1):
      code = dictionary.DictionaryUnit(
        self.features, activation=self.activation, name=f'unit{number}'
      )(code, image, train=train)
    return code


class CSCMSFN(nn.Module):
  """Multi-spectral fusion network; 624,896 parameters as published.

  Attributes:
    bands: channels of the low-resolution cube.
    guide_channels: channels of the guide.
    features: channels of the codes.
    units: number of dictionary units of each branch, after its first
      convolution; the paper counts that too.
    activation: activation of all of them.
    radius: of the guided filter, in pixels of the cube.
    epsilon: of the guided filter.
    grid: how the cube lies on the guide: `corners`, as published, or
      `centres`, as cubes do whose pixels are means of the guide's.
    zero_decoder: whether the decoder begins at zero, and with it the network
      as bilinear upsampling; published trainings begin at random and need
      many steps to get there.
  """

  bands: int = 31
  guide_channels: int = 3
  features: int = 256
  units: int = 3
  activation: dictionary.Activation = 'sst_clamped'
  radius: int = 1
  epsilon: float = 1e-4
  grid: resize.Grid = 'corners'
  zero_decoder: bool = False

  def __post_init__(self) -> None:
    """Refuses an activation or a grid that there is not."""
    super().__post_init__()
    dictionary.check_activation(self.activation)
    if self.grid not in resize.GRIDS:
      raise errors.unknown_name('grid', self.grid, resize.GRIDS)

  @nn.compact
  def __call__(
    self, low_resolution: Array, guide: Array, *, train: bool = False
  ) -> Array:
    """Brings a cube to the resolution of a guide.

    Args:
      low_resolution: [b, h, w, bands] cube in [0, 1].
      guide: [b, H, W, guide_channels] in [0, 1], of any size: neither the
        ratio nor the aspect matters.
      train: see `BatchNorm`.

    Returns:
      [b, H, W, bands], not clamped.

    References:
      Paper, eq. 8.
    """
    for what, x, channels in (
      ('cube', low_resolution, self.bands),
      ('guide', guide, self.guide_channels),
    ):
      if x.shape[-1] != channels:
        raise errors.InputError(
          f'The {what} has {x.shape[-1]} channels, and this network takes '
          f'{channels}. Give one of {channels}, or another network.'
        )
    options = (self.features, self.units, self.activation)
    code_guide = CodeNet(*options, name='guide')(guide, train=train)
    code = CodeNet(*options, name='cube')(low_resolution, train=train)
    low_size = low_resolution.shape[1], low_resolution.shape[2]
    size = guide.shape[1], guide.shape[2]
    low_guide = resize.bilinear(code_guide, size=low_size, grid=self.grid)
    guided = guided_filter.fast_guided_filter(
      low_guide,
      code,
      code_guide,
      radius=self.radius,
      epsilon=self.epsilon,
      grid=self.grid,
    )
    upsampled = resize.bilinear(low_resolution, size=size, grid=self.grid)
    for name, stage in (
      ('code_guide', code_guide),
      ('code', code),
      ('low_guide', low_guide),
      ('guided', guided),
      ('upsampled', upsampled),
    ):
      self.sow('intermediates', name, stage)
    zeros = nn.initializers.zeros_init()
    init = zeros if self.zero_decoder else torch_uniform()
    decoder = ReflectConv(self.bands, kernel_init=init, name='decoder')
    return decoder(guided) + upsampled
