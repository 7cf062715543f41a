"""Trainings that are really killed, and what they leave."""

import re
import signal
import time

import numpy as np
import orbax.checkpoint as ocp
import pytest

from fusionjax.pretrained import weights
from fusionjax.training import journal, loop


@pytest.fixture(scope='module')
def straight(kills, tmp_path_factory):
  """A training in one process that nobody disturbs."""
  workdir = tmp_path_factory.mktemp('straight')
  process = kills.Process(workdir, **kills.OPTIONS)
  assert process.end() == 0, process.said()
  return workdir


def _state(workdir):
  """All arrays of the newest checkpoint, by place."""
  with ocp.CheckpointManager(
    workdir / 'checkpoints', item_names=('state', 'facts')
  ) as manager:
    step = manager.latest_step()
    arguments = ocp.args.Composite(state=ocp.args.StandardRestore())
    tree = manager.restore(step, args=arguments)['state']
  found = {}

  def walk(value, path):
    if isinstance(value, dict | list | tuple):
      items = value.items() if isinstance(value, dict) else enumerate(value)
      for name, child in items:
        walk(child, f'{path}/{name}')
    elif value is not None:
      found[path] = np.asarray(value)

  walk(tree, str(step))
  return found


def _assert_same(one, two):
  """Equal to the last bit: state, weights, scores, samples and losses."""
  first, second = _state(one), _state(two)
  assert len(first) > 10 and first.keys() == second.keys()
  for name, value in first.items():
    np.testing.assert_array_equal(value, second[name], err_msg=name)
  for name in ('scores.csv', 'samples.png'):
    assert (one / name).read_bytes() == (two / name).read_bytes()
  assert _losses(one) == _losses(two)
  paths = [folder / 'weights.safetensors' for folder in (one, two)]
  loaded = [weights.load_weights(path) for path in paths]
  kernels = [w.variables['params']['Conv_0']['kernel'] for w in loaded]
  np.testing.assert_array_equal(*kernels)


def _losses(workdir):
  """The mean loss of each window, by step."""
  lines = journal.read(workdir / 'log.jsonl')
  return {x['step']: x['train/loss'] for x in lines if 'train/loss' in x}


def _assert_survives(kills, straight, workdir, number, seed):
  done = kills.train_with_kills(workdir, number, seed=seed)
  # Most have hit what they were meant for, each moment at least once.
  assert {kill.moment for kill in done if kill.hit} == set(kills.MOMENTS), done
  _assert_same(straight, workdir)


def test_five_kills_change_nothing(kills, straight, tmp_path):
  _assert_survives(kills, straight, tmp_path, 5, seed=1)


@pytest.mark.long
def test_a_kill_of_a_training_in_a_bucket(
  kills, straight, tmp_path, monkeypatch
):
  monkeypatch.setenv('STAND_IN_PAUSE', '0')
  url = f'file://{tmp_path}'
  process = kills.Process(url, **kills.OPTIONS)
  # While it is copied, or soon after.
  sent = tmp_path / 'checkpoints' / '50'
  assert process.wait_until(sent.exists), process.said()
  process.send(signal.SIGKILL)
  process.end()
  process = kills.Process(url, **kills.OPTIONS)
  assert process.end() == 0, process.said()
  assert 'Continuing after step' in process.said()
  _assert_same(straight, tmp_path)


@pytest.mark.long
def test_thirty_kills_change_nothing(kills, straight, tmp_path):
  _assert_survives(kills, straight, tmp_path, 30, seed=2)


def _kill_in_turn(kills, workdir, victims):
  """Kills one of two processes, again and again, and lets both end."""
  for victim in victims:
    code, seconds, said = kills.kill_one_of_two(workdir, victim)
    assert seconds < 40
    if code == 1:
      assert f'process {1 - victim} of 2 lost contact' in said
      assert 'continues after its last checkpoint' in said
    else:
      # It exchanged no numbers just then: the runtime ended it.
      assert code == -signal.SIGABRT, said
      assert 'another task died' in said
  again = kills.start_two(workdir)
  assert [p.end() for p in again] == [0, 0], again[0].said()
  assert 'Continuing after step' in again[0].said()
  # Only the first one speaks.
  assert 'step' not in again[1].said()


@pytest.mark.long
def test_one_of_two_is_killed(kills, straight, tmp_path):
  _kill_in_turn(kills, tmp_path, [1])
  one, two = _losses(straight), _losses(tmp_path)
  assert two == pytest.approx(one, rel=1e-5)


