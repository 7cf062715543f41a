"""What a picture of a scene shows: sources and reference in 8 bits."""

import numpy as np

from fusionjax.data import wald
from fusionjax.data.scenes import Example
from fusionjax.methods import registry

# The mu of the tone mapping by which the papers on HDR look at radiance.
_MU = 5000.0


def titles(example: Example, task: str) -> list[str]:
  """What the pictures of `pictures` are called.

  Args:
    example: a scene.
    task: a key of `registry.TASKS`.
  """
  row = registry.get_task(task)
  known = [name for name in row.sources if name != '...']
  count = len(example.sources)
  if row.exposures and count != len(known):
    known = [f'exposure {number + 1}' for number in range(count)]
  known += [f'source {number + 1}' for number in range(len(known), count)]
  return known[:count] + ['reference'] * (example.reference is not None)


def pictures(example: Example, task: str) -> list[np.ndarray]:
  """Shows a scene.

  Args:
    example: a scene as `read` of a source gives it.
    task: a key of `registry.TASKS`.

  Returns:
    [h, w, 3] uint8 per source, and of the reference if there is one. Of six
    channels the picture is shown, radiance by the mu-law, cubes by three means
    of their bands, depths in grey.
  """
  radiance = registry.get_task(task).radiance
  sources = [s[..., :3] if radiance else s for s in example.sources]
  shown = [_eight_bits(_colours(source)) for source in sources]
  if example.reference is not None:
    reference = example.reference
    if radiance:
      reference = np.log1p(_MU * reference) / np.float32(np.log1p(_MU))
    shown.append(_eight_bits(_colours(reference)))
  return shown


def _colours(picture: np.ndarray) -> np.ndarray:
  """Three channels of any number of bands."""
  channels = picture.shape[-1]
  if channels == 3:
    return picture
  if channels < 3:
    return np.repeat(picture[..., :1], 3, axis=-1)
  return wald.colours(np.clip(picture, 0, 1))


def _eight_bits(picture: np.ndarray) -> np.ndarray:
  return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
