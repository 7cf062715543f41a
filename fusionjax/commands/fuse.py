"""`fusionjax fuse`: images, or folders of images, to fused images."""

import argparse
from typing import TYPE_CHECKING, Any

from fusionjax.commands import compiled, console

if TYPE_CHECKING:
  from fusionjax.commands.console import Commands
  from fusionjax.inference.files import Handling, Job, Outcome, Plan
  from fusionjax.inference.model import FusionModel

_HELP = """\
Fuses two or more images of one scene, or all scenes of folders.

  fusionjax fuse under.jpg over.jpg -o fused.png
  fusionjax fuse infrared/ visible/ -o fused/ --model ffmef-ivf
  fusionjax fuse 'ir/IR*.png' 'vis/VIS*.png' -o fused/ --model ffmef-ivf
  fusionjax fuse stacks/ -o fused/ --dry-run
  fusionjax fuse ir.png vis.png -o fused.png --model csc_ivfn-ivf \\
    --color visible
  fusionjax fuse ir.mp4 vis.mp4 -o fused.mp4 --model ffmef-ivf
  fusionjax fuse bands.npy pan.png -o cube.tif --model csc_msfn-msf

A single folder may hold a folder per scene, pairs by suffix (NAME_A.png,
NAME_B.png) or a folder per source. Results that are there already are kept:
the same command goes on where it was stopped. Videos are fused frame by frame
(pip install av), without sound. What becomes of every kind of image stands in
docs/files.md."""
# How many scenes are named before all of them are fused.
_SHOWN = 3


