"""Dictionary convolutional units: sparse coding, unrolled.

A convolutional sparse code z of an image x minimises (eq. 1)

  ||x - d * z||^2 / 2 + lambda g(z),

which iterative shrinkage solves by (eq. 2)

  z <- prox(z + d^T * (x - d * z) / rho).

With two learned convolutions in the place of d and d^T / rho, a learned
activation f in that of the proximal operator, and batch normalisation, one
iteration becomes a unit of a network (eq. 3):

  z <- f(BN(z + Conv_1(x - Conv_0(z)))).

References:
  Zhao et al., Deep convolutional sparse coding networks for interpretable
  image fusion, section 2.
"""

import functools
from collections.abc import Mapping
from typing import Any, Literal, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from fusionjax import errors
from fusionjax.models.layers.batch_norm import BatchNorm
from fusionjax.models.layers.reflect_conv import (
  Initializer,
  ReflectConv,
  torch_uniform,
)
from fusionjax.ops.frame import Frame

Array = jax.Array
# `sst` is soft shrinkage with learned thresholds, `sst_clamped` the same with
# thresholds that act as zero where they are negative.
Activation = Literal['sst', 'sst_clamped', 'prelu', 'relu']
ACTIVATIONS: tuple[str, ...] = get_args(Activation)

_THRESHOLD = 1e-2
_SLOPE = 0.25


def check_activation(name: str) -> None:
  """Raises InputError for an activation that there is not."""
  if name not in ACTIVATIONS:
    raise errors.unknown_name('activation', name, ACTIVATIONS)


def soft_shrink(x: Array, threshold: Array) -> Array:
  """sign(x) max(|x| - threshold, 0), the proximal operator of the l1 norm.

  A negative threshold makes |x| larger, and the function jumps at zero: some
  published thresholds are.

  Args:
    x: any array.
    threshold: broadcastable to x.

  Returns:
    Array of the shape of x.
  """
  return jnp.sign(x) * nn.relu(jnp.abs(x) - threshold)


class Shrinkage(nn.Module):
  """Soft shrinkage with learned thresholds.

  Attributes:
    clamped: whether a negative threshold acts as zero.
    shared: whether one threshold serves all channels.
  """

  clamped: bool = False
  shared: bool = False

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Shrinks [b, h, w, c]."""
    threshold = self.param(
      'threshold',
      nn.initializers.constant(_THRESHOLD),
      (1 if self.shared else x.shape[-1],),
    )
    if self.clamped:
      threshold = nn.relu(threshold)
    return soft_shrink(x, lax.broadcast(threshold, (1,) * (x.ndim - 1)))


class PReLU(nn.Module):
  """max(x, 0) + slope min(x, 0) with a learned slope for each channel."""

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps [b, h, w, c]."""
    slope = self.param(
      'slope', nn.initializers.constant(_SLOPE), (x.shape[-1],)
    )
    slope = lax.broadcast(slope, (1,) * (x.ndim - 1))
    return jnp.where(x > 0, x, slope * x)


def make_activation(
  activation: Activation, *, shared: bool = False
) -> nn.Module:
  """Makes the activation of a unit.

  Args:
    activation: see `Activation`.
    shared: whether one threshold serves all channels.
  """
  if activation == 'prelu':
    return PReLU(name='activation')
  if activation == 'relu':
    return _ReLU(name='activation')
  return Shrinkage(
    clamped=activation == 'sst_clamped', shared=shared, name='activation'
  )


class _ReLU(nn.Module):
  """max(x, 0)."""

  @nn.compact
  def __call__(self, x: Array) -> Array:
    return nn.relu(x)


