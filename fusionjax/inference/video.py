"""Video: frame by frame, so that its length does not matter for memory.

By PyAV, an optional dependency. Sound and changes of the frame rate within a
film are not kept.
"""

import contextlib
import dataclasses
import fractions
import importlib
import importlib.util
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusionjax.errors import InputError
from fusionjax.inference import writing
from fusionjax.inference.checks import check_count, check_sizes
from fusionjax.inference.model import FusionModel
from fusionjax.methods import registry
from fusionjax.pretrained.replacing import replacing

# Suffix -> what the container is called, and codecs for it, the best first.
_CONTAINERS = {
  '.mp4': ('mp4', ('libx264', 'mpeg4')),
  '.mov': ('mov', ('libx264', 'mpeg4')),
  '.mkv': ('matroska', ('libx264', 'mpeg4')),
  '.webm': ('webm', ('libvpx-vp9', 'libvpx')),
  '.avi': ('avi', ('libx264', 'mpeg4')),
}
VIDEO_SUFFIXES = tuple(_CONTAINERS)
# Of H.264 and VP9: hardly to be told from the source.
_OPTIONS = {
  'libx264': {'crf': '17', 'preset': 'medium'},
  'libvpx-vp9': {'crf': '20', 'b:v': '0'},
  'mpeg4': {'qscale': '2'},
}
# Takes how many frames are done, how many there are (0: unknown), a name.
Move = Callable[[int, int, str], None]


@dataclasses.dataclass(frozen=True)
class Film:
  """What became of videos.

  Attributes:
    frames: how many were fused.
    size: (height, width).
    rate: frames a second.
    longer: the sources that go on after the shortest one ends.
  """

  frames: int
  size: tuple[int, int]
  rate: fractions.Fraction
  longer: tuple[Path, ...] = ()


def is_video(path: Path | str) -> bool:
  """Whether a name has the suffix of a video."""
  return Path(path).suffix.lower() in VIDEO_SUFFIXES


def fuse_videos(
  model: FusionModel,
  sources: Sequence[Path],
  output: Path,
  *,
  options: Mapping[str, Any] | None = None,
  overwrite: bool = False,
  move: Move | None = None,
) -> Film:
  """Fuses videos of one scene, frame by frame, up to the end of the shortest.

  Args:
    model: the model.
    sources: videos of one size and frame rate, in the order of the task.
    output: the video to write; it appears when it is whole.
    options: options of the method, see `FusionModel.fuse`.
    overwrite: whether the output may exist already.
    move: is told of every frame.

  Returns:
    What was written.

  Raises:
    InputError: if PyAV is missing, or the videos cannot be read or do not
      belong together.
  """
  _check_plan(model, sources, output, overwrite=overwrite)
  av = _load_pyav()
  with contextlib.ExitStack() as stack:
    films = [_open(av, path, stack) for path in sources]
    streams = [film.streams.video[0] for film in films]
    rate = _check_alike(sources, streams)
    count = min(stream.frames for stream in streams)
    frames = [
      _frames(av, film, path) for film, path in zip(films, sources, strict=True)
    ]

    def tell(done: int) -> None:
      if move:
        move(done, count, output.name)

    with replacing(output) as temporary:
      with _Writer(av, temporary, output, rate) as writer:
        longer = _fuse_frames(
          model, sources, frames, writer, options or {}, tell
        )
      if not writer.count:
        raise InputError(f'{sources[0]} has no frames. Export it again.')
  return Film(writer.count, writer.size, rate, longer)


def _fuse_frames(
  model: FusionModel,
  sources: Sequence[Path],
  frames: Sequence[Iterator[np.ndarray]],
  writer: '_Writer',
  options: Mapping[str, Any],
  tell: Callable[[int], None],
) -> tuple[Path, ...]:
  """Fuses frame by frame; returns the sources that go on after the others."""
  names = [str(path) for path in sources]
  for images in itertools.zip_longest(*frames):
    if any(image is None for image in images):
      pairs = zip(sources, images, strict=True)
      writer.finish()
      return tuple(path for path, image in pairs if image is not None)
    writer.add(model.fuse(list(images), names=names, **options))
    tell(writer.count)
  writer.finish()
  return ()


