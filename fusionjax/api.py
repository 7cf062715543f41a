"""What `import fusionjax` offers: fuse, load_model, list_models."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusionjax.inference.load import load_model
from fusionjax.inference.model import FusionModel
from fusionjax.methods import registry
from fusionjax.methods.registry import list_models

__all__ = ['FusionModel', 'fuse', 'list_models', 'load_model']

DEFAULT_MODEL = 'ffmef-mef'


def fuse(
  images: Sequence[Any],
  *,
  model: str | Path | FusionModel = DEFAULT_MODEL,
  **options: Any,
) -> np.ndarray:
  """Fuses images of one scene.

  Args:
    images: two or more images [h, w] or [h, w, 3] (RGB), in the order of the
      model's task; uint8, uint16 or float in [0, 1]; one size, from 16
      pixels a side.
    model: name of a model that ships, anything else that `load_model` takes,
      or a model. A model that ships stays loaded and compiled between calls;
      load another one once with `load_model`, if it is used again.
    **options: options of the method, see `FusionModel.fuse`.

  Returns:
    The fused image, of the size of the images and the dtype of the first
    (of the last where the order has a meaning); grey if all are grey.

  Raises:
    InputError: if the images or the model are not as they should be.
  """
  if not isinstance(model, FusionModel):
    shipped = isinstance(model, str) and model in registry.MODELS
    model = _shipped(str(model)) if shipped else load_model(model)
  return model.fuse(images, **options)


@functools.lru_cache(maxsize=4)
def _shipped(name: str) -> FusionModel:
  return load_model(name)
