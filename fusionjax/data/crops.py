"""Samples of scenes before they are resized: picked and cropped, in NumPy."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from fusionjax.data.scenes import Example
from fusionjax.data.sources import Source
from fusionjax.errors import InputError
from fusionjax.methods import registry

# Random numbers per sample before those that pick its sources.
DRAWS = 7


class Reader:
  """Reads scenes, picks sources and crops them.

  Attributes:
    length: number of scenes.
    count: sources of a sample.
    referenced: whether samples have a reference.
    channels: of each source, and of the reference last.
    error: the error that a call raised.
  """

  def __init__(self, source: Source, options: Mapping[str, Any], task: str):
    """Looks at the first scene.

    Args:
      source: the scenes.
      options: the config's `data` part; every key of `sources.DEFAULTS`.
      task: a key of `registry.TASKS`.
    """
    self._read = getattr(source, 'read_raw', source.read)
    row = registry.get_task(task)
    self._ordered, self._guided = row.ordered, row.guided
    self._name = source.name
    self.length = len(source)
    low, high = options['crop']
    self._crop = (float(low), float(high))
    height, width = options['size']
    self._patch = None if options['resize'] else (int(height), int(width))
    self._swap = bool(options['swap'])
    self._repeat = bool(options['repeat'])
    self.count = int(options['sources'])
    first = self._read(0)
    if options['singles'] or self._guided:
      # The guide alone: what it guides is made of the reference.
      self.count = len(first.sources)
    self.referenced = first.reference is not None
    self.channels = [3] * (self.count + self.referenced)
    if first.cubes:
      every = (*first.sources, first.reference)
      self.channels = [image.shape[-1] for image in every]
    # TensorFlow passes on the text of an exception; the iterator raises the
    # exception itself.
    self.error: InputError | None = None

  def __call__(self, index: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Makes a sample.

    Args:
      index: of the scene.
      draws: [DRAWS + count, or more] uniform random numbers in [0, 1).

    Returns:
      [h, w, c] float32 in [0, 1], the channels of all images.

    Raises:
      InputError: if the scene cannot be read, or does not fit.
    """
    try:
      return self._sample(int(index), draws)
    except InputError as error:
      self.error = error
      raise

  def _sample(self, index: int, draws: np.ndarray) -> np.ndarray:
    example = self._read(index)
    arrays = [example.sources[pick] for pick in self._picks(example, draws)]
    if self.referenced:
      if example.reference is None:
        raise InputError(
          f'Scene {example.name} of {self._name} has no reference, unlike '
          'others. Add it, or take the scene out.'
        )
      arrays.append(example.reference)
    height, width = arrays[0].shape[:2]
    if self._patch is None:
      top, left, box_h, box_w = crop_box(height, width, draws, crop=self._crop)
    else:
      box_h, box_w = self._patch
      top, left = self._place(example, (height, width), draws)
    box = (slice(top, top + box_h), slice(left, left + box_w))
    cut = dataclasses.replace(
      example, sources=tuple(a[box] for a in arrays), reference=None
    )
    sample = np.concatenate(cut.to_unit().sources, axis=-1)
    if sample.shape[-1] != sum(self.channels):
      raise InputError(
        f'Scene {example.name} of {self._name} has {sample.shape[-1]} bands '
        f'with its guide, and others have {sum(self.channels)}. Take it out.'
      )
    return sample

  def _picks(self, example: Example, draws: np.ndarray) -> list[int]:
    """Which sources of a scene make a sample."""
    available = len(example.sources)
    if available < self.count and not self._repeat:
      raise InputError(
        f'Scene {example.name} of {self._name} has {available} '
        f'sources, and data.sources is {self.count}. Lower it, or set '
        'data.repeat.'
      )
    if self._ordered:
      return list(range(self.count))
    picks = pick_sources(available, draws[DRAWS : DRAWS + self.count])
    if self._swap and draws[6] < 0.5:
      picks.reverse()
    return picks

  def _place(
    self, example: Example, size: tuple[int, int], draws: np.ndarray
  ) -> tuple[int, int]:
    """Top and left of a patch of fixed size."""
    assert self._patch is not None
    spare = [side - part for side, part in zip(size, self._patch, strict=True)]
    if min(spare) < 0:
      raise InputError(
        f'Scene {example.name} of {self._name} is {size[1]}x{size[0]}, smaller '
        f'than data.size {self._patch[1]}x{self._patch[0]}. Set it lower.'
      )
    return int(draws[2] * (spare[0] + 1)), int(draws[3] * (spare[1] + 1))


def pick_sources(available: int, draws: np.ndarray) -> list[int]:
  """Picks as many distinct sources as there are random numbers.

  Args:
    available: number of sources of the scene.
    draws: [k] uniform random numbers in [0, 1).

  Returns:
    k distinct indices in increasing order, every subset equally likely; where
    fewer are available, all of them as often as they must.
  """
  left: list[int] = []
  picks = []
  for draw in draws:
    left = left or list(range(available))
    picks.append(left.pop(int(draw * len(left))))
  return sorted(picks)


def crop_box(
  height: int, width: int, draws: np.ndarray, *, crop: tuple[float, float]
) -> tuple[int, int, int, int]:
  """Places a random crop; it never leaves the image.

  Args:
    height: of the image, in pixels.
    width: of the image, in pixels.
    draws: uniform random numbers in [0, 1): fraction of the height, of the
      width, place from the top, from the left.
    crop: smallest and largest fraction.

  Returns:
    (top, left, height, width) in pixels.
  """
  # The published code draws the height of its box from the image's width and
  # the other way round, so that boxes of upright images leave the image.
  # Here each side is a fraction of its own side.
  low, high = crop
  box_h = max(1, round((low + (high - low) * float(draws[0])) * height))
  box_w = max(1, round((low + (high - low) * float(draws[1])) * width))
  top = int(float(draws[2]) * (height - box_h + 1))
  left = int(float(draws[3]) * (width - box_w + 1))
  return top, left, box_h, box_w
