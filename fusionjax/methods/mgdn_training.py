"""What the trainings of MGDN's networks share."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp

from fusionjax.losses import StagewiseInformation
from fusionjax.models.mgdn import GuidedNetwork

Array = jax.Array

# The paper does not say how it weighs its two terms.
INFORMATION_WEIGHT = 0.01


def run(
  module: GuidedNetwork,
  variables: Mapping[str, Any],
  sources: Sequence[Array],
  step: Array,
) -> tuple[Array, list[tuple[Array, ...]]]:
  """Runs a network in training.

  Args:
    module: the network.
    variables: its variables; those of the loss do not matter.
    sources: its sources.
    step: the number of steps done, the seed of what is left out.

  Returns:
    Its output, and the filtered maps of its stages, of those that ran twice
    the last ones.
  """
  network = {name: v for name, v in variables.items() if name != 'loss'}
  key = jax.random.fold_in(jax.random.key(0), jnp.asarray(step, jnp.int32))
  out, sown = module.apply(
    network,
    *sources,
    train=True,
    rngs={'drop_path': key},
    mutable=['intermediates'],
  )
  found = sown['intermediates']
  numbers = range(len(module.depths))
  return out, [found[f'stage{n}']['filtered'][-1] for n in numbers]


def add_information(
  parts: dict[str, Array],
  value: Array,
  variables: Mapping[str, Any],
  stages: Sequence[Sequence[Array]],
  *,
  weight: float,
) -> tuple[Array, dict[str, Array]]:
  """Adds the masked mutual information of the stages to a loss.

  Args:
    parts: parts of the loss by name.
    value: the loss so far.
    variables: variables with those of the loss under `loss`.
    stages: from `run`.
    weight: of the information; 0 leaves it out.

  Returns:
    The loss and its parts, with `information` unweighted.

  References:
    Guan et al., MGDN, eq. 5 and 6.
  """
  if not weight:
    return value, parts
  information = cast(
    Array, StagewiseInformation().apply({'params': variables['loss']}, stages)
  )
  return value + weight * information, {**parts, 'information': information}


def init_loss(
  key: Array,
  module: GuidedNetwork,
  *,
  information_weight: float = INFORMATION_WEIGHT,
  maps: int = 2,
  **others: Any,
) -> Any:
  """Makes the parameters of the loss.

  Args:
    key: a random key.
    module: the network.
    information_weight: of the masked mutual information.
    maps: filtered maps of a stage: 2, or 3 for three exposures.
    **others: options of the loss that do not matter here.

  Returns:
    Parameters; empty where the information has no weight.
  """
  del others
  if not information_weight:
    return {}
  some = jnp.zeros((1, 16, 16, module.channels), jnp.float32)
  stages = [[some] * maps for _ in module.depths]
  return StagewiseInformation().init(key, stages)['params']
