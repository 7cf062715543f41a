"""Trainings that write to buckets: file systems in memory and on disk."""

import json

import fsspec
import numpy as np
import pytest
from etils import epath
from etils.epath import backend as backend_lib
from etils.epath import gpath

import fusionjax as fj
from fusionjax.errors import InputError
from fusionjax.pretrained import weights
from fusionjax.training import evaluate, journal, loop, workdir


class Memory(backend_lib._FileSystemSpecBackend):
  """What epath does with buckets, in memory."""

  def fs(self, path):
    return fsspec.filesystem('memory')


@pytest.fixture
def bucket(monkeypatch, tmp_path):
  """Files by their name in a bucket."""
  memory = Memory()
  here = backend_lib.os_backend
  backend = property(lambda path: memory if path._uri_scheme else here)
  monkeypatch.setattr(gpath.PosixGPath, '_backend', backend)
  monkeypatch.setenv('FUSIONJAX_DATA', str(tmp_path / 'copies'))
  system = fsspec.filesystem('memory')
  system.store.clear()
  system.pseudo_dirs[:] = ['']
  yield system.store
  system.store.clear()


@pytest.fixture
def two(tmp_path):
  """A mirror, and the folder that stands for its bucket."""
  folder, there = tmp_path / 'here', tmp_path / 'there'
  folder.mkdir()
  return workdir.Mirror(folder, f'file://{there}'), there


def test_what_is_whole_is_copied_and_what_is_gone_goes(two):
  mirror, there = two
  here = mirror.folder
  (here / 'checkpoints' / '3').mkdir(parents=True)
  (here / 'checkpoints' / '3' / 'a').write_text('three')
  (here / 'checkpoints' / '6.orbax-checkpoint-tmp').mkdir()
  (here / 'checkpoints' / '6.orbax-checkpoint-tmp' / 'a').write_text('half')
  (here / '.weights.1234.part').write_text('half')
  (here / 'log').write_text('1\n')
  mirror.sync(wait=True)
  names = ['checkpoints/3/a', 'log']
  assert json.loads((there / workdir.LIST).read_text()) == names
  found = [p for p in there.rglob('*') if p.is_file()]
  found = {str(p.relative_to(there)) for p in found}
  assert found == {*names, workdir.LIST}
  # Only what changes is copied again.
  (there / 'checkpoints' / '3' / 'a').write_text('as it is')
  (here / 'log').write_text('1\n2\n')
  mirror.sync(wait=True)
  assert (there / 'log').read_text() == '1\n2\n'
  assert (there / 'checkpoints' / '3' / 'a').read_text() == 'as it is'
  (here / 'checkpoints' / '3' / 'a').unlink()
  mirror.sync(wait=True)
  assert json.loads((there / workdir.LIST).read_text()) == ['log']
  assert not (there / 'checkpoints').exists()


def test_what_a_kill_leaves_is_not_seen(two, tmp_path):
  mirror, there = two
  (mirror.folder / 'checkpoints').mkdir()
  (mirror.folder / 'checkpoints' / '3').write_text('three')
  mirror.sync(wait=True)
  (there / 'checkpoints' / '6').write_text('half')
  with workdir.opened(f'file://{there}') as place:
    assert place.mirrored and place.name == f'file://{there}'
    found = [p.name for p in (place.folder / 'checkpoints').iterdir()]
    assert found == ['3']
    assert not (there / 'checkpoints' / '6').exists()
    (place.folder / 'more').write_text('x')
  assert not place.folder.exists()
  assert (there / 'more').read_text() == 'x'


def test_copies_on_the_side_are_not_too_many(two, monkeypatch):
  mirror, there = two
  (mirror.folder / 'log').write_text('1')
  mirror.sync()
  mirror._running.result()
  assert (there / 'log').read_text() == '1'
  (mirror.folder / 'log').write_text('12')
  mirror.sync()
  assert mirror._running is None
  monkeypatch.setattr(workdir, 'PAUSE', 0.0)
  mirror.sync()
  mirror.close()
  assert (there / 'log').read_text() == '12'


def test_a_bucket_that_refuses(two, monkeypatch):
  mirror, there = two
  there.write_text('no folder')
  with (
    pytest.raises(InputError, match=r'there cannot be written: .*access'),
    workdir.opened(f'file://{there}'),
  ):
    pytest.fail('it should be known before any work')
  (mirror.folder / 'log').write_text('1')
  with pytest.raises(InputError, match=r'there cannot be written: .*access'):
    mirror.sync(wait=True)
  # On the side it is said the next time.
  monkeypatch.setattr(workdir, 'PAUSE', 0.0)
  mirror.sync()
  mirror.close()
  with pytest.raises(InputError, match='cannot be written'):
    mirror.sync()


def test_unknown_buckets():
  with (
    pytest.raises(InputError, match='ftp://a/b is of no known kind'),
    workdir.opened('ftp://a/b'),
  ):
    pass


def test_training_in_a_bucket(stand_in, bucket, tmp_path, capsys):
  options = {'mesh__data': 1}
  straight = tmp_path / 'straight'
  loop.train(stand_in.make_config(**options), straight)
  url = 'gs://bucket/runs/a'
  loop.train(stand_in.make_config(**options, steps=3), url)
  loop.train(stand_in.make_config(**options), url)
  said = capsys.readouterr().out
  assert 'Continuing after step 3 of 6' in said
  assert f'Done: {url} holds weights.safetensors' in said
  inside = {name.split('runs/a/')[1] for name in bucket}
  assert {'config.json', 'scores.csv', 'samples.png', 'log.jsonl'} <= inside
  assert any(name.startswith('checkpoints/6/') for name in inside)
  assert any(name.startswith('tensorboard/') for name in inside)
  samples = (straight / 'samples.png').read_bytes()
  assert epath.Path(url, 'samples.png').read_bytes() == samples
  expected = weights.load_weights(straight / 'weights.safetensors')
  model = fj.load_model(url)
  assert model.name == 'a'
  np.testing.assert_array_equal(
    model.variables['params']['Conv_0']['kernel'],
    expected.variables['params']['Conv_0']['kernel'],
  )
  loop.train(stand_in.make_config(**options), url)
  assert f'is done: step 6 of 6, see {url}' in capsys.readouterr().out
  evaluate.evaluate(stand_in.make_config(**options), url)
  assert f'Wrote {url}/evaluation.csv' in capsys.readouterr().out
  listed = json.loads(epath.Path(url, workdir.LIST).read_text())
  assert {'evaluation.csv', 'config.json', 'log.jsonl'} <= {*listed}
  # Another training there is refused, by the name that the user knows.
  with pytest.raises(InputError, match=r'^gs://bucket/runs/a holds a training'):
    loop.train(stand_in.make_config(**options, seed=8), url)


@pytest.mark.long
def test_two_processes_with_a_bucket_and_no_common_disk(
  kills, tmp_path, monkeypatch
):
  monkeypatch.setenv('STAND_IN_PAUSE', '0')
  whole, url = tmp_path / 'whole', f'file://{tmp_path / "there"}'
  both = kills.start_two(whole)
  assert [p.end() for p in both] == [0, 0], both[0].said()
  split = {'mesh__shard_parameters': 8}
  for steps in (40, 120):
    both = kills.start_two(url, steps=steps, **split)
    assert [p.end() for p in both] == [0, 0], both[0].said()
  assert 'Continuing after step 40 of 120' in both[0].said()
  losses = [
    [x['train/loss'] for x in journal.read(path / 'log.jsonl') if len(x) > 4]
    for path in (whole, tmp_path / 'there')
  ]
  np.testing.assert_allclose(*losses, rtol=1e-5)
