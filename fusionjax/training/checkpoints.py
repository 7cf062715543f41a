"""Checkpoints that survive a kill, a half copy and a flipped byte.

Orbax writes them in the background and renames a folder when it is whole.
Two things are our own. A checksum of the arrays is saved with them, since a
flipped byte would load silently; and a restore looks at every folder with a
number as its name, since a broken one counts as the latest. Where the newest
is damaged nothing goes on unasked: the error names it and offers the one
before.
"""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from orbax.checkpoint import checkpoint_managers

from fusionjax import errors
from fusionjax.training import state as state_lib

# What orbax and its storage raise on a folder that is empty, cut short,
# altered or of another shape.
_BROKEN = (
  ValueError,
  KeyError,
  TypeError,
  OSError,
  EOFError,
  RuntimeError,
  AttributeError,
)
# What to do where the newest checkpoint is damaged.
DAMAGED = ('error', 'previous')
# What those who write say of a disk that is full, or closed to us. Storage
# libraries wrap what the system says in errors of their own.
_REFUSALS = (
  'No space left',
  'Disk quota',
  'File too large',
  'Read-only file system',
  'Permission denied',
  'Input/output error',
  'No such file or directory',
)
# Bytes that a checkpoint takes beside its arrays.
_ROOM = 300_000


class Checkpoints:
  """The checkpoints of one training."""

  def __init__(
    self,
    folder: Path,
    *,
    keep: int = 2,
    best: str = '',
    damaged: str = 'error',
    alone: bool = False,
    say: Callable[[str], None] = print,
  ):
    """Opens a folder of checkpoints, or makes it.

    Args:
      folder: where the checkpoints are.
      keep: how many of the newest to keep.
      best: name of an evaluation score, such as `qabf`; the checkpoint with
        the highest one is kept too. Empty for none.
      damaged: whether a damaged newest checkpoint is an `error`, or is set
        aside and the `previous` one restored.
      alone: whether each process has a folder of its own, with the same in
        it. Then the first one saves all; else each saves its part.
      say: prints a line about what was skipped.
    """
    self._folder = folder.absolute()
    self._damaged = damaged
    self._best = best
    self._alone = alone
    self._say = say
    policies: list[Any] = [checkpoint_managers.LatestN(max(1, keep))]
    if best:
      policies.append(
        checkpoint_managers.BestN(
          get_metric_fn=lambda scores: scores[best],
          n=1,
          keep_checkpoints_without_metrics=False,
        )
      )
    self._options = ocp.CheckpointManagerOptions(
      preservation_policy=checkpoint_managers.AnyPreservationPolicy(policies),
      cleanup_tmp_directories=True,
      enable_async_checkpointing=True,
      **(self._by_itself() if alone else {}),
    )
    self._manager = self._open()

  def _by_itself(self) -> dict[str, Any]:
    """Options of orbax for a process that waits for no other one."""
    process = jax.process_index()
    # Orbax makes no folder then.
    self._folder.mkdir(parents=True, exist_ok=True)
    own = ocp.options.MultiprocessingOptions(
      primary_host=process,
      active_processes={process},
      barrier_sync_key_prefix=f'process{process}',
    )
    return {'create': False, 'multiprocessing_options': own}

  def _open(self) -> ocp.CheckpointManager:
    manager = ocp.CheckpointManager(
      self._folder,
      options=self._options,
      item_names=('state', 'facts'),
    )
    # By all processes, whoever writes.
    self._saved = set(manager.all_steps())
    return manager

  def save(
    self,
    state: state_lib.TrainState,
    *,
    facts: Mapping[str, Any] | None = None,
    scores: Mapping[str, float] | None = None,
  ) -> None:
    """Starts to save a state; returns while it is written.

    Args:
      state: the state; its step names the checkpoint.
      facts: what else a resume needs, as JSON.
      scores: evaluation scores at this step, if there are any.

    Raises:
      errors.InputError: if this one or the one before cannot be written.
    """
    step = int(state.step)
    if step in self._saved:
      return
    self._saved.add(step)
    if self._alone:
      state = jax.tree.map(to_host, state)
    facts = {**(facts or {}), 'sha256': _digest(state)}
    metrics = None
    if self._best and scores and self._best in scores:
      metrics = {self._best: float(scores[self._best])}
    if self._alone and jax.process_index():
      return
    self._check_room(state)
    with self._writing():
      self._manager.save(
        step,
        args=ocp.args.Composite(
          state=ocp.args.StandardSave(state),
          facts=ocp.args.JsonSave(facts),
        ),
        metrics=metrics,
        force=True,
      )

  def _check_room(self, state: state_lib.TrainState) -> None:
    """Refuses to begin what the disk has no room for."""
    leaves = jax.tree.leaves(state)
    need = _ROOM + sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)
    free = shutil.disk_usage(self._folder).free
    if free < need:
      # Before orbax does: it would leave half a checkpoint, and much text.
      raise errors.InputError(
        f'{self._folder}: a checkpoint needs {need / 1e6:.1f} MB and '
        f'{free / 1e6:.1f} MB are free; {self._last_word()}'
      )

  def _last_word(self) -> str:
    """Says what is kept, and how to go on."""
    sound = [step for step in self._steps() if self._is_whole(step)]
    last = f'the one of step {sound[-1]} is kept' if sound else 'none is there'
    return (
      f'{last}. Make room or give back the rights, and start again: the '
      'training goes on from there.'
    )

  @contextlib.contextmanager
  def _writing(self) -> Iterator[None]:
    """Says in one line what the system refuses."""
    try:
      yield
    except (OSError, ValueError, RuntimeError) as error:
      said = str(error)
      known = next((words for words in _REFUSALS if words in said), None)
      if known is None and not isinstance(error, OSError):
        raise
      raise errors.InputError(
        f'{self._folder}: a checkpoint cannot be written: '
        f'{known or said.splitlines()[0][:160]}; {self._last_word()}'
      ) from error

  def _steps(self) -> list[int]:
    """Steps of all folders with a number as their name."""
    with contextlib.suppress(OSError):
      names = [path.name for path in self._folder.iterdir()]
      return sorted(int(name) for name in names if name.isdigit())
    return []

  def _is_whole(self, step: int) -> bool:
    """Whether a checkpoint has all of its parts, whatever they hold."""
    return (self._folder / str(step) / '_CHECKPOINT_METADATA').exists()

  def restore(
    self, abstract: state_lib.TrainState
  ) -> tuple[state_lib.TrainState, dict[str, Any]] | None:
    """Restores the newest checkpoint, on whatever devices there are.

    Args:
      abstract: shapes, dtypes and shardings of the state.

    Returns:
      The state and its facts; None where there is no checkpoint.

    Raises:
      errors.InputError: if the newest one is damaged and that is an error, or
        if there are checkpoints and none is sound.
    """
    broken: dict[int, str] = {}
    found = None
    steps = sorted(self._manager.all_steps(), reverse=True)
    for step in steps:
      try:
        found = self._restore_step(step, abstract)
        break
      except _BROKEN as error:
        broken[step] = self._damage(step, error)
    if broken and not found:
      # To start over silently would overwrite what may still be saved.
      raise errors.InputError(
        f'{next(iter(broken.values()))} None of the {len(broken)} '
        f'checkpoint(s) in {self._folder} can be read. Delete the folder to '
        'start over, or restore it from a copy.'
      )
    if broken and self._damaged == 'error':
      assert found is not None
      raise errors.InputError(
        f'{next(iter(broken.values()))} The newest sound one is of step '
        f'{int(found[0].step)}: go on from it with '
        '--config.checkpoint.damaged=previous, or restore the damaged one '
        'from a copy.'
      )
    for line in broken.values():
      self._say(f'Skipped: {line}')
    self._set_aside(list(broken))
    return found

  def _damage(self, step: int, error: Exception) -> str:
    """Says what is damaged: the step, the file and how it was found."""
    said = str(error)
    reason = (said.splitlines() or [''])[0]
    folder = self._folder / str(step)
    named = [
      path
      for path in sorted(folder.rglob('*'))
      if str(path) in said or _is_broken_json(path)
    ]
    file = max(named, key=lambda path: len(str(path)), default=folder)
    return (
      f'The checkpoint of step {step} is damaged: {file} '
      f'({type(error).__name__}: {reason[:160]}).'
    )

  def _restore_step(
    self, step: int, abstract: state_lib.TrainState
  ) -> tuple[state_lib.TrainState, dict[str, Any]]:
    restored = self._manager.restore(
      step,
      args=ocp.args.Composite(
        state=ocp.args.StandardRestore(abstract),
        facts=ocp.args.JsonRestore(),
      ),
    )
    state, facts = restored['state'], dict(restored['facts'])
    if facts.pop('sha256') != _digest(state):
      raise ValueError('its checksum does not match')
    return state, facts

  def _set_aside(self, steps: list[int]) -> None:
    """Renames broken folders: their steps will be saved again."""
    if not steps:
      return
    self._manager.close()
    if self._alone or jax.process_index() == 0:
      for step in steps:
        aside = self._folder / f'damaged-{step}'
        shutil.rmtree(aside, ignore_errors=True)
        (self._folder / str(step)).rename(aside)
    self._manager = self._open()

  def wait(self) -> None:
    """Waits until what was saved is on disk.

    Raises:
      errors.InputError: if it cannot be written.
    """
    with self._writing():
      self._manager.wait_until_finished()

  def close(self) -> None:
    """Waits for what is being saved and closes the folder."""
    try:
      self.wait()
    finally:
      with self._writing():
        self._manager.close()


