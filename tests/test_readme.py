"""The README's commands and snippets do what it says."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusionjax import cli
from fusionjax.data import synthetic

_TOP = Path(__file__).resolve().parents[1]


def blocks(language: str) -> list[str]:
  text = (_TOP / 'README.md').read_text(encoding='utf-8')
  return re.findall(rf'```{language}\n(.*?)```', text, re.DOTALL)


def commands(*, published: bool) -> list[list[str]]:
  lines = '\n'.join(blocks('bash')).splitlines()
  found = [
    shlex.split(line, comments=True)[1:]
    for line in lines
    if line.startswith('fusionjax ') and 'runs/mine' not in line
  ]
  return [
    line
    for line in found
    if any('mef.pth' in word for word in line) == published
  ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
  """A folder with everything that the README's commands name."""
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'docs').symlink_to(_TOP / 'docs')
  for task, names in (
    ('mef', ('under', 'over')),
    ('ivf', ('infrared', 'visible')),
  ):
    source = synthetic.SyntheticSource(
      task, length=2, seed=0, split='test', sources=2
    )
    for index in range(2):
      for name, picture in zip(names, source.read(index).sources, strict=True):
        image = Image.fromarray(np.uint8(picture * 255)[:64, :80])
        scene = tmp_path / 'stacks' / f'scene{index}'
        targets = [tmp_path / name / f'{index}.png']
        if task == 'mef':
          targets += [scene / f'{names.index(name)}.png']
        for target in targets:
          target.parent.mkdir(parents=True, exist_ok=True)
          image.save(target)
  for name in ('near', 'far', 'dark', 'middle', 'bright'):
    picture = Image.open(tmp_path / 'under' / '0.png')
    picture.save(tmp_path / f'{name}.jpg')
  return tmp_path


def test_commands(folder: Path, capsys: pytest.CaptureFixture) -> None:
  lines = commands(published=False)
  assert len(lines) == 8
  outputs = [line[line.index('-o') + 1] for line in lines if '-o' in line]
  for line in lines:
    if line[0] == 'evaluate' and '--fused' in line:
      # Scores what fusing the two folders gives.
      argv = ['fuse', 'under/', 'over/', '-o', 'fused/', '--overwrite']
      assert cli.main(argv) == 0
    code = cli.main([*line, *(['--overwrite'] if 'fuse' in line[0] else [])])
    assert code == 0, (line, capsys.readouterr())
  for output in outputs:
    assert (folder / output).exists(), output
  for name in ('index.html', 'summary.md', 'scores.csv'):
    assert (folder / 'report' / name).is_file()
  under = Image.open(folder / 'docs/pictures/under.jpg')
  assert Image.open(folder / 'fused.png').size == under.size


def test_published_commands(reference: Path, folder: Path) -> None:
  (folder / 'mef.pth').write_bytes(
    (reference / 'weights' / 'ffmef' / 'mef.pth').read_bytes()
  )
  for name in ('under.jpg', 'over.jpg'):
    (folder / name).write_bytes((_TOP / 'docs/pictures' / name).read_bytes())
  lines = commands(published=True)
  assert [line[0] for line in lines] == ['fuse', 'convert', 'benchmark']
  (folder / 'MEFB').symlink_to(folder / 'stacks')
  for line in lines:
    assert cli.main(line) == 0
  assert (folder / 'fused.png').exists()
  assert (folder / 'mef.safetensors').exists()
  for block in blocks('python'):
    if 'mef.pth' in block:
      exec(f'import fusionjax as fj\n{block}', {})


def test_snippets() -> None:
  rng = np.random.default_rng(0)
  under, over = (rng.random((48, 56, 3), np.float32) for _ in range(2))
  y0, y1 = (rng.random((1, 48, 56, 1), np.float32) for _ in range(2))
  names = {'under': under, 'over': over, 'y0': y0, 'y1': y1}
  planes = rng.uniform(0, 255, (3, 48, 56))
  names |= dict(
    zip(('fused_plane', 'under_plane', 'over_plane'), planes, strict=True)
  )
  ran = 0
  for block in blocks('python'):
    if 'mef.pth' not in block:
      exec(block, names)
      ran += 1
  assert ran == 3
  assert names['fused'].shape == under.shape
  assert names['fused'].dtype == under.dtype
  assert names['y'].shape == y0.shape


def test_fresh_blocks_are_there() -> None:
  text = (_TOP / 'README.md').read_text(encoding='utf-8')
  for name in ('main', 'test'):
    assert f'<!-- fresh:{name} -->\n```bash\npip install' in text
  for link in re.findall(r'\]\(((?!http)[^)#]+)\)', text):
    assert (_TOP / link).exists(), link
