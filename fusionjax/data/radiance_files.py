"""Reading of files that hold radiance: Radiance .hdr and OpenEXR .exr.

The decoder of .hdr is our own: Pillow, tifffile, scikit-image and OpenEXR do
not read the format, imageio only with FreeImage, which it downloads, and
OpenCV and OpenImageIO, which do, are larger than all that fusing needs. An
.exr needs the package OpenEXR (`pip install fusionjax[exr]`).
"""

import re
import warnings
from pathlib import Path

import numpy as np

from fusionjax.errors import InputError

RADIANCE_SUFFIXES = ('.hdr', '.exr')
_RESOLUTION = re.compile(rb'-Y (\d{1,9}) \+X (\d{1,9})\n')


def read_radiance(path: Path | str, *, max_pixels: int) -> np.ndarray:
  """Reads radiance.

  Args:
    path: .hdr or .exr.
    max_pixels: the largest height x width to read.

  Returns:
    [h, w, 3] float32; of an .exr with one channel [h, w].

  Raises:
    InputError: if the file is missing, damaged or no such file.
  """
  if Path(path).suffix.lower() == '.hdr':
    return read_hdr(path, max_pixels=max_pixels)
  return read_exr(path, max_pixels=max_pixels)


def read_hdr(path: Path | str, *, max_pixels: int | None = None) -> np.ndarray:
  """Reads a Radiance file.

  Args:
    path: .hdr, rows from the top, run-length encoded or not.
    max_pixels: the largest height x width to read; None for any.

  Returns:
    [h, w, 3] float32.

  Raises:
    InputError: if the file is missing, damaged or no such file.
  """
  path = Path(path)
  if not path.is_file():
    raise InputError(f'{path} is no file. Check the path.')
  data = path.read_bytes()
  found = _RESOLUTION.search(data)
  if not data.startswith(b'#?') or found is None:
    raise InputError(
      f'{path} is no Radiance file with rows from the top. Export it again.'
    )
  height, width = int(found[1]), int(found[2])
  _check_pixels(path, height, width, max_pixels)
  try:
    pixels = _decode(memoryview(data)[found.end() :], height, width)
  except (IndexError, ValueError) as error:
    raise InputError(f'{path} is damaged or truncated.') from error
  scale = np.ldexp(np.float32(1), pixels[..., 3].astype(np.int32) - 136)
  scale[pixels[..., 3] == 0] = 0
  return pixels[..., :3].astype(np.float32) * scale[..., None]


def _decode(data: memoryview, height: int, width: int) -> np.ndarray:
  """Decodes [h, w, 4] bytes: mantissas and the exponent."""
  rle = 8 <= width < 32768 and data[0] == data[1] == 2 and data[2] < 128
  if not rle:
    flat = np.frombuffer(data[: 4 * height * width], np.uint8)
    return flat.reshape(height, width, 4)
  # The shortest row: its head, and a run of 127 in two bytes, four times over.
  if len(data) < height * (4 + 8 * (width // 127)):
    raise ValueError('too short')
  pixels = np.empty((height, 4, width), np.uint8)
  at = 0
  for row in range(height):
    at += 4
    for channel in range(4):
      place = 0
      while place < width:
        count = data[at]
        if not count:
          raise ValueError('a run of nothing')
        if count > 128:
          count -= 128
          pixels[row, channel, place : place + count] = data[at + 1]
          at += 2
        else:
          values = np.frombuffer(data[at + 1 : at + 1 + count], np.uint8)
          pixels[row, channel, place : place + count] = values
          at += 1 + count
        place += count
  return pixels.transpose(0, 2, 1)


def read_exr(path: Path | str, *, max_pixels: int | None = None) -> np.ndarray:
  """Reads an OpenEXR file by the package OpenEXR.

  Args:
    path: .exr with channels R, G and B, or with one channel (depth, say).
    max_pixels: the largest height x width to read; None for any.

  Returns:
    [h, w, 3] or [h, w] float32.

  Raises:
    InputError: if the package or the file is missing, or it is damaged or
      has other channels.
  """
  path = Path(path)
  if not path.is_file():
    raise InputError(f'{path} is no file. Check the path.')
  try:
    import OpenEXR
  except ImportError as error:
    raise InputError(
      f'{path}: reading .exr needs the package OpenEXR: pip install OpenEXR.'
      ' Or give .npy.'
    ) from error
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')
      with OpenEXR.File(str(path), header_only=True) as file:
        low, high = (np.asarray(x) for x in file.header()['dataWindow'])
      width, height = (int(side) for side in high - low + 1)
      _check_pixels(path, height, width, max_pixels)
      with OpenEXR.File(str(path), separate_channels=True) as file:
        planes = {n: channel.pixels for n, channel in file.channels().items()}
  except (RuntimeError, ValueError, KeyError, TypeError, OSError) as error:
    if isinstance(error, InputError):
      raise
    raise InputError(
      f'{path} is damaged, or no OpenEXR file. Export it again.'
    ) from error
  if set('RGB') <= planes.keys():
    return np.stack([planes[c].astype(np.float32) for c in 'RGB'], axis=-1)
  if len(planes) == 1:
    return next(iter(planes.values())).astype(np.float32)
  raise InputError(
    f'{path} has the channels {", ".join(planes)}, expected R, G and B, or'
    ' one. Export it again.'
  )


def _check_pixels(
  path: Path, height: int, width: int, limit: int | None
) -> None:
  if height < 1 or width < 1 or (limit and height * width > limit):
    most = f'more than {limit:,} pixels' if limit else 'no picture'
    raise InputError(f'{path} is {width}x{height}, {most}. Resize it.')