def _check_plan(
  model: FusionModel, sources: Sequence[Path], output: Path, *, overwrite: bool
) -> None:
  """Checks names before anything is opened."""
  task = registry.get_task(model.task)
  if task.measures:
    raise InputError(
      f'Videos are pictures, and {task.title} fusion takes'
      f' {", ".join(task.sources)}. Fuse its files one by one.'
    )
  check_count(len(sources), task=model.task)
  for path in sources:
    if not is_video(path):
      raise InputError(f'{path} is no video among videos. Give videos only.')
    if not path.is_file():
      raise InputError(f'{path} does not exist. Check the path.')
    if path.resolve() == output.resolve():
      raise InputError(f'{output} is one of the sources. Give another output.')
  if not is_video(output) or output.is_dir():
    raise InputError(
      f'{output} is no video. Give one of {", ".join(VIDEO_SUFFIXES)}.'
    )
  writing.check_writable(output.parent)
  if output.exists() and not overwrite:
    raise InputError(
      f'{output} exists already. Give another name, or --overwrite.'
    )


def _load_pyav() -> Any:
  if importlib.util.find_spec('av') is None:
    raise InputError('Videos need PyAV: pip install av.')
  return importlib.import_module('av')


@contextlib.contextmanager
def _to_input_error(av: Any, path: Path) -> Iterator[None]:
  """Turns what FFmpeg says into an error that names the file."""
  try:
    yield
  except av.error.FFmpegError as error:
    reason = error.strerror or str(error)
    raise InputError(
      f'{path}: FFmpeg says: {reason}. Convert it, or choose another suffix.'
    ) from error


def _open(av: Any, path: Path, stack: contextlib.ExitStack) -> Any:
  with _to_input_error(av, path):
    film = stack.enter_context(av.open(str(path)))
  if not film.streams.video:
    raise InputError(f'{path} holds no pictures. Give a video.')
  film.streams.video[0].thread_type = 'AUTO'
  return film


def _check_alike(sources: Sequence[Path], streams: Sequence[Any]) -> Any:
  """Checks sizes and frame rates; returns the rate."""
  check_sizes(
    [(stream.height, stream.width) for stream in streams],
    [str(path) for path in sources],
  )
  rates = [stream.average_rate or stream.guessed_rate for stream in streams]
  for path, rate in zip(sources, rates, strict=True):
    if not rate or rate != rates[0]:
      raise InputError(
        f'Videos must share one frame rate: {sources[0]} has'
        f' {float(rates[0] or 0):.5g} a second, {path} {float(rate or 0):.5g}.'
        ' Convert one.'
      )
  return rates[0]


def _frames(av: Any, film: Any, path: Path) -> Iterator[np.ndarray]:
  """Yields [h, w, 3] uint8, one at a time."""
  with _to_input_error(av, path):
    for frame in film.decode(video=0):
      yield frame.to_ndarray(format='rgb24')


class _Writer:
  """A video that is written frame by frame."""

  def __init__(
    self, av: Any, path: Path, output: Path, rate: fractions.Fraction
  ):
    kind, codecs = _CONTAINERS[output.suffix.lower()]
    codec = next((c for c in codecs if c in av.codecs_available), codecs[0])
    self._av, self._output, self._codec = av, output, codec
    with _to_input_error(av, output):
      self._film = av.open(str(path), 'w', format=kind)
      self._stream = self._film.add_stream(
        codec, rate=rate, options=_OPTIONS.get(codec, {})
      )
    self.count = 0
    self.size = (0, 0)

  def __enter__(self) -> '_Writer':
    return self

  def __exit__(self, *error: object) -> None:
    self._film.close()

  def add(self, image: np.ndarray) -> None:
    """Appends a frame [h, w] or [h, w, 3] uint8."""
    if image.ndim == 2:
      image = np.repeat(image[..., None], 3, -1)
    if not self.count:
      height, width = self.size = image.shape[:2]
      self._stream.width, self._stream.height = width, height
      # Chroma of half the size needs even sides, full chroma does not.
      odd = width % 2 or height % 2
      full = odd and self._codec != 'mpeg4'
      self._stream.pix_fmt = 'yuv444p' if full else 'yuv420p'
    frame = self._av.VideoFrame.from_ndarray(
      np.ascontiguousarray(image), format='rgb24'
    )
    with _to_input_error(self._av, self._output):
      self._film.mux(self._stream.encode(frame))
    self.count += 1

  def finish(self) -> None:
    """Writes what the encoder still holds back."""
    if self.count:
      with _to_input_error(self._av, self._output):
        self._film.mux(self._stream.encode())
