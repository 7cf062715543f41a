"""Finding scenes in layouts that the tests make."""

import numpy as np
import PIL.Image
import pytest

from fusionjax.data.folder import find_scenes
from fusionjax.errors import InputError


def save(path, size=(20, 24), grey=False):
  """Writes an image of (height, width)."""
  path.parent.mkdir(parents=True, exist_ok=True)
  shape = size if grey else (*size, 3)
  PIL.Image.fromarray(np.full(shape, 90, np.uint8)).save(path)


def names(found):
  return [
    (scene.name, *(path.name for path in scene.sources))
    for scene in found.scenes
  ]


def reasons(found):
  return {path.name: why for path, why in found.left_out}


def test_folder_per_scene(tmp_path):
  for scene, count in (('s2', 3), ('s10', 2), ('s1', 1)):
    for i in range(count):
      save(tmp_path / scene / f'{i + 9}.jpg')
  (tmp_path / 's2' / 'notes.txt').write_text('x')
  (tmp_path / 's2' / 'Thumbs.db').write_text('x')
  (tmp_path / '.hidden').mkdir()
  (tmp_path / 'empty').mkdir()
  found = find_scenes([tmp_path], task='mef')
  assert found.layout == 'a folder per scene'
  assert names(found) == [
    ('s2', '9.jpg', '10.jpg', '11.jpg'),
    ('s10', '9.jpg', '10.jpg'),
  ]
  assert reasons(found) == {
    's1': 'one image only, no scene',
    'notes.txt': 'not an image',
    'empty': 'no images directly in it',
  }


def test_stack_with_a_reference(tmp_path):
  for scene in 'xy':
    for name in ('1.png', '2.png', 'gt.png'):
      save(tmp_path / f'scene_{scene}' / name)
  found = find_scenes([tmp_path], task='mef')
  assert names(found)[0] == ('scene_x', '1.png', '2.png')
  assert found.scenes[0].reference.name == 'gt.png'


def test_references_in_a_folder_of_their_own(tmp_path):
  # As SICE has them.
  for scene in ('1', '2', '3'):
    for name in ('1.JPG', '2.JPG', '3.JPG'):
      save(tmp_path / scene / name)
  for name in ('1.JPG', '2.JPG', '9.JPG'):
    save(tmp_path / 'Label' / name)
  found = find_scenes([tmp_path], task='mef')
  assert [len(scene.sources) for scene in found.scenes] == [3, 3, 3]
  wanted = [scene.reference for scene in found.scenes]
  label = tmp_path / 'Label'
  assert wanted == [label / '1.JPG', label / '2.JPG', None]
  assert reasons(found) == {'9.JPG': 'a reference of no scene'}


def test_suffix_pairs_with_mixed_case_and_suffix(tmp_path):
  save(tmp_path / 'Arno_A.JPG')
  save(tmp_path / 'Arno_B.png')
  save(tmp_path / 'ICCV_01_A.png')
  save(tmp_path / 'iccv_01_b.PNG')
  save(tmp_path / 'Lone_A.png')
  save(tmp_path / 'cover.png')
  found = find_scenes([tmp_path], task='mef')
  assert names(found) == [
    ('Arno', 'Arno_A.JPG', 'Arno_B.png'),
    ('ICCV_01', 'ICCV_01_A.png', 'iccv_01_b.PNG'),
  ]
  assert reasons(found) == {
    'Lone_A.png': 'no partner b',
    'cover.png': 'its name has no partner',
  }


def test_prefix_pairs_come_in_the_order_of_the_task(tmp_path):
  for i in (1, 2, 11):
    save(tmp_path / f'VIS{i}.png')
    save(tmp_path / f'IR{i}.png', grey=True)
  found = find_scenes([tmp_path], task='ivf')
  assert names(found) == [
    (str(i), f'IR{i}.png', f'VIS{i}.png') for i in (1, 2, 11)
  ]
  assert found.roles == ('infrared', 'visible')
  assert 'grey and colour' in found.describe()


def test_numbered_stacks_side_by_side(tmp_path):
  for i in (1, 2, 3):
    save(tmp_path / f'barn_{i}.png')
  for i in (1, 2):
    save(tmp_path / f'lake_{i}.png')
  found = find_scenes([tmp_path], task='mef')
  assert [len(scene.sources) for scene in found.scenes] == [3, 2]


