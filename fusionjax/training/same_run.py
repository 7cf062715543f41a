"""Whether a folder holds this training or another one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from fusionjax import errors
from fusionjax.pretrained.replacing import replacing

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
  'data.loader',
  'data.data_dir',
)
# Fields that configs did not always have, and what went without saying.
_LATER_FIELDS = {'dtype': 'float32', 'data.name': '', 'weights': ''}


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
