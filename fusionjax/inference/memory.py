"""How much memory there is, and how much a program will take."""

from pathlib import Path
from typing import Any

import jax
import psutil

# Of the group of processes that this one belongs to, as containers have it.
_LIMIT = Path('/sys/fs/cgroup/memory.max')
_USED = Path('/sys/fs/cgroup/memory.current')
# What is left to everything else.
_SHARE = 0.9


def available() -> int:
  """Bytes that a program may take on the device that it will run on."""
  device = jax.local_devices()[0]
  statistics = device.memory_stats() if device.platform != 'cpu' else None
  if statistics and 'bytes_limit' in statistics:
    free = statistics['bytes_limit'] - statistics.get('bytes_in_use', 0)
    return int(_SHARE * free)
  return available_to_host()


def available_to_host() -> int:
  """Bytes that this process may take, whatever device programs run on."""
  free = psutil.virtual_memory().available
  limit, used = _read(_LIMIT), _read(_USED)
  if limit is not None and used is not None:
    free = min(free, max(0, limit - used))
  return int(_SHARE * free)


def needed(compiled: Any) -> int:
  """Bytes that a compiled program takes: arguments, results, all between."""
  analysis = compiled.memory_analysis()
  if analysis is None:
    return 0
  return int(
    analysis.argument_size_in_bytes
    + analysis.output_size_in_bytes
    + analysis.temp_size_in_bytes
  )


def in_gigabytes(count: int) -> str:
  """Bytes for a message, such as `5.1 GB`."""
  return f'{count / 1e9:.1f} GB'


def _read(path: Path) -> int | None:
  """A number in a file, or None where there is none."""
  try:
    return int(path.read_text(encoding='ascii'))
  except (OSError, ValueError):
    return None
