r"""CSC-IVFN for infrared-visible fusion.

Paper: Zhao et al., Deep convolutional sparse coding networks for
  interpretable image fusion, section 4.1: Adam, 1e-2 for 30 epochs and 1e-3
  for 30 more, MSE + 5 (1 - SSIM) / 2 of single images. Batches of 16, crops
  resized to 128x128 and grey images as in the released code, which never
  lowers its rate.
Data: a folder of aligned infrared and visible pictures (the paper: 180 pairs
  of FLIR); each picture is a sample by itself. With no data.root, the built-in
  synthetic source: 16 pictures, 60 steps.
Scores: `:shipped` reaches EN 7.67, SF 18.0, SD 65.4, VIF 0.768 and SCD 1.83 on
  the test pairs of RoadScene, by the rules of the paper's table 1 (the
  published checkpoint: 7.64, 18.3, 63.8, 0.737, 1.80).
Hardware: a GPU, three minutes on an H200, or two CPU cores, 7 GB, two hours: a
  step takes about 5 seconds undisturbed. The released weights load with --like.

Command:
  python -m fusionjax.main --config=configs/ivf_csc.py \
    --config.data.root=DIR --workdir=runs/ivf_csc
Variants: `:quick`, 12 small steps of a small network; `:shipped`, the weights
  that ship.
Options: --config.model.unit_input=paper (every unit sees the base or detail
  image), --config.model.base_fusion=l1, --config.model.shared_units=True,
  --config.loss.ssim_weight=1.
"""

import ml_collections

from fusionjax.training import fields


def quick(config: ml_collections.ConfigDict) -> None:
  """A small network: sixteen units of 64 channels compile for too long."""
  fields.quick(config)
  config.model.features = 8
  config.model.units = 2
  config.data.batch_size = 4


def shipped(config: ml_collections.ConfigDict) -> None:
  """The recipe of the weights that ship: the paper's."""
  config.eval.every = 345


VARIANTS = {'quick': quick, 'shipped': shipped}


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config of the paper, or a variant of it."""
  config = fields.default_config('csc_ivfn', 'ivf')
  config.seed = 0
  config.model = {
    'features': 64,
    'units': 8,
    'base_activation': 'prelu',
    'detail_activation': 'sst',
    # 'paper' feeds every unit with the base or detail image.
    'unit_input': 'published',
    'base_fusion': 'saliency',
    'detail_fusion': 'l1',
    'gain': 2.0,
    'shared_units': False,
  }
  config.loss = {'ssim_weight': 5.0, 'window': 3, 'sigma': 1.5}
  config.data.singles = True
  # Of the synthetic source, so that it ends in minutes: two pictures each.
  config.data.scenes = 8
  config.data.batch_size = 16
  config.data.size = (128, 128)
  # The released code crops 8 % of the area and more, in any shape between 3:4
  # and 4:3; here each side is a fraction of its own.
  config.data.crop = (0.28, 1.0)
  config.epochs = 60
  config.optimizer.name = 'adam'
  config.optimizer.learning_rate = 1e-2
  config.optimizer.weight_decay = 0.0
  config.optimizer.schedule = 'step'
  config.optimizer.decay_epochs = 30
  config.optimizer.decay_rate = 0.1
  config.eval.metrics = ('en', 'sf', 'sd', 'viff', 'scd')
  config.eval.toolbox = 'cscfuse'
  config.checkpoint.best = 'viff'
  return fields.finish(config, variant, variants=VARIANTS)
