r"""CSC-MSFN for multi-spectral fusion.

Paper: Zhao et al., Deep convolutional sparse coding networks for
  interpretable image fusion, section 4.3: Adam 5e-4, 100 epochs, MSE, pairs by
  the protocol of Wald. Batches of 16 patches of 64x64, quarter turns, every
  second row and column as the reduced cube and 256 channels as in the released
  code and weights.
Data: a folder of cubes: .mat, .npy, .tif or pictures of their bands, and their
  guides beside them, finer or of the same size (`01_ms_b123.png`,
  `01_ms_b456.png`, `01_pan.png`); without guides colours are made of the bands
  (the paper: CAVE, 31 bands and RGB). With no data.root, the built-in
  synthetic source of 6 bands and panchromatic guides: 16 cubes, 100 steps. An
  epoch is over cubes here and over all patches of them in the paper: with few
  cubes give --config.steps, such as 2500.
Scores: `:shipped` reaches PSNR 35.7 and SSIM 0.915 on held-out Landsat scenes
  (bicubic upsampling: 34.5, 0.893).
Hardware: two CPU cores, 3 GB; a step takes about 3 seconds undisturbed. The
  released weights (31 bands, RGB) load with --like.

Command:
  python -m fusionjax.main --config=configs/msf_csc.py \
    --config.data.root=DIR --workdir=runs/msf_csc
For other cubes: --config.model.bands=31 --config.model.guide_channels=3 (and
  with the synthetic source the same fields of config.data).
Variants: `:quick`, 12 small steps of a small network; `:cave`, 31 bands and
  colour guides; `:shipped`, the weights that ship.
Options: --config.data.ratio=4, --config.data.degrade=average,
  --config.model.radius=2, --config.model.epsilon=1e-2,
  --config.model.zero_decoder=True (for short trainings).
"""

import ml_collections

from fusionjax.training import fields


def quick(config: ml_collections.ConfigDict) -> None:
  """A small network: 256 channels take seconds a step."""
  fields.quick(config)
  config.model.features = 16
  config.data.batch_size = 4


def cave(config: ml_collections.ConfigDict) -> None:
  """Cubes and guides as CAVE has them."""
  for part in (config.model, config.data):
    part.bands = 31
    part.guide_channels = 3


def shipped(config: ml_collections.ConfigDict) -> None:
  """The recipe of the weights that ship: few cubes, averaged like a sensor's.

  Picking pixels, as the released code reduces cubes, aliases, and shifts what
  is upsampled, so that nothing can be compared with bicubic upsampling. The
  rate is low because 2,304 numbers add up to each value of the result.
  """
  config.model.zero_decoder = True
  config.model.grid = 'centres'
  config.data.degrade = 'average'
  config.data.holdout = 0.34
  config.data.batch_size = 8
  config.data.flip = True
  config.steps = 900
  config.optimizer.learning_rate = 3e-4
  config.optimizer.schedule = 'cosine'
  config.optimizer.warmup = 50
  config.optimizer.clip_norm = 1.0
  config.ema_decay = 0.99
  config.eval.every = 200
  config.checkpoint.every = 100


VARIANTS = {'quick': quick, 'cave': cave, 'shipped': shipped}


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config of the paper, or a variant of it."""
  config = fields.default_config('csc_msfn', 'msf')
  config.seed = 0
  config.model = {
    'bands': 6,
    'guide_channels': 1,
    'features': 256,
    # The paper's four, one of which is the first convolution.
    'units': 3,
    'activation': 'sst_clamped',
    'radius': 1,
    'epsilon': 1e-4,
    # How cube and guide lie on each other: 'corners' as published, 'centres'
    # as they do where pixels are averaged.
    'grid': 'corners',
    # Whether to begin as bilinear upsampling.
    'zero_decoder': False,
  }
  # Of the synthetic source.
  config.data.scenes = 16
  config.data.bands = 6
  config.data.guide_channels = 1
  config.data.ratio = 2
  config.data.degrade = 'nearest'
  config.data.resize = False
  config.data.flip = False
  config.data.rotate = True
  config.data.batch_size = 16
  config.data.size = (64, 64)
  config.epochs = 100
  config.optimizer.name = 'adam'
  config.optimizer.learning_rate = 5e-4
  config.optimizer.weight_decay = 0.0
  config.optimizer.schedule = 'constant'
  config.eval.metrics = ('psnr', 'ssim', 'sam', 'ergas')
  config.checkpoint.best = 'psnr'
  return fields.finish(config, variant, variants=VARIANTS)
