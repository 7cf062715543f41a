"""From image files to fused image files, scene by scene."""

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from fusionjax.data import cubes, processors
from fusionjax.data import depth as depth_lib
from fusionjax.data import images as images_lib
from fusionjax.data.picture import NO_METADATA, Metadata, Picture
from fusionjax.errors import InputError
from fusionjax.inference import alignment, transparency, writing
from fusionjax.inference.encoding import DEFAULT_QUALITY, Quality
from fusionjax.inference.model import FusionModel
from fusionjax.inference.planning import Job, Plan, plan_jobs
from fusionjax.inference.schedule import Schedule
from fusionjax.methods import registry
from fusionjax.ops import tone

__all__ = ['Handling', 'Job', 'Outcome', 'Plan', 'plan_jobs', 'run_jobs']

# MPO is a JPEG of a phone with further pictures behind the first.
_JPEG_KINDS = ('JPEG', 'MPO')
_JPEG_SUFFIXES = ('.jpg', '.jpeg')
# Scenes that are fused at a time, whatever the number of processors.
_MOST_AT_A_TIME = 4


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
    seconds: time for reading, compiling, fusing and writing; the times of
      scenes overlap.
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

  As many scenes as there are processors, and two at least, are under way at a
  time: while one is fused others are read, compiled for, and written. Which one
  begins next, see `schedule`.

  Args:
    model: the model.
    plan: what to do.
    overwrite: whether files that exist are written again.
    options: options of the method, see `FusionModel.fuse`.
    handling: how files are read and written.

  Yields:
    What became of each job, in their order.
  """
  options, handling = options or {}, handling or Handling()

  def run(job: Job) -> Outcome:
    if not overwrite and job.output.exists():
      return Outcome(job, 'exists')
    try:
      return _run(model, job, options, handling)
    except InputError as error:
      return Outcome(job, 'failed', error)

  model.expect(job.size for job in plan.jobs if job.size)
  programs = [job.size and model.compiled_for(job.size) for job in plan.jobs]
  workers = min(max(2, processors.count()), _MOST_AT_A_TIME)
  schedule = Schedule(programs, workers=workers)
  futures = [Future[Outcome]() for _ in plan.jobs]

  def work() -> None:
    while (index := schedule.take()) is not None:
      future, made = futures[index], False
      try:
        outcome = run(plan.jobs[index])
        made = outcome.status == 'fused'
        future.set_result(outcome)
      except BaseException as error:
        future.set_exception(error)
        raise
      finally:
        schedule.finish(index, made=made)

  pool = ThreadPoolExecutor(workers, 'fuse')
  try:
    for _ in range(workers):
      pool.submit(work)
    for future in futures:
      schedule.ask()
      outcome = future.result()
      schedule.answer()
      yield outcome
  finally:
    schedule.stop()
    pool.shutdown()


def _run(
  model: FusionModel,
  job: Job,
  options: Mapping[str, Any],
  handling: Handling,
) -> Outcome:
  """Reads, fuses and writes one scene."""
  start = time.perf_counter()
  sources = _read(model, job, handling)
  fused = model.fuse(sources.arrays, names=sources.names, **options)
  _write(job, fused, sources, handling)
  return Outcome(
    job,
    'fused',
    size=(fused.shape[0], fused.shape[1]),
    seconds=time.perf_counter() - start,
    notes=sources.notes,
  )


@dataclasses.dataclass(frozen=True)
class _Read:
  """The sources of a job, ready to be fused.

  Attributes:
    arrays: what `FusionModel.fuse` takes.
    names: of the arrays.
    pictures: with alpha and metadata; none where values are measured.
    notes: what was found when they were aligned.
  """

  arrays: list[np.ndarray]
  names: list[str]
  pictures: list[Picture]
  notes: tuple[str, ...]


def _read(model: FusionModel, job: Job, handling: Handling) -> _Read:
  """Reads and aligns the sources of a job."""
  pictures: list[Picture] = []
  notes: list[str] = []
  if job.guided or job.depth:
    arrays, names = _read_measured(job, handling)
  else:
    pictures = _read_pictures(job, handling)
    names = [str(path) for path in job.sources]
    if handling.align is not None:
      pictures, notes = alignment.align(
        pictures,
        kind=handling.align,
        task=registry.get_task(model.task),
        names=names,
      )
    arrays = [picture.pixels for picture in pictures]
  return _Read(arrays, names, pictures, tuple(notes))


def _write(
  job: Job, fused: np.ndarray, sources: _Read, handling: Handling
) -> None:
  """Writes what was fused."""
  if not sources.pictures:
    writing.write_image(job.output, fused, quality=handling.quality)
    return
  linear = job.output.suffix.lower() in writing.LINEAR_SUFFIXES
  if job.radiance and not linear:
    fused = np.asarray(tone.mu_law(jnp.asarray(fused)))
  writing.write_image(
    job.output,
    fused,
    alpha=transparency.fuse_alpha(
      [p.alpha for p in sources.pictures],
      rule=handling.alpha,
      dtype=fused.dtype,
    ),
    metadata=_kept(sources.pictures[0].metadata, job.output, handling),
    quality=handling.quality,
  )


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
