"""Writes docs/datasets.md, and its pictures, from the catalogue of data sets.

python docs/datasets.py
"""

import inspect
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fusionjax.data import (
  catalogue,
  depth,
  radiance,
  showing,
  sources,
  synthetic,
  wald,
)
from fusionjax.methods import registry

FOLDER = Path(__file__).resolve().parent
_WIDTH, _GAP, _LABEL = 224, 6, 22
_SCENES = 2
_MAKERS = {
  'mef': synthetic.multi_exposure,
  'mff': synthetic.multi_focus,
  'ivf': synthetic.infrared_visible,
  'medical': synthetic.medical,
  'hdr': radiance.SyntheticRadiance,
  'gdsr': depth.SyntheticDepth,
  'msf': wald.SyntheticCubes,
}

_HEAD = """\
<!-- Made by docs/datasets.py from fusionjax/data/catalogue: edit those. -->
# Data sets

Where the data of the papers are offered, under which terms, in which folders \
they are expected, and how to train on them. Nothing is ever downloaded: the \
owners offer their sets by forms, drives and by hand, and the terms are \
between you and them.

```bash
# All of them, and which are prepared; owner, terms and files of one.
fusionjax datasets list
fusionjax datasets info fusion_ivf/msrs
# Counts, sizes, damage, duplicates; then as a set of TensorFlow Datasets.
fusionjax datasets check fusion_ivf/msrs MSRS/
fusionjax datasets prepare fusion_ivf/msrs --manual-dir MSRS/
# A sheet of pictures.
fusionjax datasets preview fusion_ivf/msrs -o sheet.png
```

A config takes one of three, and makes the same of them:

| | |
|---|---|
| `--config.data.root=DIR` | a folder as it is, in any layout that \
`fusionjax fuse` takes; nothing to prepare |
| `--config.data.name=fusion_ivf/msrs` | a prepared set \
(`--config.data.data_dir=DIR` where they are not in `$TFDS_DATA_DIR` or \
`~/tensorflow_datasets`) |
| neither | the built-in synthetic source of the task |

The same scenes come in the same order, so that a training on a name and one \
on its folder see the same batches (tested). A batch has named arrays:

```python
from fusionjax.data import pipeline, sources

data = {'name': 'fusion_ivf/msrs', 'size': (128, 128), 'batch_size': 4}
source = sources.open_source(data, task='ivf', seed=0, split='train')
batch = next(pipeline.train_batches(source, data, task='ivf', seed=0))
infrared, visible = batch['sources']  # [4, 128, 128, 3] float32 in [0, 1]
```

With TensorFlow Datasets itself:

```python
import tensorflow_datasets as tfds
import fusionjax.data.tfds  # registers the builders

for scene in tfds.load('fusion_ivf/msrs', split='train'):
  scene['infrared'], scene['visible'], scene['name']
```

There is a builder per task and a config per set. Pictures are stored as \
their files are, byte by byte, where every decoder reads those alike, and as \
PNG otherwise; depths, radiance and cubes as numbers. Examples lie in the \
order of the scenes' names. Sets marked \N{DAGGER} are prepared in parallel \
by Apache Beam, if that is installed (`pip install apache-beam`).

`check` reads every picture, and compares the gradients of small grey copies \
of those for training with those for tests: a correlation of 0.8 and more \
(`--near`) is named; `--against flir FLIR/` compares two sets. Measured: \
copies of another size or compression reach 0.99, neighbouring slices of one \
head 0.92, two pictures of one place in RoadScene and in TNO 0.8; other \
pictures of RoadScene, TNO and MEFB stay below 0.5, but for two horizons with \
0.72.

## All sets

"""

_NOTES = """
Numbers of scenes and sizes are those of the owners or of their papers; `?` \
where neither says it. Archives whose checksums an owner states: none. What \
could not be checked against the owner's own files is said below of each set.

## Leaks to beware of

- **RoadScene and FLIR are the same pictures.** The FLIR set of CSCFuse \
(180 + 40 pairs) is cut from the 221 pairs of RoadScene: a model trained on \
one has seen the tests of the other.
- **The published FFMEF models of multi-focus and infrared-visible fusion \
were trained on their benchmarks** (MFIFB, VIFB): their scores there are no \
test. The weights that ship here were not.
- **Siblings.** The HDR Photographic Survey has several brackets of one place \
(`Bandon_Sunset_1`, `Bandon_Sunset_2`); so do other collections of stacks. \
`data.holdout` keeps scenes together whose names differ by a trailing number.
- **Frames and slices.** Neighbouring frames of a video (KAIST, MSRS, LLVIP, \
RoadScene) and neighbouring slices of a head (Harvard) are nearly the same \
picture. In the 160 + 12 CT-MRI pairs that are passed around, `check` finds \
test slices whose neighbours are for training.
- **Benchmarks are made of older sets**: MEFB of the survey and of EMPA's \
stacks, MFIFB of several. `check --against` finds what you have of them.
- **References may be results.** Those of SICE were made by fusion \
algorithms and chosen by viewers.

"""


