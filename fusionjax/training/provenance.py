"""Where a checkpoint comes from: version, method, config, and which data."""

import hashlib
import itertools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

import fusionjax
from fusionjax import errors
from fusionjax.data import sources
from fusionjax.training import checkpoints
from fusionjax.training import run as run_lib


def describe(run: run_lib.Run) -> dict[str, Any]:
  """The facts that are saved with each checkpoint.

  Args:
    run: the parts of the training.

  Returns:
    `version` of fusionjax, `jax`, `method`, `task`, `config`, `data`, a
    `fingerprint` of the scenes, and the `topology`.
  """
  return {
    'version': fusionjax.__version__,
    'jax': jax.__version__,
    'method': run.method.name,
    'task': run.task,
    'config': dict(run.config),
    'data': run.source.name,
    'fingerprint': fingerprint(run.source),
    'topology': {
      'processes': jax.process_count(),
      **{name: int(size) for name, size in run.mesh.shape.items()},
    },
  }


def fingerprint(source: sources.Source) -> str:
  """Tells data sets apart without reading their pictures.

  Args:
    source: the scenes.

  Returns:
    16 hexadecimal digits, a function of what the source says of itself, its
    length, and the names of its scenes and their files, if it has any.
  """
  digest = hashlib.sha256()
  digest.update(f'{source.name} {len(source)}\n'.encode())
  for scene in getattr(source, 'scenes', ()):
    files = ' '.join(path.name for path in scene.sources)
    digest.update(f'{scene.name} {files}\n'.encode())
  return digest.hexdigest()[:16]


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
  """Says what a resume finds changed since its checkpoint.

  Args:
    before: the facts of the checkpoint; some have none.
    now: those of this training.

  Returns:
    A line for each that may change what comes out.
  """
  lines = []
  if before.get('fingerprint', now['fingerprint']) != now['fingerprint']:
    lines.append(
      f'The data are not those that this training began with: '
      f'{before["data"]} ({before["fingerprint"]}) then, {now["data"]} '
      f'({now["fingerprint"]}) now.'
    )
  lines += [
    f'This training began with {name} {before[name]}; this is {now[name]}.'
    for name in ('version', 'jax')
    if before.get(name, now[name]) != now[name]
  ]
  return lines


def name_samples(source: sources.Source, index: Any) -> str:
  """Names the scenes of a batch.

  Args:
    source: the scenes.
    index: [b] their indices, on the devices of all processes.

  Returns:
    Such as `scenes 3 (harbour), 7 (night)`.
  """
  numbers = [int(number) for number in np.ravel(checkpoints.to_host(index))]
  known = list(itertools.islice(dict.fromkeys(numbers), 16))
  more = ', ...' if len(set(numbers)) > len(known) else ''
  names = ', '.join(f'{n}{_name(source, n)}' for n in known)
  return f'scenes {names}{more}'


def _name(source: sources.Source, number: int) -> str:
  try:
    return f' ({source.read(number).name})'
  except errors.InputError:
    return ' (cannot be read)'