@pytest.mark.long
def test_each_of_two_is_killed(kills, tmp_path):
  whole = kills.start_two(tmp_path / 'whole')
  assert [p.end() for p in whole] == [0, 0], whole[0].said()
  _kill_in_turn(kills, tmp_path / 'killed', [0, 1, 0])
  _assert_same(tmp_path / 'whole', tmp_path / 'killed')


@pytest.mark.long
def test_a_frozen_process_counts_as_lost(kills, tmp_path):
  both = kills.start_two(tmp_path)
  assert both[0].wait_until(lambda: both[0].count('step ', 'loss') >= 2)
  both[1].send(signal.SIGSTOP)
  begun = time.monotonic()
  # The runtime itself ends a process whose partner sends no heartbeats.
  assert both[0].end() != 0
  assert time.monotonic() - begun < 60
  assert 'stopped sending heartbeats' in both[0].said()
  both[1].send(signal.SIGKILL)
  both[1].end()


def test_sigterm_while_compiling_saves_and_ends(kills, tmp_path):
  options = {**kills.OPTIONS, 'steps': 100_000}
  process = kills.Process(tmp_path, **options)
  assert process.wait_until(lambda: process.count('step 0:') > 0)
  process.send(signal.SIGTERM)
  assert process.end(60) == 0
  # The step that was being compiled is done, unless it was not begun.
  assert re.search(r'SIGTERM: saved step [01] of 100000', process.said())


def test_sigterm_while_scoring_saves_and_owes_the_scores(
  kills, stand_in, tmp_path, capsys
):
  options = {
    **kills.OPTIONS,
    'steps': 2,
    'data__scenes': 400,
    'data__holdout': 0.9,
    'eval__scenes': 0,
  }
  process = kills.Process(tmp_path, **options)
  assert process.wait_until(lambda: process.count('a device.') > 0)
  # Restoring, initialising, and then scores of 360 scenes.
  assert process.wait_until((tmp_path / 'log.jsonl').exists)
  time.sleep(1)
  process.send(signal.SIGTERM)
  assert process.end(60) == 0
  assert 'SIGTERM: saved step 0 of 2' in process.said()
  options |= {'eval__scenes': 2, 'mesh__data': 1}
  loop.train(stand_in.make_config(**options), tmp_path)
  assert capsys.readouterr().out.count('step 0: 2 held-out scenes') == 1


@pytest.mark.long
def test_sigterm_stops_two_at_one_step(kills, tmp_path):
  both = kills.start_two(tmp_path, steps=100_000)
  assert both[0].wait_until(lambda: both[0].count('step ', 'loss') >= 2)
  # The one that hears it tells the other.
  both[1].send(signal.SIGTERM)
  assert [process.end(60) for process in both] == [0, 0]
  assert 'SIGTERM: saved step' in both[0].said()


@pytest.mark.long
def test_one_process_goes_on_for_two_and_two_for_one(kills, tmp_path):
  # The arrays of the state are split over the devices of both.
  options = {'mesh__shard_parameters': 8, 'model__channels': 4}
  whole, moved = tmp_path / 'whole', tmp_path / 'moved'
  alone = kills.Process(whole, **{**kills.OPTIONS, 'model__channels': 4})
  assert alone.end() == 0, alone.said()
  for steps in (40, 80, 120):
    if steps == 80:
      one = kills.Process(moved, **{**kills.OPTIONS, **options, 'steps': 80})
      assert one.end() == 0, one.said()
      assert 'Continuing after step 40 of 80' in one.said()
    else:
      both = kills.start_two(moved, steps=steps, **options)
      assert [p.end() for p in both] == [0, 0], both[0].said()
  assert 'Continuing after step 80 of 120' in both[0].said()
  assert _losses(moved) == pytest.approx(_losses(whole), rel=1e-5)


@pytest.mark.long
def test_sigterm_stops_two_while_they_score(kills, tmp_path):
  options = {'data__scenes': 800, 'data__holdout': 0.9, 'eval__scenes': 0}
  both = kills.start_two(tmp_path, **options)
  assert both[0].wait_until((tmp_path / 'log.jsonl').exists)
  time.sleep(2)
  both[1].send(signal.SIGTERM)
  begun = time.monotonic()
  assert [process.end(60) for process in both] == [0, 0], both[0].said()
  assert time.monotonic() - begun < 20
  assert 'SIGTERM: saved step 0 of 120' in both[0].said()
