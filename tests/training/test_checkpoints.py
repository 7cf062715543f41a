import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fusionjax import errors
from fusionjax.training import checkpoints as checkpoints_lib
from fusionjax.training import mesh as mesh_lib
from fusionjax.training import same_run
from fusionjax.training import state as state_lib


class Saved:
  """A folder of checkpoints and what was said about it."""

  def __init__(self, stand_in, folder):
    self.folder = folder
    self.said = []
    self._base = stand_in.__dict__.setdefault('base_state', [])
    module = stand_in.Tiny(norm=True, channels=8)
    self.parts = (stand_in.METHOD, module, optax.adam(1e-3))
    self.options = {'task': 'mef', 'ema': True}

  def state(self, step):
    """A state that differs by step; compiled once."""
    if not self._base:
      mesh = mesh_lib.make_mesh(8)
      self._base.append(
        state_lib.create_state(*self.parts, seed=0, mesh=mesh, **self.options)
      )
    return jax.tree.map(
      lambda leaf: leaf + jnp.asarray(step, leaf.dtype), self._base[0]
    )

  def open(self, **options):
    return checkpoints_lib.Checkpoints(
      self.folder, say=self.said.append, **options
    )

  def save(self, *steps, scores=None, **options):
    opened = self.open(**options)
    for step in steps:
      opened.save(
        self.state(step),
        facts={'seconds': step / 2},
        scores={'en': scores[step]} if scores else None,
      )
    opened.close()

  def restore(self, *, batch=8, damaged='previous'):
    opened = self.open(damaged=damaged)
    mesh = mesh_lib.make_mesh(batch)
    abstract = state_lib.abstract_state(*self.parts, mesh=mesh, **self.options)
    found = opened.restore(abstract)
    opened.close()
    return found

  def steps(self):
    return sorted(
      int(p.name) for p in self.folder.iterdir() if p.name.isdigit()
    )


@pytest.fixture
def saved(stand_in, tmp_path):
  return Saved(stand_in, tmp_path / 'checkpoints')


def _assert_is(saved, found, step):
  state, facts = found
  assert facts == {'seconds': step / 2}
  jax.tree.map(np.testing.assert_array_equal, state, saved.state(step))


def test_nothing_there(saved):
  assert saved.restore() is None


@pytest.mark.parametrize('batch', [1, 4, 8])
def test_newest_comes_back_on_any_mesh(saved, batch):
  saved.save(1, 2)
  found = saved.restore(batch=batch)
  _assert_is(saved, found, 2)
  leaf = found[0].params['Conv_0']['kernel']
  assert len(leaf.sharding.device_set) == batch
  assert saved.said == []


def test_split_arrays_come_back_whole_and_the_other_way(saved):
  saved.save(1)
  mesh = mesh_lib.make_mesh(8)
  options = {**saved.options, 'mesh': mesh}
  split = state_lib.abstract_state(*saved.parts, **options, shard_parameters=1)
  opened = saved.open()
  state, facts = opened.restore(split)
  opened.close()
  split_ones = [
    leaf
    for leaf in jax.tree.leaves(state)
    if not leaf.sharding.is_fully_replicated
  ]
  assert split_ones
  _assert_is(saved, (state, facts), 1)
  # Saved as it lies there, and restored on one device.
  opened = saved.open()
  opened.save(
    jax.tree.map(
      lambda leaf, place: jax.device_put(leaf, place.sharding),
      saved.state(2),
      split,
    ),
    facts={'seconds': 1.0},
  )
  opened.close()
  _assert_is(saved, saved.restore(batch=1), 2)


def test_newest_and_best_are_kept(saved):
  scores = {1: 0.1, 2: 0.9, 3: 0.2, 4: 0.3, 5: 0.4}
  saved.save(1, 2, 3, 4, 5, scores=scores, keep=2, best='en')
  assert saved.steps() == [2, 4, 5]


def test_only_the_newest_are_kept(saved):
  saved.save(1, 2, 3, keep=1)
  assert saved.steps() == [3]


def test_empty_folder_is_skipped_by_name(saved):
  saved.save(1, 2)
  (saved.folder / '9').mkdir()
  _assert_is(saved, saved.restore(), 2)
  assert 'step 9' in saved.said[0]
  # Out of the way: the step will be saved again.
  assert saved.steps() == [1, 2]
  saved.save(9)
  _assert_is(saved, saved.restore(), 9)


