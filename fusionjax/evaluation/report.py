"""The page of a report: one HTML file with its numbers and its pictures.

The page needs no network and no server. Tables, charts and texts are HTML
already; its scripts sort them, and show the pictures of a scene when it is
scrolled to.
"""

import base64
import hashlib
import importlib.resources
import json
import string
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from fusionjax.errors import InputError
from fusionjax.evaluation import charts, markup, pictures, pool, ranking
from fusionjax.evaluation.result import Method, Report, Scene
from fusionjax.evaluation.summary import describe_rows
from fusionjax.evaluation.tables import format_value
from fusionjax.metrics import METRICS
from fusionjax.pretrained.replacing import replacing

_SCRIPTS = ('table.js', 'scenes.js')
# Nothing but what the file itself holds: a name of a file that gets past the
# escapes could still do nothing.
_POLICY = "default-src 'none'; img-src data:; style-src {}; script-src {}"


def write_page(
  report: Report,
  path: Path | str,
  *,
  failed: Sequence[tuple[str, str]] = (),
  command: str = '',
  progress: pool.Progress | None = None,
) -> None:
  """Writes the page of a report.

  Args:
    report: the report. A picture that cannot be read leaves a note in its
      place.
    path: the .html file. It appears when it is whole.
    failed: (what, why) of what could not be fused or scored.
    command: how the run was started.
    progress: called when the pictures of a scene are read.

  Raises:
    InputError: if the file cannot be written.
  """
  measured = [each for each in report.methods if each.kind != 'paper']
  files = [_files(scene, measured) for scene in report.scenes]
  side = pictures.preview_side(sum(len(each) for each in files))

  def draw(at: int) -> str:
    return _data(report, report.scenes[at], measured, files[at], side=side)

  drawn = pool.attempt_all(
    draw,
    range(len(files)),
    names=[scene.name for scene in report.scenes],
    progress=progress,
  )
  scenes = []
  for at, (scene, data) in enumerate(zip(report.scenes, drawn, strict=True)):
    if isinstance(data, InputError):
      raise data
    scenes.append(
      f'<article class="scene" id="scene-{at}" data-name="{escape(scene.name)}"'
      f'><h3><a href="#scene-{at}">{escape(scene.name)}</a></h3></article>'
      f'<script type="application/json" id="data-{at}">{data}</script>'
    )
  page = _fill(report, scenes, side=side, failed=failed, command=command)
  with replacing(Path(path)) as temporary:
    temporary.write_text(page, encoding='utf-8')


def _fill(
  report: Report,
  scenes: Sequence[str],
  *,
  side: int,
  failed: Sequence[tuple[str, str]],
  command: str,
) -> str:
  """Puts the parts into the template."""
  style = _asset('page.css')
  script = '\n'.join(_asset(name) for name in _SCRIPTS)
  several = len(report.scenes) > 1
  kinds = {each.kind: None for each in report.methods}
  failures = [f'{what}: {why}' for what, why in failed]
  return string.Template(_asset('page.html')).substitute(
    policy=_POLICY.format(_hash(style), _hash(script)),
    title=escape(report.title),
    facts=_facts(report),
    style=style,
    script=script,
    table=markup.table_of_means(report),
    legend=markup.legend(report),
    papers='' if 'paper' in kinds else ' hidden',
    kinds=''.join(f'<li class="k-{kind}"><i></i>{kind}</li>' for kind in kinds),
    views='' if several else ' hidden',
    panels=''.join(
      _panel(report, name, boxes=several) for name in report.metrics
    ),
    options=_scene_options(report),
    run=_json(_run(report)),
    scenes=''.join(scenes),
    pictures=escape(pictures.describe(side)),
    notes=markup.section('notes', 'Notes', report.notes)
    + markup.section('failed', 'Failed', failures),
    rows=markup.section('rows', 'Rows', describe_rows(report.methods)),
    guide=markup.metric_guide(report.metrics),
    command=f'<h2>Command</h2><pre>{escape(command)}</pre>' if command else '',
  )


def _facts(report: Report) -> str:
  count = len(report.scenes)
  return (
    f'{count} scene{"s" if count != 1 else ""} \N{MIDDLE DOT} toolbox '
    f'<code>{escape(report.toolbox)}</code> \N{MIDDLE DOT} fusionjax '
    f'{escape(report.version)}'
  )


