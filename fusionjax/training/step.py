"""The training step: a pure function from state and batch to state."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from fusionjax.methods import base
from fusionjax.ops import precision
from fusionjax.training import state as state_lib

Array = jax.Array
Metrics = dict[str, Array]
Step = Callable[
  [state_lib.TrainState, Mapping[str, Any]],
  tuple[state_lib.TrainState, Metrics],
]


def make_train_step(
  method: base.Method,
  module: nn.Module,
  optimizer: optax.GradientTransformation,
  *,
  task: str,
  loss_options: Mapping[str, Any],
  ema_decay: float = 0.0,
  shardings: Any = None,
) -> Step:
  """Makes the compiled training step.

  Args:
    method: the method to train.
    module: its network.
    optimizer: the optimizer; clipping of gradients is its business.
    task: a task of the method.
    loss_options: keyword options of the method's loss.
    ema_decay: decay of the moving average of the parameters, in [0, 1); used
      where the state has one.
    shardings: a state of the shardings that its arrays keep; left to XLA by
      default, which keeps what is replicated so.

  Returns:
    `state, metrics = step(state, batch)`. The given state is donated: its
    arrays are gone after the call. Metrics are scalars on the devices:
    `loss`, its parts by name, and `gradient_norm` before clipping. Products
    are of float32 (see `precision.full`), the network's unless it was wrapped
    by another `compute.Compute`.
  """

  def step(
    state: state_lib.TrainState, batch: Mapping[str, Any]
  ) -> tuple[state_lib.TrainState, Metrics]:
    def loss_of(
      params: Any,
    ) -> tuple[Array, tuple[Metrics, dict[str, Any]]]:
      loss, output = method.loss(
        module,
        state.loss_variables(params),
        {**batch, 'step': state.step},
        task=task,
        **loss_options,
      )
      # A record is no tree: hand on what it holds.
      return loss, (dict(output.parts), dict(output.updates))

    with precision.full():
      (loss, (parts, updates)), gradients = jax.value_and_grad(
        loss_of, has_aux=True
      )(state.params)
    changes, opt_state = optimizer.update(
      gradients, state.opt_state, state.params
    )
    params = optax.apply_updates(state.params, changes)
    metrics = {
      'loss': loss,
      **parts,
      'gradient_norm': optax.global_norm(gradients),
    }
    return state_lib.TrainState(
      step=state.step + 1,
      params=params,
      batch_stats=updates.get('batch_stats', state.batch_stats),
      opt_state=opt_state,
      ema=_average(state.ema, params, step=state.step, decay=ema_decay),
    ), metrics

  # Else XLA may choose to split what it gives back in another way, and the
  # next step would compile anew.
  out = None if shardings is None else (shardings, None)
  return jax.jit(step, donate_argnums=0, out_shardings=out)


def _average(ema: Any, params: Any, *, step: Array, decay: float) -> Any:
  """Moves the average towards the parameters; faster in the first steps."""
  if ema is None:
    return None
  # Without this ramp a short training would ship its initial weights.
  count = step.astype(jnp.float32)
  rate = 1.0 - jnp.minimum(decay, (1.0 + count) / (10.0 + count))
  return jax.tree.map(
    lambda old, new: old + rate.astype(old.dtype) * (new - old), ema, params
  )
