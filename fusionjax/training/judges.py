"""Who scores what a training fuses: metrics of fusion, or a true result."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from fusionjax import errors
from fusionjax import metrics as metrics_lib
from fusionjax.data import depth
from fusionjax.data.scenes import Example
from fusionjax.losses import reconstruction
from fusionjax.methods import registry
from fusionjax.metrics import depth as depth_metrics
from fusionjax.metrics import registry as metrics_registry
from fusionjax.metrics import spectral
from fusionjax.ops import tone

# Of cubes, whose true result is known. SSIM has a window of 5, as CSC-MSFN's.
SPECTRAL = ('psnr', 'ssim', 'sam', 'ergas')
# Of radiance: the tables of HDR have SSIM too.
RADIANCE = ('psnr_mu', 'psnr_l', 'ssim_mu', 'ssim_l')
# Of depth maps, by a protocol of `metrics.depth`: the error, that of bicubic
# upsampling, and by how many decibels it is less.
DEPTH = ('depth_rmse', 'bicubic_rmse', 'gain_db')


def select(
  names: str | Sequence[str], *, task: str, toolbox: str
) -> tuple[str, ...]:
  """Chooses metrics by name.

  Args:
    names: names, one name, or `all`.
    task: a key of `registry.TASKS`; of a guided one there are `SPECTRAL`, of
      depth `DEPTH`, of radiance `RADIANCE`.
    toolbox: whose definitions, for other tasks; for depth the protocol.

  Returns:
    The names, in the order asked for.

  Raises:
    errors.InputError: if one is unknown.
  """
  row = registry.get_task(task)
  if not row.measures:
    return tuple(metrics_registry.select(names, toolbox=toolbox))
  if row.depth and toolbox not in depth_metrics.PROTOCOLS:
    raise errors.unknown_name('eval.toolbox', toolbox, depth_metrics.PROTOCOLS)
  known = DEPTH if row.depth else RADIANCE if row.radiance else SPECTRAL
  if names == 'all':
    return known
  chosen = (names,) if isinstance(names, str) else tuple(names)
  for name in chosen:
    if name not in known:
      what = 'depth' if row.depth else 'HDR' if row.radiance else 'cubes'
      raise errors.unknown_name(f'metric of {what}', name, known)
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
  if metrics and set(metrics) <= set(DEPTH):
    return _score_depth(fused, scene, metrics=metrics, protocol=toolbox)
  if metrics and set(metrics) <= set(RADIANCE):
    return dict(
      metrics_lib.evaluate(
        np.asarray(fused, np.float64),
        [np.asarray(scene.reference, np.float64)],
        metrics=tuple(metrics),
        toolbox=toolbox,
      )
    )
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


def _tone_mapped(radiance: np.ndarray) -> np.ndarray:
  return np.asarray(tone.mu_law(jnp.asarray(radiance, jnp.float32)))


def _score_depth(
  fused: np.ndarray,
  scene: Example,
  *,
  metrics: Sequence[str],
  protocol: str,
) -> dict[str, float]:
  """Errors of depth in [0, 1], in the unit of the protocol's result."""
  assert scene.reference is not None
  with jax.enable_x64(True):
    truth = jnp.asarray(depth.restored(scene.reference, scene)[..., 0])
    error, bicubic = (
      float(
        depth_metrics.depth_rmse_of_output(
          jnp.asarray(made[..., 0], jnp.float64), truth, protocol=protocol
        )
      )
      for made in (fused, scene.sources[1])
    )
  found = {
    'depth_rmse': error,
    'bicubic_rmse': bicubic,
    'gain_db': 20 * math.log10(max(bicubic, 1e-9) / max(error, 1e-9)),
  }
  return {name: found[name] for name in metrics}


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


def to_picture(image: np.ndarray, *, radiance: bool = False) -> np.ndarray:
  """Makes an 8-bit RGB picture of what a scene holds or a network gives.

  Args:
    image: [h, w, c], 8-bit levels or in [0, 1]. One channel is shown grey, of
      more than three the last, the middle and the first.
    radiance: whether three channels are radiance, which is tone-mapped, and
      six a picture beside its radiance.

  Returns:
    [h, w, 3] uint8.
  """
  if radiance:
    image = image[..., :3] if image.shape[-1] == 6 else _tone_mapped(image)
  if image.dtype != np.uint8:
    image = to_levels(image, rounding='nearest')
  channels = image.shape[-1]
  if channels < 3:
    return np.repeat(image[..., :1], 3, axis=-1)
  if channels > 3:
    return image[..., [channels - 1, channels // 2, 0]]
  return image