def test_half_a_copy_is_skipped(saved):
  saved.save(1, 2)
  shutil.copytree(saved.folder / '2', saved.folder / '3')
  shutil.rmtree(saved.folder / '3' / 'state')
  _assert_is(saved, saved.restore(), 2)


def test_unfinished_save_is_no_checkpoint(saved):
  saved.save(1)
  shutil.copytree(saved.folder / '1', saved.folder / '5.orbax-checkpoint-tmp')
  _assert_is(saved, saved.restore(), 1)


def _data_files(folder):
  files = [p for p in (folder / 'state').rglob('*') if p.is_file()]
  assert files
  return [p for p in files if p.stat().st_size]


def test_truncated_files_are_skipped(saved):
  saved.save(1, 2)
  for path in _data_files(saved.folder / '2'):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
  _assert_is(saved, saved.restore(), 1)
  assert 'step 2' in saved.said[0]
  assert '\n' not in saved.said[0]


def test_no_flipped_byte_goes_unseen(saved):
  saved.save(1, 2)
  sound = saved.folder.parent / 'sound'
  shutil.copytree(saved.folder, sound)
  skipped = 0
  largest = sorted(_data_files(sound / '2'), key=lambda p: -p.stat().st_size)
  for path in largest[:5]:
    shutil.rmtree(saved.folder)
    shutil.copytree(sound, saved.folder)
    flipped = saved.folder / path.relative_to(sound)
    data = bytearray(flipped.read_bytes())
    data[len(data) // 2] ^= 0x10
    flipped.write_bytes(data)
    found = saved.restore()
    # Either the byte does not matter, or the step is left out.
    step = int(found[0].step)
    _assert_is(saved, found, step)
    skipped += step == 1
  assert skipped


def test_values_that_changed_are_found_by_our_checksum(saved, monkeypatch):
  # What storage that does not check would do: load other values.
  saved.save(1)
  monkeypatch.setattr(checkpoints_lib, '_digest', lambda state: 'another')
  saved.save(2)
  monkeypatch.undo()
  _assert_is(saved, saved.restore(), 1)
  assert 'checksum' in saved.said[0]


def test_damage_names_step_and_file_and_offers_the_one_before(saved):
  saved.save(1, 2)
  broken = saved.folder / '2' / 'state' / '_METADATA'
  broken.write_bytes(broken.read_bytes()[:30])
  with pytest.raises(errors.InputError) as raised:
    saved.restore(damaged='error')
  said = str(raised.value)
  assert f'step 2 is damaged: {broken}' in said
  assert 'sound one is of step 1' in said
  assert 'checkpoint.damaged=previous' in said and '\n' not in said
  # All is as it was.
  assert saved.steps() == [1, 2]


def test_no_sound_checkpoint_is_no_fresh_start(saved):
  saved.save(1)
  for path in _data_files(saved.folder / '1'):
    path.write_bytes(b'')
  with pytest.raises(errors.InputError, match='None of the 1 checkpoint'):
    saved.restore()
  assert saved.steps() == [1]


def test_another_config_is_refused_by_field(tmp_path):
  config = {'method': 'a', 'model': {'width': 4, 'deep': True}, 'steps': 3}
  same_run.check_same_run(tmp_path, config)
  assert json.loads((tmp_path / 'config.json').read_text()) == config
  other = {'method': 'b', 'model': {'width': 5, 'deep': True}, 'steps': 9}
  # Nothing was trained yet: the folder is free.
  same_run.check_same_run(tmp_path, other)
  same_run.check_same_run(tmp_path, config)
  (tmp_path / 'checkpoints' / '3').mkdir(parents=True)
  with pytest.raises(errors.InputError) as raised:
    same_run.check_same_run(tmp_path, other)
  message = str(raised.value)
  assert 'method: a -> b; model.width: 4 -> 5' in message
  assert 'deep' not in message
  assert 'steps' not in message
  same_run.check_same_run(tmp_path, {**config, 'steps': 9})


def test_tuples_of_a_config_are_lists_in_json(tmp_path):
  config = {'model': {'sizes': (1, 3)}}
  same_run.check_same_run(tmp_path, config)
  (tmp_path / 'checkpoints' / '3').mkdir(parents=True)
  same_run.check_same_run(tmp_path, config)
