"""What a check of a data set's files finds."""

import io
import shutil

import numpy as np
import PIL.Image
import pytest

from fusionjax.data import catalogue, checking, depth, duplicates
from fusionjax.data.catalogue import loading
from fusionjax.errors import InputError


def _smooth(seed, size=(60, 80)):
  """A picture with large shapes, as photographs have them."""
  rng = np.random.default_rng(seed)
  coarse = PIL.Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
  return coarse.resize(size[::-1], PIL.Image.Resampling.BICUBIC)


@pytest.fixture
def msrs(fake_sets, tmp_path):
  """A folder of the layout of MSRS, of pictures that are no noise."""
  fake_sets.MAKERS['fusion_ivf/msrs'](tmp_path)
  for seed, path in enumerate(sorted(tmp_path.rglob('*.png'))):
    if 'Seg' not in path.parent.name:
      _smooth(seed).save(path)
  return tmp_path


def check(folder, name='msrs', **options):
  return checking.check(catalogue.get_card(name), folder, **options)


def test_counts_and_sizes(msrs):
  found = check(msrs)
  assert found.counts == {'train': 2, 'test': 1}
  assert found.missing == {'train': (2, 1083), 'test': (1, 361)}
  assert found.sizes == {(80, 60): 6}
  assert not found.alike and not found.unreadable and not found.whole
  assert found.sides == 'train and test'


def test_equal_and_nearly_equal_pictures(msrs):
  train, test = msrs / 'train', msrs / 'test'
  shutil.copy(train / 'vi' / '1D.png', test / 'vi' / '3N.png')
  # Another size and compression, brighter: the same picture for all that.
  old = PIL.Image.open(train / 'ir' / '2N.png')
  small = old.resize((64, 48)).point(lambda level: 0.9 * level + 20)
  file = io.BytesIO()
  small.save(file, 'JPEG', quality=60)
  again = PIL.Image.open(file).resize((80, 60))
  again.save(test / 'ir' / '3N.png')
  exact, close = check(msrs).alike
  assert exact.exact and exact.likeness == 1
  assert exact.first == train / 'vi' / '1D.png'
  assert not close.exact and 0.95 < close.likeness < 1
  assert close.second == test / 'ir' / '3N.png'


def test_siblings_by_name_may_be_alike(fake_sets, tmp_path):
  fake_sets.MAKERS['fusion_mef/stacks'](tmp_path)
  fake_sets.stack(tmp_path / 'Garden')
  first, second = tmp_path / 'Bandon_Sunset_1', tmp_path / 'Bandon_Sunset_2'
  shutil.copy(first / '1.jpg', second / '1.jpg')
  found = check(tmp_path, 'stacks')
  assert not found.alike and found.whole
  shutil.copy(first / '2.jpg', tmp_path / 'Zurich' / '2.jpg')
  (pair,) = check(tmp_path, 'stacks').alike
  assert pair.exact and {pair.first.parent.name, pair.second.parent.name} == {
    'Bandon_Sunset_1',
    'Zurich',
  }


def test_damage_and_partners(msrs):
  path = msrs / 'train' / 'vi' / '1D.png'
  path.write_bytes(path.read_bytes()[:200])
  (msrs / 'test' / 'ir' / '4N.png').write_bytes(path.read_bytes())
  found = check(msrs)
  ((scene, why),) = found.unreadable
  assert scene == '1D' and '1D.png' in why
  assert [path.name for path, _ in found.mismatched] == ['4N.png']
  # Labels have a folder of their own, and are no fault.
  assert len(found.left_out) == 3
  quick = check(msrs, decode=False)
  assert not quick.unreadable and not quick.sizes


def test_wrong_folders(tmp_path):
  with pytest.raises(InputError, match='There is no folder'):
    check(tmp_path / 'nowhere')
  with pytest.raises(InputError, match='No scenes'):
    check(tmp_path)


def test_flat_pictures_are_like_nothing_but_equal_ones():
  dark = np.zeros((30, 40, 3), np.uint8)
  other = dark + np.uint8(1)
  first = [duplicates.make_print('a', dark, group='a')]
  second = [duplicates.make_print('b', other, group='b')]
  assert duplicates.find(first, second) == []
  (pair,) = duplicates.find(first, first)
  assert pair.exact


def test_cubes_are_compared_too(fake_sets, tmp_path):
  fake_sets.MAKERS['fusion_msf/landsat'](tmp_path)
  for name in ('ms_b123', 'ms_b456', 'pan'):
    shutil.copy(tmp_path / f'01_{name}.png', tmp_path / f'02_{name}.png')
  (pair,) = check(tmp_path, 'landsat').alike
  assert pair.exact


def test_two_sets_are_compared(fake_sets, tmp_path):
  ours, theirs = tmp_path / 'roadscene', tmp_path / 'flir'
  fake_sets.MAKERS['fusion_ivf/roadscene'](ours)
  fake_sets.MAKERS['fusion_ivf/flir'](theirs)
  other = catalogue.get_card('flir')
  assert not check(ours, 'roadscene', against=(other, theirs)).alike
  shutil.copy(
    ours / 'crop_HR_visible' / 'FLIR_00006.jpg',
    theirs / 'test' / 'vis' / 'd.jpg',
  )
  found = check(ours, 'roadscene', against=(other, theirs))
  (pair,) = found.alike
  assert pair.exact and pair.second.name == 'd.jpg'
  assert found.sides == 'fusion_ivf/roadscene and fusion_ivf/flir'


@pytest.mark.parametrize('name', catalogue.CARDS)
def test_every_layout_is_read(fake_sets, tmp_path, monkeypatch, name):
  monkeypatch.setattr(depth, 'NYU_TRAIN', fake_sets.NYU_TRAIN)
  counts = fake_sets.MAKERS[name](tmp_path)
  found = check(tmp_path, name)
  assert found.counts == counts and not found.unreadable
  total = sum(counts.values())
  assert sum(found.sizes.values()) >= total


def test_a_scene_of_cave_has_eight_bits(fake_sets, tmp_path):
  fake_sets.MAKERS['fusion_msf/cave'](tmp_path)
  card = catalogue.get_card('cave')
  for path in tmp_path.rglob('beads_ms_??.png'):
    grey = np.full((*fake_sets.SIZE, 3), 51, np.uint8)
    PIL.Image.fromarray(grey).save(path)
  scenes = {scene.name: scene for scene in card.find(tmp_path).scenes}
  cube = loading.load(card, scenes['beads'])['cube']
  assert cube.dtype == np.uint16 and cube.shape == (*fake_sets.SIZE, 31)
  # The same brightness: a fifth of white.
  assert (cube == 51 * 257).all()
  assert loading.load(card, scenes['balloons'])['cube'].std() > 1000
