"""Filter-dominated fusion: filters for every pixel of two images.

References:
  Zheng, Huang, Yu, Zhao. Efficient Multi-exposure Image Fusion via
  Filter-dominated Fusion and Gradient-driven Unsupervised Learning. CVPR
  Workshops 2023, section 3.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from fusionjax.models.layers import folded, folding
from fusionjax.ops import dynamic_filter
from fusionjax.ops.frame import Frame

Array = jax.Array
# Pixels that share a position while filters are predicted: of many channels
# out, more would mean many products with the zeros of a spread kernel.
_FOLDED_PIXELS = 2


def join_pairs(first: Array, second: Array) -> Array:
  """Joins two batches along the first axis: 0a, 0b, 1a, 1b and so on.

  The images of a pair lie beside each other, on one device where the batch
  lies on several.

  Args:
    first: [b, ...].
    second: [b, ...].

  Returns:
    [2 b, ...].
  """
  return jnp.stack([first, second], axis=1).reshape(-1, *first.shape[1:])


def split_pairs(x: Array) -> tuple[Array, Array]:
  """Undoes `join_pairs`: [2 b, ...] to two of [b, ...]."""
  pairs = x.reshape(-1, 2, *x.shape[1:])
  return pairs[:, 0], pairs[:, 1]


class SpatialAttention(nn.Module):
  """Scales the features of both images by maps that look at both (eq. 2)."""

  channels: int

  @nn.compact
  def __call__(
    self, f0: Array, f1: Array, *, fold: folding.Fold
  ) -> tuple[Array, Array]:
    """Returns both folded feature maps, scaled."""
    x = folded.FoldedConv(self.channels, name='conv1')(f0, f1, fold=fold)
    x = folded.FoldedConv(2, name='conv2')(nn.relu(x), fold=fold)
    a = nn.sigmoid(x)
    b, h, blocks, lanes = f0.shape
    a = a.reshape(b, h, blocks, fold.factor, 2)

    def scale(f: Array, weight: Array) -> Array:
      f = f.reshape(b, h, blocks, fold.factor, self.channels)
      return (f * weight).reshape(b, h, blocks, lanes)

    return scale(f0, a[..., :1]), scale(f1, a[..., 1:])


class FilterLevel(nn.Module):
  """One level of filter-dominated fusion, on a strip of rows.

  Filters of `size` x `size` taps are predicted for every pixel of both
  images (eq. 3), raw: neither normalised nor bounded. One predictor serves
  both images.

  Attributes:
    channels: width of the features.
    size: side of the filters, odd.
    height: rows of the whole picture.
    fold: how the features are folded.
    reach: rows above and below the strip that are handed along, 1 + size // 2
      or more. Levels of equal reach share compiled kernels.
  """

  channels: int
  size: int
  height: int
  fold: folding.Fold
  reach: int

  def setup(self) -> None:
    taps = self.size**2
    conv = functools.partial(folded.FoldedConv, rows='VALID')
    self.attention = SpatialAttention(self.channels)
    self.conv1 = conv(self.channels, 3)
    self.conv2 = conv(taps, self.size)
    self.conv3 = conv(taps)

  def __call__(self, images: Array, features: Array, first: Array) -> Array:
    """Filters both images and adds them.

    Args:
      images: [2 b, reach + n + reach, w, 1], see `join_pairs`.
      features: [2 b, reach + n + reach, blocks, lanes] of the same rows; zero
        where they are no picture.
      first: number of the first of the n rows, an int32 scalar.

    Returns:
      [b, n, w, 1].
    """
    pair = self.attention(*split_pairs(features), fold=self.fold)
    radius = self.size // 2
    padded = jnp.pad(
      _crop(images, self.reach - radius),
      ((0, 0), (0, 0), (radius, radius), (0, 0)),
    )
    conditions = join_pairs(*pair)
    if images.shape[0] == 2:
      # Of one pair each image goes by itself: some of XLA's convolutions keep
      # but one core of a CPU busy, and two that do not wait for each other two.
      halves = [
        self._filter(condition, image, first)
        for condition, image in zip(pair, split_pairs(padded), strict=True)
      ]
      filters, filtered = (join_pairs(*h) for h in zip(*halves, strict=True))
    else:
      filters, filtered = self._filter(conditions, padded, first)
    self._sow('condition', _crop(self.fold.unfold(conditions), self.reach))
    self._sow('filters', filters)
    self._sow('filtered', filtered)
    first_filtered, second_filtered = split_pairs(filtered)
    return first_filtered + second_filtered

  def _filter(
    self, condition: Array, padded: Array, first: Array
  ) -> tuple[Array, Array]:
    """Predicts filters and applies them."""
    filters = self._filters(condition, first)
    return filters, dynamic_filter.filter_padded(padded, filters)

  def _filters(self, x: Array, first: Array) -> Array:
    """Predicts filters [b, n, w, size * size], taps in row-major order."""
    fold = self.fold
    x = nn.relu(self.conv1(x, fold=fold))
    # Outside the picture the next convolution sees zeros, and zeros are not
    # what the bias of this one leaves there.
    frame = fold.frame or Frame(height=self.height, width=fold.width)
    pairs = folding.Fold(
      width=fold.width,
      factor=min(fold.factor, _FOLDED_PIXELS),
      frame=frame.below(first + 1 - self.reach),
    )
    x = pairs.real(pairs.fold(fold.unfold(x)))
    x = nn.relu(self.conv2(x, fold=pairs))
    x = _crop(x, self.reach - 1 - self.size // 2)
    # Not on pairs: no faster, and its gradient doubles the time of a step.
    flat = folding.Fold(width=fold.width, factor=1)
    return self.conv3(pairs.unfold(x), fold=flat)

  def _sow(self, name: str, x: Array) -> None:
    self.sow('intermediates', name, x[:, : self.height])


def _crop(x: Array, rows: int) -> Array:
  """Cuts rows at the top and at the bottom of [b, h, ...]."""
  return x[:, rows : x.shape[1] - rows]
