"""From a config to the parts of a training: what is trained on what."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import ml_collections
import numpy as np
import optax
from jax.sharding import Mesh

from fusionjax import errors
from fusionjax.data import pipeline, sources
from fusionjax.methods import base, registry
from fusionjax.training import checkpoints, judges, starting
from fusionjax.training import compute as compute_lib
from fusionjax.training import mesh as mesh_lib
from fusionjax.training import optimizer as optimizer_lib
from fusionjax.training import state as state_lib
from fusionjax.training import step as step_lib

# The least value of fields that are numbers.
_LEAST = {
  'steps': 0,
  'epochs': 0,
  'eval.every': 0,
  'eval.scenes': 0,
  'eval.samples': 0,
  'checkpoint.every': 1,
  'checkpoint.keep': 1,
  'log.every': 1,
  'accumulation': 1,
  'mesh.shard_parameters': 0,
}


@dataclasses.dataclass(frozen=True)
class Run:
  """The parts of a training that its config fixes.

  Attributes:
    config: the config as plain dictionaries.
    method: the method.
    module: its network.
    mesh: the devices.
    source: the training data.
    steps: steps of the whole training.
    schedule: the learning rate by step.
    optimizer: the optimizer.
  """

  config: Mapping[str, Any]
  method: base.Method
  module: nn.Module
  mesh: Mesh
  source: sources.Source
  steps: int
  schedule: optax.Schedule
  optimizer: optax.GradientTransformation

  @property
  def task(self) -> str:
    """The task that is trained."""
    return str(self.config['task'])

  @property
  def seed(self) -> int:
    """The seed of parameters and data."""
    return int(self.config['seed'])

  @property
  def batch_size(self) -> int:
    """Samples in the global batch."""
    return int(self.config['data']['batch_size'])

  def open_heldout(self) -> sources.Source:
    """Opens the scenes that are not trained on."""
    return sources.open_source(
      self.config['data'], task=self.task, seed=self.seed, split='test'
    )

  def create_state(self) -> state_lib.TrainState:
    """The state at step 0.

    Raises:
      errors.InputError: if it begins with weights that cannot be had.
    """
    name = self.config['weights']
    given = name and starting.read(
      name, method=self.method, module=self.module, task=self.task
    )
    state = state_lib.create_state(
      self.method,
      self.module,
      self.optimizer,
      **self._state_options(),
      seed=self.seed,
    )
    return starting.begin_with(state, given) if given else state

  def abstract_state(self) -> state_lib.TrainState:
    """Shapes, dtypes and shardings of the state."""
    return state_lib.abstract_state(
      self.method, self.module, self.optimizer, **self._state_options()
    )

  def _state_options(self) -> dict[str, Any]:
    ema = self.config['ema_decay'] > 0
    return {
      'task': self.task,
      'mesh': self.mesh,
      'ema': ema,
      'loss_options': self.config['loss'],
      'shard_parameters': int(self.config['mesh']['shard_parameters']),
    }

  def make_step(self) -> step_lib.Step:
    """The compiled training step."""
    shardings = jax.tree.map(lambda leaf: leaf.sharding, self.abstract_state())
    return step_lib.make_train_step(
      self.method,
      self.compute.wrap(self.module, self.mesh),
      self.optimizer,
      task=self.task,
      loss_options=self.config['loss'],
      ema_decay=float(self.config['ema_decay']),
      shardings=shardings,
    )

  @property
  def compute(self) -> compute_lib.Compute:
    """How the network is computed."""
    return _compute(self.config)


def open_run(config: ml_collections.ConfigDict) -> Run:
  """Opens the data and builds the parts of a training.

  Args:
    config: a training config; see `configs/`.

  Returns:
    The parts.

  Raises:
    errors.InputError: if a name is unknown, an option does not fit or the
      data cannot be read.
  """
  plain = config.to_dict()
  check_values(plain)
  method, module = open_module(plain)
  check_loss(plain, method, module)
  mesh = _make_mesh(plain)
  source = sources.open_source(
    plain['data'], task=plain['task'], seed=plain['seed'], split='train'
  )
  if not len(source):
    raise errors.InputError(
      f'{source.name} has no scene to train on. Lower data.holdout, or add '
      'scenes.'
    )
  steps_per_epoch = math.ceil(len(source) / plain['data']['batch_size'])
  steps = plain['steps'] or plain['epochs'] * steps_per_epoch
  schedule = optimizer_lib.make_schedule(
    plain['optimizer'], steps=steps, steps_per_epoch=steps_per_epoch
  )
  return Run(
    config=plain,
    method=method,
    module=module,
    mesh=mesh,
    source=source,
    steps=steps,
    schedule=schedule,
    optimizer=optimizer_lib.make_optimizer(plain['optimizer'], schedule),
  )


def _compute(config: Mapping[str, Any]) -> compute_lib.Compute:
  return compute_lib.Compute(
    accumulation=int(config['accumulation']),
    dtype=str(config['dtype']),
    remat=bool(config['remat']),
  )


def _make_mesh(config: Mapping[str, Any]) -> Mesh:
  """The mesh on which each part of a batch is computed."""
  batch, parts = config['data']['batch_size'], config['accumulation']
  if batch % parts:
    raise errors.InputError(
      f'accumulation is {parts} and data.batch_size {batch}. Choose a divisor '
      'of the batch.'
    )
  axes = {name: config['mesh'][name] for name in ('data', 'space')}
  return mesh_lib.make_mesh(batch // parts, **axes)


def open_module(
  config: Mapping[str, Any],
) -> tuple[base.Method, nn.Module]:
  """Returns the method of a config and its network.

  Raises:
    errors.InputError: if a name is unknown or an option does not fit.
  """
  registry.get_task(config['task'])
  method = registry.get_method(config['method'])
  try:
    return method, method.module(**config['model'])
  except TypeError as error:
    raise errors.InputError(
      f'config.model does not fit {method.name}: {error}. Check the names of '
      'its options.'
    ) from error


def check_values(config: Mapping[str, Any]) -> None:
  """Checks the values of a config that nothing else checks in time.

  Raises:
    errors.InputError: if one is unknown or out of range.
  """
  for field, least in _LEAST.items():
    group, _, name = field.rpartition('.')
    value = config[group][name] if group else config[name]
    # So written that NaN does not pass.
    if not value >= least:
      raise errors.InputError(
        f'{field} is {value}. Give a number of at least {least}.'
      )
  if not (config['steps'] or config['epochs']):
    raise errors.InputError('steps and epochs are both 0. Set one of them.')
  pipeline.check_options(
    config['data'], task=config['task'], process_count=jax.process_count()
  )
  _compute(config)
  damaged = config['checkpoint']['damaged']
  if damaged not in checkpoints.DAMAGED:
    raise errors.unknown_name(
      'checkpoint.damaged', damaged, checkpoints.DAMAGED
    )
  if not 0 <= config['ema_decay'] < 1:
    raise errors.InputError(
      f'ema_decay is {config["ema_decay"]}. Give a number from 0 (no average) '
      'up to, not including, 1, such as 0.999.'
    )
  names = judges.select(
    config['eval']['metrics'],
    task=config['task'],
    toolbox=config['eval']['toolbox'],
  )
  best = config['checkpoint']['best']
  if best and best not in names:
    raise errors.unknown_name('checkpoint.best', best, names)


def check_loss(
  config: Mapping[str, Any], method: base.Method, module: nn.Module
) -> None:
  """Traces the loss once, so that a wrong option shows before any work.

  Args:
    config: a config as plain dictionaries.
    method: its method.
    module: its network.

  Raises:
    errors.InputError: if an option of the loss or the number of sources does
      not fit.
  """
  task, data = config['task'], config['data']
  batch = _abstract_batch(data, method, module, task)
  # In its precision, but not in parts: this batch has one sample.
  computed = dataclasses.replace(_compute(config), accumulation=1).wrap(module)

  def loss_of(variables: base.Variables, batch: Mapping[str, Any]) -> Any:
    options = config['loss']
    key = jax.random.key(0)
    own = base.loss_parameters(method, module, key, options)
    variables = {**variables, 'loss': own} if own else variables
    return method.loss(computed, variables, batch, task=task, **options)[0]

  try:
    jax.eval_shape(
      loss_of, base.abstract_variables(method, module, task), batch
    )
  except TypeError as error:
    if 'unexpected keyword argument' not in str(error):
      raise
    raise errors.InputError(
      f'config.loss does not fit {method.name}: {error}. Check the names of '
      'its options.'
    ) from error


def _abstract_batch(
  data: Mapping[str, Any], method: base.Method, module: nn.Module, task: str
) -> dict[str, Any]:
  """Shapes of a batch of one sample, as the input pipeline makes it."""

  def image(channels: int, reduction: int = 1) -> jax.ShapeDtypeStruct:
    height, width = (side // reduction for side in data['size'])
    shape = (1, height, width, channels)
    return jax.ShapeDtypeStruct(shape, np.float32)

  step = jax.ShapeDtypeStruct((), np.int32)
  if registry.get_task(task).guided:
    *_, cube, guide = base.example_shapes(method, module, task)
    sources = (image(cube[-1], data['ratio']), image(guide[-1]))
    return {'sources': sources, 'reference': image(cube[-1]), 'step': step}
  if registry.get_task(task).depth:
    pair = (image(3), image(1))
    return {'sources': pair, 'reference': image(1), 'step': step}
  if registry.get_task(task).radiance:
    exposures = (image(6),) * 3
    return {'sources': exposures, 'reference': image(3), 'step': step}
  count = 1 if data['singles'] else data['sources']
  return {
    'sources': (image(3),) * count,
    'reference': image(3),
    'step': step,
  }
