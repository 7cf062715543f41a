"""Writes the page of the kinds of files, docs/files.md.

tests/data/test_modes.py makes a file of every row and reads it.

python docs/files.py
"""

from collections.abc import Sequence
from pathlib import Path

from fusionjax.inference.encoding import FORMATS, Quality
from fusionjax.methods import colouring, registry

PAGE = Path(__file__).resolve().parent / 'files.md'

# Format, mode, what it is read as, where alpha comes from ('' for none).
MODES = (
  ('PNG', 'black and white', 'uint8 grey', ''),
  ('PNG', 'grey, 8 bits', 'uint8 grey', ''),
  ('PNG', 'grey, 16 bits', 'uint16 grey', ''),
  ('PNG', 'grey + alpha, 8 bits', 'uint8 grey', 'its plane'),
  ('PNG', 'grey + alpha, 16 bits', 'uint16 grey', 'its plane'),
  ('PNG', 'grey with a transparent level, 16 bits', 'uint16 grey', 'the level'),
  ('PNG', 'RGB, 8 bits', 'uint8 RGB', ''),
  ('PNG', 'RGB, 16 bits', 'uint16 RGB', ''),
  ('PNG', 'RGB with a transparent colour, 8 bits', 'uint8 RGB', 'the colour'),
  ('PNG', 'RGB with a transparent colour, 16 bits', 'uint16 RGB', 'the colour'),
  ('PNG', 'RGBA, 8 bits', 'uint8 RGB', 'its plane'),
  ('PNG', 'RGBA, 16 bits', 'uint16 RGB', 'its plane'),
  ('PNG', 'palette', 'uint8 RGB', ''),
  ('PNG', 'palette with transparent colours', 'uint8 RGB', 'the palette'),
  ('JPEG', 'grey', 'uint8 grey', ''),
  ('JPEG', 'RGB (YCbCr)', 'uint8 RGB', ''),
  ('JPEG', 'CMYK', 'uint8 RGB, (1 - ink) (1 - black)', ''),
  ('TIFF', 'black and white', 'uint8 grey', ''),
  ('TIFF', 'grey, 8 bits', 'uint8 grey', ''),
  ('TIFF', 'grey, 16 bits', 'uint16 grey', ''),
  ('TIFF', 'grey, white is zero, 8 bits', 'uint8 grey, inverted', ''),
  ('TIFF', 'grey, white is zero, 16 bits', 'uint16 grey, inverted', ''),
  ('TIFF', 'grey, float', 'float32 grey', ''),
  ('TIFF', 'grey + alpha, 8 bits', 'uint8 grey', 'its plane'),
  ('TIFF', 'grey + alpha, 16 bits', 'uint16 grey', 'its plane'),
  ('TIFF', 'RGB, 8 bits', 'uint8 RGB', ''),
  ('TIFF', 'RGB, 16 bits', 'uint16 RGB', ''),
  ('TIFF', 'RGB, float', 'float32 RGB', ''),
  ('TIFF', 'RGBA, 8 bits', 'uint8 RGB', 'its plane'),
  ('TIFF', 'RGBA, 16 bits', 'uint16 RGB', 'its plane'),
  (
    *('TIFF', 'RGBA, colours multiplied by alpha, 16 bits'),
    *('uint16 RGB, divided by alpha', 'its plane'),
  ),
  ('TIFF', 'palette', 'uint8 RGB', ''),
  ('TIFF', 'CMYK, 8 bits', 'uint8 RGB, (1 - ink) (1 - black)', ''),
  ('TIFF', 'CMYK, 16 bits', 'uint16 RGB, (1 - ink) (1 - black)', ''),
  ('WebP', 'RGB', 'uint8 RGB', ''),
  ('WebP', 'RGBA', 'uint8 RGB', 'its plane'),
  ('BMP', 'black and white', 'uint8 grey', ''),
  ('BMP', 'palette', 'uint8 RGB', ''),
  ('BMP', 'RGB', 'uint8 RGB', ''),
  ('.npy', '[h, w] or [h, w, 1], uint8', 'uint8 grey', ''),
  ('.npy', '[h, w, 3], uint16', 'uint16 RGB', ''),
  ('.npy', '[h, w, 3], float of any size', 'float32 RGB', ''),
  ('.hdr', 'RGB and exponent', 'float32 RGB, radiance', ''),
  ('.exr', 'R, G, B', 'float32 RGB, radiance', ''),
  ('.exr', 'one channel', 'float32 grey', ''),
)

