"""The builders, by TFDS's own test case and on the real sets there are."""

import shutil
import socket
import sys
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import tensorflow_datasets as tfds

from fusionjax.data import catalogue, depth, images
from fusionjax.data import tfds as ours
from fusionjax.errors import InputError

tfds.disable_progress_bar()
fake = sys.modules['fake_sets']


class _Case:
  """What is added to `DatasetBuilderTestCase`: files, and no network."""

  CARD: catalogue.Card

  @property
  def test_session(self):
    """TensorFlow's, which is no test: as a property it is not collected."""
    return super().test_session

  @classmethod
  def setUpClass(cls):
    cls._folder = tempfile.mkdtemp()
    # Below a folder of the config's name, as the instructions say.
    cls.SPLITS = fake.MAKERS[cls.CARD.full_name](
      Path(cls._folder) / cls.CARD.name
    )
    cls.EXAMPLE_DIR = cls._folder
    cls._patches = [
      mock.patch.object(depth, 'NYU_TRAIN', fake.NYU_TRAIN),
      mock.patch.object(socket.socket, 'connect', _no_network),
    ]
    for patch in cls._patches:
      patch.start()
    super().setUpClass()

  @classmethod
  def tearDownClass(cls):
    super().tearDownClass()
    for patch in cls._patches:
      patch.stop()
    shutil.rmtree(cls._folder)


def _no_network(*_):
  raise AssertionError('a builder touched the network')


def _cases():
  """A test case for every config of every builder."""
  for card in catalogue.CARDS.values():
    name = f'{card.builder}_{card.name}'.title().replace('_', '')
    yield (
      f'{name}Test',
      type(
        f'{name}Test',
        (_Case, tfds.testing.DatasetBuilderTestCase),
        {
          'CARD': card,
          'DATASET_CLASS': ours.BUILDERS[card.builder],
          'BUILDER_CONFIG_NAMES_TO_TEST': [card.name],
          '__module__': __name__,
        },
      ),
    )


globals().update(_cases())


def test_every_set_has_files_to_test_with():
  assert set(fake.MAKERS) == set(catalogue.CARDS)
  assert len(ours.BUILDERS) == 7


def _build(name, folder, data_dir):
  builder = tfds.builder(name, data_dir=str(data_dir))
  builder.download_and_prepare(
    download_config=tfds.download.DownloadConfig(
      manual_dir=str(folder), compute_stats='skip'
    )
  )
  return builder


@pytest.mark.parametrize(
  ('name', 'where', 'counts', 'shapes'),
  [
    ('fusion_mef/mefb', 'mef/mefb', {'test': 50}, {'reference': None}),
    ('fusion_mff/lytro', 'mff/lytro', {'test': 20}, {}),
    (
      'fusion_mff/mf_voc',
      'mff/train_mfvoc',
      {'train': 400},
      {'sources': (2, 224, 224, 3), 'reference': (224, 224, 3)},
    ),
    ('fusion_ivf/tno', 'ivf/tno', {'test': 20}, {}),
    ('fusion_ivf/flir', 'ivf/roadscene', {'train': 181, 'test': 20}, {}),
    (
      'fusion_medical/ct_mri',
      'medical/harvard_ct_mri',
      {'train': 160, 'test': 12},
      {'functional': (256, 256, 1), 'anatomical': (256, 256, 1)},
    ),
    ('fusion_gdsr/nyu_v2', 'gdsr/nyu', {'test': 3}, {'depth': (480, 640)}),
    ('fusion_gdsr/middlebury', 'gdsr/middlebury', {'train': 24}, {}),
    ('fusion_gdsr/lu', 'gdsr/lu', {'test': 6}, {}),
    ('fusion_msf/cave', 'msf/cave', {'train': 1}, {'cube': (256, 256, 31)}),
    (
      'fusion_msf/landsat',
      'msf/landsat7',
      {'train': 12},
      {'cube': (400, 400, 6), 'guide': (800, 800, 1)},
    ),
  ],
)
def test_real_sets(shared_data, tmp_path, name, where, counts, shapes):
  builder = _build(name, shared_data / where, tmp_path)
  info = builder.info
  assert {k: v.num_examples for k, v in info.splits.items()} == counts
  split = next(iter(counts))
  first = next(iter(tfds.as_numpy(builder.as_dataset(split=split).take(1))))
  for key, shape in shapes.items():
    assert (first[key].shape if key in first else None) == shape
  card = catalogue.get_card(name)
  scene = next(
    s for s in card.find(shared_data / where).scenes if s.split == split
  )
  assert first['name'].decode() == scene.name
  kinds = {'cube': card.dtype, 'depth': card.dtype}
  kinds['exposure_values'] = 'float32'
  for key, value in first.items():
    if isinstance(value, np.ndarray):
      assert value.dtype == kinds.get(key, 'uint8'), key


def test_pictures_are_stored_as_they_are(fake_sets, tmp_path):
  fake_sets.MAKERS['fusion_mef/sice'](tmp_path / 'files')
  builder = _build('fusion_mef/sice', tmp_path / 'files', tmp_path / 'data')
  dataset = builder.as_dataset(
    split='train', decoders={'reference': tfds.decode.SkipDecoding()}
  )
  first = next(iter(tfds.as_numpy(dataset)))
  file = tmp_path / 'files' / 'Dataset_Part1' / 'Label' / '1.JPG'
  assert first['reference'] == file.read_bytes()
  assert first['exposure_values'].shape == (0,)


def test_exposures_are_in_ev(fake_sets, tmp_path):
  fake_sets.MAKERS['fusion_hdr/kalantari'](tmp_path / 'files')
  name = 'fusion_hdr/kalantari'
  builder = _build(name, tmp_path / 'files', tmp_path / 'data')
  first = next(iter(tfds.as_numpy(builder.as_dataset(split='test'))))
  assert first['exposure_values'].tolist() == [-2, 0, 2]
  assert first['exposures'].dtype == np.uint16
  scene = tmp_path / 'files' / 'Test' / 'PAPER' / 'BarbequeDay'
  stored = images.read_image(scene / '262A0898.tif')
  np.testing.assert_array_equal(first['exposures'][0], stored)


def test_missing_files_say_where_to_get_them(tmp_path):
  (tmp_path / 'files' / 'Part3').mkdir(parents=True)
  with pytest.raises(InputError, match='csjcai') as error:
    _build('fusion_mef/sice', tmp_path / 'files', tmp_path / 'data')
  assert 'Dataset_Part1' in str(error.value)


def test_another_dtype_is_refused(fake_sets, tmp_path):
  fake_sets.pictures(
    tmp_path / 'files', 'IR1.png VIS1.png', channels=1, dtype=np.uint16
  )
  with pytest.raises(InputError, match='uint16, and infrared'):
    _build('fusion_ivf/tno', tmp_path / 'files', tmp_path / 'data')
  assert not list((tmp_path / 'data').rglob('dataset_info.json'))
