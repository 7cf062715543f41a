r"""MGDN for multi-exposure fusion.

Paper: Guan et al., MGDN, ACM Multimedia 2023, section 4.1: the network of the
  released script, L1 to a reference plus masked mutual information (eq. 5), on
  SICE. Optimizer, batch and crops as in `mff_mgdn.py`, which says why.
Data: a folder of brackets. With references (SICE: a folder per scene, and
  Label/ with a picture of the same name for each) the paper's loss; without,
  the unsupervised loss of CSC-MEFN (MEF-SSIM and little halo) in the place of
  L1, of two exposures a sample. With no data.root, the built-in synthetic
  source, which has no references: 16 brackets, 40 steps, which show that it
  learns and are no training.
Scores: `:weighted` on 83 stacks without references: MEF-SSIM 0.966 and Q^AB/F
  0.742 on 50 pairs of MEFB; what ships had 2,000 steps: 0.969, 0.746 (a
  Laplacian pyramid: 0.979, 0.741; the mean of the pictures: 0.930, 0.615). The
  plain config was not trained to its end, and the released checkpoint could
  not be had.
Hardware: two CPU cores, 4 GB; a step takes
  about 10 seconds undisturbed, of `:weighted` some 2. A GPU is what the plain
  config wants.

Command:
  python -m fusionjax.main --config=configs/mef_mgdn.py \
    --config.data.root=DIR --workdir=runs/mef_mgdn
Variants: `:weighted`, for exposures without references: the network for
  multi-focus gives the weight of the darker picture, and sees the pictures and
  what they have beside their local means (`weighted`, `sees` of `MGDN`; not in
  the paper); `:quick`, 12 small steps of a small network.
Ablations (table 5): --config.model.cross_guidance=False,
  --config.model.dynamic_filters=False, --config.loss.information_weight=0.
"""

import ml_collections

from fusionjax.training import fields


def quick(config: ml_collections.ConfigDict) -> None:
  """A small network: the published one takes seconds a step."""
  fields.quick(config)
  config.model.channels = 12
  config.model.depths = (1,)
  config.model.window = 4
  config.model.filter_size = 3
  config.optimizer.learning_rate = 5e-3
  config.ema_decay = 0.0


def weighted(config: ml_collections.ConfigDict) -> None:
  """Weighs the exposures: what ships, of exposures without references.

  The network for multi-focus is large enough for weights. Without the halo's
  term: weights that follow the structure leave few halos.
  """
  config.model.channels = 30
  config.model.depths = (3, 3)
  config.model.heads = 3
  config.model.window = 4
  config.model.weighted = True
  config.model.sees = 'both'
  config.loss.information_weight = 1e-3
  config.loss.limit = 0.0
  # The luminance goes with the last of the scales.
  config.loss.scales = (0.5, 0.5, 1.0)
  config.data.sources = 2
  config.data.rotate = True
  config.data.batch_size = 4
  config.data.size = (96, 96)
  config.data.crop = (0.3, 1.0)
  config.epochs = 0
  config.steps = 800
  config.ema_decay = 0.995
  config.optimizer.learning_rate = 1e-3
  config.optimizer.schedule = 'cosine'
  config.optimizer.warmup = 50
  config.optimizer.clip_norm = 1.0
  config.eval.every = 200


VARIANTS = {'quick': quick, 'weighted': weighted}


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config, or a variant of it."""
  config = fields.default_config('mgdn', 'mef')
  config.seed = 0
  config.model = {
    'channels': 60,
    'depths': (6, 6),
    'heads': 6,
    'window': 8,
    'mlp_ratio': 2.0,
    'filter_size': 7,
    'drop_path': 0.1,
    'cross_guidance': True,
    'dynamic_filters': True,
    'weighted': False,
    'sees': 'pictures',
    # Less memory, and on CPUs no more time; on a GPU try without.
    'remat': True,
  }
  config.loss = {
    'information_weight': 0.01,
    # Of the loss without references: see `mef_csc.py`.
    'rise': 0.25,
    'limit': 10.0,
    'scales': (1.0,),
    'luminance': True,
  }
  # Of the synthetic source.
  config.data.scenes = 16
  config.data.batch_size = 2
  config.data.size = (128, 128)
  config.epochs = 5
  config.ema_decay = 0.999
  config.optimizer.name = 'adam'
  config.optimizer.learning_rate = 1e-4
  config.optimizer.weight_decay = 0.0
  config.optimizer.schedule = 'constant'
  config.eval.metrics = ('mef_ssim', 'qabf', 'en')
  config.eval.toolbox = 'mgdn'
  config.checkpoint.best = 'mef_ssim'
  return fields.finish(config, variant, variants=VARIANTS)
