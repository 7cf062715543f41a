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
from fusionjax.pretrained.replacing import replacing
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
# Fields that may change between a stop and a resume; all others define which
# training this is.
FREE_FIELDS = (
  'steps',
  'epochs',
  'eval',
  'checkpoint',
  'log',
  'mesh',
  'accumulation',
  'remat',
  'data.cache_bytes',
)
# Fields that configs did not always have, and what went without saying.
_LATER_FIELDS = {'dtype': 'float32'}


class Checkpoints:
  """The checkpoints of one training."""

  def __init__(
    self,
    folder: Path,
    *,
    keep: int = 2,
    best: str = '',
    damaged: str = 'error',
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
      say: prints a line about what was skipped.
    """
    self._folder = folder.absolute()
    self._damaged = damaged
    self._best = best
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
    )
    self._manager = self._open()

  def _open(self) -> ocp.CheckpointManager:
    return ocp.CheckpointManager(
      self._folder,
      options=self._options,
      item_names=('state', 'facts'),
    )

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
    if step in self._manager.all_steps():
      return
    facts = {**(facts or {}), 'sha256': _digest(state)}
    metrics = None
    if self._best and scores and self._best in scores:
      metrics = {self._best: float(scores[self._best])}
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
      sound = [step for step in self._steps() if self._is_whole(step)]
      last = (
        f'the one of step {sound[-1]} is kept' if sound else 'there is none'
      )
      raise errors.InputError(
        f'{self._folder}: a checkpoint cannot be written: '
        f'{known or said.splitlines()[0][:160]}; {last}. Make room or give '
        'back the rights, and start again: the training goes on from there.'
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
    if jax.process_index() == 0:
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


def check_same_run(folder: Path, config: Mapping[str, Any]) -> None:
  """Refuses to go on with a training whose config was another one.

  The first call writes the config to `config.json`; later ones compare.

  Args:
    folder: the training's folder.
    config: the config as plain dictionaries.

  Raises:
    errors.InputError: if a field differs that defines the training.
  """
  path = folder / 'config.json'
  config = json.loads(json.dumps(config))
  if path.exists() and any((folder / 'checkpoints').glob('[0-9]*')):
    differing = _differences(json.loads(path.read_text()), config)
    if differing:
      raise errors.InputError(
        f'{folder} holds a training with another config: '
        f'{"; ".join(differing)}. Give another --workdir, or the same config.'
      )
  if jax.process_index() == 0:
    with replacing(path) as temporary:
      temporary.write_text(json.dumps(config, indent=2) + '\n')


def _differences(
  old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = ''
) -> list[str]:
  """Lists the fields that differ as 'name: old -> new'."""
  lines = []
  for name in sorted({*old, *new}):
    if f'{prefix}{name}' in FREE_FIELDS:
      continue
    before, after = old.get(name), new.get(name)
    if name not in old:
      before = _LATER_FIELDS.get(f'{prefix}{name}')
    if isinstance(before, Mapping) and isinstance(after, Mapping):
      lines += _differences(before, after, f'{prefix}{name}.')
    elif before != after:
      lines.append(f'{prefix}{name}: {before} -> {after}')
  return lines
