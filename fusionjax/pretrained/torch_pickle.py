"""PyTorch checkpoints read without PyTorch and without executing anything.

A checkpoint is a pickle, and a pickle is a program. The reader here knows the
few names that a checkpoint of weights needs; any other name ends the
reading before anything is called. What it builds while reading are records of
its own and plain data.
"""

import collections
import io
import math
import pickle
import pickletools
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import ml_dtypes
import numpy as np

from fusionjax.errors import InputError

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_MAX_DEPTH = 32
_PUTS = ('PUT', 'BINPUT', 'LONG_BINPUT')
_PLAIN_TYPES = (bool, int, float, complex, str, bytes)
# Everything that a damaged or forged file makes the standard library raise.
_DAMAGED = (
  pickle.UnpicklingError,
  zipfile.BadZipFile,
  struct.error,
  zlib.error,
  EOFError,
  ValueError,
  KeyError,
  IndexError,
  TypeError,
  AttributeError,
  OverflowError,
  NotImplementedError,
  RuntimeError,
  RecursionError,
  MemoryError,
)
_STORAGES = {
  'DoubleStorage': np.dtype('<f8'),
  'FloatStorage': np.dtype('<f4'),
  'HalfStorage': np.dtype('<f2'),
  'BFloat16Storage': np.dtype(ml_dtypes.bfloat16),
  'LongStorage': np.dtype('<i8'),
  'IntStorage': np.dtype('<i4'),
  'ShortStorage': np.dtype('<i2'),
  'CharStorage': np.dtype('<i1'),
  'ByteStorage': np.dtype('<u1'),
  'BoolStorage': np.dtype('?'),
}


class _StorageType(NamedTuple):
  """Stands for a class such as `torch.FloatStorage`."""

  dtype: np.dtype


class _Storage(NamedTuple):
  """Flat numbers that tensors look at."""

  values: np.ndarray


class _Tensor(NamedTuple):
  """A tensor; a record, since a pickle can change an array in place."""

  storage: _Storage
  offset: int
  shape: tuple[int, ...]
  strides: tuple[int, ...]


def read_torch_pickle(path: Path | str) -> Any:
  """Reads a file that `torch.save` wrote.

  Args:
    path: a checkpoint in the zip format or in the legacy format.

  Returns:
    What was saved: dicts, lists, tuples, plain values, and NumPy arrays in
    place of tensors.

  Raises:
    InputError: if the file is no such file, is damaged, or wants anything
      else than tensors and plain data to be made.
  """
  path = Path(path)
  try:
    with path.open('rb') as file:
      is_zip = zipfile.is_zipfile(file)
      file.seek(0)
      return _plain(_read_zip(file) if is_zip else _read_legacy(file), {})
  except OSError as error:
    raise InputError(
      f'{path} cannot be read: {error.strerror}. Check the path.'
    ) from error
  except InputError as error:
    raise InputError(f'{path}: {error}') from error
  except _DAMAGED as error:
    reason = ' '.join(str(error).split()) or type(error).__name__
    raise InputError(
      f'{path} is no PyTorch checkpoint, or is damaged ({reason}).'
      ' Download it again.'
    ) from error


class _RebuildTensor:
  """Stands for `torch._utils._rebuild_tensor_v2`.

  An object without attributes rather than a function: a pickle may set
  attributes of what it was given.
  """

  __slots__ = ()

  def __call__(
    self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any
  ) -> _Tensor:
    return _check_tensor(storage, offset, shape, strides)


class _RebuildParameter:
  """Stands for `torch._utils._rebuild_parameter`."""

  __slots__ = ()

  def __call__(self, tensor: Any, *_: Any) -> _Tensor:
    if not isinstance(tensor, _Tensor):
      raise InputError('refused: a parameter holds no tensor.')
    return tensor


class _Reader(pickle.Unpickler):
  """An unpickler that knows the names of a state dict and no others."""

  def __init__(self, file: io.BytesIO, size: int):
    _check_memo(file)
    super().__init__(file, encoding='utf-8')
    self.storages: dict[str, _Storage] = {}
    self._room = size

  def find_class(self, module: str, name: str) -> Any:
    """Looks a name up in the short table of those that are allowed."""
    if (module, name) == ('collections', 'OrderedDict'):
      return collections.OrderedDict
    if (module, name) == ('torch._utils', '_rebuild_tensor_v2'):
      return _RebuildTensor()
    if (module, name) == ('torch._utils', '_rebuild_parameter'):
      return _RebuildParameter()
    if module == 'torch' and name in _STORAGES:
      return _StorageType(_STORAGES[name])
    raise InputError(
      f'refused: it wants {module}.{name}, and only tensors and plain data'
      ' are read. Save the state dict alone.'
    )

  def persistent_load(self, pid: Any) -> _Storage:
    """Makes room for a storage, of no more bytes than the file has."""
    if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == 'storage'):
      raise InputError('refused: it refers to something that is no storage.')
    kind, key, _, count = pid[1:5]
    if not (
      isinstance(kind, _StorageType)
      and isinstance(key, str)
      and isinstance(count, int)
      and count >= 0
    ):
      raise InputError('refused: a storage is described wrongly.')
    if key not in self.storages:
      self._room -= count * kind.dtype.itemsize
      if self._room < 0:
        raise InputError('its storages are larger than the file.')
      self.storages[key] = _Storage(self._values(key, kind.dtype, count))
    whole = self.storages[key]
    if len(pid) > 5 and pid[5] is not None:
      _, start, length = pid[5]
      return _Storage(whole.values[start : start + length])
    return whole

  def _values(self, key: str, dtype: np.dtype, count: int) -> np.ndarray:
    """The numbers of a storage; zeros where the file has them later."""
    return np.zeros(count, dtype)


