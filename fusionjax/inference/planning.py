"""Plans of what is fused to what, checked before anything runs."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fusionjax.data import images as images_lib
from fusionjax.data import patterns as patterns_lib
from fusionjax.data.folder import find_scenes
from fusionjax.data.scenes import Found
from fusionjax.errors import InputError
from fusionjax.inference import writing
from fusionjax.inference.checks import check_count, check_sizes
from fusionjax.methods import registry


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
    size: (height, width) of the first source by its header; None where that
      was not read.
  """

  name: str
  sources: tuple[Path, ...]
  output: Path
  guided: bool = False
  depth: bool = False
  radiance: bool = False
  size: tuple[int, int] | None = None


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


def plan_jobs(
  inputs: Sequence[Path | str],
  output: Path | str,
  *,
  task: str,
  suffix: str | None = None,
  overwrite: bool = False,
  any_size: bool = False,
  max_pixels: int = images_lib.MAX_PIXELS,
) -> Plan:
  """Plans the fusion of files, or of all scenes in folders.

  Args:
    inputs: images of one scene, or parallel folders with one source each, or
      one folder in any layout that `find_scenes` understands. Of a guided
      task one or more files of a cube, and its guide last. Instead of
      folders patterns such as `ir/*.png`, one per source; a single pattern
      is a stack of all files that it matches.
    output: the file to write, or the folder where the inputs are folders.
    task: a key of `registry.TASKS`.
    suffix: kind of the files that are written to a folder, `.png` or `png`;
      None for .png, and .tif for cubes.
    overwrite: whether an output file may exist already.
    any_size: whether sources of a scene may be of unequal sizes.
    max_pixels: the largest height x width of a source.

  Returns:
    The plan.

  Raises:
    InputError: if an input is missing, or the output cannot be written.
  """
  if suffix is None:
    suffix = '.tif' if registry.get_task(task).guided else '.png'
  limits: dict[str, Any] = {'any_size': any_size, 'max_pixels': max_pixels}
  paths = [Path(path) for path in inputs]
  patterns = [patterns_lib.is_pattern(str(name)) for name in inputs]
  if any(patterns):
    _check_alike(inputs, patterns, 'pattern')
    if len(paths) > 1:
      names = [str(name) for name in inputs]
      _check_output_folder(Path(output), suffix, 'patterns')
      found = patterns_lib.find_matches(names, task=task, **limits)
      return _plan_scenes(found, Path(output), task=task, suffix=suffix)
    paths = patterns_lib.list_matches(str(inputs[0]))
  for path in paths:
    if not path.exists():
      raise InputError(f'{path} does not exist. Check the path.')
  folders = [path.is_dir() for path in paths]
  if any(folders):
    _check_alike(inputs, folders, 'folder')
    _check_output_folder(Path(output), suffix, 'folders')
    _check_outside(Path(output), paths)
    found = find_scenes(paths, task=task, **limits)
    return _plan_scenes(found, Path(output), task=task, suffix=suffix)
  return _plan_files(
    paths, Path(output), task=task, overwrite=overwrite, **limits
  )


def _check_alike(
  inputs: Sequence[Path | str], alike: Sequence[bool], kind: str
) -> None:
  """Raises where inputs are of several kinds."""
  if not all(alike):
    one = inputs[alike.index(True)]
    raise InputError(
      f'{one} is a {kind} among files. Give files only, or {kind}s only.'
    )


def _plan_files(
  paths: list[Path],
  output: Path,
  *,
  task: str,
  overwrite: bool,
  any_size: bool,
  max_pixels: int,
) -> Plan:
  """Plans one scene of given files."""
  row = registry.get_task(task)
  guided = row.guided
  # A cube may lie in several files.
  check_count(min(len(paths), 2) if guided else len(paths), task=task)
  if output.is_dir():
    raise InputError(
      f'{output} is a folder. Give the file to write, such as'
      f' {output / "fused.png"}; or, for one result per pair, put patterns in'
      " quotes: 'ir/*.png' 'vis/*.png'."
    )
  writing.check_suffix(output)
  writing.check_writable(output.parent)
  _check_no_source(output, paths)
  if output.exists() and not overwrite:
    raise InputError(
      f'{output} exists already. Give another name, or --overwrite.'
    )
  size = None
  if not (row.guided or row.depth):
    # From the headers: a wrong size is said before a model is loaded.
    sizes = [
      images_lib.image_size(path, max_pixels=max_pixels) for path in paths
    ]
    check_sizes(
      sizes,
      [str(path) for path in paths],
      any_size=any_size,
      hint=' Or let them be cropped: --align crop.',
    )
    size = sizes[0]
  kinds = (row.guided, row.depth, row.radiance)
  job = Job(output.stem, tuple(paths), output, *kinds, size=size)
  return Plan((job,))


def _check_output_folder(output: Path, suffix: str, inputs: str) -> None:
  """Checks where the results of many scenes are to go."""
  if output.suffix.lower() in writing.WRITE_SUFFIXES or output.is_file():
    raise InputError(
      f'{output} is a file, but the inputs are {inputs}. Give a folder.'
    )
  writing.check_suffix(Path(f'fused.{suffix.removeprefix(".")}'))
  writing.check_writable(output)


def _check_outside(output: Path, folders: Sequence[Path]) -> None:
  """Raises where results would lie among the sources."""
  for folder in folders:
    if output.resolve().is_relative_to(folder.resolve()):
      raise InputError(
        f'{output} lies in {folder}, which is an input: the next run would'
        ' take fused images for sources. Give a folder elsewhere.'
      )


def _plan_scenes(found: Found, output: Path, *, task: str, suffix: str) -> Plan:
  """Plans the scenes of folders or patterns."""
  row = registry.get_task(task)
  names = [scene.name.casefold() for scene in found.scenes]
  # Only scenes of two splits may share a name: then each split has a folder.
  doubled = len(set(names)) < len(names)
  jobs = []
  for scene in found.scenes:
    target = output / scene.split if doubled else output
    path = target / f'{scene.name}.{suffix.removeprefix(".")}'
    kinds = (row.guided, row.depth, row.radiance)
    header = found.headers.get(scene.sources[0])
    size = header.size if header else None
    job = Job(scene.name, scene.sources, path, *kinds, size=size)
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
