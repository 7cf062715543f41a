"""The page as a file: its numbers, its escapes, what it may load."""

import base64
import dataclasses
import hashlib
import html.parser
import io
import json
import math
import re

import numpy as np
import pytest
from PIL import Image

from fusionjax.errors import InputError
from fusionjax.evaluation import charts, markup, ranking, summary
from fusionjax.evaluation import report as report_lib

_EVIL = '<script>alert(1)</script>'


class _Parser(html.parser.HTMLParser):
  """Elements in order, and the text of scripts and styles."""

  def __init__(self, page: str):
    super().__init__()
    self.elements: list[tuple[str, dict[str, str | None]]] = []
    self.blocks: list[tuple[str, dict[str, str | None], str]] = []
    self.text = ''
    self._open: tuple[str, dict[str, str | None]] | None = None
    self.feed(page)

  def handle_starttag(self, tag, attrs):
    self.elements.append((tag, dict(attrs)))
    if tag in ('script', 'style'):
      self._open = (tag, dict(attrs))

  def handle_endtag(self, tag):
    if tag in ('script', 'style'):
      self._open = None

  def handle_data(self, data):
    if self._open:
      self.blocks.append((*self._open, data))
    else:
      self.text += data

  def find(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
    return [
      found
      for name, found in self.elements
      if name == tag and attributes.items() <= found.items()
    ]


@pytest.fixture
def page(report, tmp_path) -> str:
  path = tmp_path / 'out' / 'index.html'
  report_lib.write_page(
    report,
    path,
    failed=[(f'lone: {_EVIL}', 'its file is <empty>')],
    command=f"fusionjax benchmark '{_EVIL}'",
  )
  assert [each.name for each in path.parent.iterdir()] == ['index.html']
  return path.read_text(encoding='utf-8')


def _scene(parser: _Parser, at: int) -> dict:
  (text,) = (
    text
    for tag, attributes, text in parser.blocks
    if attributes.get('id') == f'data-{at}'
  )
  return json.loads(text)


def test_names_are_escaped_everywhere(page):
  assert '<script>alert' not in page
  assert '<img src=x' not in page
  parser = _Parser(page)
  kinds = [attributes.get('type') for attributes in parser.find('script')]
  # The data of the run and of four scenes, and one script.
  assert sorted(map(str, kinds)) == [*['None'], *['application/json'] * 5]
  assert parser.text.count(_EVIL) >= 5
  assert f'{_EVIL} is a note.' in parser.text
  assert f"fusionjax benchmark '{_EVIL}'" in parser.text
  assert 'its file is <empty>' in parser.text
  assert parser.find('article', id='scene-2')[0]['data-name'] == 'cliff & "co"'
  assert {view['label'] for view in _scene(parser, 1)['views']} == {
    *('under', 'over', 'one', 'two', 'lone', _EVIL)
  }


def test_nothing_is_loaded_and_only_the_own_script_runs(page):
  parser = _Parser(page)
  for _, attributes in parser.elements:
    for name in ('src', 'href', 'action', 'data', 'srcset'):
      assert (attributes.get(name) or '#').startswith('#')
    assert not any(name.startswith('on') for name in attributes)
    assert 'style' not in attributes
  style, script = (
    text
    for tag, attributes, text in parser.blocks
    if tag == 'style' or 'type' not in attributes
  )
  for text in (style, script):
    assert not re.search(r'https?:|url\(|@import|fetch\(|innerHTML', text)
  policy = parser.find('meta', **{'http-equiv': 'Content-Security-Policy'})
  rules = dict(
    rule.strip().split(' ', 1) for rule in policy[0]['content'].split(';')
  )
  assert rules['default-src'] == "'none'"
  assert rules['img-src'] == 'data:'
  for rule, text in (('script-src', script), ('style-src', style)):
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest())
    assert rules[rule] == f"'sha256-{digest.decode()}'"


