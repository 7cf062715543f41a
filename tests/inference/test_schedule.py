"""Which scene of a folder goes next."""

import threading

from fusionjax.inference.schedule import Schedule


def test_scenes_pass_those_that_wait_for_a_program() -> None:
  #                    0    1    2    3    4    5    6
  schedule = Schedule(['a', 'a', 'b', None, 'c', 'b', 'a'], workers=2)
  schedule.ask()
  # One thread makes the program of `a`; what needs none is there already.
  assert schedule.take() == 0
  assert schedule.take() == 3
  schedule.finish(3, made=True)
  # Nothing is there to be fused: another program is made.
  assert schedule.take() == 2
  schedule.finish(0, made=True)
  # One is being made, and scenes of the first are there.
  assert schedule.take() == 1
  schedule.finish(2, made=True)
  # None is being made: the next one, before what could be fused.
  assert schedule.take() == 4
  schedule.finish(1, made=True)
  assert schedule.take() == 5
  schedule.finish(5, made=True)
  assert schedule.take() == 6
  assert schedule.take() is None


def test_a_program_that_was_not_made_is_made_by_the_next_scene() -> None:
  schedule = Schedule(['a', 'a', 'a'], workers=2)
  schedule.ask()
  assert schedule.take() == 0
  schedule.finish(0, made=False)
  assert schedule.take() == 1
  waiting = threading.Thread(target=schedule.take)
  waiting.start()
  waiting.join(0.2)
  assert waiting.is_alive(), 'the last scene waits for the program'
  schedule.finish(1, made=True)
  waiting.join(30)
  assert not waiting.is_alive()


def test_few_scenes_begin_unless_asked_for() -> None:
  schedule, taken = Schedule([None] * 9, workers=2), []

  def work() -> None:
    while (scene := schedule.take()) is not None:
      taken.append(scene)
      schedule.finish(scene, made=True)

  thread = threading.Thread(target=work)
  thread.start()
  thread.join(0.2)
  assert thread.is_alive() and taken == [0, 1]
  schedule.ask()
  thread.join(30)
  assert not thread.is_alive() and taken == list(range(9))


def test_none_begins_after_the_stop() -> None:
  schedule = Schedule(['a', 'b'], workers=2)
  schedule.ask()
  schedule.stop()
  assert schedule.take() is None
