"""Scenes from patterns of names."""

import numpy as np
import pytest
from PIL import Image

from fusionjax.data import patterns
from fusionjax.errors import InputError


def _write(folder, *names, size=(24, 32)):
  for name in names:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, 9, np.uint8)).save(path)


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)


def _pairs(found):
  return {
    scene.name: tuple(path.as_posix() for path in scene.sources)
    for scene in found.scenes
  }


def test_pairs_by_what_wildcards_stand_for(tmp_path):
  _write(tmp_path, *(f'in/IR{n}.png' for n in (1, 2, 10)))
  _write(tmp_path, *(f'in/VIS{n}.jpg' for n in (2, 10, 1, 3)))
  found = patterns.find_matches(['in/VIS*.jpg', 'in/IR*.png'], task='ivf')
  # Infrared comes first, whatever the order given: the names say what is what.
  assert _pairs(found) == {
    str(n): (f'in/IR{n}.png', f'in/VIS{n}.jpg') for n in (1, 2, 10)
  }
  assert [scene.name for scene in found.scenes] == ['1', '2', '10']
  assert [(p.name, why) for p, why in found.left_out] == [
    ('VIS3.jpg', 'no counterpart in in/IR*.png')
  ]


def test_order_given_where_names_say_nothing(tmp_path):
  _write(tmp_path, 'x/1.png', 'x/2.png', 'w/1.png', 'w/2.png')
  found = patterns.find_matches(['x/*.png', 'w/?.png'], task='mef')
  assert _pairs(found)['1'] == ('x/1.png', 'w/1.png')


def test_wildcards_in_folders_and_sets(tmp_path):
  _write(tmp_path, 'a/day/ir_7.png', 'a/night/ir_7.png', 'a/day/ir_8.png')
  _write(tmp_path, 'a/day/vis_7.png', 'a/night/vis_7.png', 'a/day/vis_8.png')
  found = patterns.find_matches(['a/*/ir_[0-7].png', 'a/*/vis_[!8].png'])
  assert set(_pairs(found)) == {'day_7', 'night_7'}
  deep = patterns.find_matches(['**/ir_*.png', '**/vis_*.png'])
  assert set(_pairs(deep)) == {'a_day_7', 'a_night_7', 'a_day_8'}


def test_names_that_differ_are_matched_by_their_numbers(tmp_path):
  _write(tmp_path, *(f'a/left{n}.png' for n in (1, 2, 3)))
  _write(tmp_path, *(f'b/right0{n}.png' for n in (1, 2, 3)))
  found = patterns.find_matches(['a/*.png', 'b/*.png'])
  assert len(found.scenes) == 3
  assert _pairs(found)['1'] == ('a/left1.png', 'b/right01.png')


def test_sizes(tmp_path):
  _write(tmp_path, 'a/1.png', 'a/2.png', 'b/1.png')
  _write(tmp_path, 'b/2.png', size=(25, 32))
  given = ['a/*.png', 'b/*.png']
  found = patterns.find_matches(given, task='mef')
  assert set(_pairs(found)) == {'1'}
  assert '32x25, but 2.png is 32x24' in found.left_out[0][1]
  found = patterns.find_matches(given, task='mef', any_size=True)
  assert set(_pairs(found)) == {'1', '2'}
  with pytest.raises(InputError, match='more than 100 pixels'):
    patterns.find_matches(given, task='mef', max_pixels=100)


def test_refusals(tmp_path):
  _write(tmp_path, 'a/1.png')
  (tmp_path / 'a' / 'notes.txt').write_text('words')
  with pytest.raises(InputError, match=r'a/\*\.txt matches no image'):
    patterns.list_matches('a/*.txt')
  with pytest.raises(InputError, match='given twice'):
    patterns.find_matches(['a/*.png', 'a/*.png'])


def test_a_file_may_have_brackets(tmp_path):
  _write(tmp_path, 'a[1].png')
  assert not patterns.is_pattern('a[1].png')
  assert patterns.is_pattern('a[2].png') and patterns.is_pattern('*.png')
  assert not patterns.is_pattern('a.png')
