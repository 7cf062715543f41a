"""What a source of scenes is, and pictures of scenes each by itself."""

from typing import Protocol

from fusionjax.data.scenes import Example


class Source(Protocol):
  """Scenes by index.

  A source may also offer `read_raw(index)`, which gives the images with the
  values of their files; the input pipeline then converts the crop alone.
  """

  name: str

  def __len__(self) -> int:
    """The number of scenes."""

  def describe(self) -> str:
    """What it holds, in a few lines."""

  def read(self, index: int) -> Example:
    """Reads a scene: [h, w, 3] float32 RGB in [0, 1] per source."""


class SinglesSource:
  """The pictures of scenes, each as a scene of its own."""

  def __init__(self, source: Source, *, images: int):
    """Takes a source apart.

    Args:
      source: scenes.
      images: how many pictures of each are taken, the first ones.
    """
    self.name = source.name
    self._source = source
    self._images = images
    self._read_raw = getattr(source, 'read_raw', source.read)

  def __len__(self) -> int:
    return self._images * len(self._source)

  def describe(self) -> str:
    """Says what the scenes are."""
    return (
      f'{self._source.describe()}\n  each picture by itself: {len(self)} in all'
    )

  def read_raw(self, index: int) -> Example:
    """Reads a picture with the values of its file."""
    return self._one(self._read_raw(index // self._images), index)

  def read(self, index: int) -> Example:
    """Reads a picture: [h, w, 3] float32 RGB in [0, 1]."""
    return self.read_raw(index).to_unit()

  def _one(self, scene: Example, index: int) -> Example:
    number = index % self._images
    return Example(f'{scene.name} {number + 1}', (scene.sources[number],))
