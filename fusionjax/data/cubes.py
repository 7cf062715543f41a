"""Reading of cubes: pictures with any number of bands."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fusionjax.data import images, mat_file, naming, npy
from fusionjax.errors import InputError

CUBE_SUFFIXES = images.IMAGE_SUFFIXES | {'.mat'}
# What the picture is called that guides a cube.
GUIDE_ROLES = ('panchromatic', 'colour', 'visible')


def read_cube(
  path: Path | str, *, max_pixels: int = images.MAX_PIXELS
) -> np.ndarray:
  """Reads a cube.

  Args:
    path: .mat (the array of three axes in it; the largest, if there are
      several), .npy, .tif (samples or pages are bands), or any picture.
    max_pixels: the largest height x width to read.

  Returns:
    [h, w, bands], uint8, uint16 or float32. Wider integers and floats that
    leave [0, 1] are refused.

  Raises:
    InputError: if the file is missing, damaged or no cube.
  """
  path = Path(path)
  suffix = path.suffix.lower()
  if suffix not in CUBE_SUFFIXES:
    raise InputError(
      f'{path}: unknown kind of cube {path.suffix!r}. Give .mat, .npy, .tif or'
      ' pictures of its bands.'
    )
  if not path.is_file():
    raise InputError(f'{path} is no file. Check the path.')
  if suffix == '.mat':
    array = _largest(path)
  elif suffix == '.npy':
    array = npy.open_npy(path)
  elif suffix in ('.tif', '.tiff'):
    array = _read_tiff(path, max_pixels)
  else:
    array = images.read_image(path, max_pixels=max_pixels)
  if array.ndim >= 2 and array.size:
    images.check_pixels(path, array.shape[0], array.shape[1], max_pixels)
  return _checked(array, path)


def read_cubes(
  paths: Sequence[Path | str], *, max_pixels: int = images.MAX_PIXELS
) -> np.ndarray:
  """Reads a cube that lies in several files, bands in their order.

  Args:
    paths: one or more files, see `read_cube`.
    max_pixels: the largest height x width to read.

  Returns:
    [h, w, bands].

  Raises:
    InputError: if a file cannot be read, or sizes or dtypes differ.
  """
  parts = [read_cube(path, max_pixels=max_pixels) for path in paths]
  for path, part in zip(paths, parts, strict=True):
    same = part.shape[:2] == parts[0].shape[:2] and part.dtype == parts[0].dtype
    if not same:
      raise InputError(
        f'Bands of a cube must share size and dtype: {paths[0]} is '
        f'{_describe(parts[0])}, {path} is {_describe(part)}. Convert one.'
      )
  return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)


def split_guide(paths: Sequence[Path]) -> tuple[list[Path], Path | None]:
  """Tells the files of a cube from that of its guide.

  Args:
    paths: files of a scene, in order.

  Returns:
    The files of the cube, and the guide: the file whose name says so, else
    the last of several, unless all names say that they hold bands.
  """
  roles = [naming.role_of(path.stem) for path in paths]
  guides = [p for p, r in zip(paths, roles, strict=True) if r in GUIDE_ROLES]
  if not guides and len(paths) > 1 and set(roles) != {'multispectral'}:
    guides = [paths[-1]]
  if not guides:
    return list(paths), None
  return [path for path in paths if path != guides[-1]], guides[-1]


def to_unit(cube: np.ndarray) -> np.ndarray:
  """Converts the levels of a cube to [0, 1].

  Args:
    cube: [h, w, bands] uint8, uint16 or float.

  Returns:
    The same in float32; integers are divided by their largest value.
  """
  if np.issubdtype(cube.dtype, np.integer):
    top = np.float32(np.iinfo(cube.dtype).max)
    return cube.astype(np.float32) / top
  return cube.astype(np.float32, copy=False)


def _describe(cube: np.ndarray) -> str:
  height, width, bands = cube.shape
  return f'{width}x{height} with {bands} bands of {cube.dtype}'


def _largest(path: Path) -> np.ndarray:
  arrays = [a for a in mat_file.read_mat(path).values() if a.ndim == 3]
  if not arrays:
    raise InputError(
      f'{path} holds no array of three axes. Save the cube as height x width'
      ' x bands.'
    )
  return max(arrays, key=lambda array: array.size)


def _read_tiff(path: Path, max_pixels: int) -> np.ndarray:
  import tifffile

  try:
    with tifffile.TiffFile(path) as tiff:
      pages = []
      # By number: a damaged link to a next page leads iterators astray.
      for at in range(len(tiff.pages)):
        page = tiff.pages[at]
        head = page.keyframe or tiff.pages.first
        height, width = int(head.imagelength), int(head.imagewidth)
        images.check_pixels(path, height, width, max_pixels)
        pages.append(page.asarray())
      planar = tiff.pages.first.axes == 'SYX'
  except InputError:
    raise
  except (
    *(tifffile.TiffFileError, NotImplementedError),
    *images.DAMAGED,
  ) as error:
    raise InputError(
      f'{path} is damaged or truncated ({error}). Export it again.'
    ) from error
  if len(pages) == 1:
    return np.moveaxis(pages[0], 0, -1) if planar else pages[0]
  if len({page.shape for page in pages}) > 1 or pages[0].ndim != 2:
    raise InputError(
      f'{path} has pages that are no bands of one cube. Give one band a page.'
    )
  return np.stack(pages, axis=-1)


def _checked(array: np.ndarray, path: Path) -> np.ndarray:
  """Checks shape, dtype and range."""
  if not isinstance(array, np.ndarray) or array.ndim not in (2, 3):
    shape = list(np.shape(array))
    raise InputError(
      f'{path} has shape {shape}, expected [height, width, bands].'
    )
  array = array[..., None] if array.ndim == 2 else array
  if not array.size:
    raise InputError(f'{path} is empty: its shape is {list(array.shape)}.')
  if array.dtype in (np.uint8, np.uint16):
    return np.ascontiguousarray(array)
  if not np.issubdtype(array.dtype, np.floating):
    raise InputError(
      f'{path} holds {array.dtype}, expected uint8, uint16 or float in [0, 1].'
      ' Convert it.'
    )
  low, high = float(array.min()), float(array.max())
  # So written that NaN does not pass.
  if not (low >= 0 and high <= 1):
    raise InputError(
      f'{path} is float and reaches from {low:.8g} to {high:.8g}, expected'
      ' [0, 1]. Divide by its largest level.'
    )
  return np.ascontiguousarray(array.astype(np.float32, copy=False))
