"""Benchmark runs: fuse, score, and put it all beside the papers' rows.

A run is planned first: everything that can be checked is checked before the
first picture is fused.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import fusionjax
from fusionjax import errors
from fusionjax import metrics as metrics_lib
from fusionjax.data import scenes as scenes_lib
from fusionjax.data.folder import find_scenes
from fusionjax.data.images import read_image
from fusionjax.errors import InputError
from fusionjax.evaluation import choice, paper_tables, pool, published
from fusionjax.evaluation import contenders as contenders_lib
from fusionjax.evaluation.benchmarks import (
  BENCHMARKS,
  METRIC_NOTES,
  Benchmark,
)
from fusionjax.evaluation.contenders import Contender
from fusionjax.evaluation.journal import Journal, stamp
from fusionjax.evaluation.matching import label_scenes
from fusionjax.evaluation.result import Method, Report, Scene
from fusionjax.evaluation.scores import (
  find_strange,
  list_left_out,
  mean_of,
)
from fusionjax.inference import writing

JOURNAL = '.journal.jsonl'
FUSED = 'fused'
NO_TABLE = 'none'


@dataclasses.dataclass(frozen=True)
class Plan:
  """A run before it begins.

  Attributes:
    benchmark: name of the benchmark.
    toolbox: whose definitions.
    metrics: what is measured.
    scenes: the scenes.
    contenders: whom it measures.
    papers: rows that are printed, not measured.
    output: the folder of the report.
    notes: what a reader must know.
    failed: (file, why) of the images of the data that are in no scene.
    description: what was found in the data, for people.
  """

  benchmark: str
  toolbox: str
  metrics: tuple[str, ...]
  scenes: tuple[Scene, ...]
  contenders: tuple[Contender, ...]
  papers: tuple[Method, ...]
  output: Path
  notes: tuple[str, ...]
  failed: tuple[tuple[str, str], ...]
  description: str


@dataclasses.dataclass(frozen=True)
class Finished:
  """A run that is over.

  Attributes:
    report: what it found.
    failed: (what, why) of what could not be read, fused or scored.
  """

  report: Report
  failed: tuple[tuple[str, str], ...]


def plan_benchmark(
  name: str,
  data: Sequence[Path | str],
  output: Path | str,
  *,
  models: Sequence[str] = (),
  like: str | None = None,
  folders: Sequence[str] = (),
  baselines: bool = True,
  table: str | None = None,
  published_files: Sequence[Path | str] = (),
  metrics: Sequence[str] = (),
  toolbox: str | None = None,
  limit: int | None = None,
) -> Plan:
  """Plans a benchmark run.

  Args:
    name: a key of `BENCHMARKS`.
    data: the folder of its scenes, or one folder per source. Where some
      scenes are marked as test, only these are taken.
    output: the folder of the report.
    models: what `contenders.open_model` takes.
    like: the model of published checkpoints among them.
    folders: `NAME=DIR` of fused pictures made elsewhere.
    baselines: whether the classical rules take part.
    table: a key of `paper_tables.TABLES`: its rows are shown, and its metrics
      measured by the toolbox that fits it; `none` shows no paper's row; by
      default the own row of the benchmark's table is shown.
    published_files: CSV files of published means (see `read_published`).
    metrics: names, if not those of the benchmark or table.
    toolbox: a key of `TOOLBOXES`, if not that of the benchmark or table; then
      no paper's row is shown.
    limit: how many scenes to take; all by default.

  Returns:
    The plan.

  Raises:
    InputError: if anything that is named is not there or does not fit.
  """
  if name not in BENCHMARKS:
    raise errors.unknown_name('benchmark', name, BENCHMARKS)
  row = BENCHMARKS[name]
  output = Path(output)
  _check_output(output, data)
  papers, toolbox, wanted, notes = _read_table(
    name, row, table, toolbox=toolbox
  )
  metrics = list(metrics) or wanted
  asked = metrics is not wanted and not choice.is_all(metrics)
  names, more = choice.choose(metrics, toolbox=toolbox)
  if choice.needs_truth(names):
    raise InputError(
      f'{", ".join(names)} compare with a true result, which this benchmark '
      'has not. Choose other metrics.'
    )
  found = find_scenes(data, task=row.task)
  chosen, about = _take(found, row, limit=limit)
  most = max(len(scene.sources) for scene in chosen)
  names, fewer = choice.fit(names, most=most, asked=asked)
  if not names:
    raise InputError(f'No metric is left. {" ".join(fewer)}')
  classical, missing = (
    contenders_lib.open_baselines() if baselines else ([], ())
  )
  rows = [
    *(contenders_lib.open_model(m, like=like, task=row.task) for m in models),
    *(contenders_lib.open_folder(each, chosen) for each in folders),
    *classical,
  ]
  if not rows:
    raise InputError('There is nothing to score. Give --model or --fused.')
  contenders_lib.check_names(rows)
  skipped = [METRIC_NOTES[name] for name in names if name in METRIC_NOTES]
  for path in published_files:
    methods, left_out = published.read_published(
      path, toolbox=toolbox, metrics=names
    )
    papers += methods
    skipped += left_out
  return Plan(
    name,
    toolbox,
    names,
    _name_scenes(chosen, found.roles),
    tuple(rows),
    tuple(papers),
    output,
    (*about, *row.notes, *notes, *more, *fewer, *missing, *skipped),
    list_left_out(found),
    found.describe(),
  )


def run_benchmark(
  plan: Plan,
  *,
  fresh: bool = False,
  progress: pool.Progress | None = None,
) -> Finished:
  """Fuses and scores what the plan says.

  Pictures go to `fused/METHOD/SCENE.png` in the folder of the report. What an
  earlier run has fused or scored there is taken over as long as the model,
  the sources, the picture and the version of fusionjax are the same.

  Args:
    plan: the plan.
    fresh: whether nothing of an earlier run is taken over.
    progress: called when a scene of a row is done.

  Returns:
    The report, and what failed.

  Raises:
    InputError: if nothing at all could be scored, or the folder cannot be
      written.
  """
  journal = Journal(plan.output / JOURNAL, fresh=fresh)
  jobs = [(each, scene) for each in plan.contenders for scene in plan.scenes]

  def work(job: tuple[Contender, Scene]) -> tuple[Path, dict[str, float]]:
    return _score(plan, *job, journal=journal)

  try:
    results = pool.attempt_all(
      work,
      jobs,
      names=[f'{each.name}: {scene.name}' for each, scene in jobs],
      progress=progress,
    )
  finally:
    journal.close()
  failed = list(plan.failed)
  found: dict[str, dict[str, tuple[Path, dict[str, float]]]] = {}
  for (each, scene), result in zip(jobs, results, strict=True):
    if isinstance(result, InputError):
      failed.append((f'{each.name}: {scene.name}', str(result)))
    else:
      found.setdefault(each.name, {})[scene.name] = result
  if not found:
    what, why = failed[-1]
    raise InputError(f'Nothing could be scored. {what}: {why}')
  return Finished(_report(plan, found), tuple(failed))


def _score(
  plan: Plan, contender: Contender, scene: Scene, *, journal: Journal
) -> tuple[Path, dict[str, float]]:
  """The picture of a scene and its scores, made or taken over."""
  paths = [path for _, path in scene.sources]
  digests = [journal.digest(path) for path in paths]
  images: list[np.ndarray] = []
  if contender.fuse is None:
    path = _given(contender, scene)
  else:
    key = f'picture {contender.name}/{scene.name}'
    made_of = stamp(contender.stamp, *digests)
    made = journal.get(key) or {}
    path = plan.output / made.get('file', '')
    if made.get('of') != made_of or not path.is_file():
      images = [read_image(path) for path in paths]
      fused = contender.fuse(images, [str(path) for path in paths])
      # A PNG would round floats, and metrics compare floats with floats.
      suffix = '.npy' if fused.dtype.kind == 'f' else '.png'
      file = Path(FUSED, contender.name, f'{scene.name}{suffix}')
      path = plan.output / file
      writing.write_image(path, fused)
      journal.put(key, {'of': made_of, 'file': file.as_posix()})
  key = 'scores ' + stamp(
    fusionjax.__version__, plan.toolbox, journal.digest(path), *digests
  )
  known = journal.get(key) or {}
  if not all(name in known for name in plan.metrics):
    values = metrics_lib.evaluate(
      read_image(path),
      images or [read_image(path) for path in paths],
      metrics=plan.metrics,
      toolbox=plan.toolbox,
    )
    known = {**known, **values}
    journal.put(key, known)
  return path, {name: known[name] for name in plan.metrics}


def _given(contender: Contender, scene: Scene) -> Path:
  if scene.name in contender.pictures:
    return contender.pictures[scene.name]
  raise InputError(dict(contender.failed).get(scene.name, 'no picture of it'))


def _report(
  plan: Plan,
  found: Mapping[str, Mapping[str, tuple[Path, dict[str, float]]]],
) -> Report:
  """Means over the scenes that all rows have: those can be compared."""
  shared = [
    scene.name
    for scene in plan.scenes
    if all(scene.name in scored for scored in found.values())
  ]
  methods, notes = [], list(plan.notes)
  for each in plan.contenders:
    if each.name not in found:
      notes.append(f'{each.name} failed in every scene and is left out.')
      continue
    pictures = {scene: path for scene, (path, _) in found[each.name].items()}
    scores = {scene: values for scene, (_, values) in found[each.name].items()}
    means = mean_of([scores[s] for s in shared or scores], plan.metrics)
    strange = find_strange(scores, plan.metrics)
    notes += [f'{each.name}: {note}' for note in strange]
    methods.append(
      Method(each.name, each.kind, scores, means, pictures, each.note)
    )
  fewer = [
    f'{name} has {len(scored)}'
    for name, scored in found.items()
    if len(scored) < len(plan.scenes)
  ]
  if fewer:
    of = f'of {len(plan.scenes)} scenes {", ".join(fewer)}'
    notes.insert(
      0,
      f'Means are of the {len(shared)} scenes that every row has: {of}.'
      if shared
      else f'Rows have no scene in common, do not compare their means: {of}.',
    )
  return Report(
    title=BENCHMARKS[plan.benchmark].title,
    benchmark=plan.benchmark,
    toolbox=plan.toolbox,
    version=fusionjax.__version__,
    metrics=plan.metrics,
    scenes=plan.scenes,
    methods=(*methods, *plan.papers),
    notes=tuple(notes),
    averaged=len(shared) if fewer else None,
  )


def _check_output(output: Path, data: Sequence[Path | str]) -> None:
  if output.exists() and not output.is_dir():
    raise InputError(f'{output} is a file. Give a folder for the report.')
  writing.check_writable(output)
  for folder in data:
    if output.resolve().is_relative_to(Path(folder).resolve()):
      raise InputError(
        f'{output} lies in {folder}: the next run would take fused images for '
        'sources. Give a folder elsewhere.'
      )


def _read_table(
  name: str, row: Benchmark, table: str | None, *, toolbox: str | None
) -> tuple[list[Method], str, Sequence[str], tuple[str, ...]]:
  """The rows of a paper, and what they ask to be measured."""
  if toolbox is not None:
    if table not in (None, NO_TABLE):
      raise InputError(
        f'Table {table} has a toolbox of its own. Give it or --toolbox.'
      )
    return [], toolbox, (choice.ALL,), ()
  key = row.table if table is None else table
  if not key or key == NO_TABLE:
    return [], row.toolbox, row.metrics, ()
  held = paper_tables.get_table(key, benchmark=name)
  rows = held.rows(name)
  note = f'{held.title}: {held.scenes[name]}'
  methods = [
    Method(f'{method} (paper)', 'paper', {}, means, {}, note)
    for method, means in rows.items()
  ]
  if table is None:
    return methods[-1:], row.toolbox, row.metrics, held.notes
  return methods, held.toolbox, held.metrics, held.notes


def _take(
  found: scenes_lib.Found, row: Benchmark, *, limit: int | None
) -> tuple[list[scenes_lib.Scene], tuple[str, ...]]:
  """The scenes to run, and how they relate to the published set."""
  test = [scene for scene in found.scenes if scene.split == 'test']
  scenes = test or list(found.scenes)
  which = f'{len(scenes)} scenes'
  if test and len(test) < len(found.scenes):
    which += f' marked as test, of {len(found.scenes)} here'
  if limit is not None and limit < len(scenes):
    which = f'the first {limit} of {which}'
    scenes = scenes[:limit]
  notes = []
  if len(scenes) != row.scenes:
    notes.append(f'{which[0].upper()}{which[1:]}; {row.scenes} were published.')
  return scenes, tuple(notes)


def _name_scenes(
  scenes: Sequence[scenes_lib.Scene], roles: Sequence[str]
) -> tuple[Scene, ...]:
  named = []
  for label, scene in zip(label_scenes(scenes), scenes, strict=True):
    count = len(scene.sources)
    labels = [role.upper() if len(role) < 4 else role for role in roles]
    if len(labels) != count:
      labels = [f'source {at + 1}' for at in range(count)]
    named.append(Scene(label, tuple(zip(labels, scene.sources, strict=True))))
  return tuple(named)
