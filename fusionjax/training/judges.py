"""Who scores what a training fuses: metrics of fusion, or a true result."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from fusionjax import errors
from fusionjax import metrics as metrics_lib
from fusionjax.data.scenes import Example
from fusionjax.losses import reconstruction
from fusionjax.methods import registry
from fusionjax.metrics import registry as metrics_registry
from fusionjax.metrics import spectral

# Of cubes, whose true result is known. SSIM has a window of 5, as CSC-MSFN's.
SPECTRAL = ('psnr', 'ssim', 'sam', 'ergas')


def select(
  names: str | Sequence[str], *, task: str, toolbox: str
) -> tuple[str, ...]:
  """Chooses metrics by name.

  Args:
    names: names, one name, or `all`.
    task: a key of `registry.TASKS`; of a guided one there are `SPECTRAL`.
    toolbox: whose definitions, for other tasks.

  Returns:
    The names, in the order asked for.

  Raises:
    errors.InputError: if one is unknown.
  """
  if not registry.get_task(task).guided:
    return tuple(metrics_registry.select(names, toolbox=toolbox))
  if names == 'all':
    return SPECTRAL
  chosen = (names,) if isinstance(names, str) else tuple(names)
  for name in chosen:
    if name not in SPECTRAL:
      raise errors.unknown_name('metric of cubes', name, SPECTRAL)
  return chosen


def score(
  fused: np.ndarray,
  scene: Example,
  *,
  metrics: Sequence[str],
  toolbox: str,
) -> dict[str, float]:
  """Scores what a network made of a scene.

  Args:
    fused: [h, w] or [h, w, 3] 8-bit levels; of a cube [h, w, bands] in [0, 1].
    scene: what it was made of.
    metrics: from `select`.
    toolbox: whose definitions.

  Returns:
    Values by name.
  """
  if not scene.cubes:
    pictures = [to_levels(s, rounding='nearest') for s in scene.sources]
    return dict(
      metrics_lib.evaluate(
        fused, pictures, metrics=tuple(metrics), toolbox=toolbox
      )
    )
  assert scene.reference is not None, scene.name
  ratio = scene.reference.shape[0] / scene.sources[0].shape[0]
  with jax.enable_x64(True):
    made, truth = (
      jnp.asarray(image, jnp.float64) for image in (fused, scene.reference)
    )
    found = {
      'psnr': lambda: spectral.psnr(made, truth),
      'ssim': lambda: (
        1
        - 2
        * reconstruction.structural_dissimilarity(
          made[None], truth[None], window=5
        )
      ),
      'sam': lambda: spectral.sam(made, truth),
      'ergas': lambda: spectral.ergas(made, truth, ratio=ratio),
    }
    return {name: float(found[name]()) for name in metrics}


def to_levels(image: np.ndarray, *, rounding: str) -> np.ndarray:
  """Turns [0, 1] into 8-bit levels.

  Args:
    image: any shape, in [0, 1].
    rounding: 'truncate' or 'nearest'.

  Returns:
    uint8 of the same shape.
  """
  levels = np.clip(np.asarray(image, np.float32), 0.0, 1.0) * 255.0
  if rounding == 'nearest':
    levels = levels + 0.5
  return levels.astype(np.uint8)


def to_picture(image: np.ndarray) -> np.ndarray:
  """Makes an 8-bit RGB picture of what a scene holds or a network gives.

  Args:
    image: [h, w, c], 8-bit levels or in [0, 1]. One channel is shown grey, of
      more than three the last, the middle and the first.

  Returns:
    [h, w, 3] uint8.
  """
  if image.dtype != np.uint8:
    image = to_levels(image, rounding='nearest')
  channels = image.shape[-1]
  if channels < 3:
    return np.repeat(image[..., :1], 3, axis=-1)
  if channels > 3:
    return image[..., [channels - 1, channels // 2, 0]]
  return image
