from pathlib import Path

import numpy as np

from fusionjax.data import sources
from fusionjax.data.scenes import Scene
from fusionjax.training import fields, provenance


class _Source:
  """Scenes of files that nobody reads."""

  name = 'pairs'

  def __init__(self, *names):
    self.scenes = [
      Scene(name, name, (Path(f'{name}_A.png'), Path(f'{name}_B.png')))
      for name in names
    ]

  def __len__(self):
    return len(self.scenes)


def test_fingerprints_tell_data_apart():
  one = provenance.fingerprint(_Source('a', 'b'))
  assert len(one) == 16
  assert one == provenance.fingerprint(_Source('a', 'b'))
  assert one != provenance.fingerprint(_Source('a', 'c'))
  assert one != provenance.fingerprint(_Source('a'))


def test_what_changed_is_said():
  now = {'fingerprint': '2', 'data': 'y', 'version': '1', 'jax': '9'}
  before = {**now, 'fingerprint': '1', 'data': 'x', 'jax': '8'}
  assert provenance.differences(now, now) == []
  # A checkpoint of before there were facts.
  assert provenance.differences({'seconds': 1.0}, now) == []
  lines = provenance.differences(before, now)
  assert 'x (1) then, y (2) now' in lines[0]
  assert lines[1] == 'This training began with jax 8; this is 9.'


def test_samples_are_named_once():
  data = fields.default_config('m', 'mef').data.to_dict()
  source = sources.open_source(data, task='mef', seed=0, split='train')
  text = provenance.name_samples(source, np.array([3, 1, 3]))
  assert text == 'scenes 3 (train-0003), 1 (train-0001)'
  many = provenance.name_samples(source, np.arange(20))
  assert many.endswith('15 (train-0015), ...')
