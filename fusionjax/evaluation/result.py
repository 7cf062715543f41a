"""What a benchmark found, as the table and the page show it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Method:
  """A row of the table: a model, a baseline, a folder or a paper's row.

  Attributes:
    name: what the row is called.
    kind: where its numbers come from; `paper` is printed, not measured.
    scores: scene -> metric -> value; empty for `paper`.
    means: metric -> mean over the scenes, or the printed value.
    pictures: scene -> file of the fused picture; empty for `paper`.
    note: what a reader should know, such as the table of the paper.
  """

  name: str
  kind: Literal['model', 'baseline', 'folder', 'paper']
  scores: Mapping[str, Mapping[str, float]]
  means: Mapping[str, float]
  pictures: Mapping[str, Path]
  note: str = ''


@dataclasses.dataclass(frozen=True)
class Scene:
  """A scene of the benchmark.

  Attributes:
    name: its name, the key of scores and pictures.
    sources: (label, file) of its sources, such as ('infrared', ir/7.png).
  """

  name: str
  sources: tuple[tuple[str, Path], ...]


@dataclasses.dataclass(frozen=True)
class Report:
  """A whole benchmark run.

  Attributes:
    title: the title of the page.
    benchmark: name of the benchmark.
    toolbox: whose definitions the metrics follow.
    version: version of fusionjax.
    metrics: names of the metrics, in the order of the columns.
    scenes: the scenes.
    methods: the rows.
    notes: what a reader must know of the numbers.
    averaged: how many scenes the means of the measured rows are over; None
      if all, 0 if rows have no scene in common and each has its own.
  """

  title: str
  benchmark: str
  toolbox: str
  version: str
  metrics: tuple[str, ...]
  scenes: tuple[Scene, ...]
  methods: tuple[Method, ...]
  notes: tuple[str, ...] = ()
  averaged: int | None = None

  @property
  def comparable(self) -> bool:
    """Whether the means of the measured rows are of the same scenes."""
    return self.averaged != 0
