"""From image files to fused image files, scene by scene."""

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from fusionjax.data import cubes
from fusionjax.data import depth as depth_lib
from fusionjax.data import images as images_lib
from fusionjax.data.picture import NO_METADATA, Metadata, Picture
from fusionjax.errors import InputError
from fusionjax.inference import alignment, transparency, writing
from fusionjax.inference.encoding import DEFAULT_QUALITY, Quality
from fusionjax.inference.model import FusionModel
from fusionjax.inference.planning import Job, Plan, plan_jobs
from fusionjax.methods import registry
from fusionjax.ops import tone

__all__ = ['Handling', 'Job', 'Outcome', 'Plan', 'plan_jobs', 'run_jobs']

# MPO is a JPEG of a phone with further pictures behind the first.
_JPEG_KINDS = ('JPEG', 'MPO')
_JPEG_SUFFIXES = ('.jpg', '.jpeg')


@dataclasses.dataclass(frozen=True)
class Handling:
  """How files are read and written.

  Attributes:
    max_pixels: the largest height x width of a source.
    alpha: what becomes of alpha: `largest` of the sources (a pixel is there
      where any source has it), that of the `first`, or `drop`.
    metadata: whether EXIF and ICC profile of the first source are kept; None
      keeps them from JPEG to JPEG.
    quality: of the formats that lose something.
    align: how sources are brought onto each other, see `alignment.align`;
      None where they lie so already, and have one size.
  """

  max_pixels: int = images_lib.MAX_PIXELS
  alpha: transparency.Rule = 'largest'
  metadata: bool | None = None
  quality: Quality = DEFAULT_QUALITY
  align: alignment.Kind | None = None


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What became of a job.

  Attributes:
    job: the job.
    status: 'fused', 'exists' (left as it was) or 'failed'.
    error: why it failed, or None.
    size: (height, width) of the picture that was written.
    seconds: time for reading, fusing and writing.
    notes: what was found when the sources were aligned.
  """

  job: Job
  status: str
  error: InputError | None = None
  size: tuple[int, int] = (0, 0)
  seconds: float = 0.0
  notes: tuple[str, ...] = ()


def run_jobs(
  model: FusionModel,
  plan: Plan,
  *,
  overwrite: bool = False,
  options: Mapping[str, Any] | None = None,
  handling: Handling | None = None,
) -> Iterator[Outcome]:
  """Runs a plan scene by scene; a bad one does not stop the others.

  Args:
    model: the model.
    plan: what to do.
    overwrite: whether files that exist are written again.
    options: options of the method, see `FusionModel.fuse`.
    handling: how files are read and written.

  Yields:
    What became of each job, when it is done.
  """
  for job in plan.jobs:
    start = time.perf_counter()
    if job.output.exists() and not overwrite:
      yield Outcome(job, 'exists')
      continue
    try:
      size, notes = _run(model, job, options or {}, handling or Handling())
    except InputError as error:
      yield Outcome(job, 'failed', error)
    else:
      seconds = time.perf_counter() - start
      yield Outcome(
        job, 'fused', size=size, seconds=seconds, notes=tuple(notes)
      )


def _run(
  model: FusionModel,
  job: Job,
  options: Mapping[str, Any],
  handling: Handling,
) -> tuple[tuple[int, int], list[str]]:
  """Reads, fuses and writes one scene; returns its size and notes."""
  if job.guided or job.depth:
    arrays, names = _read_measured(job, handling)
    fused = model.fuse(arrays, names=names, **options)
    writing.write_image(job.output, fused, quality=handling.quality)
    return (fused.shape[0], fused.shape[1]), []
  pictures = _read_pictures(job, handling)
  names = [str(path) for path in job.sources]
  notes: list[str] = []
  if handling.align is not None:
    pictures, notes = alignment.align(
      pictures,
      kind=handling.align,
      task=registry.get_task(model.task),
      names=names,
    )
  fused = model.fuse([p.pixels for p in pictures], names=names, **options)
  linear = job.output.suffix.lower() in writing.LINEAR_SUFFIXES
  if job.radiance and not linear:
    fused = np.asarray(tone.mu_law(jnp.asarray(fused)))
  writing.write_image(
    job.output,
    fused,
    alpha=transparency.fuse_alpha(
      [p.alpha for p in pictures], rule=handling.alpha, dtype=fused.dtype
    ),
    metadata=_kept(pictures[0].metadata, job.output, handling),
    quality=handling.quality,
  )
  return (fused.shape[0], fused.shape[1]), notes


def _read_measured(
  job: Job, handling: Handling
) -> tuple[list[np.ndarray], list[str]]:
  """Reads a cube and its guide, or a picture and a depth map."""
  if job.depth:
    colour, depth = job.sources
    limit = handling.max_pixels
    arrays = [
      images_lib.read_image(colour, max_pixels=limit),
      depth_lib.read_depth(depth, max_pixels=limit),
    ]
    return arrays, [str(path) for path in job.sources]
  bands, guide = cubes.split_guide(job.sources)
  parts: Sequence[Sequence[Path]] = [bands, [guide]] if guide else [bands]
  arrays = [
    cubes.read_cubes(paths, max_pixels=handling.max_pixels) for paths in parts
  ]
  return arrays, [str(paths[0]) for paths in parts]


def _read_pictures(job: Job, handling: Handling) -> list[Picture]:
  """Reads pictures, and what the first one says of itself."""
  return [
    images_lib.read_picture(
      path,
      max_pixels=handling.max_pixels,
      metadata=index == 0 and handling.metadata is not False,
    )
    for index, path in enumerate(job.sources)
  ]


def _kept(metadata: Metadata, output: Path, handling: Handling) -> Metadata:
  """The metadata that goes into an output."""
  keep = handling.metadata
  if keep is None:
    jpeg = output.suffix.lower() in _JPEG_SUFFIXES
    keep = jpeg and metadata.kind in _JPEG_KINDS
  return metadata if keep else NO_METADATA
