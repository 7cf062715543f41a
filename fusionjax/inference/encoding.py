"""From a fused picture to the bytes of a file, by its suffix."""

import dataclasses
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from fusionjax.data.picture import NO_METADATA, Metadata, resize_exif
from fusionjax.errors import InputError
from fusionjax.inference import radiance

_JPEG_MAX_SIDE = 65500
_WEBP_MAX_SIDE = 16383
_MAKER, _COPYRIGHT = 0x010F, 0x8298
# Text of IFD 0 that a TIFF takes along: description to copyright.
_TIFF_TEXT = (0x010E, _MAKER, 0x0110, 0x0132, 0x013B, _COPYRIGHT)

# Of PNG with 16 bits: level 6, the usual one, takes 2.5 times as long for 2 %
# less.
_ZLIB_LEVEL = 4
# Of PNG with 8 bits: what its filters leave of photographs repeats in runs or
# not at all. To look for runs alone takes half the time of level 4, for 2 %
# fewer bytes.
_RUNS = zlib.Z_RLE


@dataclasses.dataclass(frozen=True)
class Quality:
  """How much is lost.

  Attributes:
    level: 1 to 100, of JPEG and of WebP.
    lossless: whether WebP loses nothing.
  """

  level: int = 95
  lossless: bool = False


DEFAULT_QUALITY = Quality()


@dataclasses.dataclass(frozen=True)
class Content:
  """What goes into a file.

  Attributes:
    image: [h, w] or [h, w, c]; uint8, uint16 or float in [0, 1].
    alpha: [h, w] of the same dtype, or None.
    metadata: EXIF and profile.
    quality: of the formats that lose something.
  """

  image: np.ndarray
  alpha: np.ndarray | None = None
  metadata: Metadata = NO_METADATA
  quality: Quality = DEFAULT_QUALITY


@dataclasses.dataclass(frozen=True)
class Format:
  """What a kind of file can hold.

  Attributes:
    encode: from content to bytes.
    depths: bits of a channel; `float` means that floats stay as they are.
    alpha: whether there is room for alpha.
    exif: how much of EXIF is kept: `all`, `text` or `none`.
    profile: whether there is room for an ICC profile.
  """

  encode: Callable[[Content], bytes]
  depths: tuple[str, ...]
  alpha: bool = False
  exif: str = 'none'
  profile: bool = False


def encode(content: Content, *, suffix: str) -> bytes:
  """Encodes a picture; what the format cannot hold beside it is left out.

  Args:
    content: the picture.
    suffix: a key of `FORMATS`.

  Returns:
    The bytes of the file.

  Raises:
    InputError: if the format cannot hold the picture.
  """
  kind, image = FORMATS[suffix], content.image
  exif = content.metadata.exif if kind.exif != 'none' else b''
  if exif:
    exif = resize_exif(exif, size=(image.shape[0], image.shape[1]))
  profile = content.metadata.profile_for(image)
  return kind.encode(
    dataclasses.replace(
      content,
      alpha=content.alpha if kind.alpha else None,
      metadata=Metadata(content.metadata.kind, exif, profile),
    )
  )


def _to_8_bits(image: np.ndarray) -> np.ndarray:
  if image.dtype == np.uint16:
    return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
  if image.dtype != np.uint8:
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
  return image


def _to_16_bits(image: np.ndarray) -> np.ndarray:
  if image.dtype == np.uint16:
    return image
  levels = np.clip(image, 0, 1).astype(np.float64) * 65535
  return np.rint(levels).astype(np.uint16)