_READING = """\
# Files: what becomes of every kind

Made by `python docs/files.py`; `tests/data/test_modes.py` makes a file of every
row of the first table and reads it.

## Reading

{table}

- Levels keep their depth: 8 bits are divided by 255 and 16 by 65535 (also
  where a camera filled only 12 or 14 of them), TIFFs that say 9 to 15 bits are
  stretched to 16. Floats must lie in [0, 1]; .hdr and .exr hold radiance and
  are no sources for pictures, but references and, with one channel, depth
  maps.
- EXIF orientation is applied. Of a file with several pictures the first is
  read.
- ICC profiles are not applied: the networks were trained on stored values.
  Only CMYK with a profile is turned into sRGB by it.
- Colours under transparent pixels are fused as they are stored, nothing is
  blended. An alpha channel that is opaque everywhere is none.
- Palettes become RGB, grey ones too.
- What is wider than 16 bits, complex or in another colour space (a TIFF of
  16-bit CIELAB, say) is refused by name. TIFFs of more than 8 bits of colour
  that are compressed by LZW need `pip install imagecodecs`; .exr needs `pip
  install OpenEXR`.
- More than 400,000,000 pixels are refused before they are decoded
  (`--max-pixels`).
"""

_WRITING = """
## Writing

{table}

- The suffix says the format. The depth is that of the first source, or of the
  last where sources have an order (of infrared and visible the visible one):
  16 bits in give 16 bits out where the format has them, and 8 where it has
  not; floats become 16 bits in a PNG.
- `--quality` (default {quality}) is that of JPEG (4:4:4) and WebP,
  `--lossless` of WebP.
- EXIF (without orientation, thumbnail and the camera's own notes) and the ICC
  profile are those of the first source, with `--metadata`, and by default from
  JPEG to JPEG. A profile is left out where it does not fit the channels of the
  result: that of RGB on grey, that of CMYK on RGB.
- Alpha (`--alpha`): `largest`, the default, is the largest of the sources: a
  pixel is there where any source has it, and with one opaque source the result
  is opaque; `first` is that of the first source; `drop` leaves it out.
- A file that exists is not replaced without `--overwrite`. A new one has
  another name until it is whole.
"""


_COLOURS = """
## Colours

What `--color published`, the default, means, and what else may be given:

{table}

- `chroma`: the chroma of all sources, each weighed by its distance from grey;
  `visible`: that of the last source of an ordered pair; `first`: that of the
  first source; `grey`: one channel; `rgb`: the colours of the network itself,
  which those of luma do not have. The luma is that of the fused picture.
- Grey sources beside coloured ones count as colours without chroma. Where all
  are grey the result is.
- Cubes, depth maps and radiance have no such choice.
"""


def page() -> str:
  """The text of the page."""
  reading = _table(('format', 'mode', 'read as', 'alpha from'), MODES)
  rows = [
    (
      f'`{suffix}`',
      ', '.join(kind.depths),
      'yes' if kind.alpha else 'no',
      kind.exif,
      'yes' if kind.profile else 'no',
    )
    for suffix, kind in FORMATS.items()
  ]
  writing = _table(
    ('suffix', 'bits of a channel', 'alpha', 'EXIF', 'ICC profile'), rows
  )
  return ''.join(
    (
      _READING.format(table=reading),
      _WRITING.format(table=writing, quality=Quality().level),
      _COLOURS.format(table=_colours()),
    )
  )


def _colours() -> str:
  rows = []
  for name in registry.METHODS:
    method = registry.get_method(name)
    for task, rule in method.colors.items():
      others = [x for x in colouring.choices(method, task)[1:] if x != rule]
      named = ', '.join(f'`{other}`' for other in others)
      rows.append((f'`{name}`', f'`{task}`', f'`{rule}`', named))
  return _table(('method', 'task', 'published', 'others'), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  lines = [head, ['---'] * len(head), *rows]
  return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


if __name__ == '__main__':
  PAGE.write_text(page(), encoding='utf-8')
