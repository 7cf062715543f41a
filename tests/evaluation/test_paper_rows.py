"""Rows of papers: tables of the package, and CSV files of published means."""

import re

import pytest

from fusionjax.errors import InputError
from fusionjax.evaluation import paper_tables, published
from fusionjax.evaluation.benchmarks import BENCHMARKS, METRIC_NOTES
from fusionjax.metrics import METRICS
from fusionjax.metrics.toolboxes import TOOLBOXES


def test_tables_and_benchmarks_fit_together():
  for name, table in paper_tables.TABLES.items():
    assert table.toolbox in TOOLBOXES
    assert table.text.keys() == table.scenes.keys() <= BENCHMARKS.keys(), name
    for benchmark in table.text:
      rows = table.rows(benchmark)
      assert len(rows) >= 5
      assert all(len(row) == len(table.metrics) for row in rows.values())
  for name, row in BENCHMARKS.items():
    assert row.toolbox in TOOLBOXES
    assert len(set(row.metrics)) == len(row.metrics)
    if row.table:
      table = paper_tables.get_table(row.table, benchmark=name)
      # Its own row stands beside the benchmark's figures.
      assert table.toolbox == row.toolbox
      assert set(table.metrics) <= set(row.metrics)
  assert METRIC_NOTES.keys() <= set(BENCHMARKS['mefb'].metrics)
  assert len(BENCHMARKS['mefb'].metrics) == 20
  assert len(BENCHMARKS['vifb'].metrics) == 13


@pytest.mark.parametrize(
  ('name', 'benchmark'),
  [(n, b) for n, table in paper_tables.TABLES.items() for b in table.text],
)
def test_every_metric_is_defined_by_its_toolbox(name, benchmark):
  table = paper_tables.TABLES[name]
  for metric in (*table.metrics, *BENCHMARKS[benchmark].metrics):
    assert metric in METRICS, metric
  for metric in table.metrics:
    assert METRICS[metric].variant(table.toolbox), metric
  for metric in BENCHMARKS[benchmark].metrics:
    assert METRICS[metric].variant(BENCHMARKS[benchmark].toolbox), metric


def test_figures_are_those_of_the_papers(reference):
  papers = reference.parent / 'papers'
  for name, table in paper_tables.TABLES.items():
    text = (papers / f'{name.split("-")[0]}.txt').read_text(encoding='utf-8')
    text = re.sub(r'</?[a-z]+>|\[\d+\]|\*', '', text)
    lines = [
      [float(x) for x in re.findall(r'(?<![\w.])\d+\.?\d*(?!\w)', line)]
      for line in text.splitlines()
    ]
    across = name in ('cscfuse-1', 'mgdn-1')
    for benchmark in table.text:
      rows = [list(r.values()) for r in table.rows(benchmark).values()]
      # Some papers print a line a metric.
      for figures in zip(*rows, strict=True) if across else rows:
        assert any(_within(list(figures), line) for line in lines), figures


def _within(figures: list[float], line: list[float]) -> bool:
  """Whether the figures stand in a line, in this order."""
  rest = iter(line)
  return all(any(figure == other for other in rest) for figure in figures)


def test_a_table_of_other_pictures_is_refused():
  with pytest.raises(InputError, match=r'about vifb, not mefb.*ffmef-1'):
    paper_tables.get_table('ffmef-4', benchmark='mefb')
  with pytest.raises(InputError, match='Unknown table'):
    paper_tables.get_table('ffmef-9', benchmark='mefb')


def test_published_means_are_read_by_the_names_of_the_toolbox(tmp_path):
  path = tmp_path / 'means.csv'
  path.write_text('method,Q_Y,Qw,VIFx,mef-ssim\nA,0.5,,1,2\nB,1,2,3,nan\n')
  methods, notes = published.read_published(
    path, toolbox='mefb', metrics=('qw', 'qy', 'mef_ssim')
  )
  assert [(each.name, each.kind) for each in methods] == [
    ('A', 'paper'),
    ('B', 'paper'),
  ]
  assert methods[0].means == {'qy': 0.5, 'mef_ssim': 2.0}
  assert methods[1].means == {'qy': 1.0, 'qw': 2.0}
  assert notes == ('means.csv: not measured here, left out: VIFx.',)
  assert methods[0].note == 'published: means.csv'


def test_our_own_scores_are_published_means(tmp_path):
  path = tmp_path / 'scores.csv'
  path.write_text(
    'method,kind,scene,qw,toolbox,version\n'
    'x,model,a,0.1,mefb,0.1.0\nx,model,mean,0.2,mefb,0.1.0\n'
  )
  methods, notes = published.read_published(
    path, toolbox='mefb', metrics=('qw',)
  )
  assert [each.means for each in methods] == [{'qw': 0.2}]
  assert notes == ()


@pytest.mark.parametrize(
  ('text', 'match'),
  [
    ('name,Qw\nA,1\n', "no column 'method'"),
    ('method,Qw\n', 'or no row'),
    ('method,Qz\nA,1\n', 'no column for a metric'),
    ('method,Qw\nA,one\n', "Qw of A is 'one'"),
  ],
)
def test_files_that_are_no_such_table(tmp_path, text, match):
  path = tmp_path / 'means.csv'
  path.write_text(text)
  with pytest.raises(InputError, match=match):
    published.read_published(path, toolbox='mefb', metrics=('qw',))
  with pytest.raises(InputError, match='is no file'):
    published.read_published(
      tmp_path / 'absent.csv', toolbox='mefb', metrics=('qw',)
    )


@pytest.mark.parametrize(
  ('file', 'toolbox', 'benchmark'),
  [
    ('MEFB_published_means.csv', 'mefb', 'mefb'),
    ('VIFB_published_means.csv', 'vifb', 'vifb'),
    ('MFIF_color_published_means.csv', 'mfif', 'lytro'),
  ],
)
def test_the_toolboxes_own_tables(reference, file, toolbox, benchmark):
  methods, notes = published.read_published(
    reference / 'metrics' / 'published' / file,
    toolbox=toolbox,
    metrics=BENCHMARKS[benchmark].metrics,
  )
  assert notes == ()
  assert len(methods) >= 18
  for each in methods:
    assert set(each.means) == set(BENCHMARKS[benchmark].metrics)
