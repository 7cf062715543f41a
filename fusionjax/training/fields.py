"""The fields of a training config, with their defaults and meaning.

A file in `configs/` starts from `default_config` and sets what its paper
says. Every field can be set on the command line too:
`--config.data.batch_size=4`.
"""

from collections.abc import Callable, Mapping

import ml_collections

from fusionjax import errors

Variant = Callable[[ml_collections.ConfigDict], None]


def default_config(method: str, task: str) -> ml_collections.ConfigDict:
  """Returns a config with every field that the training loop reads.

  Args:
    method: name of the method.
    task: name of the task.

  Returns:
    An open config: set fields, then `finish` it.
  """
  config = ml_collections.ConfigDict()
  config.method = method
  config.task = task
  # Of the parameters and of the order of the data.
  config.seed = 0
  # What to begin with in the place of random parameters: a model that ships, a
  # weight file, or the workdir of a training.
  config.weights = ''
  # Options of the network's constructor, and of the method's loss.
  config.model = ml_collections.ConfigDict()
  config.loss = ml_collections.ConfigDict()
  config.data = _data()
  config.optimizer = _optimizer()
  # Steps of the whole training; 0 means `epochs` passes over the data.
  config.steps = 0
  config.epochs = 0
  # Decay of a moving average of the parameters, such as 0.999; 0 for none.
  # With one, the average is what is scored and kept as weights.
  config.ema_decay = 0.0
  # Held-out scenes are scored every so many steps (0: at the end alone), at
  # most `scenes` of them (0: all). `samples` of them go into samples.png; with
  # `stages` TensorBoard shows the features, codes or filters of the first one.
  config.eval = ml_collections.ConfigDict(
    {
      'every': 0,
      'metrics': ('en', 'ag', 'qabf'),
      'toolbox': 'mefb',
      'scenes': 4,
      'samples': 4,
      'stages': True,
    }
  )
  # The newest `keep` stay, and the one with the highest score `best`. Where
  # the newest is damaged: 'error', or go on from the 'previous' one.
  config.checkpoint = ml_collections.ConfigDict(
    {'every': 200, 'keep': 2, 'best': 'qabf', 'damaged': 'error'}
  )
  # Steps between two lines of progress.
  config.log = ml_collections.ConfigDict({'every': 20})
  # In how many parts a batch is computed, to save memory; see
  # `training/compute.py`.
  config.accumulation = 1
  # 'bfloat16' computes the network in it; parameters stay float32.
  config.dtype = 'float32'
  # Whether the backward pass computes layers again instead of keeping them.
  config.remat = False
  # Devices along the batch (-1: as many as fit), and along picture rows.
  # Arrays of the state of at least so many bytes are split over the devices
  # along the batch (0: none is).
  config.mesh = ml_collections.ConfigDict(
    {'data': -1, 'space': 1, 'shard_parameters': 0}
  )
  return config


def _data() -> ml_collections.ConfigDict:
  data = ml_collections.ConfigDict()
  # A folder of scenes. Empty: the built-in synthetic scenes.
  data.root = ''
  # Or the name of a data set that `fusionjax datasets prepare` wrote, such as
  # 'fusion_mef/sice', and where, if not where TensorFlow Datasets has them.
  data.name = ''
  data.data_dir = ''
  data.batch_size = 2
  # Height and width of a sample.
  data.size = (128, 128)
  # Sides of the crop as fractions of the picture, before it is resized.
  data.crop = (0.5, 1.0)
  data.flip = True
  # Whether half of the samples get their sources in reverse.
  data.swap = False
  # How many of a scene's pictures make a sample.
  data.sources = 2
  # Whether a scene with fewer pictures gives some of them twice.
  data.repeat = False
  # Whether each picture of a scene is a sample by itself.
  data.singles = False
  # Whether crops are resized; else they have `size`, and `crop` is not used.
  data.resize = True
  # Whether samples, which must be squares, are turned by quarters of a turn.
  data.rotate = False
  # Fraction of the scenes to keep from training, where none are marked.
  data.holdout = 0.1
  # Length of the synthetic training set.
  data.scenes = 44
  data.shuffle = True
  # What makes the batches: 'tensorflow', 'numpy', or 'auto', the first that is
  # installed. They are the same, bit for bit.
  data.loader = 'auto'
  # For cubes: by how much a sample is reduced to make what is to be fused, and
  # whether its pixels are picked ('nearest') or averaged ('average').
  data.ratio = 2
  data.degrade = 'nearest'
  # Bands of synthetic cubes, and channels of their guides.
  data.bands = 6
  data.guide_channels = 1
  # Memory for decoded pictures.
  data.cache_bytes = 2**30
  return data


def _optimizer() -> ml_collections.ConfigDict:
  optimizer = ml_collections.ConfigDict()
  # 'adamw', or 'adam' without decay.
  optimizer.name = 'adamw'
  optimizer.learning_rate = 1e-3
  optimizer.weight_decay = 0.01
  # 'constant'; 'cosine', to 0 at the last step; or 'step': times
  # `decay_rate` every `decay_epochs`.
  optimizer.schedule = 'constant'
  optimizer.decay_epochs = 30
  optimizer.decay_rate = 0.5
  # Steps of a linear rise of the learning rate.
  optimizer.warmup = 0
  # Largest global norm of the gradients; 0 for no limit.
  optimizer.clip_norm = 0.0
  return optimizer


def quick(config: ml_collections.ConfigDict) -> None:
  """Makes a config end in under a minute on two cores: what the tests run.

  Args:
    config: an open config.
  """
  config.steps = 12
  config.data.size = (64, 64)
  config.data.scenes = 6
  config.data.holdout = 0.34
  config.eval.every = 6
  config.eval.scenes = 2
  config.eval.samples = 2
  config.eval.stages = False
  config.checkpoint.every = 6
  config.log.every = 4


def finish(
  config: ml_collections.ConfigDict,
  variant: str,
  *,
  variants: Mapping[str, Variant],
) -> ml_collections.ConfigDict:
  """Applies a variant and locks the config.

  Args:
    config: an open config.
    variant: what follows the colon in `--config=configs/x.py:quick`; empty
      for the plain config.
    variants: what each name changes.

  Returns:
    The locked config.

  Raises:
    errors.InputError: if there is no such variant.
  """
  if variant:
    if variant not in variants:
      raise errors.InputError(
        f'Unknown variant {variant!r} of the config. Known: '
        f'{", ".join(sorted(variants))}, or none.'
      )
    variants[variant](config)
  return config.lock()
