"""Fused pictures find their scenes by name."""

from pathlib import Path

import pytest

from fusionjax.data.scenes import Scene
from fusionjax.errors import InputError
from fusionjax.evaluation.matching import label_scenes, match_fused


def _scenes(*names: str, split: str = '') -> list[Scene]:
  return [Scene(name, name, (Path('a'),), None, split) for name in names]


def _folder(path: Path, *names: str) -> Path:
  path.mkdir(parents=True, exist_ok=True)
  for name in names:
    (path / name).touch()
  return path


def test_whole_names_prefixes_and_case(tmp_path):
  folder = _folder(
    tmp_path,
    *('Chair.png', 'chair_2_ffmef.jpg', 'ARNO-ours.PNG', 'Arnold.png'),
    *('Door.png', 'Door_old.png', 'notes.txt', '.Chair_x.png'),
  )
  scenes = _scenes('Chair', 'Chair_2', 'Arno', 'Door')
  matches = match_fused(folder, scenes)
  assert {scene.name: path.name for scene, path in matches.pairs} == {
    'Chair': 'Chair.png',
    'Chair_2': 'chair_2_ffmef.jpg',
    'Arno': 'ARNO-ours.PNG',
    'Door': 'Door.png',
  }
  assert matches.failed == ()
  assert [path.name for path in matches.unused] == ['Arnold.png']


def test_missing_and_doubtful_pictures_are_named(tmp_path):
  folder = _folder(tmp_path, 'a.png', 'b_1.png', 'b_2.png')
  matches = match_fused(folder, _scenes('a', 'b', 'c'))
  assert [scene.name for scene, _ in matches.pairs] == ['a']
  failed = dict(matches.failed)
  assert 'b_1.png, b_2.png' in failed['b']
  assert 'no picture c.*' in failed['c']


def test_splits_with_equal_names_have_folders(tmp_path):
  _folder(tmp_path / 'train', 'a.png')
  _folder(tmp_path / 'test', 'a.png')
  scenes = [*_scenes('a', split='train'), *_scenes('a', split='test')]
  pairs = match_fused(tmp_path, scenes).pairs
  assert [path.parent.name for _, path in pairs] == ['train', 'test']


def test_scenes_that_cannot_be_told_apart():
  twice = [*_scenes('a', split='train'), *_scenes('A', 'b', split='test')]
  assert label_scenes(twice) == ['train/a', 'test/A', 'test/b']
  assert label_scenes(_scenes('a', 'b')) == ['a', 'b']
  with pytest.raises(InputError, match='2 scenes are called test/a'):
    label_scenes([*twice, *_scenes('a', split='test')])


def test_nothing_fits(tmp_path):
  with pytest.raises(InputError, match='is no folder'):
    match_fused(tmp_path / 'absent', _scenes('a'))
  with pytest.raises(InputError, match=r'no picture a\.\*'):
    match_fused(_folder(tmp_path, 'z.png'), _scenes('a'))
