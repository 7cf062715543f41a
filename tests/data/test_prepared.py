"""data.name: what was prepared gives what its folder gives."""

import importlib.util

import numpy as np
import pytest

from fusionjax.data import catalogue, pipeline, preparing, sources
from fusionjax.data.records import Records
from fusionjax.errors import InputError

# A set of each task, and what its files are as a plain folder.
_SETS = {
  'fusion_mef/sice': 'Dataset_Part1',
  'fusion_mff/mf_voc': '',
  'fusion_ivf/llvip': '',
  'fusion_medical/ct_mri': '',
  'fusion_hdr/kalantari': '',
  'fusion_gdsr/rgbdd': '',
  'fusion_msf/landsat': '',
}


@pytest.fixture(scope='module')
def made(fake_sets, tmp_path_factory):
  """Files of a set of each task, and what was prepared of them."""
  root = tmp_path_factory.mktemp('sets')
  for name in _SETS:
    fake_sets.MAKERS[name](root / name)
    card = catalogue.get_card(name)
    preparing.prepare(
      card, manual_dir=str(root / name), data_dir=str(root / 'prepared')
    )
  return root


def _options(task, **options):
  row = {
    'hdr': {'resize': False, 'sources': 3},
    'gdsr': {'resize': False, 'ratio': 4},
  }
  size = {'size': (8, 8), 'batch_size': 2, 'holdout': 0.0}
  return {**size, **row.get(task, {}), **options}


def _same(first, second):
  assert len(first.sources) == len(second.sources)
  for one, other in zip(first.sources, second.sources, strict=True):
    assert one.dtype == other.dtype
    np.testing.assert_array_equal(one, other)
  assert (first.reference is None) == (second.reference is None)
  if first.reference is not None:
    np.testing.assert_array_equal(first.reference, second.reference)


# RGB-D-D has a layout of its own, which data.root does not take.
@pytest.mark.parametrize('name', sorted(set(_SETS) - {'fusion_gdsr/rgbdd'}))
def test_a_name_gives_what_the_folder_gives(made, name):
  card = catalogue.get_card(name)
  named = {'name': name, 'data_dir': str(made / 'prepared')}
  rooted = {'root': str(made / name / _SETS[name])}
  opened = [
    sources.open_source(
      _options(card.task, **data), task=card.task, seed=0, split='train'
    )
    for data in (named, rooted)
  ]
  assert len(opened[0]) == len(opened[1]) > 0
  for index in range(len(opened[0])):
    _same(*(source.read(index) for source in opened))
  batches = [
    next(
      pipeline.train_batches(
        source, _options(card.task), task=card.task, seed=3
      )
    )
    for source in opened
  ]
  assert batches[0].keys() == batches[1].keys()
  for one, other in zip(*(b['sources'] for b in batches), strict=True):
    np.testing.assert_array_equal(one, other)


def test_depths_keep_their_unit(made, fake_sets):
  data = _options('gdsr', name='rgbdd', data_dir=str(made / 'prepared'))
  source = sources.open_source(data, task='gdsr', seed=0, split='test')
  example = source.read(0)
  assert example.name == '20200520'
  # 16 bits, as the file has them.
  assert example.limits[1] > 255
  assert example.reference.shape == (*fake_sets.SIZE, 1)


def test_splits_are_those_of_the_set(made):
  data = {'name': 'sice', 'data_dir': str(made / 'prepared')}
  opened = {
    split: sources.open_source(data, task='mef', seed=0, split=split)
    for split in ('train', 'test', 'all')
  }
  assert {k: len(v) for k, v in opened.items()} == {
    'train': 3,
    'test': 2,
    'all': 5,
  }
  assert opened['test'].scenes[0].name == 'Dataset_Part2_1'
  # A held-out bracket has as many exposures as a sample, dark to bright.
  assert len(opened['test'].read(0).sources) == 2
  assert len(opened['train'].read(0).sources) == 3
  assert 'fusion_mef/sice' in opened['train'].describe()


@pytest.mark.parametrize(
  ('data', 'task', 'message'),
  [
    ({'name': 'mefb'}, 'mef', 'fusionjax datasets prepare fusion_mef/mefb'),
    ({'name': 'sice', 'root': 'x'}, 'mef', 'one of them'),
    ({'name': 'sice'}, 'mff', 'fusion_mff/lytro'),
    ({'name': 'sic'}, 'mef', "Unknown data set 'sic'"),
  ],
)
def test_bad_names(made, data, task, message):
  data = {**data, 'data_dir': str(made / 'prepared')}
  with pytest.raises(InputError, match=message) as error:
    sources.open_source(data, task=task, seed=0, split='train')
  assert '\n' not in str(error.value)


def test_preparing_twice_needs_a_word(made):
  card = catalogue.get_card('fusion_msf/landsat')
  folders = {
    'manual_dir': str(made / card.full_name),
    'data_dir': str(made / 'prepared'),
  }
  with pytest.raises(InputError, match='--overwrite'):
    preparing.prepare(card, **folders)
  again = preparing.prepare(card, **folders, overwrite=True)
  assert [scene.name for scene in again.scenes] == ['01', '02', '03']


def test_records_of_several_files(tmp_path):
  import tensorflow as tf

  rows = [b'a', b'bc' * 40, b'', b'd', b'e' * 7]
  paths = [tmp_path / 'x-0', tmp_path / 'x-1', tmp_path / 'x-2']
  for path, part in zip(paths, (rows[:3], [], rows[3:]), strict=True):
    with tf.io.TFRecordWriter(str(path)) as writer:
      for row in part:
        writer.write(row)
  records = Records(paths)
  assert [records[i] for i in range(len(records))] == rows
  with pytest.raises(IndexError):
    records[5]
  paths[2].write_bytes(paths[2].read_bytes()[:-6])
  with pytest.raises(InputError, match='within a record'):
    Records(paths)[0]


def test_without_tensorflow_datasets(made, monkeypatch):
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  data = {'name': 'sice', 'data_dir': str(made / 'prepared')}
  with pytest.raises(InputError, match=r'fusionjax\[train\]'):
    sources.open_source(data, task='mef', seed=0, split='train')
