"""A network with its weights, and the checks at its door."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from fusionjax.errors import InputError
from fusionjax.methods import base, registry
from fusionjax.ops import levels

Array = jax.Array

MIN_SIDE = 16
_KINDS = 'uint8, uint16 or float in [0, 1]'


@dataclasses.dataclass(frozen=True, eq=False)
class FusionModel:
  """A fusion network with its weights.

  Attributes:
    module: the Flax network.
    variables: its variables, such as `{'params': {...}}`.
    name: name of the model, such as `ffmef-mef`, or of its file.
    method: name of the method, such as `ffmef`.
    task: name of the task, such as `mef`.
  """

  module: nn.Module
  variables: base.Variables = dataclasses.field(repr=False)
  name: str
  method: str
  task: str

  def apply(self, *sources: Array) -> Array:
    """Runs the raw network, compiled for the shapes of its sources.

    Args:
      *sources: float32 NHWC arrays in the order of the paper, such as luma
        planes [b, h, w, 1] for FFMEF.

    Returns:
      The network's output, before any clamping.

    Raises:
      InputError: if a source is no float array of four axes.
    """
    for index, source in enumerate(sources):
      if np.ndim(source) != 4 or not jnp.issubdtype(source.dtype, jnp.floating):
        raise InputError(
          f'Source {index + 1} of the network is {source.dtype} of shape'
          f' {list(np.shape(source))}, expected float32 [batch, height, width,'
          ' channel] in [0, 1]. For images use fuse.'
        )
    return self._apply(self.variables, *sources)

  def fuse(
    self, images: Sequence[Any], *, names: Sequence[str] | None = None
  ) -> np.ndarray:
    """Fuses images of one scene.

    Args:
      images: two or more images [h, w], [h, w, 1] or [h, w, 3] (RGB), in the
        order of the task; uint8, uint16 or float in [0, 1]; NumPy or JAX
        arrays of one size, from 16 pixels a side.
      names: what errors call the images; `image 1`, `image 2` by default.

    Returns:
      The fused image: [h, w, 3], or grey like the images if all of them are
      grey. It has the dtype of the first image, or of the last where the
      order of the sources has a meaning (the visible one of a pair).

    Raises:
      InputError: if the images are no such images.
    """
    arrays = check_images(images, task=self.task, names=names)
    pictures = [_storable(image) for image in arrays]
    # The pictures of an unordered stack are alike; of an ordered pair the
    # last one is what a person would have looked at.
    last = -1 if registry.get_task(self.task).ordered else 0
    like = arrays[last]
    dtype = pictures[last].dtype
    fused = np.asarray(self._fuse(self.variables, pictures, dtype=dtype))
    if all(_is_grey(image) for image in arrays):
      fused = fused[..., 0].reshape(like.shape)
    return fused.astype(like.dtype, copy=False)

  @functools.cached_property
  def _apply(self) -> Callable[..., Array]:
    return jax.jit(self.module.apply)

  @functools.cached_property
  def _fuse(self) -> Callable[..., Array]:
    method = registry.get_method(self.method)

    def fuse(
      variables: base.Variables, pictures: list[Array], *, dtype: np.dtype
    ) -> Array:
      sources = [_to_unit(picture)[None] for picture in pictures]
      fused = base.fuse_pictures(
        method, self.module, variables, sources, task=self.task
      )[0]
      if jnp.issubdtype(dtype, jnp.floating):
        return jnp.clip(fused, 0, 1)
      top = int(jnp.iinfo(dtype).max)
      whole = levels.to_levels(fused, levels=top, rounding=method.rounding)
      return whole.astype(dtype)

    return jax.jit(fuse, static_argnames='dtype')


def _storable(image: np.ndarray) -> np.ndarray:
  """Brings an image to what goes to the device: RGB, floats in float32."""
  whole = np.issubdtype(image.dtype, np.integer)
  image = image if whole else image.astype(np.float32, copy=False)
  if image.ndim == 2:
    image = image[..., None]
  # Grey is compiled as colour: one program a size, whatever the stack holds.
  return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


def _to_unit(image: Array) -> Array:
  """Turns the levels of an image into float32 in [0, 1]."""
  if jnp.issubdtype(image.dtype, jnp.floating):
    return image
  # By a table: XLA would multiply by 1 / 255, which is off by a bit.
  top = int(jnp.iinfo(image.dtype).max)
  table = np.arange(top + 1, dtype=np.float32) / np.float32(top)
  return jnp.asarray(table).at[image].get(mode='promise_in_bounds')


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
    _check_image(image, name) for image, name in zip(images, names, strict=True)
  ]
  check_sizes([image.shape[:2] for image in arrays], names)
  for image, name in zip(arrays, names, strict=True):
    _check_range(image, name)
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


def check_sizes(sizes: Sequence[tuple[int, ...]], names: Sequence[str]) -> None:
  """Checks that images share one size, and that it is large enough.

  Args:
    sizes: (height, width) of every image.
    names: what errors call them.

  Raises:
    InputError: if the sizes differ or a side is below 16 pixels.
  """
  for (height, width), name in zip(sizes, names, strict=True):
    first_height, first_width = sizes[0]
    if (height, width) != (first_height, first_width):
      raise InputError(
        f'Images of a stack must share one size: {names[0]} is'
        f' {first_width}x{first_height}, {name} is {width}x{height}.'
        ' Resize one.'
      )
    if min(height, width) < MIN_SIDE:
      raise InputError(
        f'{name} is {width}x{height}: each side must have {MIN_SIDE} pixels'
        ' or more. Give a larger image.'
      )


def _is_grey(image: np.ndarray) -> bool:
  return image.ndim == 2 or image.shape[-1] == 1


def _check_image(image: Any, name: str) -> np.ndarray:
  """Checks the type, shape and dtype of one image."""
  if isinstance(image, str) or hasattr(image, '__fspath__'):
    raise InputError(
      f'{name} is a path, expected an array. Read it with'
      ' fusionjax.data.images.read_image, or use `fusionjax fuse`.'
    )
  array = np.asarray(image)
  # In the machine's order of bytes.
  array = array.astype(array.dtype.newbyteorder('='), copy=False)
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
  if array.dtype not in (np.uint8, np.uint16) and not jnp.issubdtype(
    array.dtype, jnp.floating
  ):
    raise InputError(
      f'{name} is {array.dtype}, expected {_KINDS}. Convert it with astype.'
    )
  return array


def _check_range(image: np.ndarray, name: str) -> None:
  """Checks that a float image lies in [0, 1]."""
  if np.issubdtype(image.dtype, np.integer):
    return
  low, high = float(image.min()), float(image.max())
  # Written so that NaN fails.
  if not (low >= 0 and high <= 1):
    raise InputError(
      f'{name} is float and reaches from {low:.8g} to {high:.8g}, expected'
      ' [0, 1]. Divide by its largest level, or clip it.'
    )
