"""A method of a few parameters, so that the loop is tested in seconds.

As a script it trains: `python stand_in.py WORKDIR [field=value ...]`.
"""

import ast
import os
import sys
import types

import flax.linen as nn
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax

from fusionjax.methods import base, registry
from fusionjax.training import fields
from fusionjax.training import optimizer as optimizer_lib


class Tiny(nn.Module):
  """A convolution of both lumas; with running statistics where asked."""

  channels: int = 2
  norm: bool = False

  @nn.compact
  def __call__(self, y0, y1, train=False):
    x = nn.Conv(self.channels, (3, 3))(jnp.concatenate([y0, y1], axis=-1))
    if self.norm:
      x = nn.BatchNorm(use_running_average=not train)(x)
    return nn.Conv(1, (1, 1))(nn.tanh(x))


def fuse(apply, sources, *, task):
  del task
  luma = apply(*(source.mean(-1, keepdims=True) for source in sources))
  return jnp.clip(jnp.repeat(luma, 3, axis=-1), 0.0, 1.0)


def loss(module, variables, batch, *, task, scale=1.0):
  del task
  sources = [s.mean(-1, keepdims=True) for s in batch['sources']]
  updates = {}
  if module.norm:
    fused, updates = module.apply(
      variables, *sources, train=True, mutable=['batch_stats']
    )
  else:
    fused = module.apply(variables, *sources)
  near = jnp.mean((fused - sources[0]) ** 2)
  far = jnp.mean((fused - sources[1]) ** 2)
  value = scale * (near + far)
  return value, base.LossOutput({'near': near, 'far': far}, updates)


def make_batch(seed, *, size=8):
  """Eight samples of random sources."""
  random = np.random.default_rng(seed)
  shape = (8, size, size, 3)
  sources = [random.random(shape, np.float32) for _ in range(2)]
  return {'sources': tuple(sources), 'index': np.arange(8, dtype=np.int32)}


def make_optimizer():
  """The default optimizer at a constant rate."""
  options = fields.default_config('m', 't').optimizer.to_dict()
  return optimizer_lib.make_optimizer(options, optax.constant_schedule(1e-2))


METHOD = base.Method(
  name='tiny',
  title='Stand-in',
  paper='none',
  module=Tiny,
  example_sources=lambda task: ((1, 8, 8, 1), (1, 8, 8, 1)),
  fuse=fuse,
  loss=loss,
  published_name=lambda path: (path, 'vector'),
)


def register() -> None:
  """Makes `tiny` known to the registry."""
  module = types.ModuleType('fusionjax_stand_in')
  module.METHOD = METHOD
  sys.modules['fusionjax_stand_in'] = module
  registry.METHODS['tiny'] = 'fusionjax_stand_in'


def make_config(**changes) -> ml_collections.ConfigDict:
  """A config of the stand-in; changes by dotted name, `__` for the dot."""
  config = fields.default_config('tiny', 'mef')
  config.model = {'channels': 2, 'norm': True}
  config.loss = {'scale': 1.0}
  config.seed = 7
  config.steps = 6
  config.data.size = (16, 16)
  config.data.scenes = 3
  config.eval.metrics = ('en',)
  config.eval.scenes = 1
  config.eval.samples = 1
  config.checkpoint.best = 'en'
  config.checkpoint.every = 3
  config.log.every = 2
  config = fields.finish(config, '', variants={})
  with config.unlocked():
    config.update_from_flattened_dict(
      {name.replace('__', '.'): value for name, value in changes.items()}
    )
  return config


def main() -> None:
  """Trains the stand-in; several processes where the environment says so."""
  from fusionjax import errors
  from fusionjax.training import (
    commandline,
    distributed,
    health,
    loop,
    workdir,
  )

  commandline.quiet_libraries()
  workdir.PAUSE = float(os.environ.get('STAND_IN_PAUSE', workdir.PAUSE))

  distributed.connect(heartbeat=int(os.environ.get('STAND_IN_HEARTBEAT', '20')))
  register()
  pairs = [argument.split('=', 1) for argument in sys.argv[2:]]
  changes = {name: ast.literal_eval(value) for name, value in pairs}
  try:
    loop.train(make_config(**changes), sys.argv[1], command='tiny')
  except KeyboardInterrupt:
    sys.exit(130)
  except (errors.InputError, health.TrainingError) as error:
    print(f'fusionjax: {error}', file=sys.stderr)
    sys.exit(distributed.leave(2))


if __name__ == '__main__':
  main()
