"""Where a training writes: a folder, or a bucket by way of a folder.

Object stores have no renaming, no appending and no half files, and each has a
library of its own. So a training writes to a folder of its machine as ever,
and what is whole there is copied to the bucket between steps. A list of files
is written last: what a kill leaves of a copy is in no list, and is not seen.
"""

import concurrent.futures
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import jax
from jax.experimental import multihost_utils

from fusionjax import errors
from fusionjax.data import buckets

# The list, in the bucket.
LIST = 'files.json'
_CHECKPOINTS = 'checkpoints'
# What is not whole has one of these in its name.
_UNFINISHED = ('.part', '.orbax-checkpoint-tmp')
# Seconds between two copies, unless something waits for them.
PAUSE = 30.0
_THREADS = 16


class Workdir:
  """A folder of this machine.

  Attributes:
    folder: the folder.
    name: what users call it.
    mirrored: whether it is the copy of a bucket, and this process has it to
      itself.
  """

  mirrored = False

  def __init__(self, folder: Path, name: str):
    """Nothing is made yet.

    Args:
      folder: the folder.
      name: what users call it.
    """
    self.folder = folder
    self.name = name

  def sync(self, *, wait: bool = False) -> None:
    """Copies what is new to where it belongs.

    Args:
      wait: whether to return when all is there; else it is done on the side,
        and not too often.

    Raises:
      errors.InputError: if this copy or the one before failed.
    """


class Mirror(Workdir):
  """A folder that is a copy of one in a bucket."""

  mirrored = True

  def __init__(self, folder: Path, url: str):
    """Nothing is read yet.

    Args:
      folder: an empty folder.
      url: the folder in the bucket, such as `gs://bucket/runs/a`.
    """
    super().__init__(folder, url.rstrip('/'))
    self._remote = buckets.open_path(self.name)
    # Buckets have names with slashes, and no folders to make or to leave.
    self._has_folders = self.name.startswith('file://')
    # Names in the bucket's list; and what of them is here, as it was copied.
    self._listed: set[str] = set()
    self._copied: dict[str, tuple[int, int]] = {}
    self._pool = concurrent.futures.ThreadPoolExecutor(1)
    self._running: concurrent.futures.Future[None] | None = None
    self._latest = -PAUSE

  def fetch(self, wanted: Callable[[str], bool] = lambda name: True) -> None:
    """Copies what the bucket's list names to the folder.

    Args:
      wanted: of a name relative to the folder, whether it is needed.

    Raises:
      errors.InputError: if the bucket cannot be read.
    """
    with self._errors('read'):
      listed = self._remote / LIST
      if listed.exists():
        self._listed = set(json.loads(listed.read_text()))
      names = [name for name in sorted(self._listed) if wanted(name)]
      self._each(self._fetch, names)
    self._copied = {name: _stamp(self.folder / name) for name in names}

  def sync(self, *, wait: bool = False) -> None:
    """See `Workdir`."""
    if jax.process_index():
      return
    running = self._running
    if running and (wait or running.done()):
      self._running = None
      with self._errors('written'):
        running.result()
    if wait:
      with self._errors('written'):
        self._send()
    elif not self._running and time.monotonic() - self._latest > PAUSE:
      self._running = self._pool.submit(self._send)

  def sweep(self) -> None:
    """Deletes what kills have left of checkpoints that no list names.

    And finds out, before any work, whether the bucket can be written.

    Raises:
      errors.InputError: if the bucket cannot be written.
    """
    with self._errors('written'):
      self._write_list(self._listed)
      folder = self._remote / _CHECKPOINTS
      found = buckets.walk(folder, above=f'{_CHECKPOINTS}/')
      there = {name for name, _ in found}
      self._each(self._delete, sorted(there - self._listed))

  def close(self) -> None:
    """Waits for a copy that is under way."""
    self._pool.shutdown()

  def _fetch(self, name: str) -> None:
    target = self.folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes((self._remote / name).read_bytes())

  def _send(self) -> None:
    """Copies what changed, then the list, then deletes what is gone."""
    self._latest = time.monotonic()
    here = {}
    for name, _ in buckets.walk(self.folder):
      # Old checkpoints go while this looks.
      with contextlib.suppress(FileNotFoundError):
        if not any(part in name for part in _UNFINISHED):
          here[name] = _stamp(self.folder / name)
    changed = [name for name in here if self._copied.get(name) != here[name]]
    self._each(lambda name: self._put(name, here), changed)
    gone = self._copied.keys() - here.keys()
    listed = (self._listed - gone) | here.keys()
    if listed != self._listed:
      self._write_list(listed)
    self._each(self._delete, sorted(gone))
    self._listed, self._copied = listed, here

  def _put(self, name: str, here: dict[str, tuple[int, int]]) -> None:
    try:
      data = (self.folder / name).read_bytes()
    except FileNotFoundError:
      # Gone since it was seen.
      del here[name]
    else:
      self._write(name, data)

  def _write_list(self, names: Iterable[str]) -> None:
    text = json.dumps(sorted(names), indent=0) + '\n'
    self._write(LIST, text.encode())

  def _write(self, name: str, data: bytes) -> None:
    target = self._remote / name
    if self._has_folders:
      target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)

  def _delete(self, name: str) -> None:
    target = self._remote / name
    target.unlink(missing_ok=True)
    if self._has_folders:
      # Those that hold something stay.
      with contextlib.suppress(OSError):
        for parent in list(target.parents)[: name.count('/')]:
          os.rmdir(parent)

  def _each(self, do: Callable[[str], object], names: list[str]) -> None:
    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
      list(pool.map(do, names))

  @contextlib.contextmanager
  def _errors(self, done: str) -> Iterator[None]:
    """Says in one line that the bucket cannot be read or written."""
    try:
      yield
    except Exception as error:
      # Each kind of bucket has errors of its own, of several packages.
      reason = (str(error).splitlines() or [type(error).__name__])[0]
      raise errors.InputError(
        f'{self.name} cannot be {done}: {reason[:200]}. Check its name and'
        ' your access, and start again: a training goes on after the last'
        ' checkpoint that is there.'
      ) from error


@contextlib.contextmanager
def opened(
  given: Path | str, *, wanted: Callable[[str], bool] = lambda name: True
) -> Iterator[Workdir]:
  """Opens the folder of a training for the time of a block.

  Args:
    given: a path; or a folder in a bucket: `gs://...`, `s3://...`, `az://...`,
      or `file://...` for one that is used in the same way.
    wanted: what is needed of a bucket, by names relative to the folder.

  Yields:
    The folder. At the end all of it is where it belongs.

  Raises:
    errors.InputError: if the scheme is unknown, or the bucket cannot be read
      or written.
  """
  if '://' not in str(given):
    yield Workdir(Path(given), str(given))
    return
  # Each process has a copy of its own: they need not share a disk.
  with tempfile.TemporaryDirectory(prefix='fusionjax-') as folder:
    mirror = Mirror(Path(folder), str(given))
    with contextlib.closing(mirror):
      mirror.fetch(wanted)
      if not jax.process_index():
        mirror.sweep()
      if jax.process_count() > 1:
        # Before one of them changes it.
        multihost_utils.sync_global_devices('fusionjax has fetched')
      try:
        yield mirror
      except errors.InputError as error:
        # The copy will be gone when somebody looks.
        said = str(error).replace(folder, mirror.name)
        raise errors.InputError(said) from error
      finally:
        mirror.sync(wait=True)


def _stamp(path: Path) -> tuple[int, int]:
  """Changes with the contents of a file."""
  status = path.stat()
  return status.st_size, status.st_mtime_ns
