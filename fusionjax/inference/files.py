"""From image files to fused image files: a plan, then scene by scene."""

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
from fusionjax.data.folder import find_scenes
from fusionjax.errors import InputError
from fusionjax.inference import writing
from fusionjax.inference.checks import check_count, check_sizes
from fusionjax.inference.model import FusionModel
from fusionjax.methods import registry
from fusionjax.ops import tone


@dataclasses.dataclass(frozen=True)
class Job:
  """One scene to fuse.

  Attributes:
    name: name of the scene.
    sources: its files, in the order of the task.
    output: the file to write.
    guided: whether the sources are files of a cube and a guide.
    depth: whether they are a colour picture and a depth map.
    radiance: whether they are exposures: then the result is tone-mapped where
      the file holds pictures and no radiance.
  """

  name: str
  sources: tuple[Path, ...]
  output: Path
  guided: bool = False
  depth: bool = False
  radiance: bool = False


@dataclasses.dataclass(frozen=True)
class Plan:
  """What is to be done, checked before anything runs.

  Attributes:
    jobs: the scenes.
    failed: (path, why) of every image that is in none of them.
    description: what was found, for folders; else ''.
  """

  jobs: tuple[Job, ...]
  failed: tuple[tuple[Path, str], ...] = ()
  description: str = ''


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What became of a job.

  Attributes:
    job: the job.
    status: 'fused', 'exists' (left as it was) or 'failed'.
    error: why it failed, or None.
    size: (height, width) of the picture that was written.
    seconds: time for reading, fusing and writing.
  """

  job: Job
  status: str
  error: InputError | None = None
  size: tuple[int, int] = (0, 0)
  seconds: float = 0.0


def plan_jobs(
  inputs: Sequence[Path | str],
  output: Path | str,
  *,
  task: str,
  suffix: str | None = None,
  overwrite: bool = False,
) -> Plan:
  """Plans the fusion of files, or of all scenes in folders.

  Args:
    inputs: images of one scene, or parallel folders with one source each, or
      one folder in any layout that `find_scenes` understands. Of a guided
      task one or more files of a cube, and its guide last.
    output: the file to write, or the folder where the inputs are folders.
    task: a key of `registry.TASKS`.
    suffix: kind of the files that are written to a folder, `.png` or `png`;
      None for .png, and .tif for cubes.
    overwrite: whether an output file may exist already.

  Returns:
    The plan.

  Raises:
    InputError: if an input is missing, or the output cannot be written.
  """
  paths = [Path(path) for path in inputs]
  for path in paths:
    if not path.exists():
      raise InputError(f'{path} does not exist. Check the path.')
  if suffix is None:
    suffix = '.tif' if registry.get_task(task).guided else '.png'
  folders = [path.is_dir() for path in paths]
  if paths and all(folders):
    return _plan_folders(paths, Path(output), task=task, suffix=suffix)
  if any(folders):
    folder = paths[folders.index(True)]
    raise InputError(
      f'{folder} is a folder among files. Give files only, or folders only.'
    )
  return _plan_files(paths, Path(output), task=task, overwrite=overwrite)


def run_jobs(
  model: FusionModel,
  plan: Plan,
  *,
  overwrite: bool = False,
  options: Mapping[str, Any] | None = None,
) -> Iterator[Outcome]:
  """Runs a plan scene by scene; a bad one does not stop the others.

  Args:
    model: the model.
    plan: what to do.
    overwrite: whether files that exist are written again.
    options: options of the method, see `FusionModel.fuse`.

  Yields:
    What became of each job, when it is done.
  """
  for job in plan.jobs:
    start = time.perf_counter()
    if job.output.exists() and not overwrite:
      yield Outcome(job, 'exists')
      continue
    try:
      size = _run(model, job, options or {})
    except InputError as error:
      yield Outcome(job, 'failed', error)
    else:
      seconds = time.perf_counter() - start
      yield Outcome(job, 'fused', size=size, seconds=seconds)


def _run(
  model: FusionModel, job: Job, options: Mapping[str, Any]
) -> tuple[int, int]:
  """Reads, fuses and writes one scene; returns its size."""
  names = [str(path) for path in job.sources]
  if job.guided:
    bands, guide = cubes.split_guide(job.sources)
    parts = [bands, [guide]] if guide else [bands]
    arrays = [cubes.read_cubes(paths) for paths in parts]
    names = [str(paths[0]) for paths in parts]
  elif job.depth:
    colour, depth = job.sources
    arrays = [images_lib.read_image(colour), depth_lib.read_depth(depth)]
  else:
    arrays = [images_lib.read_image(path) for path in job.sources]
  fused = model.fuse(arrays, names=names, **options)
  if job.radiance and job.output.suffix.lower() not in writing.LINEAR_SUFFIXES:
    fused = np.asarray(tone.mu_law(jnp.asarray(fused)))
  writing.write_image(job.output, fused)
  return fused.shape[0], fused.shape[1]


def _plan_files(
  paths: list[Path], output: Path, *, task: str, overwrite: bool
) -> Plan:
  """Plans one scene of given files."""
  row = registry.get_task(task)
  guided = row.guided
  # A cube may lie in several files.
  check_count(min(len(paths), 2) if guided else len(paths), task=task)
  if output.is_dir():
    raise InputError(
      f'{output} is a folder. Give the file to write, such as'
      f' {output / "fused.png"}.'
    )
  writing.check_suffix(output)
  writing.check_writable(output.parent)
  _check_no_source(output, paths)
  if output.exists() and not overwrite:
    raise InputError(
      f'{output} exists already. Give another name, or --overwrite.'
    )
  if not (row.guided or row.depth):
    # From the headers: a wrong size is said before a model is loaded.
    check_sizes(
      [images_lib.image_size(path) for path in paths], [str(p) for p in paths]
    )
  job = Job(output.stem, tuple(paths), output, guided, row.depth, row.radiance)
  return Plan((job,))


def _plan_folders(
  folders: list[Path], output: Path, *, task: str, suffix: str
) -> Plan:
  """Plans the scenes of folders."""
  if output.suffix.lower() in images_lib.IMAGE_SUFFIXES or output.is_file():
    raise InputError(
      f'{output} is a file, but the inputs are folders. Give a folder.'
    )
  suffix = f'.{suffix.removeprefix(".")}'
  writing.check_suffix(Path(f'fused{suffix}'))
  writing.check_writable(output)
  for folder in folders:
    if output.resolve().is_relative_to(folder.resolve()):
      raise InputError(
        f'{output} lies in {folder}, which is an input: the next run would'
        ' take fused images for sources. Give a folder elsewhere.'
      )
  found = find_scenes(folders, task=task)
  row = registry.get_task(task)
  names = [scene.name.casefold() for scene in found.scenes]
  # Only scenes of two splits may share a name: then each split has a folder.
  doubled = len(set(names)) < len(names)
  jobs = []
  for scene in found.scenes:
    target = output / scene.split if doubled else output
    path = target / f'{scene.name}{suffix}'
    kinds = (row.guided, row.depth, row.radiance)
    job = Job(scene.name, scene.sources, path, *kinds)
    _check_no_source(job.output, scene.sources)
    jobs.append(job)
  _check_distinct(jobs)
  failed = tuple(
    (path, why)
    for path, why in found.left_out
    if path.is_file() and path.suffix.lower() in images_lib.IMAGE_SUFFIXES
  )
  return Plan(tuple(jobs), failed, found.describe())


def _check_distinct(jobs: Sequence[Job]) -> None:
  """Raises where two scenes would be written to one file."""
  taken: dict[str, Job] = {}
  for job in jobs:
    # Some file systems do not tell upper from lower case.
    other = taken.setdefault(str(job.output).casefold(), job)
    if other is not job:
      raise InputError(
        f'{other.sources[0]} and {job.sources[0]} would both be written to'
        f' {job.output}. Rename one, or fuse their folders one by one.'
      )


def _check_no_source(output: Path, sources: Sequence[Path]) -> None:
  """Raises where a source would be overwritten."""
  for source in sources:
    if output.resolve() == source.resolve():
      raise InputError(
        f'{output} is one of the images to fuse. Give another output.'
      )
