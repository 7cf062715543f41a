"""Writing of fused pictures: by suffix, whole or not at all."""

import os
from pathlib import Path

import numpy as np

from fusionjax.data.picture import NO_METADATA, Metadata
from fusionjax.errors import InputError
from fusionjax.inference import encoding
from fusionjax.pretrained.replacing import replacing

# What keeps linear radiance as it is.
LINEAR_SUFFIXES = ('.hdr', '.exr', '.npy')
WRITE_SUFFIXES = tuple(encoding.FORMATS)
_CUBE_SUFFIXES = ('.tif', '.tiff', '.npy')


def write_image(
  path: Path | str,
  image: np.ndarray,
  *,
  alpha: np.ndarray | None = None,
  metadata: Metadata = NO_METADATA,
  quality: encoding.Quality = encoding.DEFAULT_QUALITY,
) -> None:
  """Writes an image in the format that the suffix names.

  PNG and TIFF keep 8 and 16 bits; a float image becomes a PNG of 16 bits.
  JPEG, WebP and BMP have 8 bits. TIFF and .npy keep floats.

  Args:
    path: .png, .jpg, .jpeg, .tif, .tiff, .webp, .bmp or .npy; of radiance
      also .hdr (Radiance) and .exr (OpenEXR). Its folder is made if it is
      missing. The file appears when it is whole.
    image: [h, w], [h, w, 1] or [h, w, 3]; uint8, uint16, or float in [0, 1];
      TIFF and .npy take any number of channels.
    alpha: [h, w] of the same dtype, written where the format holds alpha.
    metadata: EXIF and ICC profile, written where the format holds them and
      the profile is one for the channels of the image.
    quality: of the formats that lose something.

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
  content = encoding.Content(image, None if cube else alpha, metadata, quality)
  data = encoding.encode(content, suffix=path.suffix.lower())
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
