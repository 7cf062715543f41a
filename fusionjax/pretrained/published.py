"""Published PyTorch checkpoints brought into Flax variables."""

import fnmatch
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import flax.traverse_util
import numpy as np
import safetensors
import safetensors.numpy

from fusionjax.errors import InputError
from fusionjax.methods import base
from fusionjax.pretrained import torch_pickle, weights

TORCH_SUFFIXES = ('.pth', '.pt', '.model')
SUFFIXES = (*TORCH_SUFFIXES, '.npz', '.safetensors')
# Where trainings keep the state dict of the network in their checkpoint.
_STATE_KEYS = ('model', 'state_dict', 'params')
# How many entries of a kind an error lists.
_LISTED = 12


def read_published(path: Path | str) -> dict[str, np.ndarray]:
  """Reads a checkpoint that carries PyTorch's names.

  Args:
    path: .pth, .pt or .model of `torch.save` (nothing in it is executed),
      .npz or .safetensors.

  Returns:
    Arrays by name, in PyTorch's layouts. The prefix `module.` that
    `DataParallel` puts before every name is taken off.

  Raises:
    InputError: if the file is missing, damaged or holds no state dict.
  """
  path = Path(path)
  suffix = path.suffix.lower()
  check_suffix(path)
  if not path.is_file():
    raise InputError(f'{path} is no file. Check the path.')
  if suffix == '.npz':
    entries = _read_npz(path)
  elif suffix == '.safetensors':
    try:
      entries = safetensors.numpy.load_file(path)
    except (safetensors.SafetensorError, OSError, KeyError) as error:
      raise InputError(
        f'{path} is no safetensors file, or is damaged ({error}).'
      ) from error
  else:
    entries = _state_dict(torch_pickle.read_torch_pickle(path), path)
  if entries and all(name.startswith('module.') for name in entries):
    entries = {n.removeprefix('module.'): a for n, a in entries.items()}
  return entries


def read_published_files(
  folder: Path | str, files: Mapping[str, str]
) -> dict[str, np.ndarray]:
  """Reads a checkpoint that consists of several files in one folder.

  Args:
    folder: the folder.
    files: names of the files without suffix, and what to put before the
      names of their entries.

  Returns:
    Arrays by name, see `read_published`.

  Raises:
    InputError: if a file is missing, or cannot be read.
  """
  folder = Path(folder)
  entries: dict[str, np.ndarray] = {}
  for stem, prefix in files.items():
    found = sorted(
      path for path in folder.glob(f'{stem}.*') if path.suffix in SUFFIXES
    )
    if not found:
      raise InputError(
        f'{folder} holds no {stem} ({", ".join(SUFFIXES)}). This checkpoint'
        f' consists of {", ".join(files)}: put them in one folder.'
      )
    part = read_published(found[0])
    entries.update({f'{prefix}{name}': array for name, array in part.items()})
  return entries


def file_url(url: str) -> str:
  """The URL of a weight file in a bucket: the one given, or in that workdir."""
  if Path(url).suffix.lower() in SUFFIXES:
    return url
  return f'{url.rstrip("/")}/{weights.WORKDIR_WEIGHTS}'


def check_suffix(path: Path) -> None:
  """Raises InputError for a suffix that no checkpoint has."""
  if path.suffix.lower() not in SUFFIXES:
    raise InputError(
      f'{path}: unknown kind of checkpoint {path.suffix!r}. Give one of'
      f' {", ".join(SUFFIXES)}.'
    )


def load_published(
  path: Path | str, *, method: base.Method, module: nn.Module, task: str
) -> dict[str, Any]:
  """Loads a published checkpoint into the variables of a module.

  Strict both ways: every parameter must be in the checkpoint, and every
  entry of the checkpoint must be a parameter or match one of the method's
  `ignorable_entries`.

  Args:
    path: the checkpoint, see `read_published`; or the folder of one that
      consists of several files.
    method: the method that the checkpoint belongs to.
    module: its network.
    task: the task that the network was trained for.

  Returns:
    Variables, such as `{'params': {...}}`, of NumPy arrays.

  Raises:
    InputError: if the file cannot be read, or lists what is missing,
      unexpected or of another shape.
  """
  if Path(path).is_dir() and method.published_files:
    entries = read_published_files(path, method.published_files)
  else:
    entries = read_published(path)
  leaves = _leaves(base.abstract_variables(method, module, task))
  variables, missing, misshaped, used = {}, [], [], set()
  for (collection, *inner), leaf in leaves.items():
    name, layout = method.published_name('/'.join(inner))
    used.add(name)
    if name not in entries:
      missing.append(name)
      continue
    expected = _torch_shape(leaf.shape, layout)
    found = entries[name].shape
    fits = (
      math.prod(found) == math.prod(leaf.shape)
      if layout == 'vector'
      else found == expected
    )
    if not fits:
      misshaped.append(
        f'{name} (expected {list(expected)}, found {list(found)})'
      )
      continue
    array = _to_flax(entries[name], layout).reshape(leaf.shape)
    variables[collection, *inner] = np.array(array, leaf.dtype, order='C')
  unexpected = [
    name
    for name in entries
    if name not in used
    and not any(fnmatch.fnmatchcase(name, p) for p in method.ignorable_entries)
  ]
  if missing or unexpected or misshaped:
    raise mismatch(
      path,
      f'{method.name}-{task}',
      missing=missing,
      unexpected=unexpected,
      misshaped=misshaped,
    )
  return flax.traverse_util.unflatten_dict(variables)


