"""Data in buckets: copied to this machine once, then read as a folder.

A training reads every picture many times and in random order, which buckets
are slow at; and the layouts are found by looking at all names.
"""

import concurrent.futures
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fusionjax.errors import InputError

# Where copies are kept, if not in the user's cache folder.
VARIABLE = 'FUSIONJAX_DATA'
SCHEMES = ('gs', 's3', 'az')
_THREADS = 16
# Seconds that a process waits for another one that copies the same data.
_PATIENCE = 4 * 3600


def local(root: str | Path, *, again: bool = False) -> Path:
  """Returns a local path of data, wherever it is.

  Args:
    root: a path; `file://...`; or a folder or file in a bucket: `gs://...`,
      `s3://...` or `az://...`, of which what is not yet here is copied.
    again: whether to copy what is here too: it may have changed and kept its
      length.

  Returns:
    A path of this machine.

  Raises:
    InputError: if the scheme is unknown, or the bucket cannot be read.
  """
  scheme, separator, rest = str(root).partition('://')
  if not separator:
    return Path(root).expanduser()
  _check_scheme(str(root))
  return Path(rest) if scheme == 'file' else _mirrored(str(root), again=again)


def _check_scheme(url: str) -> None:
  if url.partition('://')[0] not in (*SCHEMES, 'file'):
    raise InputError(
      f'{url} is of no known kind. Give a folder of this machine, or '
      f'{", ".join(f"{known}://" for known in SCHEMES)}BUCKET/...'
    )


def open_path(url: str) -> Any:
  """Opens a place in a bucket as a path.

  Args:
    url: `gs://...`, `s3://...`, `az://...`, or `file://...`.

  Returns:
    An `etils.epath.Path`. Google's buckets need TensorFlow or gcsfs, Amazon's
    s3fs, Azure's adlfs.

  Raises:
    InputError: if the scheme is unknown.
  """
  _check_scheme(url)
  if url.startswith(('s3://', 'az://')):
    # Epath asks TensorFlow where it is installed, and that knows neither.
    os.environ.setdefault('EPATH_USE_TF', '0')
  from etils import epath

  return epath.Path(url.removeprefix('file://'))


def walk(folder: Any, *, above: str = '') -> Iterator[tuple[str, Any]]:
  """Finds all files in a folder, here or in a bucket.

  Args:
    folder: a path; nothing is found where there is no such folder.
    above: what to put before the names.

  Yields:
    Name relative to the folder, and path.
  """
  if not folder.is_dir():
    return
  for entry in folder.iterdir():
    if entry.is_dir():
      yield from walk(entry, above=f'{above}{entry.name}/')
    else:
      yield f'{above}{entry.name}', entry


def _mirrored(url: str, *, again: bool) -> Path:
  """Copies what is in a bucket, and not yet here, and returns the copy."""
  import filelock

  url = url.rstrip('/')
  name = url.rpartition('/')[2]
  known = hashlib.sha256(url.encode()).hexdigest()[:12]
  target = _cache() / known / name
  target.parent.mkdir(parents=True, exist_ok=True)
  # Several processes of a host: one copies, and the others find it done.
  with filelock.FileLock(f'{target.parent}.lock', timeout=_PATIENCE):
    try:
      source = open_path(url)
      if again and target.is_file():
        target.unlink(missing_ok=True)
      if source.is_dir():
        _copy_all(source, target)
      else:
        _copy(source, target)
    except Exception as error:
      # Each kind of bucket has errors of its own, of several packages.
      reason = (str(error).splitlines() or [type(error).__name__])[0]
      raise InputError(
        f'{url} cannot be read: {reason[:200]}. Check its name and your '
        'access, or copy it to this machine.'
      ) from error
  return target


def _cache() -> Path:
  given = os.environ.get(VARIABLE)
  if given:
    return Path(given).expanduser()
  import platformdirs

  return Path(platformdirs.user_cache_dir('fusionjax', appauthor=False), 'data')


def _copy_all(source: Any, target: Path) -> None:
  """Makes a folder hold what one in a bucket holds."""
  files = {target / name: entry for name, entry in walk(source)}
  if not files:
    raise FileNotFoundError('there is nothing')
  with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
    list(pool.map(_copy, files.values(), files.keys()))
  for path in target.rglob('*'):
    # Gone from the bucket since.
    if path.is_file() and path not in files:
      path.unlink()


def _copy(source: Any, target: Path) -> None:
  """Copies a file, unless one of its size is here."""
  length = source.stat().length
  if target.is_file() and target.stat().st_size == length:
    return
  target.parent.mkdir(parents=True, exist_ok=True)
  temporary = target.with_name(f'.{target.name}.part')
  temporary.write_bytes(source.read_bytes())
  if temporary.stat().st_size != length:
    raise OSError(f'{source} was cut short')
  temporary.replace(target)
