"""Writing of files that are either whole or not there."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from fusionjax.errors import InputError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
  """Gives a temporary name beside a file, renamed to it at the end.

  Args:
    path: the file to write. An older one stays until the new one is whole;
      a missing folder is made.

  Yields:
    A path in the same folder; what is written there becomes `path`, or goes
    if the block raises.

  Raises:
    InputError: if the system refuses to write there.
  """
  temporary = path.with_name(f'.{path.name}.{secrets.token_hex(4)}.part')
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    yield temporary
    os.replace(temporary, path)
  except OSError as error:
    raise InputError(
      f'{path} cannot be written: {error.strerror or error}.'
      ' Choose another place.'
    ) from error
  finally:
    with contextlib.suppress(OSError):
      temporary.unlink(missing_ok=True)
