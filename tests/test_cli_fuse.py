"""`fusionjax fuse` for many scenes: plans, patterns, runs that go on."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.progress import Progress

from fusionjax import cli
from fusionjax.commands import progress


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
  """A working folder with three pairs, in two folders."""
  monkeypatch.chdir(tmp_path)
  for index in range(3):
    _write(f'ir/IR{index}.png', 60 + index)
    _write(f'vis/VIS{index}.png', 120 + index, colour=True)
  return tmp_path


def _write(name, value, size=(16, 20), *, colour=False):
  Path(name).parent.mkdir(parents=True, exist_ok=True)
  shape = (*size, 3) if colour else size
  Image.fromarray(np.full(shape, value, np.uint8)).save(name)


def _run(capsys, *argv, model='ffmef-ivf'):
  code = cli.main(['fuse', *argv, '--model', model])
  captured = capsys.readouterr()
  return code, captured.out, captured.err


def test_a_plan_runs_nothing(capsys, folder):
  (folder / 'out').mkdir()
  _write('out/1.png', 0)
  argv = ('ir/IR*.png', 'vis/VIS*.png', '-o', 'out', '--dry-run')
  code, out, err = _run(capsys, *argv)
  assert (code, err) == (0, '')
  lines = out.splitlines()
  assert lines[0] == 'ir/IR*.png, vis/VIS*.png: name patterns ({}, {})'.format(
    'ir/IR*.png', 'vis/VIS*.png'
  )
  assert lines[-3:] == [
    '  IR0.png, VIS0.png -> out/0.png',
    '  IR1.png, VIS1.png -> out/1.png (exists, stays as it is)',
    '  IR2.png, VIS2.png -> out/2.png',
  ]
  assert [path.name for path in (folder / 'out').iterdir()] == ['1.png']
  _, out, _ = _run(capsys, *argv, '--overwrite')
  assert 'stays as it is' not in out
  code, out, _ = _run(
    capsys, 'ir', 'vis', '-o', 'new/out', '--dry-run', '--suffix', 'webp'
  )
  assert code == 0 and 'new/out/0.webp' in out
  assert not (folder / 'new').exists()


def test_mismatches_are_said_first(capsys, folder):
  (folder / 'vis' / 'VIS1.png').unlink()
  _write('vis/VIS2.png', 9, size=(18, 20), colour=True)
  code, out, err = _run(
    capsys, 'ir/IR*.png', 'vis/VIS*.png', '-o', 'out', '--dry-run'
  )
  assert code == 1
  assert 'left out: 2' in out and '1 scene of 2 sources' in out
  first, second = sorted(err.splitlines())
  assert 'ir/IR1.png: no counterpart in vis/VIS*.png' in first
  assert 'vis/VIS2.png: 20x18, but IR2.png is 20x16' in second
  code, out, err = _run(
    *(capsys, 'ir/IR*.png', 'vis/VIS*.png', '-o', 'out', '--dry-run'),
    *('--align', 'crop'),
  )
  assert '2 scenes' in out and len(err.splitlines()) == 1


def test_a_second_run_goes_on(capsys, folder):
  argv = ('ir/IR*.png', 'vis/VIS*.png', '-o', 'out')
  code, out, err = _run(capsys, *argv)
  assert (code, err) == (0, '')
  assert '3 fused, 0 there already, 0 failed' in out
  assert re.search(
    r'^out/2\.png: 20x16 from IR2\.png, VIS2\.png with', out, re.M
  )
  old = (folder / 'out' / '0.png').stat().st_mtime_ns
  (folder / 'out' / '1.png').unlink()
  (folder / 'out' / '2.png').unlink()
  (folder / 'vis' / 'VIS2.png').write_bytes(b'words')
  code, out, err = _run(capsys, *argv)
  assert code == 1
  assert '1 fused, 1 there already, 1 failed' in out
  assert 'vis/VIS2.png' in err and len(err.splitlines()) == 1
  assert (folder / 'out' / '0.png').stat().st_mtime_ns == old


def test_one_pattern_is_a_stack(capsys, folder):
  argv = ('ir/*.png', '-o', 'fused.png', '--dry-run')
  code, out, _ = _run(capsys, *argv, model='ffmef-mff')
  assert code == 0
  assert out == '  IR0.png, IR1.png, IR2.png -> fused.png\n'
  code, _, err = _run(capsys, *argv)
  assert code == 2
  assert '3 images are too many: infrared-visible fusion takes 2' in err


@pytest.mark.parametrize(
  ('argv', 'part'),
  [
    (('ir/*.jpg', 'vis/*.png', '-o', 'out'), 'ir/*.jpg matches no image'),
    (('ir/*.png', 'vis', '-o', 'out'), 'is a pattern among files'),
    (('ir', 'vis/VIS1.png', '-o', 'out'), 'ir is a folder among files'),
    (('ir/*.png', 'vis/*.png', '-o', 'out.png'), 'inputs are patterns'),
    (('ir/IR0.png', 'vis/VIS0.png', '-o', 'ir'), "'ir/*.png' 'vis/*.png'"),
    (('ir', 'vis', '-o', 'out', '--color', 'rgb'), 'color of ffmef is rgb'),
    (('ir', 'vis', '-o', 'out', '--suffix', 'gif'), 'cannot write .gif files'),
  ],
)
def test_refusals(capsys, folder, argv, part):
  before = sorted(folder.rglob('*'))
  code, out, err = _run(capsys, *argv)
  assert (code, out) == (2, '')
  assert part in err and len(err.splitlines()) == 1
  assert sorted(folder.rglob('*')) == before


def test_colour_on_request(capsys, folder):
  pair = ('ir/IR0.png', 'vis/VIS0.png', '-o', 'fused.png')
  assert _run(capsys, *pair, '--color', 'grey')[0] == 0
  with Image.open('fused.png') as image:
    assert image.mode == 'L'


def test_rate():
  assert progress.describe_rate(None, 'image') == ''
  assert progress.describe_rate(2.5, 'image') == '2.5 images/s'
  assert progress.describe_rate(0.25, 'frame') == '4.0 s/frame'


def test_bar(monkeypatch, capsys):
  with progress.progress_bar() as move:
    assert move is None, 'no terminal, no bar'
  monkeypatch.setattr(sys.stderr, 'isatty', lambda: True)
  updates = []
  monkeypatch.setattr(
    Progress, 'update', lambda self, task, **given: updates.append(given)
  )
  with progress.progress_bar(unit='frame') as move:
    move(1, 4, 'x.png')
  assert updates == [{'completed': 1, 'total': 4, 'description': 'x.png'}]
