"""Batch normalisation as PyTorch has it."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array


class BatchNorm(nn.Module):
  """Normalises each channel over the batch and its pixels.

  Flax's own keeps a running variance that is biased; PyTorch's, in which the
  published networks were trained, keeps n / (n - 1) of it. Where a batch lies
  on several devices, its statistics are those of the whole batch.

  Attributes:
    momentum: what the running statistics keep of themselves in a step.
    epsilon: added to the variance.
  """

  momentum: float = 0.9
  epsilon: float = 1e-5

  @nn.compact
  def __call__(
    self, x: Array, *, train: bool = False, groups: int = 1
  ) -> Array:
    """Normalises [b, h, w, c], in training by the statistics of the batch.

    Args:
      x: the map.
      train: whether to normalise by the batch and update the running
        statistics (the collection `batch_stats` must then be mutable).
      groups: pictures that follow each other in the batch and belong to
        different calls: each of the b / groups samples has one in every
        call. Each call has its own statistics, and the running ones are
        updated call by call.

    Returns:
      [b, h, w, c].
    """
    c = x.shape[-1]
    scale = self.param('scale', nn.initializers.ones_init(), (c,))
    bias = self.param('bias', nn.initializers.zeros_init(), (c,))
    dtype = x.dtype
    running = [
      self.variable('batch_stats', name, init, (c,), dtype)
      for name, init in (('mean', jnp.zeros), ('var', jnp.ones))
    ]
    if not train:
      mean, variance = (each.value for each in running)
      gain = scale * lax.rsqrt(variance + self.epsilon)
      shift = bias - mean * gain
      return x * _lanes(gain, 4) + _lanes(shift, 4)
    split = x.reshape(x.shape[0] // groups, groups, *x.shape[1:])
    mean = jnp.mean(split, axis=(0, 2, 3), keepdims=True)
    centred = split - mean
    variance = jnp.mean(jnp.square(centred), axis=(0, 2, 3), keepdims=True)
    if not self.is_initializing():
      count = split.size // (groups * c)
      unbiased = variance * (count / (count - 1))
      for each, values in zip(running, (mean, unbiased), strict=True):
        for value in values.reshape(groups, c):
          kept = self.momentum * each.value
          each.value = kept + (1 - self.momentum) * value
    normal = centred * lax.rsqrt(variance + self.epsilon)
    return (normal * _lanes(scale, 5) + _lanes(bias, 5)).reshape(x.shape)


def _lanes(values: Array, rank: int) -> Array:
  """Gives [c] values the rank of a map."""
  return lax.broadcast(values, (1,) * (rank - 1))
