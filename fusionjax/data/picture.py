"""A picture as a file holds it: colours, alpha, and what is said of it."""

import dataclasses
import io
import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
  from PIL import Image as PillowImage

# What may follow a picture to another file: who took it, when, where and
# with what. Everything else in IFD 0 describes how the old file is stored.
_DESCRIPTIVE = (
  *(0x010E, 0x010F, 0x0110),  # description, make, model
  *(0x011A, 0x011B, 0x0128),  # resolution and its unit
  *(0x0131, 0x0132, 0x013B, 0x013C),  # software, date, artist, host
  *(0x8298, 0x8769, 0x8825),  # copyright, Exif, GPS
)
_ICC_SPACE = slice(16, 20)
# What Pillow raises for EXIF that it can read but not write.
_ODD_EXIF = (
  *(ValueError, TypeError, KeyError, IndexError),
  *(OSError, OverflowError, AttributeError, struct.error),
)


@dataclasses.dataclass(frozen=True)
class Metadata:
  """What a file says of its picture.

  Attributes:
    kind: the format of the file as Pillow names it, such as `JPEG`; '' where
      it has none.
    exif: EXIF as it starts in a JPEG, with `Exif\\0\\0`, without orientation,
      thumbnail and layout of the file; b'' where there is none.
    profile: the ICC profile; b'' where there is none.
  """

  kind: str = ''
  exif: bytes = b''
  profile: bytes = b''

  def profile_for(self, image: np.ndarray) -> bytes:
    """The profile, if it is one for the channels of an image, else b''.

    Args:
      image: [h, w] or [h, w, 3].
    """
    grey = image.ndim == 2
    space = self.profile[_ICC_SPACE]
    return self.profile if space == (b'GRAY' if grey else b'RGB ') else b''


NO_METADATA = Metadata()


@dataclasses.dataclass(frozen=True)
class Picture:
  """A decoded picture, upright.

  Attributes:
    pixels: [h, w] grey or [h, w, 3] RGB; uint8, uint16 or float32.
    alpha: [h, w] of the same dtype, or None where every pixel is opaque.
    metadata: what the file says of it; empty unless it was asked for.
  """

  pixels: np.ndarray
  alpha: np.ndarray | None = None
  metadata: Metadata = NO_METADATA


def read_metadata(picture: 'PillowImage.Image') -> Metadata:
  """Takes the metadata of an opened picture.

  Args:
    picture: a picture whose pixels are decoded.

  Returns:
    The metadata; EXIF that cannot be written again is left out.
  """
  from PIL import Image

  kind = picture.format or ''
  profile = picture.info.get('icc_profile') or b''
  exif = Image.Exif()
  old = picture.getexif()
  try:
    for tag in _DESCRIPTIVE:
      if tag in (0x8769, 0x8825):
        held = old.get_ifd(tag)
        # The camera's own notes point to places in the old file.
        held = {key: value for key, value in held.items() if key != 0x927C}
        if held:
          exif[tag] = held
      elif tag in old:
        exif[tag] = old[tag]
    data = exif.tobytes() if len(exif) else b''
  except _ODD_EXIF:
    data = b''
  return Metadata(kind, data, profile)


def resize_exif(exif: bytes, *, size: tuple[int, int]) -> bytes:
  """Says in EXIF the size of the picture that it goes with.

  Args:
    exif: EXIF that `read_metadata` gave.
    size: (height, width).
  """
  from PIL import Image

  held = Image.Exif()
  held.load(exif)
  details = held.get_ifd(0x8769) if 0x8769 in held else {}
  for tag, side in ((0xA002, size[1]), (0xA003, size[0])):
    if tag in details:
      details[tag] = side
  return held.tobytes()


def to_srgb(picture: 'PillowImage.Image') -> 'PillowImage.Image':
  """Turns CMYK into sRGB: by its profile, else by (1 - ink) (1 - black)."""
  from PIL import ImageCms

  profile = picture.info.get('icc_profile')
  if profile:
    try:
      turned = ImageCms.profileToProfile(
        picture,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile('sRGB'),
        outputMode='RGB',
      )
    except (ImageCms.PyCMSError, OSError):
      turned = None
    if turned is not None:
      return turned
  return picture.convert('RGB')
