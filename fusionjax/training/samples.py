"""The picture of a training: sources, before and after, several scenes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fusionjax.pretrained.replacing import replacing

_TILE = 224
_GAP = 6
_LABEL = 22
_PAPER = (255, 255, 255)
_INK = (32, 32, 32)


def write_samples(
  path: Path,
  rows: Sequence[tuple[str, Sequence[np.ndarray]]],
  *,
  columns: Sequence[str],
) -> None:
  """Writes a sheet of pictures, a row per scene.

  Args:
    path: the PNG file; written under a temporary name, then renamed.
    rows: name of a scene and its [h, w, 3] uint8 pictures, one per column.
    columns: titles of the columns.
  """
  with replacing(path) as temporary:
    sheet(rows, columns=columns).save(temporary, format='PNG')


def sheet(
  rows: Sequence[tuple[str, Sequence[np.ndarray]]], *, columns: Sequence[str]
) -> Image.Image:
  """Makes a sheet of pictures, a row per scene.

  Args:
    rows: name of a scene and its [h, w, 3] uint8 pictures, one per column.
    columns: titles of the columns.

  Returns:
    The sheet.
  """
  font = ImageFont.load_default(size=13)
  heights = [_row_height(pictures) for _, pictures in rows]
  width = _GAP + len(columns) * (_TILE + _GAP)
  height = _LABEL + sum(_LABEL + h + _GAP for h in heights)
  paper = Image.new('RGB', (width, height), _PAPER)
  draw = ImageDraw.Draw(paper)
  lefts = [_GAP + i * (_TILE + _GAP) for i in range(len(columns))]
  for left, title in zip(lefts, columns, strict=True):
    draw.text((left, 4), title, fill=_INK, font=font)
  top = _LABEL
  for (name, pictures), row_height in zip(rows, heights, strict=True):
    draw.text((_GAP, top + 3), name, fill=_INK, font=font)
    top += _LABEL
    for left, picture in zip(lefts, pictures, strict=True):
      paper.paste(_fit(picture), (left, top))
    top += row_height + _GAP
  return paper


def _row_height(pictures: Sequence[np.ndarray]) -> int:
  return max(_fitted_height(picture) for picture in pictures)


def _fitted_height(picture: np.ndarray) -> int:
  height, width = picture.shape[:2]
  return min(2 * _TILE, max(1, round(_TILE * height / width)))


def _fit(picture: np.ndarray) -> Image.Image:
  """Scales a picture to the width of a column."""
  height, width = picture.shape[:2]
  fitted = _fitted_height(picture)
  size = (min(_TILE, max(1, round(fitted * width / height))), fitted)
  return Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)
