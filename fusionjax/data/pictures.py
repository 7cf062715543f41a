"""Scenes of image files as a source."""

from collections.abc import Sequence

import numpy as np

from fusionjax.data import cache, images
from fusionjax.data.scenes import Example, Scene
from fusionjax.errors import InputError


class FolderSource:
  """Scenes of image files, decoded once and kept up to a limit."""

  def __init__(
    self,
    scenes: Sequence[Scene],
    *,
    name: str,
    description: str,
    by_brightness: bool = False,
    limit: int | None = None,
    cache_bytes: int = cache.DEFAULT_BYTES,
  ):
    """Takes scenes; no image is read yet.

    Args:
      scenes: what `find_scenes` found, or a part of it.
      name: the data set's name.
      description: what `describe` says.
      by_brightness: whether images come dark to bright by their means,
        instead of in the scene's order.
      limit: at most so many sources per scene, spread evenly over the
        brackets that have more (ordered dark to bright); None for all.
      cache_bytes: limit of the memory for decoded images.
    """
    self.name = name
    self.scenes = tuple(scenes)
    self._description = description
    self._by_brightness = by_brightness
    self._limit = limit
    self._cache = cache.ExampleCache(cache_bytes)
    # A reference is used where every scene has one.
    self._referenced = all(scene.reference for scene in self.scenes)

  def __len__(self) -> int:
    return len(self.scenes)

  def describe(self) -> str:
    """Says what was found in the folder."""
    return self._description

  def read_raw(self, index: int) -> Example:
    """Reads a scene with the values of its files.

    Raises:
      InputError: if a file is no image, or the sizes differ.
    """
    scene = self.scenes[index]
    return self._cache.get(index, lambda: self._decoded(scene))

  def read(self, index: int) -> Example:
    """Reads a scene: [h, w, 3] float32 RGB in [0, 1] per source.

    Raises:
      InputError: if a file is no image, or the sizes differ.
    """
    return self.read_raw(index).to_unit()

  def _decoded(self, scene: Scene) -> Example:
    arrays, reference = self._load(scene)
    labels = [str(path) for path in scene.sources]
    every = arrays
    if reference is not None:
      labels, every = [*labels, str(scene.reference)], [*arrays, reference]
    _check_sizes(scene, labels, every)
    kept = min(len(arrays), self._limit or len(arrays))
    if self._by_brightness or kept < len(arrays):
      arrays.sort(key=_brightness)
    if kept < len(arrays):
      spread = np.linspace(0, len(arrays) - 1, kept)
      arrays = [arrays[i] for i in np.rint(spread).astype(int)]
    return Example(scene.name, tuple(arrays), reference)

  def _load(self, scene: Scene) -> tuple[list[np.ndarray], np.ndarray | None]:
    """The pictures of a scene, and its reference where all have one."""
    arrays = [images.read_image(path) for path in scene.sources]
    if self._referenced and scene.reference:
      return arrays, images.read_image(scene.reference)
    return arrays, None


def _brightness(image: np.ndarray) -> float:
  """The mean in units of the largest value, whatever the bit depth."""
  mean = float(image.mean(dtype=np.float64))
  if np.issubdtype(image.dtype, np.integer):
    return mean / float(np.iinfo(image.dtype).max)
  return mean


def _check_sizes(
  scene: Scene, labels: Sequence[str], arrays: Sequence[np.ndarray]
) -> None:
  height, width = arrays[0].shape[:2]
  for path, array in zip(labels, arrays, strict=False):
    if array.shape[:2] != (height, width):
      raise InputError(
        f'Images of a scene must share one size: {labels[0]} is '
        f'{width}x{height}, {path} is {array.shape[1]}x{array.shape[0]}. '
        f'Resize one, or take scene {scene.name} out.'
      )