def test_the_table_has_marks_and_exact_values(page):
  body = page[page.index('<tbody>') : page.index('</tbody>')]
  rows = re.findall(r'<tr.*?</tr>', body)
  cells = [re.findall(r'<td[^>]*>.*?</td>', row) for row in rows]
  assert [len(row) for row in cells] == [2] * 6
  assert 'class="second" data-value="0.65"' in cells[0][0]
  assert 'data-value="nan"' in cells[1][0] and '>nan<' in cells[1][0]
  assert '>inf<' in cells[1][1] and 'class' not in cells[1][1]
  # Lower is better for the second metric.
  assert 'class="best"' in cells[2][1]
  assert 'class="best"' in cells[3][0]
  assert cells[4] == [
    '<td data-value="0.7" title="0.7">0.7000</td>',
    '<td></td>',
  ]
  assert 'class' not in cells[5][0]
  heads = re.findall(r'<th scope="col".*?</th>', page)
  assert len([each for each in heads if '<button type="button"' in each]) == 3
  assert 'qw&nbsp;\N{UPWARDS ARROW}' in page
  assert 'niqe&nbsp;\N{DOWNWARDS ARROW}' in page
  assert 'Arithmetic means over 4 scenes;' in page


def test_marks_need_rows_that_can_be_compared(report):
  marks = ranking.mark_means(report)
  assert marks == {
    ('lone', 'qw'): ranking.BEST,
    ('one', 'qw'): ranking.SECOND,
    (_EVIL, 'niqe'): ranking.BEST,
    ('one', 'niqe'): ranking.SECOND,
  }
  strangers = dataclasses.replace(report, averaged=0)
  assert ranking.mark_means(strangers) == {}
  alone = (report.methods[0], *report.methods[4:])
  assert ranking.mark_means(dataclasses.replace(report, methods=alone)) == {}


def test_long_lists_are_folded():
  assert markup.section('notes', 'Notes', []) == ''
  short = markup.section('notes', 'Notes', ['a < b'])
  assert '<ul><li>a &lt; b</li></ul>' in short and 'details' not in short
  long = markup.section('notes', 'Notes', ['a'] * 9)
  assert '<details><summary>9</summary><ul>' in long


def test_what_means_are_over(report):
  fewer = dataclasses.replace(report, averaged=1)
  assert summary.say_means(fewer) == (
    'Arithmetic means over the 1 of 4 scenes that every row has'
  )
  strangers = dataclasses.replace(report, averaged=0)
  assert summary.say_means(strangers) == (
    'Arithmetic means, of other scenes in every row'
  )


def test_ranks():
  values = [0.2, math.nan, 0.9, 0.5, 0.9, math.inf]
  assert ranking.rank('qw', values) == [3, None, 0, 2, 0, None]
  assert ranking.rank('niqe', values) == [0, None, 2, 1, 2, None]


def test_scenes_hold_pictures_scores_and_failures(page, report):
  parser = _Parser(page)
  data = _scene(parser, 2)
  views = {view['label']: view for view in data['views']}
  assert list(views) == ['under', 'over', 'one', 'two', _EVIL, 'lone']
  assert views['one']['cells'] == {'qw': ['0.7000', 0], 'niqe': ['7.0000', 1]}
  assert views['two']['cells']['qw'] == ['nan', None]
  assert 'cells' not in views['under']
  assert views['lone']['error'] == 'no picture: it failed'
  for name, view in views.items():
    if name == 'lone':
      continue
    preview = base64.b64decode(view['preview'], validate=True)
    shown = np.asarray(Image.open(io.BytesIO(preview)))
    assert view['size'] == [90, 68] and shown.shape == (68, 90, 3)
  exact = np.asarray(Image.open(report.scenes[2].sources[0][1]))
  shown = np.asarray(
    Image.open(io.BytesIO(base64.b64decode(views['under']['preview'])))
  )
  assert np.abs(exact.astype(int) - shown).mean() < 6
  # A damaged picture is named in its place.
  (bad,) = (v for v in _scene(parser, 3)['views'] if v['label'] == 'two')
  assert '3.png is not an image' in bad['error']
  run = next(t for _, a, t in parser.blocks if a.get('id') == 'run')
  assert [label for _, label in json.loads(run)['pictures']] == [
    *('under', 'over', 'one', 'two', _EVIL, 'lone')
  ]