def _panel(report: Report, name: str, *, boxes: bool) -> str:
  metric = METRICS[name]
  drawn = charts.draw_panel(report, name, boxes=False)
  if boxes:
    drawn = charts.draw_panel(report, name, boxes=True) + drawn
  return (
    f'<figure class="panel"><figcaption><b>{escape(name)}&nbsp;'
    f'{markup.ARROWS[metric.direction]}</b> {escape(metric.title)}'
    f'</figcaption>{drawn}</figure>'
  )


def _scene_options(report: Report) -> str:
  return ''.join(
    f'<option value="{at}">{escape(scene.name)}</option>'
    for at, scene in enumerate(report.scenes)
  )


def _run(report: Report) -> dict[str, Any]:
  """What the scripts need to know of the whole run."""
  labels: dict[str, str] = {}
  for scene in report.scenes:
    for at, (label, _) in enumerate(scene.sources):
      labels.setdefault(f'source {at}', label)
  for each in report.methods:
    if each.kind != 'paper':
      labels[f'row {each.name}'] = each.name
  return {
    'pictures': list(labels.items()),
    'metrics': [
      [name, markup.ARROWS[METRICS[name].direction]] for name in report.metrics
    ],
  }


def _files(scene: Scene, measured: Sequence[Method]) -> list[Path]:
  """The pictures of a scene: its sources, then those of the rows."""
  rows = [
    each.pictures[scene.name]
    for each in measured
    if scene.name in each.pictures
  ]
  return [*(path for _, path in scene.sources), *rows]


def _data(
  report: Report,
  scene: Scene,
  measured: Sequence[Method],
  files: Sequence[Path],
  *,
  side: int,
) -> str:
  """What the scripts need to show a scene, as JSON."""
  count = len(scene.sources)
  drawn = pictures.draw_scene(
    files, results=range(count, len(files)), side=side
  )
  cells = _cells(report, scene, measured)
  views = []
  for at, (label, _) in enumerate(scene.sources):
    views.append(
      {'key': f'source {at}', 'label': label, 'kind': 'source'}
      | _picture(drawn.views[at])
    )
  made = iter(drawn.views[count:])
  for each in measured:
    entry = {
      'key': f'row {each.name}',
      'label': each.name,
      'kind': each.kind,
      'cells': cells.get(each.name, {}),
    }
    if scene.name in each.pictures:
      entry |= _picture(next(made))
    else:
      entry |= {'error': 'no picture: it failed'}
    views.append(entry)
  return _json({'box': drawn.box, 'views': views})


def _picture(view: pictures.View) -> dict[str, Any]:
  if view.error:
    return {'error': view.error}
  height, width = view.size
  return {
    'size': [width, height],
    'preview': base64.b64encode(view.preview).decode(),
    'crop': base64.b64encode(view.crop).decode(),
  }


def _cells(
  report: Report, scene: Scene, measured: Sequence[Method]
) -> dict[str, dict[str, list[Any]]]:
  """Method -> metric -> (score as text, its rank in the scene)."""
  scored = [each for each in measured if scene.name in each.scores]
  cells: dict[str, dict[str, list[Any]]] = {each.name: {} for each in scored}
  for name in report.metrics:
    values = [each.scores[scene.name][name] for each in scored]
    ranks = ranking.rank(name, values)
    for each, value, place in zip(scored, values, ranks, strict=True):
      cells[each.name][name] = [
        format_value(value),
        place if len(scored) > 1 else None,
      ]
  return cells


def _json(value: Any) -> str:
  """JSON that cannot end the script element that holds it."""
  text = json.dumps(value, separators=(',', ':'), allow_nan=False)
  return text.replace('<', '\\u003c').replace('>', '\\u003e')


def _hash(text: str) -> str:
  digest = hashlib.sha256(text.encode()).digest()
  return f"'sha256-{base64.b64encode(digest).decode()}'"


def _asset(name: str) -> str:
  folder = importlib.resources.files('fusionjax.evaluation') / 'page'
  return (folder / name).read_text(encoding='utf-8')
