"""MGDN for multi-exposure and multi-focus images."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from fusionjax import errors, losses
from fusionjax.methods import mgdn_names, mgdn_training
from fusionjax.methods.base import Apply, LossOutput, Method
from fusionjax.models import mgdn
from fusionjax.ops import colour, levels, streams
from fusionjax.ops.frame import Frame, pad_to_multiple

Array = jax.Array

# Of the published scripts, whatever the windows of the network.
_FLIP_MULTIPLE = 8


def fuse(
  apply: Apply,
  sources: Sequence[Array],
  *,
  task: str,
  frame: Frame | None = None,
) -> Array:
  """Fuses two RGB pictures; the network gives colours itself.

  Of two exposures the darker one comes first, as in training.

  Args:
    apply: the network, `apply(first, second)`.
    sources: two [b, h, w, 3] RGB pictures in [0, 1].
    task: `mef` or `mff`.
    frame: the pictures in the sources, where these are larger.

  Returns:
    [b, h, w, 3] RGB in [0, 1].

  Raises:
    errors.InputError: if there are more than two pictures.
  """
  check_pair(len(sources))
  first, second = sources
  if task == 'mef':
    first, second = _darker_first(first, second, frame)
  h, w = first.shape[1:3]
  if frame is None:
    fused = apply(flip_pad(first), flip_pad(second))
  else:
    mirror = functools.partial(
      pad_to_multiple,
      frame=frame,
      multiple=_FLIP_MULTIPLE,
      always=True,
      mode='symmetric',
    )
    (first, grown), (second, _) = mirror(first), mirror(second)
    fused = apply(first, second, frame=grown)
  return streams.rowwise(
    levels.clamp_unit, streams.crop(fused, height=h, width=w)
  )


def check_pair(count: int) -> None:
  """Raises InputError where there are not two sources."""
  if count != 2:
    raise errors.InputError(
      f'MGDN takes two pictures at a time, and there are {count}. Give two;'
      ' three exposures (under, reference, over) are what the task hdr takes.'
    )


def flip_pad(x: Array) -> Array:
  """Appends mirrored rows and columns, as the published scripts do.

  Args:
    x: [b, h, w, c], each side at least 8.

  Returns:
    [b, h', w', c], whose sides are the next multiples of 8: where a side is
    one already, 8 more are appended all the same.
  """
  rows, columns = (
    _FLIP_MULTIPLE - side % _FLIP_MULTIPLE for side in x.shape[1:3]
  )
  return streams.pad(x, rows=rows, columns=columns, mode='symmetric')


def _darker_first(
  first: Array, second: Array, frame: Frame | None
) -> tuple[Array, Array]:
  """Swaps the pictures of those samples whose second one is darker."""
  lumas = [streams.rowwise(colour.luma, x) for x in (first, second)]
  means = [
    streams.mean(x) if frame is None else frame.mean(x)[:, 0] for x in lumas
  ]
  swap = means[1] < means[0]
  return (
    streams.select(swap, second, first),
    streams.select(swap, first, second),
  )


def loss(
  module: mgdn.MGDN,
  variables: Mapping[str, Any],
  batch: Mapping[str, Any],
  *,
  task: str,
  information_weight: float = mgdn_training.INFORMATION_WEIGHT,
  rise: float = 0.25,
  limit: float = 10.0,
  scales: Sequence[float] = (1.0,),
  luminance: bool = True,
) -> tuple[Array, LossOutput]:
  """Difference from the reference, plus masked mutual information.

  Exposures without a reference are trained by the loss of CSC-MEFN instead
  of the difference: their structure by MEF-SSIM, and little halo.

  Args:
    module: the network.
    variables: its variables, and those of the loss under `loss`.
    batch: `sources` holds two [b, h, w, 3] RGB pictures in [0, 1],
      `reference` the wanted one, and `step` the number of steps done.
    task: `mef` or `mff`.
    information_weight: lambda, the weight of the information; 0 is the
      ablation without it.
    rise: of `fusionjax.losses.mef_ssim_loss`, for exposures without a
      reference; so are the others.
    limit: see `rise`.
    scales: see `rise`.
    luminance: see `rise`.

  Returns:
    The loss and its unweighted parts.

  Raises:
    errors.InputError: if there are no pairs, or `mff` has no reference.

  References:
    Guan et al., MGDN, eq. 5.
  """
  sources = batch['sources']
  check_pair(len(sources))
  if 'reference' not in batch and task != 'mef':
    raise errors.InputError(
      f'MGDN trains {task} on a reference, and the data has none. Put the '
      'wanted pictures in a folder of their own beside the sources, such as '
      'gt/.'
    )
  fused, stages = mgdn_training.run(module, variables, sources, batch['step'])
  if 'reference' in batch:
    value = losses.mean_absolute_error(fused, batch['reference'])
    parts = {'absolute_error': value}
  else:
    value, parts = losses.mef_ssim_loss(
      fused,
      sources,
      step=batch['step'],
      rise=rise,
      limit=limit,
      scales=scales,
      luminance=luminance,
    )
  value, parts = mgdn_training.add_information(
    parts, value, variables, stages, weight=information_weight
  )
  return value, LossOutput(parts)


METHOD = Method(
  name='mgdn',
  title='Mutual-guided dynamic network',
  paper=(
    'Guan, Xu, Yao, Wang, Xiong. Mutual-Guided Dynamic Network for Image '
    'Fusion. ACM Multimedia 2023.'
  ),
  module=mgdn.MGDN,
  example_sources=lambda task: ((1, 16, 16, 3), (1, 16, 16, 3)),
  colors={'mef': 'rgb', 'mff': 'rgb'},
  stacks='pairs',
  frames=True,
  streams=True,
  fuse=fuse,
  loss=loss,
  published_name=mgdn_names.published_name,
  ignorable_entries=mgdn_names.IGNORABLE_OF_PAIRS,
  rounding='nearest',
  init_loss=mgdn_training.init_loss,
  published_options={'mgdn-mef': mgdn.MULTI_EXPOSURE},
)