def test_progress_and_a_place_that_cannot_be_written(report, tmp_path):
  seen = []
  path = tmp_path / 'page.html'
  report_lib.write_page(report, path, progress=lambda *args: seen.append(args))
  assert [done for done, _, _ in seen] == [1, 2, 3, 4]
  (tmp_path / 'file').touch()
  with pytest.raises(InputError, match='cannot be written'):
    report_lib.write_page(report, tmp_path / 'file' / 'index.html')


def test_the_same_report_gives_the_same_page(report, tmp_path):
  pages = []
  for name in ('a.html', 'b.html'):
    report_lib.write_page(report, tmp_path / name)
    pages.append((tmp_path / name).read_bytes())
  assert pages[0] == pages[1]


def test_one_scene_has_bars_alone(report, tmp_path):
  one = dataclasses.replace(report, scenes=report.scenes[:1])
  report_lib.write_page(one, tmp_path / 'one.html')
  page = (tmp_path / 'one.html').read_text(encoding='utf-8')
  assert 'means over 1 scene;' in page
  assert 'class="boxes"' not in page and 'class="bars"' in page


def test_boxes_are_the_quartiles_of_the_scenes(report):
  panel = charts.draw_panel(report, 'qw', boxes=True)
  group = panel.split('<g class="k-model">')[1]
  x, width = map(
    float, re.search(r'<rect x="([\d.]+)".*?width="([\d.]+)"', group).groups()
  )
  median = float(re.search(r'class="median" d="M([\d.]+)', group)[1])
  ticks = {
    float(text): float(at)
    for at, text in re.findall(
      r'<text x="([\d.]+)" y="[\d.]+">([\d.]+)<', panel
    )
  }
  (low, start), (high, end) = min(ticks.items()), max(ticks.items())
  assert high > low

  def value(at: float) -> float:
    return low + (at - start) / (end - start) * (high - low)

  # Of 0.5, 0.6, 0.7 and 0.8.
  assert value(x) == pytest.approx(0.575, abs=0.005)
  assert value(x + width) == pytest.approx(0.725, abs=0.005)
  assert value(median) == pytest.approx(0.65, abs=0.005)
  # 99 is off the scale: it stands at the edge, and says what it is.
  assert 'far (paper): 99.0000</title><path' in panel
  assert 'ink (paper): 0.7000</title><circle' in panel
  assert max(ticks) < 2


def test_values_beyond_the_whiskers_lead_to_their_scene(report):
  scores = {
    scene.name: {'qw': value}
    for scene, value in zip(report.scenes, (0.5, 0.5, 0.51, 3.0), strict=True)
  }
  method = dataclasses.replace(
    report.methods[0], scores=scores, means={'qw': 1.1}
  )
  panel = charts.draw_panel(
    dataclasses.replace(report, methods=(method,), metrics=('qw',)),
    'qw',
    boxes=True,
  )
  assert re.findall(r'<a href="(#scene-\d)"[^>]*><title>(.*?)<', panel) == [
    ('#scene-3', 'dune: 3.0000')
  ]


@pytest.mark.parametrize('boxes', [True, False])
@pytest.mark.parametrize('values', [(math.nan,), (0.0,), (-3.0, 5.0), (7.0,)])
def test_panels_of_odd_values(report, values, boxes):
  methods = tuple(
    dataclasses.replace(
      report.methods[0],
      name=f'{at}',
      scores={'dune': {'qw': value}},
      means={'qw': value},
    )
    for at, value in enumerate(values)
  )
  panel = charts.draw_panel(
    dataclasses.replace(report, methods=methods), 'qw', boxes=boxes
  )
  assert ('no number' in panel) == math.isnan(values[0])
  numbers = re.findall(r' (?:x|x1|cx|width)="([^"]*)"', panel)
  assert numbers and all(0 <= float(number) <= 360 for number in numbers)