def _is_broken_json(path: Path) -> bool:
  """Whether a file of orbax that should hold JSON does not."""
  names = ('_METADATA', '_sharding', '_CHECKPOINT_METADATA', 'metadata')
  if path.name not in names or not path.is_file():
    return False
  try:
    json.loads(path.read_bytes())
  except ValueError:
    return True
  return False


def _digest(state: state_lib.TrainState) -> str:
  """Checksum of every array of a state, with its place, shape and dtype."""
  digest = hashlib.sha256()
  for path, leaf in jax.tree_util.tree_leaves_with_path(state):
    array = np.ascontiguousarray(to_host(leaf))
    name = f'{jax.tree_util.keystr(path)} {array.dtype} {array.shape}\n'
    digest.update(name.encode())
    digest.update(array.tobytes())
  return digest.hexdigest()


def to_host(leaf: Any) -> np.ndarray:
  """Copies an array of a state to this host.

  Args:
    leaf: an array on the devices of all processes, whole on each or split.

  Returns:
    All of it; where it is split over processes, all of them must ask.
  """
  if not isinstance(leaf, jax.Array) or leaf.is_fully_addressable:
    return np.asarray(jax.device_get(leaf))
  if leaf.is_fully_replicated:
    return np.asarray(leaf.addressable_data(0))
  return np.asarray(multihost_utils.process_allgather(leaf, tiled=True))
