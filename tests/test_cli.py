"""The command line: what it does, its exit codes, its one-line errors."""

import csv
import json
import sys
import types
from pathlib import Path

import flax.linen as nn
import numpy as np
import pytest
from PIL import Image

import fusionjax
from fusionjax import cli
from fusionjax.methods import registry
from fusionjax.methods.base import Method
from fusionjax.pretrained import weights


class _Mean(nn.Module):
  """Weighs its sources by one parameter."""

  @nn.compact
  def __call__(self, first, last):
    share = self.param('share', nn.initializers.ones_init(), ())
    return share * first + (1 - share) * last


_METHOD = Method(
  name='mean',
  title='',
  paper='',
  module=_Mean,
  example_sources=lambda task: ((1, 16, 16, 3), (1, 16, 16, 3)),
  fuse=lambda apply, sources, *, task: apply(sources[0], sources[-1]),
  loss=lambda *args, **options: None,
  published_name=lambda path: (f'net.{path}', 'vector'),
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
  """A working folder with two photos, weights, and a stand-in method."""
  monkeypatch.setitem(
    sys.modules, 'mean_method', types.SimpleNamespace(METHOD=_METHOD)
  )
  monkeypatch.setitem(registry.METHODS, 'mean', 'mean_method')
  monkeypatch.setitem(registry.MODELS, 'mean-mef', ('mean', 'mef'))
  monkeypatch.chdir(tmp_path)
  weights.save_weights(
    'mean.safetensors',
    {'params': {'share': np.float32(0.5)}},
    method='mean',
    task='mef',
    options={},
    metadata={},
  )
  _write('under.png', 20)
  _write('over.png', 200)
  return tmp_path


def _write(name, value, size=(48, 64)):
  Image.fromarray(np.full((*size, 3), value, np.uint8)).save(name)


def _run(capsys, *argv):
  code = cli.main([str(word) for word in argv])
  captured = capsys.readouterr()
  return code, captured.out, captured.err


def _fuse(capsys, *argv):
  return _run(capsys, 'fuse', *argv, '--model', 'mean.safetensors')


def test_fuse_two_files(capsys, folder):
  code, out, err = _fuse(capsys, 'under.png', 'over.png', '-o', 'fused.png')
  assert (code, err) == (0, '')
  assert 'fused.png: 64x48 from under.png, over.png with mean in' in out
  assert (np.asarray(Image.open('fused.png')) == 110).all()


def test_fuse_folders(capsys, folder):
  for name, value in (('a', 10), ('b', 30)):
    (folder / name).mkdir()
    for index in range(3):
      _write(f'{name}/{index}.png', value)
  (folder / 'b' / '1.png').write_text('these are words')
  code, out, err = _fuse(capsys, 'a', 'b', '-o', 'out', '--suffix', 'jpg')
  assert code == 1
  assert 'out/0.jpg: 64x48 from a/0.png, b/0.png with mean in' in out
  assert len(err.splitlines()) == 1
  assert 'b/1.png' in err
  assert '2 fused, 0 there already, 1 failed' in out
  assert {p.name for p in (folder / 'out').iterdir()} == {'0.jpg', '2.jpg'}
  (folder / 'b' / '1.png').unlink()
  (folder / 'a' / '1.png').unlink()
  code, out, err = _fuse(capsys, 'a', 'b', '-o', 'out', '--suffix', '.jpg')
  assert (code, err) == (0, '')
  assert '0.jpg exists already, left as it is' in out


def _text(folder):
  (folder / 'over.png').write_text('these are words, no pixels')


def _truncated(folder):
  rng = np.random.default_rng(0)
  noise = rng.integers(0, 255, (48, 64, 3), np.uint8)
  Image.fromarray(noise).save('over.jpg')
  data = (folder / 'over.jpg').read_bytes()
  (folder / 'over.png').unlink()
  (folder / 'over.jpg').write_bytes(data[: len(data) // 2])


def _wrong_checkpoint(folder):
  np.savez('wrong.npz', **{'net.other': np.zeros(3)})


_PAIR = ('under.png', 'over.png', '-o', 'fused.png')
_MINE = ('--model', 'mean.safetensors')
_ERRORS = {
  'missing file': (
    None,
    ('under.png', 'absent.png', '-o', 'fused.png', *_MINE),
    ['absent.png does not exist. Check the path.'],
  ),
  'text file': (_text, (*_PAIR, *_MINE), ['over.png is not an image', 'Give']),
  'truncated jpeg': (
    _truncated,
    ('under.png', 'over.jpg', '-o', 'fused.png', *_MINE),
    ['over.jpg is damaged or truncated', 'again.'],
  ),
  'two sizes': (
    lambda folder: _write('over.png', 9, (51, 64)),
    (*_PAIR, *_MINE),
    [
      'Images of a stack must share one size: under.png is 64x48, over.png'
      ' is 64x51. Resize one.'
    ],
  ),
  'one image': (
    None,
    ('under.png', '-o', 'fused.png', *_MINE),
    ['One image is not enough', 'Give 2 or more images of one scene.'],
  ),
  'unwritable output': (
    None,
    ('under.png', 'over.png', '-o', 'over.png/x/fused.png', *_MINE),
    ['Output folder over.png/x cannot be written', 'Choose another.'],
  ),
  'no checkpoint': (
    None,
    (*_PAIR, '--model', 'over.png'),
    ["over.png: unknown kind of checkpoint '.png'", 'Give one of .pth'],
  ),
  'unknown model': (
    None,
    (*_PAIR, '--model', 'ffmef-mfe'),
    ["Unknown model 'ffmef-mfe'. Did you mean", 'ffmef-mef'],
  ),
  'wrong checkpoint': (
    _wrong_checkpoint,
    (*_PAIR, '--model', 'wrong.npz', '--like', 'mean-mef'),
    [
      'wrong.npz does not hold the weights of mean-mef: 1 missing, 1'
      ' unexpected. Give the checkpoint of this model'
    ],
  ),
}


@pytest.mark.parametrize('case', _ERRORS)
def test_errors(capsys, folder, case):
  prepare, argv, parts = _ERRORS[case]
  if prepare:
    prepare(folder)
  before = {path: path.read_bytes() for path in folder.iterdir()}
  code, out, err = _run(capsys, 'fuse', *argv)
  assert (code, out) == (2, '')
  first, *listing = err.splitlines()
  assert first.startswith('fusionjax: ')
  assert all(part in first for part in parts), first
  if case == 'wrong checkpoint':
    assert listing == [
      '  missing: net.share',
      '  unexpected: net.other',
    ]
  else:
    assert listing == []
  assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_that_may_not_be_read(capsys, folder, monkeypatch):
  def refuse(path):
    raise PermissionError(13, 'Permission denied', str(path))

  (folder / 'locked').mkdir()
  monkeypatch.setattr(Path, 'iterdir', refuse)
  code, out, err = _fuse(capsys, 'locked', '-o', 'out')
  assert (code, out) == (2, '')
  assert err == (
    'fusionjax: locked: Permission denied. Check its permissions.\n'
  )


def test_convert(capsys, folder):
  np.savez('theirs.npz', **{'net.share': np.zeros((1, 1))})
  argv = ('convert', 'theirs.npz', '--like', 'mean-mef', '-o')
  code, out, err = _run(capsys, *argv, 'ours.safetensors')
  assert (code, err) == (0, '')
  assert 'ours.safetensors: mean-mef from theirs.npz' in out
  assert _run(capsys, *argv, 'new/folder/ours.safetensors')[0] == 0
  assert (folder / 'new' / 'folder' / 'ours.safetensors').is_file()
  held = weights.load_weights('ours.safetensors')
  assert held.variables['params']['share'] == 0
  assert held.metadata['source'] == 'theirs.npz'
  code, _, err = _run(capsys, *argv, 'ours.safetensors')
  assert code == 2
  assert 'exists already' in err
  code, _, err = _run(capsys, *argv, 'ours.npz')
  assert code == 2
  assert '.safetensors' in err
  code, out, _ = _run(
    capsys, 'fuse', *_PAIR, '--model', 'ours.safetensors', '--overwrite'
  )
  assert code == 0
  assert (np.asarray(Image.open('fused.png')) == 200).all()


def _noise(folder, *names, scenes=2):
  rng = np.random.default_rng(0)
  for name in names:
    (folder / name).mkdir()
    for index in range(scenes):
      noise = rng.integers(0, 255, (48, 64, 3), np.uint8)
      Image.fromarray(noise).save(folder / name / f'{index}.png')


def test_evaluate(capsys, folder):
  _noise(folder, 'a', 'b', 'fused')
  argv = ('evaluate', '--fused', 'fused', '--sources', 'a', 'b')
  outputs = ('-o', 'scores.csv', '-o', 'scores.json')
  code, out, err = _run(capsys, *argv, '--metrics', 'qw', 'qy', *outputs)
  assert (code, err) == (0, '')
  assert f'toolbox mefb, fusionjax {fusionjax.__version__}, 2 images' in out
  assert [word for word in out.split() if word in ('qw', 'qy')] == ['qw', 'qy']
  header, *rows = (folder / 'scores.csv').read_text().splitlines()
  assert header == 'image,qw,qy,toolbox,version'
  assert [row.split(',')[0] for row in rows] == ['0', '1', 'mean']
  mean = float(rows[2].split(',')[1])
  assert f'{mean:.4f}' in out
  record = json.loads((folder / 'scores.json').read_text())
  assert record['mean']['qw'] == mean
  (folder / 'fused' / '1.png').write_text('words')
  code, out, err = _run(capsys, *argv, '--metrics', 'qw,qy')
  assert code == 1
  assert '1 failed' in err
  (folder / 'fused' / '0.png').write_text('words')
  code, out, err = _run(capsys, *argv, '--metrics', 'qw', '-o', 'none.csv')
  assert (code, out, len(err.splitlines())) == (1, '', 2)
  assert not (folder / 'none.csv').exists()
  code, _, err = _run(capsys, *argv, '--metrics', 'qq')
  assert code == 2
  assert len(err.splitlines()) == 1
  code, _, err = _run(capsys, *argv, '--metrics', 'qw', '-o', 'scores.txt')
  assert (code, len(err.splitlines())) == (2, 1)
  assert '.csv or .json' in err


def test_evaluate_without_sources(capsys, folder):
  _noise(folder, 'fused [1]')
  argv = ('evaluate', '--fused', 'fused [1]', '--metrics')
  code, out, err = _run(capsys, *argv, 'piqe')
  assert (code, err) == (0, '')
  assert 'piqe \N{DOWNWARDS ARROW}' in out
  code, _, err = _run(capsys, *argv, 'qw')
  assert code == 2
  assert 'qw compare with the sources' in err


def test_evaluate_fits_the_terminal(capsys, folder, monkeypatch):
  _noise(folder, 'a', 'b', 'fused')
  argv = ('evaluate', '--fused', 'fused', '--sources', 'a', 'b', '--metrics')
  names = ('qw', 'qy', 'qc')
  for columns, per_image in ((80, True), (32, False)):
    monkeypatch.setenv('COLUMNS', str(columns))
    code, out, err = _run(capsys, *argv, *names)
    assert (code, err) == (0, '')
    table, note = out.splitlines()[1:-1], out.splitlines()[-1]
    assert ('image' in out.splitlines()[2]) == per_image
    assert ('give -o scores.csv' in note) != per_image
    assert all(len(line) <= columns for line in table)
    assert all(name in out for name in names)


def test_evaluate_a_model(capsys, folder):
  rng = np.random.default_rng(0)
  (folder / 'pairs').mkdir()
  for index in range(2):
    for side in 'AB':
      noise = rng.integers(0, 255, (48, 64, 3), np.uint8)
      Image.fromarray(noise).save(f'pairs/scene{index}_{side}.png')
  argv = ('evaluate', '--metrics', 'qw', '-o', 's.csv')
  sources = ('--sources', 'pairs')
  model = ('--model', 'mean.safetensors')
  code, out, err = _run(capsys, *argv, *sources, *model)
  assert (code, err) == (0, '')
  assert '2 scenes' in out
  rows = (folder / 's.csv').read_text().splitlines()
  assert [row.split(',')[0] for row in rows] == [
    'image',
    'scene0',
    'scene1',
    'mean',
  ]
  code, _, err = _run(capsys, *argv, *model)
  assert code == 2
  assert '--model needs --sources' in err
  with pytest.raises(SystemExit):
    _run(capsys, *argv, *sources, *model, '--fused', 'pairs')
  with pytest.raises(SystemExit):
    _run(capsys, *argv, *sources)


def test_benchmark(capsys, folder):
  _noise(folder, 'a', 'b', 'theirs', scenes=3)
  (folder / 'published.csv').write_text('method,Qw,Other\nOLD,0.25,1\n')
  argv = (
    *('benchmark', 'mefb', '--data', 'a', 'b', '--limit', '2'),
    *('--metrics', 'qw', 'qy', '--model', 'mine=mean.safetensors'),
    *('--fused', 'theirs=theirs', '--published', 'published.csv'),
  )
  code, out, err = _run(capsys, *argv, '--report', 'out')
  assert (code, err) == (0, '')
  assert '3 scenes of 2 sources' in out
  out_lines = out.splitlines()
  for name in ('mine', 'theirs', 'average', 'FFMEF (paper)', 'OLD'):
    assert any(line.strip().startswith(name) for line in out_lines), name
  made = {path.name for path in (folder / 'out').iterdir()}
  assert made >= {'index.html', 'summary.md', 'scores.csv', 'fused'}
  fused = Image.open(folder / 'out' / 'fused' / 'mine' / '0.png')
  assert fused.size == (64, 48)
  text = (folder / 'out' / 'summary.md').read_text()
  assert '| OLD | 0.2500 |' in text
  assert 'fusionjax benchmark mefb --data a b --limit 2' in text
  with (folder / 'out' / 'scores.csv').open(newline='') as file:
    rows = list(csv.DictReader(file))
  assert [r['scene'] for r in rows if r['method'] == 'mine'] == [
    *('0', '1', 'mean')
  ]
  page = (folder / 'out' / 'index.html').read_text(encoding='utf-8')
  assert '<title>MEFB, multi-exposure image fusion</title>' in page
  assert page.count('<article class="scene"') == 2
  assert 'fusionjax benchmark mefb --data a b --limit 2' in page
  (folder / 'theirs' / '1.png').unlink()
  code, out, err = _run(capsys, *argv, '--report', 'out')
  assert code == 1
  assert err.startswith('fusionjax: theirs: 1 failed: no picture 1.*')
  page = (folder / 'out' / 'index.html').read_text(encoding='utf-8')
  assert 'theirs: 1: no picture 1.*' in page
  assert 'Means are of the 1 scenes that every row has' in out
  for wrong, part in (
    (('--limit', '0'), '--limit 0'),
    (('--table', 'ffmef-2'), 'Unknown table'),
    (('--report', 'a/out'), 'a/out lies in a'),
  ):
    code, _, err = _run(capsys, *argv, '--report', 'out', *wrong)
    assert (code, len(err.splitlines())) == (2, 1)
    assert part in err


def test_models(capsys):
  code, out, _ = _run(capsys, 'models')
  assert code == 0
  assert [line.split()[0] for line in out.splitlines()] == list(
    registry.list_models()
  )
  _, out, _ = _run(capsys, 'models', '--task', 'ivf')
  names = [line.split()[0] for line in out.splitlines()]
  assert names == list(registry.list_models('ivf'))
  assert 'ffmef-ivf' in names
  code, _, err = _run(capsys, 'models', '--task', 'iv')
  assert code == 2
  assert "Unknown task 'iv'. Did you mean ivf" in err


def test_version_and_usage(capsys):
  with pytest.raises(SystemExit) as raised:
    cli.main(['--version'])
  assert raised.value.code == 0
  assert capsys.readouterr().out == f'fusionjax {fusionjax.__version__}\n'
  for argv in ([], ['fuse'], ['no-such'], ['fuse', 'a.png', '--bad']):
    with pytest.raises(SystemExit) as raised:
      cli.main(argv)
    assert raised.value.code == 2
  capsys.readouterr()


def test_published_checkpoint(capsys, folder, reference):
  path = reference / 'weights' / 'ffmef' / 'mef.pth'
  argv = ('convert', path, '--like', 'ffmef-mef', '-o', 'mef.safetensors')
  assert _run(capsys, *argv)[0] == 0
  _write('under.png', 60, (33, 47))
  _write('over.png', 190, (33, 47))
  pictures = []
  for model in (('mef.safetensors',), (path, '--like', 'ffmef-mef')):
    code, _, err = _run(
      capsys, 'fuse', *_PAIR, '--overwrite', '--model', *model
    )
    assert (code, err) == (0, '')
    pictures.append(np.asarray(Image.open('fused.png')))
  np.testing.assert_array_equal(*pictures)
  assert pictures[0].shape == (33, 47, 3)
  code, _, err = _run(
    capsys, 'fuse', *_PAIR, '--model', path, '--like', 'mean-mef'
  )
  assert code == 2
  assert 'does not hold the weights of mean-mef: 1 missing' in err