def add(commands: 'Commands') -> None:
  """Adds the options of `fuse`.

  Args:
    commands: the sub-commands of the parser.
  """
  parser = commands.add_parser(
    'fuse',
    help='fuse images, or folders of images',
    description=_HELP,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument(
    'inputs',
    nargs='+',
    metavar='INPUT',
    help='images, folders, or name patterns in quotes, one per source',
  )
  parser.add_argument(
    '-o',
    '--output',
    required=True,
    help='the file to write (.png, .jpg, .webp, .tif, .bmp, .npy); a folder'
    ' for folders',
  )
  parser.add_argument('--model', default='ffmef-mef', help=console.MODEL_HELP)
  parser.add_argument('--like', help=console.LIKE_HELP)
  parser.add_argument(
    '--dry-run',
    action='store_true',
    help='only say what would be fused to what',
  )
  _add_options_of_methods(parser)
  _add_options_of_files(parser)
  _add_options_of_large_images(parser)
  compiled.add_option(parser)
  parser.set_defaults(run=run)


def _add_options_of_methods(parser: argparse.ArgumentParser) -> None:
  group = parser.add_argument_group('options of methods')
  group.add_argument(
    '--color',
    metavar='KIND',
    help='colour of the result: `published` (default: what the paper of the'
    ' method does), `chroma` of all sources, `visible` or `first` for that of'
    ' one source, `grey`, or `rgb` for the colours of the network itself',
  )
  group.add_argument(
    '--stretch',
    action=argparse.BooleanOptionalAction,
    help='whether csc_mefn stretches its result to the full range, as'
    ' published (default: yes)',
  )
  group.add_argument(
    '--exposures',
    metavar='EV,EV,EV',
    help='of the three images for mgdn-hdr, in EV, such as --exposures=-2,0,2'
    ' (default: these, from the darkest image to the brightest)',
  )


def _add_options_of_files(parser: argparse.ArgumentParser) -> None:
  group = parser.add_argument_group('options of files')
  group.add_argument(
    '--suffix',
    help='kind of the files written to a folder (default: .png; cubes: .tif)',
  )
  group.add_argument(
    '--overwrite', action='store_true', help='replace files that exist'
  )
  group.add_argument(
    '--quality',
    type=int,
    default=95,
    metavar='1..100',
    help='of JPEG and WebP (default: 95)',
  )
  group.add_argument(
    '--lossless', action='store_true', help='write WebP without loss'
  )
  group.add_argument(
    '--metadata',
    action=argparse.BooleanOptionalAction,
    help='keep EXIF and ICC profile of the first source (default: from JPEG to'
    ' JPEG)',
  )
  group.add_argument(
    '--alpha',
    choices=('largest', 'first', 'drop'),
    default='largest',
    help='alpha of the result: a pixel is there where any source has it'
    ' (default), as in the first source, or everywhere',
  )
  group.add_argument(
    '--align',
    choices=('crop', 'translation', 'homography', 'exposure'),
    help='sources of unequal size are cropped around the middle; and those'
    ' taken by hand are moved onto each other (needs OpenCV): by a shift, by a'
    ' shift, turn and tilt, or by a shift of whole pixels for exposures',
  )
  group.add_argument(
    '--max-pixels',
    type=int,
    metavar='N',
    help='refuse images of more pixels (default: 400,000,000)',
  )


def _add_options_of_large_images(parser: argparse.ArgumentParser) -> None:
  group = parser.add_argument_group('options of large images')
  group.add_argument(
    '--memory',
    type=float,
    metavar='GB',
    help='how much memory fusing may take (default: what is free); what takes'
    ' more is fused in strips, exactly, if the method can be',
  )
  group.add_argument(
    '--approximate-tiles',
    action='store_true',
    help='fuse what takes more memory tile by tile, if there is no exact way:'
    ' another picture, because a method knows a tile instead of the whole',
  )


def run(args: argparse.Namespace) -> int:
  """Fuses files or folders.

  Args:
    args: the options.

  Returns:
    The exit code.
  """
  from fusionjax.inference import files, video
  from fusionjax.inference.load import load_model

  handling = _handling(args)
  model = _limit(load_model(args.model, like=args.like), args)
  options = _options(args, model)
  if any(video.is_video(name) for name in args.inputs):
    return _fuse_videos(args, model, options)
  _check_align(args.align, model.task)
  plan = files.plan_jobs(
    args.inputs,
    args.output,
    task=model.task,
    suffix=args.suffix,
    overwrite=args.overwrite or args.dry_run,
    any_size=handling.align is not None,
    max_pixels=handling.max_pixels,
  )
  if plan.description:
    print(plan.description)
  for path, why in plan.failed:
    console.complain(f'{path}: {why}')
  if args.dry_run:
    _print_plan(plan.jobs, overwrite=args.overwrite)
    _print_memory(model, plan.jobs, options)
    return console.SOME_FAILED if plan.failed else console.DONE
  return _fuse_all(args, model, plan, options, handling)


def _limit(model: 'FusionModel', args: argparse.Namespace) -> 'FusionModel':
  """Tells a model what memory it may take, and lets it say what it does."""
  import dataclasses
  import logging

  from fusionjax.errors import InputError
  from fusionjax.inference.execution import Limits

  if args.memory is not None and not args.memory > 0:
    raise InputError(f'--memory is {args.memory}. Give gigabytes, such as 6.')
  logger = logging.getLogger('fusionjax.inference')
  if not logger.handlers:
    logger.addHandler(logging.StreamHandler())
    logger.setLevel(logging.INFO)
  limits = Limits(
    memory=None if args.memory is None else int(1e9 * args.memory),
    approximate_tiles=args.approximate_tiles,
  )
  return dataclasses.replace(model, limits=limits)


def _fuse_all(
  args: argparse.Namespace,
  model: 'FusionModel',
  plan: 'Plan',
  options: dict[str, Any],
  handling: 'Handling',
) -> int:
  """Runs a plan and says what became of it."""
  from fusionjax.commands.progress import progress_bar
  from fusionjax.inference import files

  many = bool(plan.description)
  if many:
    _print_plan(plan.jobs[:_SHOWN], overwrite=args.overwrite)
    if len(plan.jobs) > _SHOWN:
      print(f'  and {len(plan.jobs) - _SHOWN} more (--dry-run lists all)')
  counts = {'fused': 0, 'exists': 0, 'failed': len(plan.failed)}
  outcomes = files.run_jobs(
    model, plan, overwrite=args.overwrite, options=options, handling=handling
  )
  with progress_bar() as move:
    for done, outcome in enumerate(outcomes):
      if outcome.error is not None and not many:
        raise outcome.error
      counts[outcome.status] += 1
      _report(outcome, model.name)
      if move:
        move(done + 1, len(plan.jobs), outcome.job.name)
  if many:
    print(
      f'{counts["fused"]} fused, {counts["exists"]} there already,'
      f' {counts["failed"]} failed'
    )
  return console.SOME_FAILED if counts['failed'] else console.DONE


def _fuse_videos(
  args: argparse.Namespace, model: 'FusionModel', options: dict[str, Any]
) -> int:
  """Fuses videos frame by frame and says what became of them."""
  from pathlib import Path

  from fusionjax.commands.progress import progress_bar
  from fusionjax.errors import InputError
  from fusionjax.inference import video

  if args.align or args.dry_run:
    raise InputError('--align and --dry-run are not for videos. Leave it out.')
  sources, output = [Path(name) for name in args.inputs], Path(args.output)
  with progress_bar(unit='frame') as move:
    film = video.fuse_videos(
      model,
      sources,
      output,
      options=options,
      overwrite=args.overwrite,
      move=move,
    )
  height, width = film.size
  print(
    f'{output}: {film.frames} frames of {width}x{height}, {float(film.rate):g}'
    f' a second, from {", ".join(p.name for p in sources)} with {model.name}'
  )
  for path in film.longer:
    console.complain(
      f'{path} is longer: what comes after {film.frames} frames was left out.'
    )
  return console.SOME_FAILED if film.longer else console.DONE


def _handling(args: argparse.Namespace) -> 'Handling':
  """How files are read and written, from the options."""
  from fusionjax.data.images import MAX_PIXELS
  from fusionjax.errors import InputError
  from fusionjax.inference.encoding import Quality
  from fusionjax.inference.files import Handling

  if not 1 <= args.quality <= 100:
    raise InputError(f'--quality is {args.quality}. Give 1 to 100.')
  if args.max_pixels is not None and args.max_pixels < 1:
    raise InputError(f'--max-pixels is {args.max_pixels}. Give 1 or more.')
  return Handling(
    max_pixels=args.max_pixels or MAX_PIXELS,
    alpha=args.alpha,
    metadata=args.metadata,
    quality=Quality(args.quality, lossless=args.lossless),
    align=args.align,
  )


def _options(args: argparse.Namespace, model: 'FusionModel') -> dict[str, Any]:
  """Options of the method, checked before anything is read."""
  given = {'color': args.color, 'stretch': args.stretch}
  options = {name: value for name, value in given.items() if value is not None}
  model.check_options(options)
  if args.exposures is not None:
    options['exposures'] = _numbers(args.exposures)
  return options


def _check_align(kind: str | None, task: str) -> None:
  """Checks that sources can be aligned, before anything is read."""
  from fusionjax.errors import InputError
  from fusionjax.inference import registration
  from fusionjax.methods import registry

  if kind is None:
    return
  row = registry.get_task(task)
  if row.guided or row.depth:
    raise InputError(
      f'--align is for pictures, and {row.title} fusion takes'
      f' {" and ".join(row.sources)}. Leave it out.'
    )
  if kind != 'crop':
    registration.load_opencv()


def _numbers(text: str) -> tuple[float, ...]:
  """Reads numbers between commas."""
  from fusionjax.errors import InputError

  try:
    return tuple(float(word) for word in text.split(','))
  except ValueError as error:
    raise InputError(
      f'--exposures is {text!r}. Give three numbers, such as -2,0,2.'
    ) from error


def _print_plan(jobs: 'tuple[Job, ...]', *, overwrite: bool) -> None:
  """Says what is to be fused to what."""
  for job in jobs:
    kept = job.output.exists() and not overwrite
    note = ' (exists, stays as it is)' if kept else ''
    print(f'  {_sources(job)} -> {job.output}{note}')


def _print_memory(
  model: 'FusionModel', jobs: 'tuple[Job, ...]', options: dict[str, Any]
) -> None:
  """Says what memory the largest pictures will take, if they are large."""
  from fusionjax.inference import execution
  from fusionjax.methods import registry

  sizes = {job.size: len(job.sources) for job in jobs if job.size}
  if sizes and not registry.get_task(model.task).measures:
    size = max(sizes, key=lambda size: size[0] * size[1])
    checked = model.check_options(options)
    said = execution.foresee(model, size, sizes[size], options=checked)
    if said:
      print(said)


def _sources(job: 'Job') -> str:
  """The names of a scene's files, in their order."""
  # Files of parallel folders have the same name: then with their folder.
  distinct = len({path.name for path in job.sources}) == len(job.sources)
  return ', '.join(
    path.name if distinct else f'{path.parent.name}/{path.name}'
    for path in job.sources
  )


def _report(outcome: 'Outcome', model: str) -> None:
  """Says what became of a scene."""
  job = outcome.job
  if outcome.error is not None:
    console.complain(f'{job.name} failed: {outcome.error}')
  elif outcome.status == 'exists':
    print(f'{job.output} exists already, left as it is (see --overwrite)')
  else:
    height, width = outcome.size
    print(
      f'{job.output}: {width}x{height} from {_sources(job)} with {model} in'
      f' {outcome.seconds:.1f} s',
      flush=True,
    )
    for note in outcome.notes:
      print(f'  {note}')