class _ZipReader(_Reader):
  """Reads `data.pkl` of a zip; every storage is a member of its own."""

  def __init__(self, archive: zipfile.ZipFile, prefix: str):
    members = archive.infolist()
    # torch.save never compresses, so nothing can swell on reading.
    if any(m.compress_type != zipfile.ZIP_STORED for m in members):
      raise InputError('refused: a member of the file is compressed.')
    super().__init__(
      io.BytesIO(archive.read(f'{prefix}data.pkl')),
      sum(m.file_size for m in members),
    )
    self._archive, self._prefix = archive, prefix

  def _values(self, key: str, dtype: np.dtype, count: int) -> np.ndarray:
    data = self._archive.read(f'{self._prefix}data/{key}')
    return np.frombuffer(data, dtype, count)


def _check_memo(file: io.BytesIO) -> None:
  """Checks that a pickle numbers what it remembers within its own length.

  The unpickler makes a table as long as the largest number: a few bytes
  could ask for all the memory that there is.
  """
  start = file.tell()
  for opcode, argument, _ in pickletools.genops(file):
    if opcode.name in _PUTS and int(argument or 0) > file.tell() - start:
      raise InputError('refused: it remembers more than it holds.')
  file.seek(start)


def _read_zip(file: BinaryIO) -> Any:
  """Reads the format of torch 1.6 and later."""
  with zipfile.ZipFile(file) as archive:
    names = archive.namelist()
    prefixes = [n[: -len('data.pkl')] for n in names if n.endswith('data.pkl')]
    if len(prefixes) != 1:
      raise InputError('is a zip file, but no PyTorch checkpoint.')
    order = f'{prefixes[0]}byteorder'
    if order in names and archive.read(order) != b'little':
      raise InputError('is big-endian. Save it on another machine.')
    return _ZipReader(archive, prefixes[0]).load()


def _read_legacy(opened: BinaryIO) -> Any:
  """Reads the format before torch 1.6: five pickles, then the numbers."""
  # In memory a read of a forged length ends at the end of the file.
  file = io.BytesIO(opened.read())
  size = file.getbuffer().nbytes
  if _Reader(file, 0).load() != _LEGACY_MAGIC:
    raise InputError('is a pickle, but no PyTorch checkpoint.')
  if _Reader(file, 0).load() != _LEGACY_PROTOCOL:
    raise InputError('has an unknown version. Save it with a newer PyTorch.')
  if not _Reader(file, 0).load()['little_endian']:
    raise InputError('is big-endian. Save it on another machine.')
  reader = _Reader(file, size)
  saved = reader.load()
  for key in _Reader(file, 0).load():
    values = reader.storages[key].values
    (count,) = struct.unpack('<q', file.read(8))
    if count != values.size:
      raise InputError(f'storage {key} has {count} numbers: it is damaged.')
    values[:] = np.frombuffer(file.read(values.nbytes), values.dtype)
  return saved


def _check_tensor(
  storage: Any, offset: Any, shape: Any, strides: Any
) -> _Tensor:
  """Describes a tensor, after checking that it stays in its storage."""
  if not isinstance(storage, _Storage) or not all(
    isinstance(n, int) and n >= 0 for n in (offset, *shape, *strides)
  ):
    raise InputError('refused: a tensor is described wrongly.')
  last = offset + sum(
    (n - 1) * step for n, step in zip(shape, strides, strict=True)
  )
  # As many numbers as the storage has at most: a stride of zero could ask
  # for any number of them.
  count = math.prod(shape)
  if count and (last >= storage.values.size or count > storage.values.size):
    raise InputError('refused: a tensor is larger than its storage.')
  return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _array(tensor: _Tensor) -> np.ndarray:
  """Looks at a tensor's numbers in its storage."""
  values = tensor.storage.values
  if not math.prod(tensor.shape):
    return np.zeros(tensor.shape, values.dtype)
  return np.lib.stride_tricks.as_strided(
    values[tensor.offset :],
    tensor.shape,
    [step * values.itemsize for step in tensor.strides],
    writeable=False,
  )


def _plain(saved: Any, done: dict[int, Any], depth: int = 0) -> Any:
  """Turns what was read into plain data with NumPy arrays.

  The depth is bounded because a pickle can hold itself, and `done` holds
  what was turned already, by identity, because it can hold a part so many
  times that a walk through all of them would not end.
  """
  if depth > _MAX_DEPTH:
    raise InputError('refused: it is nested too deeply.')
  if id(saved) in done:
    return done[id(saved)]
  plain: Any
  if isinstance(saved, _Tensor):
    plain = _array(saved)
  elif isinstance(saved, dict):
    plain = {
      _plain_key(key): _plain(value, done, depth + 1)
      for key, value in saved.items()
    }
  elif type(saved) in (list, tuple):
    plain = type(saved)(_plain(value, done, depth + 1) for value in saved)
  elif saved is None or type(saved) in _PLAIN_TYPES:
    plain = saved
  else:
    raise InputError(
      f'refused: it holds a {type(saved).__name__}. Save the state dict alone.'
    )
  done[id(saved)] = plain
  return plain


def _plain_key(key: Any) -> Any:
  if type(key) not in (str, int):
    raise InputError('refused: the key of a dict is no name.')
  return key
