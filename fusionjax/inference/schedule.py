"""Which scene of a folder goes next, so that compiling holds up nobody.

While one thread compiles for a size, the others fuse scenes whose program is
there already, though scenes before them still wait for theirs.
"""

import threading
from collections.abc import Callable, Hashable, Sequence


class Schedule:
  """Hands out scenes to threads, each once.

  A scene of a program that is being made waits for it, unless it is made.
  Programs are made as early as can be, by half of the threads at most while
  the others have scenes to fuse.
  """

  def __init__(
    self, programs: Sequence[Hashable | None], *, workers: int
  ) -> None:
    """Begins with all scenes waiting.

    Args:
      programs: for each scene what tells its program from others; None where
        that is not known, or where it needs none.
      workers: how many threads there are.
    """
    self._programs = programs
    self._workers = workers
    self._waiting = list(range(len(programs)))
    self._ready: set[Hashable | None] = {None}
    self._making: set[Hashable | None] = set()
    # Scenes begun whose outcomes were not handed over, and whether somebody
    # asks for one.
    self._ahead, self._asked, self._stopped = 0, False, False
    self._changed = threading.Condition()

  def take(self) -> int | None:
    """The next scene for a thread; waits until there is one, None at the end.

    Unless an outcome is asked for, few scenes are begun.
    """
    with self._changed:
      while True:
        if self._stopped or not self._waiting:
          return None
        scene = self._choose()
        if scene is not None and (self._asked or self._ahead < self._workers):
          break
        self._changed.wait()
      self._waiting.remove(scene)
      self._ahead += 1
      if self._programs[scene] not in self._ready:
        self._making.add(self._programs[scene])
      return scene

  def finish(self, scene: int, *, made: bool) -> None:
    """Says that a scene is done.

    Args:
      scene: what `take` returned.
      made: whether its program is there; False lets another scene make it.
    """
    with self._changed:
      self._making.discard(self._programs[scene])
      if made:
        self._ready.add(self._programs[scene])
      self._changed.notify_all()

  def ask(self) -> None:
    """Says that somebody waits for an outcome."""
    with self._changed:
      self._asked = True
      self._changed.notify_all()

  def answer(self) -> None:
    """Says that an outcome was handed over."""
    with self._changed:
      self._asked = False
      self._ahead -= 1
      self._changed.notify_all()

  def stop(self) -> None:
    """Lets no further scene begin."""
    with self._changed:
      self._stopped = True
      self._changed.notify_all()

  def _choose(self) -> int | None:
    """The scene to begin next, None where all wait for a program."""
    touched = self._ready | self._making
    new = self._first(lambda program: program not in touched)
    if new is not None and 2 * len(self._making) < self._workers:
      return new
    ready = self._first(lambda program: program in self._ready)
    return new if ready is None else ready

  def _first(self, suits: Callable[[Hashable | None], bool]) -> int | None:
    """The first waiting scene whose program suits."""
    scenes = self._waiting
    return next((s for s in scenes if suits(self._programs[s])), None)
