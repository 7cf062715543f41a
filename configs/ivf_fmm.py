r"""FMM for infrared-visible fusion.

Paper: Rao et al., Unsupervised image fusion method based on feature mutual
  mapping: Adam 1e-4, 4 epochs, 256x256 pictures of KAIST, Var-SSIM (eq. 4-5).
  The batch is not given: 4 here.
Data: a folder of infrared and visible pictures, such as `ir/` and `vis/`, or
  KAIST's `lwir/` and `visible/` (the paper: 40,000 pairs). With no data.root,
  the built-in synthetic source: 24 scenes, 24 steps.
Scores: `:shipped` reaches EN 6.78, SF 10.0, Q^AB/F 0.549 and MS-SSIM 0.924 on
  20 pairs of TNO by MEFB's definitions (the paper on 10 pairs: 6.84, 11.57,
  0.558, 0.916); more in fusionjax/pretrained/fmm-ivf.md.
Hardware: a GPU, five minutes on an H200 for `:shipped`, or two CPU cores, two
  hours (20 minutes with --config.steps=900, which comes to 0.474 of Q^AB/F);
  `--config.model.remat=True` where memory is short.

Command:
  python -m fusionjax.main --config=configs/ivf_fmm.py \
    --config.data.root=DIR --workdir=runs/ivf_fmm
Variants: `:quick`, 12 small steps; `:shipped`, the weights that ship.
Ablations: --config.model.fusion=add or concat (table 6),
  --config.model.depth=4 (table 7), --config.loss.selection=mean (table 5).
"""

import ml_collections

from fusionjax.training import fields


def shipped(config: ml_collections.ConfigDict) -> None:
  """The recipe of the weights that ship: small crops, and a rising rate."""
  config.epochs = 0
  config.steps = 5000
  config.data.batch_size = 4
  config.data.size = (128, 128)
  config.data.crop = (0.4, 0.9)
  config.optimizer.learning_rate = 1e-3
  config.optimizer.schedule = 'cosine'
  config.optimizer.warmup = 50
  config.optimizer.clip_norm = 1.0
  config.ema_decay = 0.99
  config.eval.every = 500
  config.checkpoint.every = 200
  config.log.every = 50


VARIANTS = {'quick': fields.quick, 'shipped': shipped}


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config of the paper, or a variant of it."""
  config = fields.default_config('fmm', 'ivf')
  config.seed = 0
  config.model = {
    # Or 'add', 'concat' (table 6).
    'fusion': 'mapping',
    'depth': 3,
    'width': 16,
    'normalization': 'softmax',
    'embedding': 'convolution',
    'downsampling': 'max',
    'upsampling': 'bilinear',
    'output': 'sigmoid',
    'remat': False,
  }
  config.loss = {'selection': 'variance', 'size': 11, 'window': 'uniform'}
  # Of the synthetic source, so that it ends in minutes.
  config.data.scenes = 24
  config.data.batch_size = 4
  config.data.size = (256, 256)
  config.data.crop = (0.5, 1.0)
  config.epochs = 4
  config.optimizer.name = 'adam'
  config.optimizer.learning_rate = 1e-4
  config.optimizer.weight_decay = 0.0
  config.optimizer.schedule = 'constant'
  config.eval.metrics = ('en', 'sf', 'sd', 'qabf')
  config.eval.toolbox = 'vifb'
  config.checkpoint.best = 'qabf'
  return fields.finish(config, variant, variants=VARIANTS)
