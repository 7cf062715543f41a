"""Makes the pictures of the README: exposures and what becomes of them.

The photograph is `rocket.jpg` of scikit-image (SpaceX, public domain), lit by
a field of five stops and taken with two exposures; and once more by hand, the
second one shifted and turned.

  python docs/pictures.py
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import fusionjax as fj
from fusionjax.data import textures
from fusionjax.data.picture import Picture
from fusionjax.inference import alignment
from fusionjax.methods import registry

FOLDER = Path(__file__).resolve().parent / 'pictures'


def expose(radiance: np.ndarray, stops: float, seed: int) -> np.ndarray:
  """Takes a picture: exposure, noise, clipping, response, eight bits."""
  exposed = radiance * 2.0**stops
  rng = np.random.default_rng(seed)
  noise = rng.normal(size=exposed.shape) * np.sqrt(2e-4 * exposed + 2e-6)
  response = np.clip(exposed + noise, 0, 1) ** (1 / 2.2)
  return np.round(response * 255).astype(np.uint8)


def scene() -> np.ndarray:
  """Radiance of the rocket, dark on the left and bright on the right."""
  photo = np.asarray(textures.photograph('rocket.jpg'), np.float32) / 255
  height, width = photo.shape[:2]
  x = np.linspace(0, 1, width)[None, :, None]
  y = np.linspace(1, 0, height)[:, None, None]
  light = 2.0 ** (5 / (1 + np.exp(-8 * (x + 0.2 * y - 0.6))) - 2.5)
  return photo**2.2 * light


def sheet(pictures: dict[str, np.ndarray]) -> Image.Image:
  """Pictures side by side with their names."""
  gap, label = 8, 24
  width = 400
  first = next(iter(pictures.values()))
  height = round(width * first.shape[0] / first.shape[1])
  total = len(pictures) * (width + gap) - gap
  canvas = Image.new('RGB', (total, height + label), 'white')
  draw = ImageDraw.Draw(canvas)
  for i, (name, picture) in enumerate(pictures.items()):
    left = i * (width + gap)
    small = Image.fromarray(picture).resize((width, height), Image.LANCZOS)
    canvas.paste(small, (left, label))
    font = ImageFont.load_default(size=15)
    draw.text((left + 2, 2), name, fill=(32, 32, 32), font=font)
  return canvas


def by_hand(picture: np.ndarray) -> np.ndarray:
  """The same picture by a camera that moved."""
  moved = Image.fromarray(picture).rotate(
    1.2, resample=Image.Resampling.BICUBIC, translate=(9, -6)
  )
  return np.asarray(moved)


def write_aligned(under: np.ndarray, over: np.ndarray) -> None:
  """Writes align.jpg: fused as taken, and after `--align homography`."""
  pair = [Picture(x[12:-12, 16:-16]) for x in (under, by_hand(over))]
  aligned, notes = alignment.align(
    pair,
    kind='homography',
    task=registry.get_task('mef'),
    names=['under', 'over'],
  )
  print(*notes, sep='\n')
  fused = [
    fj.fuse([picture.pixels for picture in stack], model='ffmef-mef')
    for stack in (pair, aligned)
  ]
  height, width = (min(x.shape[side] for x in fused) for side in (0, 1))
  as_taken, after = (x[:height, :width] for x in fused)
  picture = sheet(
    {'taken by hand, as it is': as_taken, '--align homography': after}
  )
  picture.save(FOLDER / 'align.jpg', quality=90)


def main() -> None:
  """Writes under.jpg, over.jpg, mef.jpg and align.jpg into docs/pictures."""
  FOLDER.mkdir(exist_ok=True)
  radiance = scene()
  under, over = expose(radiance, -0.5, 0), expose(radiance, 3.0, 1)
  Image.fromarray(under).save(FOLDER / 'under.jpg', quality=92)
  Image.fromarray(over).save(FOLDER / 'over.jpg', quality=92)
  under, over = (
    np.asarray(Image.open(FOLDER / name)) for name in ('under.jpg', 'over.jpg')
  )
  fused = fj.fuse([under, over], model='ffmef-mef')
  picture = sheet({'under.jpg': under, 'over.jpg': over, 'fused': fused})
  picture.save(FOLDER / 'mef.jpg', quality=90)
  write_aligned(under, over)


if __name__ == '__main__':
  main()
