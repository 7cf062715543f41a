"""From what a user gives to what a program takes, and back."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fusionjax.inference import depth as depth_door
from fusionjax.inference import exposures as exposures_door
from fusionjax.inference import guided
from fusionjax.inference.checks import check_images, is_grey
from fusionjax.methods import registry

Options = tuple[tuple[str, Any], ...]


@dataclasses.dataclass(frozen=True)
class Request:
  """Images that were checked, and what is wanted of them.

  Attributes:
    pictures: [h, w, c] arrays, as the program of a model takes them.
    dtype: of the program's result.
    options: of the method.
    finish: from the program's result to what the user gets.
  """

  pictures: list[np.ndarray]
  dtype: np.dtype
  options: Options
  finish: Callable[[np.ndarray], np.ndarray]

  @property
  def pixels(self) -> int:
    """Of the largest picture."""
    return max(x.shape[0] * x.shape[1] for x in self.pictures)

  @property
  def one_size(self) -> bool:
    """Whether all pictures have the same size."""
    return len({x.shape[:2] for x in self.pictures}) == 1


def check(
  images: Sequence[Any],
  *,
  task: str,
  names: Sequence[str] | None,
  options: Options,
  stops: Sequence[float] | None = None,
) -> Request:
  """Checks images; see `FusionModel.fuse`.

  Args:
    images: what the user gave.
    task: a key of `registry.TASKS`.
    names: what errors call the images.
    options: of the method, checked.
    stops: exposures in EV, for radiance.

  Returns:
    What a program takes.

  Raises:
    InputError: that names the image and the fix.
  """
  row = registry.get_task(task)
  if row.radiance:
    six = exposures_door.check_exposures(images, stops, task=task, names=names)
    return Request(list(six), six[0].dtype, options, np.asarray)
  if row.depth:
    colour, depth = depth_door.check_colour_and_depth(
      images, task=task, names=names
    )
    unit, limits = depth_door.to_unit(depth)
    return Request(
      [_storable(colour), unit],
      unit.dtype,
      options,
      lambda fused: depth_door.from_unit(fused, limits, like=depth),
    )
  if row.guided:
    cube, guide = guided.check_cube_and_guide(images, task=task, names=names)
    pictures = [guided.storable(image) for image in (cube, guide)]
    # A cube stays a cube.
    return Request(
      pictures,
      pictures[0].dtype,
      options,
      lambda fused: _like(fused if cube.ndim == 3 else fused[..., 0], cube),
    )
  arrays = check_images(images, task=task, names=names)
  pictures = [_storable(image) for image in arrays]
  # The pictures of an unordered stack are alike; of an ordered pair the last
  # one is what a person would have looked at.
  last = -1 if row.ordered else 0
  grey = all(is_grey(image) for image in arrays)
  return Request(
    pictures,
    pictures[last].dtype,
    options,
    lambda fused: _like_picture(fused, arrays[last], grey=grey),
  )


def _like_picture(
  fused: np.ndarray, like: np.ndarray, *, grey: bool
) -> np.ndarray:
  """Gives a fused picture the axes and the dtype of an image."""
  if grey or fused.shape[-1] == 1:
    shape = like.shape if is_grey(like) else like.shape[:2]
    fused = fused[..., 0].reshape(shape)
  return _like(fused, like)


def _like(fused: np.ndarray, like: np.ndarray) -> np.ndarray:
  return fused.astype(like.dtype, copy=False)


def _storable(image: np.ndarray) -> np.ndarray:
  """Brings an image to what goes to the device: RGB, floats in float32."""
  whole = np.issubdtype(image.dtype, np.integer)
  image = image if whole else image.astype(np.float32, copy=False)
  if image.ndim == 2:
    image = image[..., None]
  # Grey is compiled as colour: one program a size, whatever the stack holds.
  return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image