def check_variables(
  path: Path | str,
  variables: Mapping[str, Any],
  *,
  method: base.Method,
  module: nn.Module,
  task: str,
) -> None:
  """Checks that variables are those of a module.

  Args:
    path: where they come from, for the error.
    variables: variables, such as `{'params': {...}}`.
    method: the method of the module.
    module: the network.
    task: a task of the method.

  Raises:
    InputError: that lists what is missing, unexpected or of another shape.
  """
  expected = {
    '/'.join(path): leaf.shape
    for path, leaf in _leaves(
      base.abstract_variables(method, module, task)
    ).items()
  }
  found = {
    '/'.join(path): leaf.shape for path, leaf in _leaves(variables).items()
  }
  misshaped = [
    f'{name} (expected {list(expected[name])}, found {list(found[name])})'
    for name in expected.keys() & found.keys()
    if expected[name] != found[name]
  ]
  if misshaped or expected.keys() != found.keys():
    raise mismatch(
      path,
      f'{method.name}-{task}',
      missing=sorted(expected.keys() - found.keys()),
      unexpected=sorted(found.keys() - expected.keys()),
      misshaped=sorted(misshaped),
    )


def mismatch(
  path: Path | str,
  model: str,
  *,
  missing: Sequence[str],
  unexpected: Sequence[str],
  misshaped: Sequence[str],
) -> InputError:
  """The error for a checkpoint of another network, with its listing."""
  lists = {
    'missing': missing,
    'unexpected': unexpected,
    'of another shape': misshaped,
  }
  counts = ', '.join(f'{len(v)} {kind}' for kind, v in lists.items() if v)
  lines = [
    f'{path} does not hold the weights of {model}: {counts}. Give the'
    ' checkpoint of this model, or name the model that it belongs to.'
  ]
  for kind, names in lists.items():
    if names:
      rest = len(names) - _LISTED
      more = f', and {rest} more' if rest > 0 else ''
      lines.append(f'  {kind}: {", ".join(names[:_LISTED])}{more}')
  return InputError('\n'.join(lines))


def _leaves(variables: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
  """Leaves by their path, the first part of which is the collection."""
  return flax.traverse_util.flatten_dict(dict(variables))


def _read_npz(path: Path) -> dict[str, np.ndarray]:
  import zipfile
  import zlib

  try:
    with np.load(path, allow_pickle=False) as archive:
      return {name: archive[name] for name in archive.files}
  except (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    ValueError,
    EOFError,
    AttributeError,
    TypeError,
  ) as error:
    raise InputError(
      f'{path} is no .npz file of numbers, or is damaged ({error}).'
    ) from error


def _state_dict(saved: Any, path: Path) -> dict[str, np.ndarray]:
  """Finds the state dict in what was saved."""
  if isinstance(saved, dict):
    for key in _STATE_KEYS:
      if isinstance(saved.get(key), dict):
        saved = saved[key]
        break
    arrays = {
      name: np.asarray(value)
      for name, value in saved.items()
      if isinstance(name, str) and isinstance(value, np.ndarray | int | float)
    }
    tensors = any(isinstance(v, np.ndarray) for v in saved.values())
    if tensors and len(arrays) == len(saved):
      return arrays
  what = (
    f'a dict of {", ".join(map(str, list(saved)[:8]))}'
    if isinstance(saved, dict)
    else f'a {type(saved).__name__}'
  )
  raise InputError(
    f'{path} holds {what} and no state dict. Save model.state_dict().'
  )


def _to_flax(array: np.ndarray, layout: base.Layout) -> np.ndarray:
  """Brings a PyTorch tensor into the layout of Flax."""
  match layout:
    case 'conv':
      return array.transpose(2, 3, 1, 0)
    case 'conv_transpose':
      # At stride one a transposed convolution is a convolution with the
      # kernel turned by half a turn and its channels swapped.
      return array[:, :, ::-1, ::-1].transpose(2, 3, 0, 1)
    case 'linear':
      return array.transpose()
    case 'vector':
      return array


def _torch_shape(
  shape: tuple[int, ...], layout: base.Layout
) -> tuple[int, ...]:
  """The shape in PyTorch of a parameter of this shape in Flax."""
  match layout:
    case 'conv':
      h, w, i, o = shape
      return (o, i, h, w)
    case 'conv_transpose':
      h, w, i, o = shape
      return (i, o, h, w)
    case 'linear':
      return shape[::-1]
    case 'vector':
      return shape
