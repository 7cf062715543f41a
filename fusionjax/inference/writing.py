"""Writing of fused pictures: by suffix, whole or not at all."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from fusionjax.errors import InputError
from fusionjax.inference import radiance
from fusionjax.pretrained.replacing import replacing

# What keeps linear radiance as it is.
LINEAR_SUFFIXES = ('.hdr', '.exr', '.npy')
WRITE_SUFFIXES = (
  *('.png', '.jpg', '.jpeg', '.tif', '.tiff', '.npy'),
  *('.hdr', '.exr'),
)
_CUBE_SUFFIXES = ('.tif', '.tiff', '.npy')
JPEG_QUALITY = 95
_JPEG_MAX_SIDE = 65500


def write_image(path: Path | str, image: np.ndarray) -> None:
  """Writes an image in the format that the suffix names.

  PNG and TIFF keep 8 and 16 bits; a float image becomes a PNG of 16 bits.
  JPEG has 8 bits, quality 95. TIFF and .npy keep floats.

  Args:
    path: .png, .jpg, .jpeg, .tif, .tiff or .npy; of radiance also .hdr
      (Radiance) and .exr (OpenEXR). Its folder is made if it is
      missing. The file appears when it is whole.
    image: [h, w], [h, w, 1] or [h, w, 3]; uint8, uint16, or float in [0, 1];
      TIFF and .npy take any number of channels.

  Raises:
    InputError: if the suffix is unknown, the image too large for the format,
      or the file cannot be written.
  """
  path = Path(path)
  check_suffix(path)
  if image.ndim == 3 and image.shape[-1] == 1:
    image = image[..., 0]
  cube = image.ndim == 3 and image.shape[-1] != 3
  if cube and path.suffix.lower() not in _CUBE_SUFFIXES:
    raise InputError(
      f'{path}: {path.suffix} holds no {image.shape[-1]} channels. Write one of'
      f' {", ".join(_CUBE_SUFFIXES)}.'
    )
  data = _ENCODERS[path.suffix.lower()](image)
  with replacing(path) as temporary:
    temporary.write_bytes(data)


def check_suffix(path: Path) -> None:
  """Raises InputError for a suffix that cannot be written."""
  if path.suffix.lower() not in WRITE_SUFFIXES:
    kind = f'{path.suffix} files' if path.suffix else 'without a suffix'
    raise InputError(
      f'{path}: cannot write {kind}. Use one of {", ".join(WRITE_SUFFIXES)}.'
    )


def check_writable(folder: Path) -> None:
  """Checks that a folder, or the nearest one above that exists, is writable.

  Args:
    folder: the folder; it need not exist yet. Nothing is made.

  Raises:
    InputError: if files cannot be written there.
  """
  nearest = folder
  while not nearest.exists() and nearest != nearest.parent:
    nearest = nearest.parent
  if not nearest.is_dir():
    raise _unwritable(folder, f'{nearest} is a file')
  if not os.access(nearest, os.W_OK | os.X_OK):
    raise _unwritable(folder, f'no permission to write in {nearest}')


def _unwritable(folder: Path, reason: str) -> InputError:
  return InputError(
    f'Output folder {folder} cannot be written: {reason}. Choose another.'
  )


def _to_8_bits(image: np.ndarray) -> np.ndarray:
  if image.dtype == np.uint16:
    return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
  if image.dtype != np.uint8:
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
  return image


def _encode_png(image: np.ndarray) -> bytes:
  if image.dtype == np.uint8:
    return _encode_pillow(image, 'PNG')
  if image.dtype != np.uint16:
    levels = np.clip(image, 0, 1).astype(np.float64) * 65535
    image = np.rint(levels).astype(np.uint16)
  return _encode_png_16(image)


def _encode_png_16(image: np.ndarray) -> bytes:
  """Encodes [h, w] or [h, w, 3] uint16, which Pillow cannot in colour."""
  height, width = image.shape[:2]
  colour_type = 0 if image.ndim == 2 else 2
  rows = image.astype('>u2').reshape(height, -1).view(np.uint8)
  # Filter 2, "up": each byte less the byte above it.
  filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
  filtered[:, 0] = 2
  filtered[0, 1:] = rows[0]
  filtered[1:, 1:] = rows[1:] - rows[:-1]

  def chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', check)

  header = struct.pack('>IIBBBBB', width, height, 16, colour_type, 0, 0, 0)
  return b''.join(
    (
      b'\x89PNG\r\n\x1a\n',
      chunk(b'IHDR', header),
      chunk(b'IDAT', zlib.compress(filtered.tobytes(), 6)),
      chunk(b'IEND', b''),
    )
  )


def _encode_jpeg(image: np.ndarray) -> bytes:
  height, width = image.shape[:2]
  if max(height, width) > _JPEG_MAX_SIDE:
    raise InputError(
      f'The fused image is {width}x{height}, and JPEG takes {_JPEG_MAX_SIDE}'
      ' pixels a side at most. Write a .png or .tif.'
    )
  return _encode_pillow(
    _to_8_bits(image), 'JPEG', quality=JPEG_QUALITY, subsampling=0
  )


def _encode_pillow(image: np.ndarray, kind: str, **options: int) -> bytes:
  from PIL import Image

  buffer = io.BytesIO()
  Image.fromarray(np.ascontiguousarray(image)).save(buffer, kind, **options)
  return buffer.getvalue()


def _encode_tiff(image: np.ndarray) -> bytes:
  import tifffile

  if image.dtype not in (np.uint8, np.uint16):
    image = image.astype(np.float32)
  buffer = io.BytesIO()
  tifffile.imwrite(
    buffer,
    image,
    photometric='rgb' if image.shape[2:] == (3,) else 'minisblack',
    planarconfig=None if image.ndim == 2 else 'contig',
    compression='zlib',
  )
  return buffer.getvalue()


def _encode_npy(image: np.ndarray) -> bytes:
  buffer = io.BytesIO()
  np.save(buffer, image, allow_pickle=False)
  return buffer.getvalue()


_ENCODERS = {
  '.png': _encode_png,
  '.jpg': _encode_jpeg,
  '.jpeg': _encode_jpeg,
  '.tif': _encode_tiff,
  '.tiff': _encode_tiff,
  '.npy': _encode_npy,
  '.hdr': radiance.encode_hdr,
  '.exr': radiance.encode_exr,
}
