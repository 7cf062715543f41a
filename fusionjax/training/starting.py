"""Weights that a training begins with, in the place of random numbers."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from fusionjax.data import buckets
from fusionjax.errors import InputError
from fusionjax.methods import base, registry
from fusionjax.pretrained import published, weights
from fusionjax.training.state import TrainState


def read(
  name: str, *, method: base.Method, module: nn.Module, task: str
) -> dict[str, Any]:
  """Reads weights that a network can begin with.

  Args:
    name: of a model that ships, or a weight file of fusionjax, or a workdir
      with one, in a bucket too.
    method: the method to train.
    module: its network; options may differ from those of the weights, if the
      parameters are the same.
    task: what is trained; the weights may be of another task.

  Returns:
    The variables.

  Raises:
    InputError: if there are no such weights, or they do not fit the network.
  """
  path = _find(name)
  if path.suffix.lower() in published.SUFFIXES and not weights.is_ours(path):
    raise InputError(
      f'{path} is a published checkpoint. Convert it first: fusionjax convert'
      f' {path} --like MODEL -o converted.safetensors.'
    )
  variables = weights.load_weights(path).variables
  published.check_variables(
    path, variables, method=method, module=module, task=task
  )
  return variables


def begin_with(state: TrainState, variables: Mapping[str, Any]) -> TrainState:
  """Puts weights into a state at step 0.

  Args:
    state: from `state.create_state`; what the loss has of its own is kept.
    variables: `params` and, where the network has some, `batch_stats`.

  Returns:
    The state with these parameters, of which an average starts, too.
  """
  params = _put(state.params, variables['params'])
  return dataclasses.replace(
    state,
    params=params,
    batch_stats=_put(state.batch_stats, variables.get('batch_stats', {})),
    # A copy: the state is donated, and a buffer can be given only once.
    ema=None if state.ema is None else _put(state.ema, variables['params']),
  )


def _find(name: str) -> Path:
  if name in registry.MODELS:
    return weights.shipped_path(name)
  if '://' in name:
    return buckets.local(published.file_url(name), again=True)
  path = Path(name)
  path = path / weights.WORKDIR_WEIGHTS if path.is_dir() else path
  if not path.is_file():
    raise InputError(
      f'weights: {path} does not exist. Give the name of a model that ships, a'
      ' weight file or the workdir of a training.'
    )
  return path


def _put(leaves: Any, values: Mapping[str, Any]) -> Any:
  """Lays values where the leaves of these names lie, each as it is split."""
  if not isinstance(leaves, Mapping):
    value = np.asarray(values, leaves.dtype)
    return jax.make_array_from_callback(
      value.shape, leaves.sharding, lambda index: value[index]
    )
  return {
    name: _put(leaf, values[name]) if name in values else leaf
    for name, leaf in leaves.items()
  }
