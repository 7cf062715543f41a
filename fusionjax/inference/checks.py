"""The checks at the door: what came, what was expected, what to do."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from fusionjax.errors import InputError
from fusionjax.methods import registry

MIN_SIDE = 16
_KINDS = 'uint8, uint16 or float in [0, 1]'


def check_images(
  images: Sequence[Any], *, task: str, names: Sequence[str] | None = None
) -> list[np.ndarray]:
  """Checks images that are to be fused.

  Args:
    images: what the user gave.
    task: a key of `registry.TASKS`.
    names: what errors call the images; `image 1`, `image 2` by default.

  Returns:
    The images as NumPy arrays.

  Raises:
    InputError: that names the image and the fix.
  """
  images = list(images)
  names = names or [f'image {i + 1}' for i in range(len(images))]
  check_count(len(images), task=task)
  arrays = [
    check_image(image, name) for image, name in zip(images, names, strict=True)
  ]
  check_sizes([image.shape[:2] for image in arrays], names)
  for image, name in zip(arrays, names, strict=True):
    check_range(image, name)
  return arrays


def check_count(count: int, *, task: str) -> None:
  """Checks the number of images against what a task takes.

  Args:
    count: how many images there are.
    task: a key of `registry.TASKS`.

  Raises:
    InputError: if there are too few or too many.
  """
  row = registry.get_task(task)
  least, most = max(2, row.min_sources), row.max_sources
  if count >= least and (most is None or count <= most):
    return
  got = 'One image is' if count == 1 else f'{count} images are'
  what = 'not enough' if count < least else 'too many'
  takes = f'{least} or more' if most is None else str(least)
  raise InputError(
    f'{got} {what}: {row.title} fusion takes {takes}'
    f' ({", ".join(row.sources)}). Give {takes} images of one scene.'
  )


def check_sizes(
  sizes: Sequence[tuple[int, ...]],
  names: Sequence[str],
  *,
  any_size: bool = False,
  hint: str = '',
) -> None:
  """Checks that images share one size, and that it is large enough.

  Args:
    sizes: (height, width) of every image.
    names: what errors call them.
    any_size: whether the sizes may differ.
    hint: what else could be done about it, after a space.

  Raises:
    InputError: if the sizes differ or a side is below 16 pixels.
  """
  for (height, width), name in zip(sizes, names, strict=True):
    first_height, first_width = sizes[0]
    if (height, width) != (first_height, first_width) and not any_size:
      raise InputError(
        f'Images of a stack must share one size: {names[0]} is'
        f' {first_width}x{first_height}, {name} is {width}x{height}.'
        f' Resize one.{hint}'
      )
    if min(height, width) < MIN_SIDE:
      raise InputError(
        f'{name} is {width}x{height}: each side must have {MIN_SIDE} pixels'
        ' or more. Give a larger image.'
      )


def is_grey(image: np.ndarray) -> bool:
  """Whether an image [h, w] or [h, w, c] has one channel."""
  return image.ndim == 2 or image.shape[-1] == 1


def check_image(image: Any, name: str) -> np.ndarray:
  """Checks the type, shape and dtype of one picture.

  Args:
    image: what the user gave.
    name: what errors call it.

  Returns:
    It as a NumPy array in the machine's order of bytes.

  Raises:
    InputError: if it is no grey or RGB picture.
  """
  array = as_array(image, name)
  if array.ndim == 3 and array.shape[-1] in (2, 4):
    raise InputError(
      f'{name} has {array.shape[-1]} channels, expected grey or RGB. Take off'
      ' the alpha channel: image[..., :-1].'
    )
  if array.ndim not in (2, 3) or (
    array.ndim == 3 and array.shape[-1] not in (1, 3)
  ):
    raise InputError(
      f'{name} has shape {list(array.shape)}, expected [height, width] or'
      ' [height, width, 3]. Give one image per entry of the sequence.'
    )
  check_dtype(array, name)
  return array


def as_array(image: Any, name: str) -> np.ndarray:
  """Takes an array, in the machine's order of bytes.

  Args:
    image: what the user gave.
    name: what errors call it.

  Raises:
    InputError: if it is a path.
  """
  if isinstance(image, str) or hasattr(image, '__fspath__'):
    raise InputError(
      f'{name} is a path, expected an array. Read it with'
      ' fusionjax.data.images.read_image, or use `fusionjax fuse`.'
    )
  array = np.asarray(image)
  return array.astype(array.dtype.newbyteorder('='), copy=False)


def check_dtype(array: np.ndarray, name: str) -> None:
  """Checks that an image has levels or floats.

  Args:
    array: the image.
    name: what errors call it.

  Raises:
    InputError: if its dtype is another.
  """
  if array.dtype not in (np.uint8, np.uint16) and not jnp.issubdtype(
    array.dtype, jnp.floating
  ):
    raise InputError(
      f'{name} is {array.dtype}, expected {_KINDS}. Convert it with astype.'
    )


def check_range(image: np.ndarray, name: str) -> None:
  """Checks that a float image lies in [0, 1].

  Args:
    image: the image.
    name: what errors call it.

  Raises:
    InputError: if it does not.
  """
  if np.issubdtype(image.dtype, np.integer):
    return
  low, high = float(image.min()), float(image.max())
  # Written so that NaN fails.
  if not (low >= 0 and high <= 1):
    raise InputError(
      f'{name} is float and reaches from {low:.8g} to {high:.8g}, expected'
      ' [0, 1]. Divide by its largest level, or clip it.'
    )