class DictionaryUnit(nn.Module):
  """One iteration of sparse coding: code <- f(BN(code + E(x - D(code)))).

  D and E are 3 x 3 convolutions without bias on mirrored maps: D reconstructs
  the image from its code, E codes what the reconstruction lacks.

  Attributes:
    features: channels of the code.
    activation: see `Activation`.
    norm: whether there is a batch normalisation.
    kernel_init: initializer of both kernels.

  References:
    Zhao et al., eq. 3.
  """

  features: int
  activation: Activation = 'sst'
  norm: bool = True
  kernel_init: Initializer = torch_uniform()

  @nn.compact
  def __call__(
    self,
    code: Array | None,
    data: Array,
    *,
    train: bool = False,
    groups: int = 1,
    frame: Frame | None = None,
  ) -> Array:
    """Improves a code.

    Args:
      code: [b, h, w, features]; None is a code of zeros.
      data: [b, h, w, c] the image x to be coded.
      train: see `BatchNorm`.
      groups: see `BatchNorm`.
      frame: the picture in the maps, where they are larger.

    Returns:
      [b, h, w, features].
    """
    conv = functools.partial(ReflectConv, kernel_init=self.kernel_init)
    decode = functools.partial(conv(data.shape[-1], name='decode'), frame=frame)
    encode = functools.partial(conv(self.features, name='encode'), frame=frame)
    residual = data
    if code is not None:
      residual = data - decode(code)
    elif self.is_initializing():
      # The published files hold this kernel too, although it sees zeros.
      decode(jnp.zeros((*data.shape[:-1], self.features), data.dtype))
    # A grey image has a neighbourhood small enough to be computed with what
    # follows, instead of being stored; to train, a matrix product is better.
    stencil = data.shape[-1] == 1 and not train
    x = encode(residual, implementation='stencil' if stencil else None)
    if code is not None:
      x = code + x
    if self.norm:
      x = BatchNorm(name='norm')(x, train=train, groups=groups)
    return make_activation(self.activation)(x)


class Unrolled(nn.Module):
  """Several dictionary units after each other: an image to its sparse code.

  Attributes:
    features: channels of the code.
    units: number of units.
    activation: see `Activation`.
    norm: whether units have a batch normalisation.
    shared: whether all units have the same weights, as iterations of one
      algorithm have; they are then compiled once. Running statistics are
      shared too.
  """

  features: int
  units: int
  activation: Activation = 'sst'
  norm: bool = True
  shared: bool = False

  @nn.compact
  def __call__(
    self,
    code: Array | None,
    data: Array,
    first: Array | None = None,
    *,
    train: bool = False,
    groups: int = 1,
    frame: Frame | None = None,
  ) -> Array:
    """Codes an image.

    Args:
      code: [b, h, w, features] the code to begin with; None is zeros.
      data: [b, h, w, c] the image that the units see.
      first: [b, h, w, c] what the first unit sees, if it is another image.
      train: see `BatchNorm`.
      groups: see `BatchNorm`.
      frame: see `DictionaryUnit`.

    Returns:
      [b, h, w, features].
    """
    how: dict[str, Any] = {'train': train, 'groups': groups, 'frame': frame}

    def unit(number: int) -> DictionaryUnit:
      return DictionaryUnit(
        self.features,
        activation=self.activation,
        norm=self.norm,
        name='unit' if self.shared else f'unit{number}',
      )

    whole = data if first is None else first
    one = unit(0)
    code = one(code, whole, **how)
    self.sow('intermediates', 'code0', code)
    if self.shared:
      return self._iterate(one, code, data, how)
    for number in range(1, self.units):
      code = unit(number)(code, data, **how)
      self.sow('intermediates', f'code{number}', code)
    return code

  def _iterate(
    self,
    unit: DictionaryUnit,
    code: Array,
    data: Array,
    how: Mapping[str, Any],
  ) -> Array:
    """Applies one unit again and again: a scan."""

    def again(unit: DictionaryUnit, code: Array, _: None) -> tuple[Array, None]:
      return unit(code, data, **how), None

    # Statistics that change go from one iteration to the next.
    changing = self.is_mutable_collection('batch_stats')
    scan = nn.scan(
      again,
      variable_broadcast='params' if changing else ['params', 'batch_stats'],
      variable_carry='batch_stats' if changing else False,
      split_rngs={'params': False},
      length=self.units - 1,
    )
    return scan(unit, code, None)[0]
