"""Traced programs on disk, so that the second run need not trace.

JAX keeps what it compiled, by a key that it finds by tracing: for a network
that takes longer than to load what was compiled. Where JAX has a folder for
compiled programs, the traced ones lie beside it as `jax.export` writes them:
StableHLO, which is data; nothing in it is executed to read it.
"""

import contextlib
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jaxlib
from jax import export

from fusionjax.errors import InputError
from fusionjax.pretrained.replacing import replacing

# Its fields are made when JAX is imported: type checkers do not know them.
_CONFIG: Any = jax.config
_FOLDER = 'fusionjax-traced'
_SUFFIX = '.stablehlo'
# Files beyond so many, those that were not used for long, are dropped.
_MOST = 400
# The rooms that a program is traced through.
_ROOMS = ('inference', 'methods', 'models', 'ops')


def lower(
  function: Callable[..., Any],
  args: Sequence[Any],
  kwargs: Mapping[str, Any],
  *,
  key: Sequence[str],
) -> Any:
  """Lowers a function, as it was traced before if it was.

  Args:
    function: what to lower, a function of arrays.
    args: its arguments: arrays, or their shapes.
    kwargs: likewise.
    key: what tells the function from others: everything that it depends on,
      beside shapes, JAX and the source of this package.

  Returns:
    What `jax.jit(function).lower(*args, **kwargs)` returns.
  """
  folder = _folder()
  if folder is None:
    return jax.jit(function).lower(*args, **kwargs)
  shapes = jax.tree.map(lambda x: f'{x.dtype}{x.shape}', (args, kwargs))
  path = folder / f'{_digest([*key, str(shapes), *_surroundings()])}{_SUFFIX}'
  exported = _read(path)
  if exported is None:
    exported = export.export(jax.jit(function))(*args, **kwargs)
    _write(path, exported)
  return jax.jit(exported.call).lower(*args, **kwargs)


def _folder() -> Path | None:
  """Where traced programs lie, or None."""
  compiled = _CONFIG.jax_compilation_cache_dir
  # Buckets have no such folders, and their latency would cost more.
  return (
    Path(compiled) / _FOLDER if compiled and '://' not in compiled else None
  )


def _surroundings() -> list[str]:
  """What else the result of tracing depends on."""
  return [
    jax.__version__,
    jaxlib.__version__,
    jax.default_backend(),
    str(_CONFIG.jax_enable_x64),
    str(_CONFIG.jax_default_matmul_precision),
    _source_digest(),
  ]


@functools.cache
def _source_digest() -> str:
  """Of the code that is traced: a change of it makes other programs."""
  top = Path(__file__).parent.parent
  files = [path for room in _ROOMS for path in (top / room).rglob('*.py')]
  return _digest([path.read_text(encoding='utf-8') for path in sorted(files)])


def _digest(texts: Sequence[str]) -> str:
  digest = hashlib.sha256()
  for text in texts:
    data = text.encode()
    digest.update(len(data).to_bytes(8) + data)
  return digest.hexdigest()


def _read(path: Path) -> export.Exported | None:
  """A traced program, or None where there is none that is whole."""
  try:
    data = path.read_bytes()
    path.touch()
  except OSError:
    return None
  checksum, content = data[:32], data[32:]
  if hashlib.sha256(content).digest() != checksum:
    return None
  return export.deserialize(bytearray(content))


def _write(path: Path, exported: export.Exported) -> None:
  """Keeps a traced program; where that is impossible it will be traced."""
  content = bytes(exported.serialize())
  checksum = hashlib.sha256(content).digest()
  with contextlib.suppress(InputError), replacing(path) as temporary:
    temporary.write_bytes(checksum + content)
  with contextlib.suppress(OSError):
    files = list(path.parent.glob(f'*{_SUFFIX}'))
    files.sort(key=lambda file: file.stat().st_mtime)
    for file in files[:-_MOST]:
      file.unlink()
