"""Compiled programs on disk, so that the second run starts warm."""

import argparse
import hashlib
import os
import platform
from collections.abc import MutableMapping
from pathlib import Path

# A folder of one's own, or `off`.
VARIABLE = 'FUSIONJAX_CACHE'
_OFF = 'off'
# Programs that were not used for long are dropped beyond so many bytes.
_MOST_BYTES = 2 * 1024**3
_CPU_INFO = Path('/proc/cpuinfo')


def add_option(parser: argparse.ArgumentParser) -> None:
  """Adds `--no-cache`.

  Args:
    parser: the parser of a command that compiles.
  """
  parser.add_argument(
    '--no-cache',
    dest='cache',
    action='store_false',
    help='compile everything anew: keep no programs in the user cache folder'
    f' (or set {VARIABLE} to another folder, or to {_OFF})',
  )


def keep_programs(environment: MutableMapping[str, str]) -> Path | None:
  """Tells JAX, before it is imported, where to keep compiled programs.

  What the user has told JAX by its own variables is left as it is.

  Args:
    environment: the variables of the process; changed.

  Returns:
    The folder; None where nothing is kept: it is turned off, the user chose
    one of JAX's, or it cannot be written, which is no reason not to compute.
  """
  given = environment.get(VARIABLE, '')
  if given == _OFF or 'JAX_COMPILATION_CACHE_DIR' in environment:
    return None
  folder = (Path(given) if given else _user_folder()) / _processor()
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except OSError:
    return None
  if not os.access(folder, os.W_OK):
    return None
  environment['JAX_COMPILATION_CACHE_DIR'] = str(folder)
  for name, value in (
    ('JAX_COMPILATION_CACHE_MAX_SIZE', _MOST_BYTES),
    # Of every program: a network of a new size takes a second.
    ('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', 0),
    ('JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES', -1),
  ):
    environment.setdefault(name, str(value))
  return folder


def _user_folder() -> Path:
  import platformdirs

  return Path(platformdirs.user_cache_dir('fusionjax', appauthor=False))


def _processor() -> str:
  """A name for what programs are compiled for: homes are shared, CPUs not."""
  text = platform.machine() + platform.processor()
  if _CPU_INFO.exists():
    lines = _CPU_INFO.read_text(encoding='utf-8', errors='replace').split('\n')
    kinds = ('model name', 'flags', 'Features', 'CPU part')
    text += ''.join(sorted({x for x in lines if x.startswith(kinds)}))
  return 'cpu-' + hashlib.sha256(text.encode()).hexdigest()[:12]