def _with_alpha(image: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
  """Puts alpha behind the colours, where there is some."""
  if alpha is None:
    return image
  image = image[..., None] if image.ndim == 2 else image
  return np.concatenate([image, alpha[..., None]], axis=-1)


def _encode_png(content: Content) -> bytes:
  image = _with_alpha(content.image, content.alpha)
  if image.dtype == np.uint8:
    kept = _kept(content.metadata)
    return _encode_pillow(image, 'PNG', compress_type=_RUNS, **kept)
  return _encode_png_16(_to_16_bits(image), content.metadata)


def _encode_png_16(image: np.ndarray, metadata: Metadata) -> bytes:
  """Encodes uint16, which Pillow cannot in colour or with alpha."""
  height, width = image.shape[:2]
  channels = 1 if image.ndim == 2 else image.shape[-1]
  colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
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
  parts = [b'\x89PNG\r\n\x1a\n', chunk(b'IHDR', header)]
  if metadata.profile:
    # A name, and 0 for the only compression there is.
    named = b'ICC Profile\0\0' + zlib.compress(metadata.profile)
    parts.append(chunk(b'iCCP', named))
  if metadata.exif:
    parts.append(chunk(b'eXIf', metadata.exif.removeprefix(b'Exif\0\0')))
  parts.append(chunk(b'IDAT', zlib.compress(filtered.tobytes(), _ZLIB_LEVEL)))
  return b''.join((*parts, chunk(b'IEND', b'')))


def _encode_jpeg(content: Content) -> bytes:
  _check_sides(content.image, _JPEG_MAX_SIDE, 'JPEG')
  return _encode_pillow(
    _to_8_bits(content.image),
    'JPEG',
    quality=content.quality.level,
    subsampling=0,
    **_kept(content.metadata),
  )


def _encode_webp(content: Content) -> bytes:
  image = content.image
  _check_sides(image, _WEBP_MAX_SIDE, 'WebP')
  if image.ndim == 2:
    # WebP has no grey.
    image = np.repeat(image[..., None], 3, -1)
  levels = _to_8_bits(_with_alpha(image, content.alpha))
  return _encode_pillow(
    levels,
    'WEBP',
    quality=content.quality.level,
    lossless=content.quality.lossless,
    # Colours of transparent pixels stay.
    exact=True,
    **_kept(content.metadata),
  )


def _encode_bmp(content: Content) -> bytes:
  return _encode_pillow(_to_8_bits(content.image), 'BMP')


def _check_sides(image: np.ndarray, most: int, kind: str) -> None:
  height, width = image.shape[:2]
  if max(height, width) > most:
    raise InputError(
      f'The fused image is {width}x{height}, and {kind} takes {most}'
      ' pixels a side at most. Write a .png or .tif.'
    )


def _kept(metadata: Metadata) -> dict[str, Any]:
  """The options of Pillow that write metadata."""
  kept = {'exif': metadata.exif, 'icc_profile': metadata.profile}
  return {name: data for name, data in kept.items() if data}


def _encode_pillow(image: np.ndarray, kind: str, **options: Any) -> bytes:
  from PIL import Image

  buffer = io.BytesIO()
  Image.fromarray(np.ascontiguousarray(image)).save(buffer, kind, **options)
  return buffer.getvalue()


def _encode_tiff(content: Content) -> bytes:
  import tifffile

  colours = content.image.shape[2:] == (3,)
  image = _with_alpha(content.image, content.alpha)
  if image.dtype not in (np.uint8, np.uint16):
    image = image.astype(np.float32)
  buffer = io.BytesIO()
  tifffile.imwrite(
    buffer,
    image,
    photometric='rgb' if colours else 'minisblack',
    planarconfig=None if image.ndim == 2 else 'contig',
    extrasamples=None if content.alpha is None else ['unassalpha'],
    compression='zlib',
    iccprofile=content.metadata.profile or None,
    extratags=_tiff_text(content.metadata.exif),
    # No description of its own: the next program would show it as a title.
    metadata=None,
  )
  return buffer.getvalue()


def _tiff_text(exif: bytes) -> list[tuple[int, str, int, str, bool]]:
  """The text of EXIF as tags of a TIFF."""
  from PIL import Image

  held = Image.Exif()
  if exif:
    held.load(exif)
  found = [(tag, held.get(tag)) for tag in _TIFF_TEXT]
  return [
    (tag, 's', 0, text, True)
    for tag, text in found
    if isinstance(text, str) and text.isascii()
  ]


def _encode_npy(content: Content) -> bytes:
  buffer = io.BytesIO()
  np.save(buffer, content.image, allow_pickle=False)
  return buffer.getvalue()


def _encode_hdr(content: Content) -> bytes:
  return radiance.encode_hdr(content.image)


def _encode_exr(content: Content) -> bytes:
  return radiance.encode_exr(content.image)


_JPEG = Format(_encode_jpeg, ('8',), exif='all', profile=True)
_TIFF = Format(
  _encode_tiff, ('8', '16', 'float'), alpha=True, exif='text', profile=True
)
FORMATS: dict[str, Format] = {
  '.png': Format(
    _encode_png, ('8', '16'), alpha=True, exif='all', profile=True
  ),
  '.jpg': _JPEG,
  '.jpeg': _JPEG,
  '.tif': _TIFF,
  '.tiff': _TIFF,
  '.webp': Format(_encode_webp, ('8',), alpha=True, exif='all', profile=True),
  '.bmp': Format(_encode_bmp, ('8',)),
  '.npy': Format(_encode_npy, ('8', '16', 'float')),
  '.hdr': Format(_encode_hdr, ('float',)),
  '.exr': Format(_encode_exr, ('float',)),
}
