"""`fusionjax datasets` on the command line."""

import numpy as np
import PIL.Image
import pytest

from fusionjax import cli


@pytest.fixture
def lytro(tmp_path):
  folder = tmp_path / 'lytro'
  folder.mkdir()
  rng = np.random.default_rng(0)
  for name in ('01-A', '01-B', '02-A', '02-B'):
    pixels = rng.integers(0, 256, (20, 24, 3), np.uint8)
    PIL.Image.fromarray(pixels).save(folder / f'lytro-{name}.jpg')
  return folder


def test_list_and_info(tmp_path, capsys):
  where = ['--data-dir', str(tmp_path)]
  assert cli.main(['datasets', 'list', '--task', 'mff', *where]) == 0
  rows = capsys.readouterr().out.splitlines()
  assert rows[0].split() == ['NAME', 'SCENES', 'PREPARED', 'SIZE;', 'TERMS']
  assert [row.split()[:3] for row in rows[1:3]] == [
    ['fusion_mff/lytro', '20', 'no'],
    ['fusion_mff/mffw', '?', 'no'],
  ]
  assert len(rows) == 7
  assert cli.main(['datasets', 'info', 'llvip', *where]) == 0
  said = capsys.readouterr().out
  for word in ('bupt-ai-cz/LLVIP', 'non-commercial', '12,025', '@inproceed'):
    assert word in said


def test_prepare_check_and_preview(lytro, tmp_path, capsys):
  data = ['--data-dir', str(tmp_path / 'data')]
  sheet = tmp_path / 'sheet.png'
  preview = ['datasets', 'preview', 'lytro', '-o', str(sheet), *data]
  assert cli.main(preview) == 2
  assert 'datasets prepare fusion_mff/lytro' in capsys.readouterr().err
  prepare = ['datasets', 'prepare', 'lytro', '--manual-dir', str(lytro), *data]
  assert cli.main(prepare) == 0
  assert 'fusion_mff/lytro: 2 scenes' in capsys.readouterr().out
  assert cli.main(prepare) == 2
  assert cli.main(preview) == 0
  # Two columns and two rows of pictures.
  assert PIL.Image.open(sheet).width > 2 * 224
  assert cli.main(['datasets', 'list', '--task', 'mff', *data]) == 0
  assert '20  yes' in capsys.readouterr().out
  # Two of twenty pairs are there.
  assert cli.main(['datasets', 'check', 'lytro', str(lytro)]) == 1
  assert '2 scenes, and 20 are published' in capsys.readouterr().out


@pytest.mark.parametrize(
  ('words', 'says'),
  [
    (['check', 'lytro', 'nowhere'], 'no folder nowhere'),
    (['check', 'lytra', '.'], 'Did you mean'),
    (['info', 'nothing_like_it'], 'Unknown data set'),
    (['list', '--task', 'xyz'], 'Unknown task'),
    (['prepare', 'sice', '--manual-dir', 'nowhere'], 'csjcai'),
    (['preview', 'synthetic/mef', '-o', 'x.jpg'], 'as a .png'),
    (['preview', 'synthetic/xyz', '-o', 'x.png'], 'Unknown task'),
    (['preview', '.', '-o', 'x.png'], '--task'),
  ],
)
def test_bad_input(words, says, capsys, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  assert cli.main(['datasets', *words]) == 2
  assert says in capsys.readouterr().err
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
  'task', ['mef', 'mff', 'ivf', 'medical', 'hdr', 'gdsr', 'msf']
)
def test_the_synthetic_source_can_be_looked_at(task, tmp_path, capsys):
  sheet = tmp_path / f'{task}.png'
  words = ['preview', f'synthetic/{task}', '-o', str(sheet), '--scenes', '1']
  assert cli.main(['datasets', *words]) == 0
  picture = np.asarray(PIL.Image.open(sheet))
  assert picture.std() > 20
  assert 'synthetic' in capsys.readouterr().out
