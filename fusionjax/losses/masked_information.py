"""Masked mutual information: what filtered features share beyond structure.

Common structures, where the gradients of both features agree, may be shared
and are masked; what is shared elsewhere is redundant and costs. The loss has
parameters of its own, which live beside the network and are trained with it.

The paper leaves open: the widths of the mask's and the vectors' layers, the
size of the vectors, and the estimator of the joint entropy. Here vectors are
read as distributions over as many symbols (a softmax of logits that are
standardised over all patches), each is of a patch, and the joint distribution
is the mean over all patches of their outer products. The entropies of eq. 4
are a cross entropy less a divergence (the paper prints an entropy less a
divergence, which is neither), and that is the entropy. A joint entropy is at
least that of either part, so the value lies in [0, 1] and not in [0, 2]: 0
for independent vectors, 1 for equal ones.

References:
  Guan et al., Mutual-Guided Dynamic Network for Image Fusion, ACM Multimedia
  2023, section 3.2.3. Zhang et al., RGB-D saliency detection via cascaded
  mutual information minimization, ICCV 2021.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.ops import filters

Array = jax.Array

# Added where a distribution may have a zero after all (one symbol for all
# patches), under the logarithm and the fraction.
_EPSILON = 1e-8
# Spread of the logits of a symbol over all patches: one symbol stands out.
_SHARPNESS = 3.0


def normalized_information(first: Array, second: Array) -> Array:
  """Normalised mutual information of two sequences of distributions.

  Args:
    first: [n, k] distributions over k symbols.
    second: [n, k], drawn together with the first.

  Returns:
    Scalar 2 (1 - H(first, second) / (H(first) + H(second))), in [0, 1].

  References:
    Guan et al., MGDN, eq. 4.
  """
  joint = jnp.einsum(
    'ni,nj->ij', first, second, precision=lax.Precision.HIGHEST
  )
  joint = joint / first.shape[0]
  parts = _entropy(jnp.sum(joint, axis=1)) + _entropy(jnp.sum(joint, axis=0))
  # As a fraction of the information itself: the difference of 1 and a
  # quotient near 1 / 2 to 1 would lose what is small.
  return 2 * (parts - _entropy(joint)) / (parts + _EPSILON)


def _entropy(distribution: Array) -> Array:
  return -jnp.sum(distribution * jnp.log(distribution + _EPSILON))


class MaskedInformation(nn.Module):
  """The masked mutual information of two filtered maps.

  Attributes:
    width: of the layers of mask and vectors.
    symbols: size of the vectors.
    patch: side of the patches that each have a vector; a multiple of 4.
  """

  width: int = 16
  symbols: int = 8
  patch: int = 8

  @nn.compact
  def __call__(
    self, first: Array, second: Array, *, mask: Array | None = None
  ) -> Array:
    """Measures what two maps share where they are not alike.

    Args:
      first: [b, h, w, c], sides of at least a patch.
      second: [b, h, w, c].
      mask: [b, h, w, 1] in [0, 1], 1 where sharing is free; None to estimate
        it from the gradients of both maps.

    Returns:
      Scalar in [0, 1].

    References:
      Guan et al., MGDN, eq. 3 and 4.
    """
    one = nn.Conv(1, (1, 1), name='first')(first)
    other = nn.Conv(1, (1, 1), name='second')(second)
    if mask is None:
      mask = self._mask(one, other)
    vectors = [
      self._vectors(x * (1 - mask), name)
      for x, name in ((one, 'first'), (other, 'second'))
    ]
    return normalized_information(*vectors)

  def _mask(self, one: Array, other: Array) -> Array:
    """The soft mask of similar structures, [b, h, w, 1]."""
    gradients = [d for x in (one, other) for d in filters.sobel(x)]
    # The features learn to share less, and not to look alike.
    x = lax.stop_gradient(jnp.concatenate(gradients, axis=-1))
    x = nn.relu(nn.Conv(self.width, (3, 3), name='mask1')(x))
    x = nn.relu(nn.Conv(self.width, (3, 3), name='mask2')(x))
    return nn.sigmoid(nn.Conv(1, (3, 3), name='mask3')(x))

  def _vectors(self, x: Array, name: str) -> Array:
    """Distributions [patches of the batch, symbols]."""
    x = nn.Conv(self.width, (4, 4), (4, 4), 'VALID', name=f'{name}_patch1')(x)
    rest = self.patch // 4
    conv = nn.Conv(
      self.symbols, (rest, rest), (rest, rest), 'VALID', name=f'{name}_patch2'
    )
    logits = conv(nn.relu(x)).reshape(-1, self.symbols)
    # Brought to one spread over the patches: vectors that are all the same
    # share nothing, and the loss would be lowest where it says nothing.
    centred = logits - jnp.mean(logits, axis=0, keepdims=True)
    variance = jnp.mean(jnp.square(centred), axis=0, keepdims=True)
    return nn.softmax(_SHARPNESS * centred * lax.rsqrt(variance + _EPSILON))


class StagewiseInformation(nn.Module):
  """Masked mutual information of all stages of a network, added.

  Of three maps the middle one is the reference, and what each other one
  shares with it counts.
  """

  @nn.compact
  def __call__(self, stages: Sequence[Sequence[Array]]) -> Array:
    """Adds over stages of two or three filtered maps [b, h, w, c] each.

    References:
      Guan et al., MGDN, eq. 5 and 6.
    """
    total = jnp.zeros((), stages[0][0].dtype)
    for number, maps in enumerate(stages):
      middle = len(maps) // 2
      for place, other in enumerate(maps):
        if place != middle:
          part = MaskedInformation(name=f'stage{number}_{place}')
          total = total + part(maps[middle], other)
    return total
