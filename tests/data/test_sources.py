"""Opening scenes for training and for held-out tests."""

import numpy as np
import PIL.Image
import pytest

from fusionjax.data.pictures import FolderSource
from fusionjax.data.scenes import Scene
from fusionjax.data.sources import open_source
from fusionjax.data.splitting import held_out_groups
from fusionjax.errors import InputError


def save(path, value, size=(20, 24)):
  path.parent.mkdir(parents=True, exist_ok=True)
  PIL.Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)


@pytest.fixture
def brackets(tmp_path):
  """Ten scenes of four exposures, named bright to dark, two of siblings."""
  names = [f'{c}{c}' for c in 'efghijkl'] + ['Barn_1', 'Barn_2']
  for name in names:
    for i, value in enumerate((200, 120, 60, 10)):
      save(tmp_path / name / f'{i}.png', value)
  return tmp_path


def opened(root, split, *, task='mef', **options):
  data = {'root': str(root), **options}
  return open_source(data, task=task, seed=0, split=split)


def test_held_out_scenes_are_disjoint_and_whole_groups(brackets):
  for holdout in (0.05, 0.2, 0.3, 0.6):
    train = opened(brackets, 'train', holdout=holdout)
    test = opened(brackets, 'test', holdout=holdout)
    groups = [{s.group for s in part.scenes} for part in (train, test)]
    assert not groups[0] & groups[1]
    assert len(train) + len(test) == 10 and len(train) and len(test)
    assert abs(len(test) - max(1, 10 * holdout)) <= 1
    again = opened(brackets, 'test', holdout=holdout)
    assert again.scenes == test.scenes


def test_no_holdout(brackets):
  assert len(opened(brackets, 'train', holdout=0)) == 10
  assert len(opened(brackets, 'test', holdout=0)) == 0


def test_one_group_cannot_be_split():
  scenes = [Scene(f's{i}', 'same', ()) for i in range(3)]
  with pytest.raises(InputError, match='Fewer scenes than needed'):
    held_out_groups(scenes, holdout=0.1)
  two = [*scenes, Scene('x', 'other', ())]
  assert held_out_groups(two, holdout=0.1) == {'other'}


def test_splits_of_the_layout_are_kept(tmp_path):
  for split, count in (('train', 3), ('test', 2)):
    for i in range(count):
      for side in 'AB':
        save(tmp_path / split / f'{split}{i}_{side}.png', 9)
  assert len(opened(tmp_path, 'train', task='mff')) == 3
  assert len(opened(tmp_path, 'test', task='mff', holdout=0)) == 2


def test_all_are_both_splits_read_as_held_out(tmp_path, brackets):
  assert len(opened(brackets, 'all')) == 10
  example = opened(brackets, 'all').read(0)
  assert [round(float(s.mean() * 255)) for s in example.sources] == [10, 200]
  for split in ('train', 'test'):
    for side in 'AB':
      save(tmp_path / 'marked' / split / f'{split}_{side}.png', 9)
  marked = opened(tmp_path / 'marked', 'all', task='mff')
  assert sorted(s.split for s in marked.scenes) == ['test', 'train']


def test_training_brackets_come_dark_to_bright(brackets):
  example = opened(brackets, 'train').read(0)
  assert [round(float(s.mean() * 255)) for s in example.sources] == [
    *(10, 60, 120, 200)
  ]
  assert example.sources[0].shape == (20, 24, 3)
  assert example.sources[0].dtype == np.float32


def test_held_out_brackets_are_cut_to_their_ends(brackets):
  example = opened(brackets, 'test').read(0)
  assert [round(float(s.mean() * 255)) for s in example.sources] == [10, 200]
  example = opened(brackets, 'test', sources=4).read(0)
  assert len(example.sources) == 4


def test_several_roots_in_one_string(tmp_path):
  for i in range(3):
    save(tmp_path / 'ir' / f'x{i}y.png', 10)
    save(tmp_path / 'vis' / f'x{i}y.png', 20)
  root = f'{tmp_path / "vis"}, {tmp_path / "ir"}'
  example = opened(root, 'train', task='ivf').read(0)
  assert example.sources[0].max() < example.sources[1].max()


def test_reference_is_read(tmp_path):
  for name, value in (('sourceA', 1), ('sourceB', 2), ('groundtruth', 255)):
    for i in range(3):
      save(tmp_path / name / f'{i}.png', value)
  example = opened(tmp_path, 'train', task='mff').read(0)
  assert example.reference.min() == 1.0


def test_unequal_sizes_name_the_files(tmp_path):
  save(tmp_path / 'a.png', 1)
  save(tmp_path / 'b.png', 1, size=(20, 25))
  scene = Scene('s', 's', (tmp_path / 'a.png', tmp_path / 'b.png'))
  source = FolderSource([scene], name='x', description='')
  with pytest.raises(InputError, match=r'a\.png is 24x20, .*b\.png is 25x20'):
    source.read(0)


def test_truncated_file_is_named(tmp_path):
  noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
  for side in 'AB':
    for i in range(2):
      PIL.Image.fromarray(noise).save(tmp_path / f's{i}_{side}.jpg')
  path = tmp_path / 's0_B.jpg'
  path.write_bytes(path.read_bytes()[:900])
  source = opened(tmp_path, 'train', task='mff', holdout=0)
  with pytest.raises(InputError, match=r's0_B\.jpg'):
    source.read(0)


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'sources': 5}, 'has 4 sources'),
    ({'sources': 1}, 'fusion takes 2'),
    ({'holdout': 1.0}, 'holdout is 1'),
    ({'root': '/no/such/folder'}, 'There is no folder'),
  ],
)
def test_errors(brackets, options, message):
  with pytest.raises(InputError, match=message):
    opened(options.pop('root', brackets), 'train', **options)


def test_synthetic_when_there_is_no_root():
  train = opened('', 'train', scenes=20)
  assert len(train) == 20 and 'synthetic' in train.describe()
  assert len(opened('', 'test', scenes=20)) == 2
  assert len(opened('', 'all', scenes=20)) == 20
  assert len(opened('', 'test', scenes=20, holdout=0)) == 0


def test_real_training_set(shared_data):
  root = shared_data / 'mef' / 'train'
  train, test = opened(root, 'train'), opened(root, 'test')
  assert len(train) + len(test) == 83 and 6 <= len(test) <= 9
  assert not {s.group for s in train.scenes} & {s.group for s in test.scenes}
  assert len(test.read(0).sources) == 2


def test_pictures_by_themselves():
  data = {'root': '', 'singles': True, 'scenes': 3, 'holdout': 0.34}
  source = open_source(data, task='ivf', seed=0, split='train')
  pairs = open_source(
    {**data, 'singles': False}, task='ivf', seed=0, split='train'
  )
  assert (len(source), len(pairs)) == (6, 3)
  assert 'each picture by itself: 6' in source.describe()
  for index in range(6):
    (picture,) = source.read(index).sources
    expected = pairs.read(index // 2).sources[index % 2]
    np.testing.assert_array_equal(picture, expected)
  # What is held out are pairs: they are to be fused.
  held = open_source(data, task='ivf', seed=0, split='test')
  assert len(held.read(0).sources) == 2
