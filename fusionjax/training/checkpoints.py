"""Checkpoints that survive a kill, a half copy and a flipped byte.

Orbax writes them in the background and renames a folder when it is whole.
Two things are our own. A checksum of the arrays is saved with them, since a
flipped byte would load silently; and a restore walks back from the newest
step, since a broken folder with a number as its name counts as the latest.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
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
# Fields that may change between a stop and a resume; all others define which
# training this is.
FREE_FIELDS = (
  'steps',
  'epochs',
  'eval',
  'checkpoint',
  'log',
  'mesh',
  'data.cache_bytes',
)


class Checkpoints:
  """The checkpoints of one training."""

  def __init__(
    self,
    folder: Path,
    *,
    keep: int = 2,
    best: str = '',
    say: Callable[[str], None] = print,
  ):
    """Opens a folder of checkpoints, or makes it.

    Args:
      folder: where the checkpoints are.
      keep: how many of the newest to keep.
      best: name of an evaluation score, such as `qabf`; the checkpoint with
        the highest one is kept too. Empty for none.
      say: prints a line about what was skipped.
    """
    self._folder = folder.absolute()
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
    """
    step = int(state.step)
    if step in self._manager.all_steps():
      return
    facts = {**(facts or {}), 'sha256': _digest(state)}
    metrics = None
    if self._best and scores and self._best in scores:
      metrics = {self._best: float(scores[self._best])}
    self._manager.save(
      step,
      args=ocp.args.Composite(
        state=ocp.args.StandardSave(state),
        facts=ocp.args.JsonSave(facts),
      ),
      metrics=metrics,
      force=True,
    )

  def restore(
    self, abstract: state_lib.TrainState
  ) -> tuple[state_lib.TrainState, dict[str, Any]] | None:
    """Restores the newest sound checkpoint and removes broken newer ones.

    Args:
      abstract: shapes, dtypes and shardings of the state.

    Returns:
      The state and its facts; None where there is no checkpoint.

    Raises:
      errors.InputError: if there are checkpoints and none is sound.
    """
    broken = []
    found = None
    for step in sorted(self._manager.all_steps(), reverse=True):
      try:
        found = self._restore_step(step, abstract)
        break
      except _BROKEN as error:
        reason = (str(error).splitlines() or [''])[0]
        self._say(
          f'Skipped the checkpoint of step {step}: it is damaged '
          f'({type(error).__name__}: {reason[:160]}).'
        )
        broken.append(step)
    if broken and not found:
      # To start over silently would overwrite what may still be saved.
      raise errors.InputError(
        f'{self._folder}: none of its {len(broken)} checkpoint(s) can be read. '
        'Delete the folder to start over, or restore it from a copy.'
      )
    self._set_aside(broken)
    return found

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
    """Waits until what was saved is on disk."""
    self._manager.wait_until_finished()

  def close(self) -> None:
    """Waits for what is being saved and closes the folder."""
    self._manager.wait_until_finished()
    self._manager.close()


def _digest(state: state_lib.TrainState) -> str:
  """Checksum of every array of a state, with its place, shape and dtype."""
  digest = hashlib.sha256()
  for path, leaf in jax.tree_util.tree_leaves_with_path(state):
    array = np.ascontiguousarray(jax.device_get(leaf))
    name = f'{jax.tree_util.keystr(path)} {array.dtype} {array.shape}\n'
    digest.update(name.encode())
    digest.update(array.tobytes())
  return digest.hexdigest()


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
    if isinstance(before, Mapping) and isinstance(after, Mapping):
      lines += _differences(before, after, f'{prefix}{name}.')
    elif before != after:
      lines.append(f'{prefix}{name}: {before} -> {after}')
  return lines
