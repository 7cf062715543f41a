"""The training state: one frozen tree, born on the devices it lives on."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from fusionjax.methods import base
from fusionjax.training import mesh as mesh_lib

Array = jax.Array

# Where parameters of a loss lie beside those of the network. No submodule can
# have this name.
_LOSS = '(loss)'


@flax.struct.dataclass
class TrainState:
  """Everything that a training step changes.

  Attributes:
    step: int32 scalar, the number of steps done.
    params: the network's parameters; and those of the loss, where it has
      some, which are trained alike and are no part of the weights.
    batch_stats: running statistics of the network; empty where it has none.
    opt_state: the optimizer's state.
    ema: moving average of the parameters; None without one.
  """

  step: Array
  params: Any
  batch_stats: Any
  opt_state: Any
  ema: Any

  def variables(self) -> dict[str, Any]:
    """The variables that training runs the network with."""
    return self._with(self.params)

  def variables_to_keep(self) -> dict[str, Any]:
    """The variables to evaluate and to ship: averaged where there is an EMA."""
    return self._with(self.params if self.ema is None else self.ema)

  def loss_variables(self, params: Any) -> dict[str, Any]:
    """What a loss gets: the variables of the network, and `loss`, its own."""
    own = {'loss': params[_LOSS]} if _LOSS in params else {}
    return {**self._with(params), **own}

  def _with(self, params: Any) -> dict[str, Any]:
    if _LOSS in params:
      params = {name: v for name, v in params.items() if name != _LOSS}
    if self.batch_stats:
      return {'params': params, 'batch_stats': self.batch_stats}
    return {'params': params}


def create_state(
  method: base.Method,
  module: nn.Module,
  optimizer: optax.GradientTransformation,
  *,
  task: str,
  seed: int,
  mesh: Mesh,
  ema: bool = False,
  loss_options: Mapping[str, Any] | None = None,
  shard_parameters: int = 0,
) -> TrainState:
  """Initialises a training state on the devices of a mesh.

  Args:
    method: the method to train.
    module: its network.
    optimizer: the optimizer.
    task: a task of the method.
    seed: the seed of the parameters.
    mesh: the mesh of the training.
    ema: whether to keep a moving average of the parameters.
    loss_options: keyword options of the method's loss.
    shard_parameters: see `mesh.state_sharding`; 0 replicates all.

  Returns:
    The state at step 0, on the mesh.
  """
  options: dict[str, Any] = {
    'task': task,
    'ema': ema,
    'loss_options': loss_options,
  }
  init = _initializer(method, module, optimizer, **options)
  shardings = jax.tree.map(
    lambda leaf: leaf.sharding,
    abstract_state(
      method,
      module,
      optimizer,
      mesh=mesh,
      shard_parameters=shard_parameters,
      **options,
    ),
  )
  # It runs once: for a network of many parameters, optimising the program
  # takes many times as long as it gains.
  quickly = {'xla_backend_optimization_level': 0}
  run = jax.jit(init, out_shardings=shardings, compiler_options=quickly)
  return run(jax.random.key(seed))


def abstract_state(
  method: base.Method,
  module: nn.Module,
  optimizer: optax.GradientTransformation,
  *,
  task: str,
  mesh: Mesh,
  ema: bool = False,
  loss_options: Mapping[str, Any] | None = None,
  shard_parameters: int = 0,
) -> TrainState:
  """Shapes, dtypes and shardings of a training state, with nothing computed.

  Args:
    method: the method to train.
    module: its network.
    optimizer: the optimizer.
    task: a task of the method.
    mesh: the mesh of the training.
    ema: whether there is a moving average of the parameters.
    loss_options: keyword options of the method's loss.
    shard_parameters: see `mesh.state_sharding`; 0 replicates all.

  Returns:
    A state of `jax.ShapeDtypeStruct`.
  """
  init = _initializer(
    method, module, optimizer, task=task, ema=ema, loss_options=loss_options
  )
  shapes = jax.eval_shape(init, jax.random.key(0))
  return jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct(
      leaf.shape,
      leaf.dtype,
      sharding=mesh_lib.state_sharding(mesh, leaf, at_least=shard_parameters),
    ),
    shapes,
  )


def _initializer(
  method: base.Method,
  module: nn.Module,
  optimizer: optax.GradientTransformation,
  *,
  task: str,
  ema: bool,
  loss_options: Mapping[str, Any] | None,
) -> Any:
  """Returns the pure function from a key to the state at step 0."""
  shapes = base.example_shapes(method, module, task)

  def init(key: Array) -> TrainState:
    sources = [jnp.zeros(shape, jnp.float32) for shape in shapes]
    variables = dict(module.init(key, *sources))
    params = variables.pop('params')
    own = base.loss_parameters(method, module, key, loss_options or {})
    params = {**params, _LOSS: own} if own else params
    return TrainState(
      step=jnp.zeros((), jnp.int32),
      params=params,
      batch_stats=variables.pop('batch_stats', {}),
      opt_state=optimizer.init(params),
      # A copy: the state is donated, and a buffer can be given only once.
      ema=jax.tree.map(jnp.copy, params) if ema else None,
    )

  return init