def page() -> str:
  """The page as text."""
  lines = [_HEAD.rstrip('\n'), '']
  lines.append('| set | scenes | W x H | terms |')
  lines.append('|---|---|---|---|')
  for card in catalogue.CARDS.values():
    dagger = ' \N{DAGGER}' if card.large else ''
    lines.append(
      f'| `{card.full_name}`{dagger} | {_counts(card)} | {card.size} |'
      f' {card.licence} |'
    )
  lines.append(_NOTES.rstrip('\n'))
  for task, row in registry.TASKS.items():
    lines += ['', f'## `fusion_{task}`: {row.title}', '']
    lines.append(
      f'![Synthetic scenes of {row.title}](pictures/datasets_{task}.jpg)'
    )
    lines += ['', _made_of(task)]
    for card in catalogue.cards_of(task):
      lines += _section(card)
  return '\n'.join(lines) + '\n'


def _counts(card: catalogue.Card) -> str:
  counts = [f'{n:,} {split}' for split, n in card.counts.items()]
  return ', '.join(counts) or '?'


def _made_of(task: str) -> str:
  """What the synthetic source makes, as its docstring says it."""
  text = inspect.getdoc(_MAKERS[task]) or ''
  text = ' '.join(text.split('\nArgs:')[0].split())
  return f'Above, what the synthetic source makes. {text}'


def _section(card: catalogue.Card) -> list[str]:
  owner = f'<{card.homepage}>' if card.homepage else 'you'
  lines = ['', f'### `{card.full_name}`', '', f'{card.title}.', '']
  lines.append(f'- Owner: {owner}')
  lines.append(f'- Terms: {card.licence}')
  lines.append(f'- Splits: {card.splits}')
  if card.download:
    lines.append(f'- Archives: {card.download}')
  lines += [f'- Beware: {leak}' for leak in card.leaks]
  if card.unverified:
    lines.append(f'- Not verified: {card.unverified}')
  lines += ['', '```', *card.layout, '```', '', '```bash']
  lines.append(f'fusionjax datasets prepare {card.full_name} --manual-dir DIR')
  return [*lines, '```']


def write_pictures() -> None:
  """Writes a sheet of synthetic scenes per task."""
  (FOLDER / 'pictures').mkdir(exist_ok=True)
  for task, row in registry.TASKS.items():
    data = {
      'sources': row.min_sources,
      'scenes': 8,
      'ratio': 4 if row.depth else 2,
      'holdout': 0.5,
    }
    source = sources.open_source(data, task=task, seed=1, split='train')
    scenes = [source.read(place) for place in range(_SCENES)]
    path = FOLDER / 'pictures' / f'datasets_{task}.jpg'
    titles = showing.titles(scenes[0], task)
    rows = [showing.pictures(scene, task) for scene in scenes]
    _sheet(titles, rows).save(path, quality=82, optimize=True)


def _sheet(titles: list[str], rows: list[list[np.ndarray]]) -> Image.Image:
  """Pictures side by side, a row a scene."""
  first = rows[0][0]
  height = round(_WIDTH * first.shape[0] / first.shape[1])
  size = (
    len(titles) * (_WIDTH + _GAP) - _GAP,
    _LABEL + len(rows) * (height + _GAP) - _GAP,
  )
  canvas = Image.new('RGB', size, 'white')
  draw = ImageDraw.Draw(canvas)
  font = ImageFont.load_default(size=13)
  for column, title in enumerate(titles):
    left = column * (_WIDTH + _GAP)
    draw.text((left + 2, 3), title, fill=(32, 32, 32), font=font)
    for number, pictures in enumerate(rows):
      small = Image.fromarray(pictures[column]).resize((_WIDTH, height))
      canvas.paste(small, (left, _LABEL + number * (height + _GAP)))
  return canvas


def main() -> None:
  """Writes the page and its pictures."""
  (FOLDER / 'datasets.md').write_text(page(), encoding='utf-8')
  write_pictures()


if __name__ == '__main__':
  main()
