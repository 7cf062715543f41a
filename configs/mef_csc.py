r"""CSC-MEFN for multi-exposure fusion.

Paper: Zhao et al., Deep convolutional sparse coding networks for
  interpretable image fusion, section 4.2: Adam 5e-4, 50 epochs, -MEF-SSIM +
  lambda halo with lambda = min(0.25 (i - 1), 10) at step i. Batches of 8, four
  random exposures of a scene and quarter turns as in the released code.
Data: a folder of exposure stacks (the paper: SICE); of stacks of fewer than
  four some exposures are taken twice. With no data.root, the built-in
  synthetic source: 44 scenes, 300 steps.
Scores: `:shipped` reaches MEF-SSIM 0.951 and Q^AB/F 0.641 on 50 pairs of MEFB
  (the published checkpoint: 0.902, 0.658).
Hardware: two CPU cores; a step takes about 1 second undisturbed. The released
  weights load with --like.

Command:
  python -m fusionjax.main --config=configs/mef_csc.py \
    --config.data.root=DIR --workdir=runs/mef_csc
Variants: `:quick`, 12 small steps; `:shipped`, the weights that ship.
Options: --config.loss.limit=0 (no halo term), --config.loss.luminance=False,
  --config.loss.scales='(0.0448, 0.2856, 0.3001, 0.2363, 0.1333)' (several
  scales), --config.model.units=6 (as the released training script has it).
"""

import ml_collections

from fusionjax.training import fields


def shipped(config: ml_collections.ConfigDict) -> None:
  """The recipe of the weights that ship: pairs, less halo, and averaged.

  With the halo's weight at 10 the edges of held-out scenes got weaker from
  step 100 on. Pairs of exposures far apart are what most people fuse; trained
  on them the network fuses stacks of four better, too.
  """
  config.loss.limit = 1.0
  config.data.sources = 2
  config.epochs = 0
  config.steps = 300
  config.optimizer.learning_rate = 1e-3
  config.optimizer.schedule = 'cosine'
  config.optimizer.warmup = 50
  config.ema_decay = 0.995
  config.eval.every = 100
  config.checkpoint.every = 100


VARIANTS = {'quick': fields.quick, 'shipped': shipped}


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config of the paper, or a variant of it."""
  config = fields.default_config('csc_mefn', 'mef')
  config.seed = 0
  config.model = {'features': 24, 'units': 2, 'activation': 'sst'}
  config.loss = {
    # The weight of the halo rises by so much in a step, up to a limit.
    'rise': 0.25,
    'limit': 10.0,
    'scales': (1.0,),
    'luminance': True,
  }
  config.data.sources = 4
  config.data.repeat = True
  config.data.rotate = True
  config.data.batch_size = 8
  config.data.size = (128, 128)
  config.data.crop = (0.5, 1.0)
  config.epochs = 50
  config.optimizer.name = 'adam'
  config.optimizer.learning_rate = 5e-4
  config.optimizer.weight_decay = 0.0
  config.optimizer.schedule = 'constant'
  config.eval.metrics = ('mef_ssim', 'qabf', 'en', 'ag')
  config.eval.toolbox = 'mefb'
  config.checkpoint.best = 'mef_ssim'
  return fields.finish(config, variant, variants=VARIANTS)
