"""Data in buckets, for which a file system in memory stands."""

import types

import numpy as np
import pytest

from fusionjax.data import buckets, sources
from fusionjax.errors import InputError


class Memory:
  """A path in memory: files by name; what a bucket's path offers."""

  def __init__(self, files, url):
    self._files, self._url = files, url
    self.name = url.rpartition('/')[2]

  def is_dir(self):
    return any(name.startswith(f'{self._url}/') for name in self._files)

  def iterdir(self):
    start = len(self._url) + 1
    inside = [n[start:] for n in self._files if n.startswith(f'{self._url}/')]
    for name in sorted({rest.split('/')[0] for rest in inside}):
      yield Memory(self._files, f'{self._url}/{name}')

  def stat(self):
    if self._url not in self._files:
      raise FileNotFoundError(self._url)
    return types.SimpleNamespace(length=len(self._files[self._url]))

  def read_bytes(self):
    self._files['reads'].append(self._url)
    return self._files[self._url]


@pytest.fixture
def bucket(monkeypatch, tmp_path):
  files = {'reads': []}
  monkeypatch.setenv(buckets.VARIABLE, str(tmp_path / 'copies'))
  monkeypatch.setattr(buckets, 'open_path', lambda url: Memory(files, url))
  return files


def png(value):
  import io

  from PIL import Image

  file = io.BytesIO()
  Image.fromarray(np.full((20, 24, 3), value, np.uint8)).save(file, 'PNG')
  return file.getvalue()


def test_scenes_in_a_bucket(bucket):
  for scene in range(3):
    for name in ('a', 'b'):
      url = f'gs://data/mef/scene{scene}/{name}.png'
      bucket[url] = png(20 * scene + (name == 'b'))
  data = {'root': 'gs://data/mef/', 'holdout': 0}
  source = sources.open_source(data, task='mef', seed=0, split='train')
  assert len(source) == 3
  means = [image.mean() * 255 for image in source.read(2).sources]
  np.testing.assert_allclose(means, [40, 41], atol=1e-4)
  assert len(bucket['reads']) == 6
  # Again: only what changed is read, and what is gone goes.
  bucket['gs://data/mef/scene0/a.png'] = png(99) + b'more'
  del bucket['gs://data/mef/scene1/a.png'], bucket['gs://data/mef/scene1/b.png']
  source = sources.open_source(data, task='mef', seed=0, split='train')
  assert len(source) == 2
  assert bucket['reads'][6:] == ['gs://data/mef/scene0/a.png']


def test_several_roots_and_a_file(bucket):
  bucket['s3://data/ir/1.png'] = bucket['s3://data/vis/1.png'] = png(1)
  bucket['s3://data/one.mat'] = b'12345'
  data = {'root': 's3://data/ir, s3://data/vis', 'holdout': 0}
  source = sources.open_source(data, task='ivf', seed=0, split='train')
  assert len(source) == 1 and len(source.read(0).sources) == 2
  path = buckets.local('s3://data/one.mat')
  assert path.name == 'one.mat' and path.read_bytes() == b'12345'


def test_paths_of_this_machine(tmp_path):
  assert buckets.local(tmp_path) == tmp_path
  assert buckets.local(f'file://{tmp_path}') == tmp_path
  assert '~' not in str(buckets.local('~/x'))


def test_errors(bucket):
  with pytest.raises(InputError, match='gs://data/none cannot be read'):
    buckets.local('gs://data/none')
  with pytest.raises(InputError, match='no known kind'):
    buckets.local('ftp://data')


def test_real_paths_of_buckets_are_understood(monkeypatch, tmp_path):
  """The library's own paths, of a folder here."""
  from etils import epath

  (tmp_path / 'in' / 'deep').mkdir(parents=True)
  (tmp_path / 'in' / 'deep' / 'x').write_bytes(b'x')
  monkeypatch.setenv(buckets.VARIABLE, str(tmp_path / 'copies'))
  monkeypatch.setattr(
    buckets, 'open_path', lambda _: epath.Path(tmp_path / 'in')
  )
  copied = buckets.local('gs://any/in')
  assert (copied / 'deep' / 'x').read_bytes() == b'x'
  assert str(epath.Path('gs://any/in')) == 'gs://any/in'
