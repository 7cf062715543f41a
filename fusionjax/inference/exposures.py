"""Three exposures at the door: their order, and what they stand for."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fusionjax.data import images as images_lib
from fusionjax.data import radiance
from fusionjax.errors import InputError
from fusionjax.inference import checks


def check_exposures(
  images: Sequence[Any],
  exposures: Sequence[float] | None,
  *,
  task: str,
  names: Sequence[str] | None = None,
) -> list[np.ndarray]:
  """Checks three exposures and brings them to what the network takes.

  Args:
    images: three pictures of one size.
    exposures: of each in EV, of which only the differences matter; None for
      -2, 0 and 2 from the darkest to the brightest picture.
    task: a key of `registry.TASKS`.
    names: what errors call them.

  Returns:
    Three [h, w, 6] float32, from under- to over-exposed; radiance 1 is white
    in the darkest one.

  Raises:
    InputError: that names the picture and the fix.
  """
  arrays = checks.check_images(images, task=task, names=names)
  pictures = [images_lib.to_unit_rgb(array) for array in arrays]
  if exposures is None:
    pictures.sort(key=lambda picture: float(picture.mean(dtype=np.float64)))
    values = list(radiance.DEFAULT_EXPOSURES)
  else:
    values = [float(value) for value in exposures]
    if (
      len(values) != len(pictures)
      or len(set(values)) < len(values)
      or not np.isfinite(values).all()
    ):
      raise InputError(
        f'exposures is {values}. Give one in EV for each picture, such as'
        ' -2, 0, 2.'
      )
  return radiance.bracket(pictures, exposures=values)
