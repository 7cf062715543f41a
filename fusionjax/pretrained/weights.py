"""Our own weight files: safetensors that say what they hold."""

import dataclasses
import importlib.resources
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fusionjax.errors import InputError
from fusionjax.methods import registry
from fusionjax.pretrained.replacing import replacing

FORMAT = '1'
# What a training leaves in its workdir.
WORKDIR_WEIGHTS = 'weights.safetensors'
_RESERVED = ('fusionjax_format', 'method', 'task', 'options')


@dataclasses.dataclass(frozen=True)
class Weights:
  """What a weight file holds.

  Attributes:
    variables: nested dict of arrays, such as `{'params': {...}}`.
    method: name of the method, such as `ffmef`.
    task: name of the task, such as `mef`.
    options: options for the constructor of the method's module.
    metadata: further facts, such as the command of the training.
  """

  variables: dict[str, Any]
  method: str
  task: str
  options: dict[str, Any]
  metadata: dict[str, str]


def save_weights(
  path: Path | str,
  variables: Mapping[str, Any],
  *,
  method: str,
  task: str,
  options: Mapping[str, Any],
  metadata: Mapping[str, str],
) -> None:
  """Writes variables with what is needed to use them.

  The file appears under its name when it is whole.

  Args:
    path: the file, `*.safetensors`.
    variables: nested mapping of arrays, such as `{'params': {...}}`.
    method: name of the method.
    task: name of the task.
    options: options for the constructor of the method's module; plain data.
    metadata: further facts, such as the command of the training.

  Raises:
    InputError: if the file cannot be written.
  """
  import safetensors.numpy

  assert not set(metadata) & set(_RESERVED), metadata
  facts = {
    'fusionjax_format': FORMAT,
    'method': method,
    'task': task,
    'options': json.dumps(dict(options)),
    **metadata,
  }
  with replacing(Path(path)) as temporary:
    # Bytes, then a file: a full disk is then an OSError.
    data = safetensors.numpy.save(_flatten(variables), facts)
    temporary.write_bytes(data)


def load_weights(path: Path | str) -> Weights:
  """Reads a file that `save_weights` wrote.

  Args:
    path: the file.

  Returns:
    Its variables and what it says of them.

  Raises:
    InputError: if it is missing, damaged, newer than this version, or from
      elsewhere.
  """
  import safetensors

  path = Path(path)
  if not path.is_file():
    raise InputError(f'{path} is no file. Check the path.')
  try:
    with safetensors.safe_open(path, framework='np') as file:
      facts = dict(file.metadata() or {})
      _check_facts(path, facts)
      names = file.keys()
      flat = {name: file.get_tensor(name) for name in names}
  except (safetensors.SafetensorError, OSError) as error:
    raise InputError(
      f'{path} is no safetensors file, or is damaged ({error}).'
    ) from error
  return Weights(
    variables=_unflatten(flat),
    method=facts['method'],
    task=facts['task'],
    options=_options(path, facts['options']),
    metadata={k: v for k, v in facts.items() if k not in _RESERVED},
  )


def is_ours(path: Path | str) -> bool:
  """Whether a file was written by `save_weights`."""
  import safetensors

  try:
    with safetensors.safe_open(path, framework='np') as file:
      return 'fusionjax_format' in (file.metadata() or {})
  except (safetensors.SafetensorError, OSError):
    return False


def module_options(module: Any) -> dict[str, Any]:
  """Options of a Flax module that differ from its constructor's defaults.

  Args:
    module: a Flax module, whose attributes are dataclass fields.

  Returns:
    The options by name; `type(module)(**options)` makes the same module.
  """
  return {
    field.name: getattr(module, field.name)
    for field in dataclasses.fields(module)
    if field.name not in ('parent', 'name')
    and getattr(module, field.name) != field.default
  }


def shipped_path(name: str) -> Path:
  """Where the weights of a model lie in the package.

  Args:
    name: the name of a model, such as `ffmef-mef`.

  Raises:
    InputError: if there is no such model, or the package holds no such file.
  """
  registry.get_model(name)
  path = _shipped(name)
  if not path.is_file():
    raise InputError(
      f'This package holds no file {path.name}. Train the model, or give a'
      f' published checkpoint with like={name}.'
    )
  return path


def is_shipped(name: str) -> bool:
  """Whether the package holds the weights of a model."""
  return _shipped(name).is_file()


def _shipped(name: str) -> Path:
  folder = importlib.resources.files('fusionjax.pretrained')
  return Path(str(folder / f'{name}.safetensors'))


def _check_facts(path: Path, facts: Mapping[str, str]) -> None:
  if not set(_RESERVED) <= set(facts):
    raise InputError(
      f'{path} was not written by fusionjax. If it is a published'
      ' checkpoint, name its model with like (--like ffmef-mef).'
    )
  if facts['fusionjax_format'] != FORMAT:
    raise InputError(
      f'{path} has format {facts["fusionjax_format"]}, this version reads'
      f' {FORMAT}. Update fusionjax.'
    )


def _options(path: Path, text: str) -> dict[str, Any]:
  """The options of a module from their JSON."""
  try:
    options = json.loads(text)
  except json.JSONDecodeError as error:
    raise InputError(
      f'{path} is damaged: its options are no JSON ({error}). Copy it again.'
    ) from error
  if not isinstance(options, dict):
    raise InputError(
      f'{path} is damaged: its options are {text}. Copy it again.'
    )
  return _tuples(options)


def _flatten(
  variables: Mapping[str, Any], prefix: str = ''
) -> dict[str, np.ndarray]:
  """Arrays by their path, joined with '/'."""
  flat: dict[str, np.ndarray] = {}
  for name, value in variables.items():
    assert '/' not in name, name
    if isinstance(value, Mapping):
      flat.update(_flatten(value, f'{prefix}{name}/'))
    else:
      flat[f'{prefix}{name}'] = np.ascontiguousarray(value).reshape(
        np.shape(value)
      )
  return flat


def _unflatten(flat: Mapping[str, np.ndarray]) -> dict[str, Any]:
  nested: dict[str, Any] = {}
  for path, array in flat.items():
    *parents, last = path.split('/')
    inner = nested
    for name in parents:
      inner = inner.setdefault(name, {})
    inner[last] = array
  return nested


def _tuples(value: Any) -> Any:
  """Makes tuples of JSON's lists: options of a module must be hashable."""
  if isinstance(value, list):
    return tuple(_tuples(item) for item in value)
  if isinstance(value, dict):
    return {key: _tuples(item) for key, item in value.items()}
  return value
