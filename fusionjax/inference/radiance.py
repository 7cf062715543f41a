"""Files of linear radiance: Radiance (.hdr) and OpenEXR (.exr)."""

import struct

import numpy as np

from fusionjax.errors import InputError

# OpenEXR: the magic number, and version 2 with nothing optional.
_EXR = struct.pack('<II', 20000630, 2)
_FLOAT = 2


def encode_hdr(image: np.ndarray) -> bytes:
  """Encodes radiance as a Radiance file, without run lengths.

  A pixel is three mantissas of 8 bits with a common exponent: channels keep a
  precision of 1 / 256 of the largest one.

  Args:
    image: [h, w, 3] or [h, w] float, not negative.
  """
  rgb = _rgb(image)
  largest = rgb.max(axis=-1)
  mantissa, exponent = np.frexp(largest)
  with np.errstate(divide='ignore', invalid='ignore'):
    scale = np.where(largest > 1e-32, mantissa * 256 / largest, 0)
  pixels = np.empty((*rgb.shape[:2], 4), np.uint8)
  pixels[..., :3] = (rgb * scale[..., None]).astype(np.uint8)
  pixels[..., 3] = np.where(largest > 1e-32, exponent + 128, 0)
  height, width = rgb.shape[:2]
  header = f'#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {height} +X {width}\n'
  return header.encode() + pixels.tobytes()


def encode_exr(image: np.ndarray) -> bytes:
  """Encodes radiance as an OpenEXR file of 32-bit floats, not compressed.

  Args:
    image: [h, w, 3] or [h, w] float.
  """
  rgb = _rgb(image).astype('<f4')
  height, width = rgb.shape[:2]
  box = struct.pack('<iiii', 0, 0, width - 1, height - 1)
  # Channels in the order of their names.
  channels = b''.join(
    name + b'\0' + struct.pack('<IIII', _FLOAT, 0, 1, 1)
    for name in (b'B', b'G', b'R')
  )
  header = b''.join(
    (
      _attribute('channels', 'chlist', channels + b'\0'),
      _attribute('compression', 'compression', b'\0'),
      _attribute('dataWindow', 'box2i', box),
      _attribute('displayWindow', 'box2i', box),
      _attribute('lineOrder', 'lineOrder', b'\0'),
      _attribute('pixelAspectRatio', 'float', struct.pack('<f', 1)),
      _attribute('screenWindowCenter', 'v2f', struct.pack('<ff', 0, 0)),
      _attribute('screenWindowWidth', 'float', struct.pack('<f', 1)),
      b'\0',
    )
  )
  first = len(_EXR) + len(header) + 8 * height
  size = 12 * width
  offsets = first + (8 + size) * np.arange(height, dtype='<u8')
  lines = [
    struct.pack('<iI', y, size) + row.transpose(1, 0)[::-1].tobytes()
    for y, row in enumerate(rgb)
  ]
  return b''.join((_EXR, header, offsets.tobytes(), *lines))


def _attribute(name: str, kind: str, value: bytes) -> bytes:
  size = struct.pack('<I', len(value))
  return name.encode() + b'\0' + kind.encode() + b'\0' + size + value


def _rgb(image: np.ndarray) -> np.ndarray:
  """Radiance as [h, w, 3] float32."""
  if not np.issubdtype(image.dtype, np.floating):
    raise InputError(
      f'.hdr and .exr hold radiance, and this result is {image.dtype}. Write a'
      ' .png or .tif.'
    )
  image = image.astype(np.float32)
  return np.repeat(image[..., None], 3, -1) if image.ndim == 2 else image