def test_parallel_folders_with_splits_and_reference(tmp_path):
  for folder in ('vi', 'ir', 'GT'):
    for i in (1, 2, 3):
      save(tmp_path / folder / f'{i}.png', grey=folder == 'ir')
  save(tmp_path / 'ir' / '4.png')
  save(tmp_path / 'masks' / '1.png')
  (tmp_path / 'split.csv').write_text('Name,Split\n1,train\n2,TEST\n')
  found = find_scenes([tmp_path], task='ivf')
  assert [s.split for s in found.scenes] == ['train', '', 'test']
  assert all(s.sources[0].parent.name == 'ir' for s in found.scenes)
  assert all(s.reference.parent.name == 'GT' for s in found.scenes)
  assert reasons(found) == {
    '4.png': 'no counterpart in vi',
    'masks': 'no source that its name would tell',
  }
  text = found.describe()
  assert 'splits: 1 train, 1 test, 1 in neither' in text
  assert '4.png: no counterpart in vi' in text


def test_several_roots(tmp_path):
  for i in range(3):
    save(tmp_path / 'x' / f'visible_{i}.png')
    save(tmp_path / 'y' / f'img-{i}_thermal.bmp')
  found = find_scenes([tmp_path / 'x', tmp_path / 'y'], task='mef')
  assert len(found.scenes) == 3
  assert names(found)[2][1:] == ('visible_2.png', 'img-2_thermal.bmp')
  # Roots that say what they hold are put in order.
  (tmp_path / 'x').rename(tmp_path / 'vis')
  (tmp_path / 'y').rename(tmp_path / 'ir')
  found = find_scenes([tmp_path / 'vis', tmp_path / 'ir'], task='ivf')
  assert names(found)[0][1:] == ('img-0_thermal.bmp', 'visible_0.png')


def test_sources_then_splits(tmp_path):
  for folder in ('infrared', 'visible'):
    save(tmp_path / folder / 'train' / '1.png')
    save(tmp_path / folder / 'test' / '2.png')
  found = find_scenes([tmp_path], task='ivf')
  assert [(s.name, s.split) for s in found.scenes] == [
    ('1', 'train'),
    ('2', 'test'),
  ]


def test_unequal_sizes_are_named(tmp_path):
  save(tmp_path / 'a_ir.png', (20, 24))
  save(tmp_path / 'a_vis.png', (20, 26))
  save(tmp_path / 'b_ir.png')
  save(tmp_path / 'b_vis.png')
  found = find_scenes([tmp_path], task='ivf')
  assert [scene.name for scene in found.scenes] == ['b']
  assert reasons(found)['a_vis.png'].startswith('26x20, but a_ir.png is 24x20')
  assert len(find_scenes([tmp_path], task=None).scenes) == 2


def test_a_text_file_named_png_is_left_out(tmp_path):
  for name in ('a_A.png', 'a_B.png', 'b_A.png'):
    save(tmp_path / name)
  (tmp_path / 'b_B.png').write_text('no image')
  found = find_scenes([tmp_path], task='mff')
  assert [scene.name for scene in found.scenes] == ['a']
  assert 'not an image' in reasons(found)['b_B.png']


def test_long_lists_are_counted(tmp_path):
  save(tmp_path / 'a_A.png')
  save(tmp_path / 'a_B.png')
  for i in range(9):
    (tmp_path / f'note{i}.txt').write_text('x')
  text = find_scenes([tmp_path], task='mff').describe()
  assert 'left out: 9' in text and 'and 4 more' in text
  assert 'note4' in text and 'note5' not in text


@pytest.mark.parametrize('kind', ['missing', 'empty', 'file', 'unpaired'])
def test_no_scenes(tmp_path, kind):
  root = tmp_path / kind
  if kind == 'empty':
    root.mkdir()
  elif kind == 'file':
    root.write_text('x')
  elif kind == 'unpaired':
    for letter in 'efghijklmnopq':
      save(root / f'photo{letter}.png')
  with pytest.raises(InputError, match=kind) as error:
    find_scenes([root], task='mef')
  assert '\n' not in str(error.value)
  if kind != 'file':
    assert 'a folder per scene' in str(error.value)
