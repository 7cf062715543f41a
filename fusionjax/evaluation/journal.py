"""What a run has done, line by line, so that the next one goes on there."""

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

from fusionjax.errors import InputError


class Journal:
  """A file of JSON lines, each a key and a value; the last line counts.

  A line is written as soon as its work is done: a run that is killed loses
  what it was doing, and no more. Safe to use from several threads.
  """

  def __init__(self, path: Path, *, fresh: bool = False):
    """Reads the file, if it is there.

    Args:
      path: the file. Its folder is made if it is missing.
      fresh: whether to begin an empty one.

    Raises:
      InputError: if the file cannot be read or written.
    """
    self._path = path
    self._lock = threading.Lock()
    self._digests: dict[Path, str] = {}
    self._values: dict[str, Any] = {}
    try:
      path.parent.mkdir(parents=True, exist_ok=True)
      if fresh:
        path.unlink(missing_ok=True)
      text = (
        path.read_bytes().decode('utf-8', 'replace') if path.exists() else ''
      )
      self._file = path.open('a', encoding='utf-8')
      if text and not text.endswith('\n'):
        self._file.write('\n')
    except OSError as error:
      raise InputError(
        f'{path} cannot be written: {error.strerror}. Choose another folder.'
      ) from error
    for line in text.splitlines():
      try:
        record = json.loads(line)
        self._values[record['key']] = record['value']
      except (ValueError, TypeError, KeyError):
        # The line that a killed run was writing: its work is done again.
        continue

  def get(self, key: str) -> Any:
    """The value of a key; None if there is none."""
    return self._values.get(key)

  def put(self, key: str, value: Any) -> None:
    """Notes a value at once.

    Args:
      key: the key.
      value: what JSON can hold, NaN and infinities too.
    """
    line = json.dumps({'key': key, 'value': value})
    with self._lock:
      self._values[key] = value
      self._file.write(line + '\n')
      self._file.flush()

  def digest(self, path: Path) -> str:
    """The SHA-256 of a file's content, which is read once.

    Args:
      path: the file.

    Raises:
      InputError: if it cannot be read.
    """
    found = self._digests.get(path)
    if found is None:
      try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
      except OSError as error:
        raise InputError(
          f'{path} cannot be read: {error.strerror}. Check the file.'
        ) from error
      self._digests[path] = found
    return found

  def close(self) -> None:
    """Closes the file."""
    self._file.close()


def stamp(*parts: object) -> str:
  """One short text that stands for many.

  Args:
    *parts: texts and numbers.

  Returns:
    Another text if any of them is another.
  """
  return hashlib.sha256(
    json.dumps([str(p) for p in parts]).encode()
  ).hexdigest()
