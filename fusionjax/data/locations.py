"""Where prepared data sets lie; nothing here needs TensorFlow."""

import importlib.util
import os
from pathlib import Path

from fusionjax.data.catalogue import Card
from fusionjax.errors import InputError

# Where TFDS looks too, if nothing is said.
_VARIABLE, _DEFAULT = 'TFDS_DATA_DIR', '~/tensorflow_datasets'


def data_folder(data_dir: str = '') -> Path:
  """Returns the folder of prepared data sets.

  Args:
    data_dir: the folder; by default that of TensorFlow Datasets.
  """
  given = data_dir or os.environ.get(_VARIABLE) or _DEFAULT
  return Path(given).expanduser()


def prepared_folder(card: Card, data_dir: str = '') -> Path | None:
  """Returns the folder of a prepared data set, the newest; None without one.

  Args:
    card: the data set.
    data_dir: see `data_folder`.
  """
  folder = data_folder(data_dir) / card.builder / card.name
  found = [path.parent for path in folder.glob('*/dataset_info.json')]
  return max(found, key=_version, default=None)


def _version(folder: Path) -> tuple[int, ...]:
  return tuple(int(n) for n in folder.name.split('.') if n.isdecimal())


def require_tfds() -> None:
  """Checks that TensorFlow Datasets is installed, without loading it.

  Raises:
    InputError: if it is not.
  """
  for name in ('tensorflow', 'tensorflow_datasets'):
    if importlib.util.find_spec(name) is None:
      raise InputError(
        f'Prepared data sets need {name}, which is not installed. '
        "pip install 'fusionjax[train]', or give a folder as data.root."
      )
