r"""MGDN for depth super-resolution guided by colour.

Paper: Guan et al., MGDN, ACM Multimedia 2023, section 4.4: the networks of the
  released script, L1 to the true depth plus masked mutual information (eq. 5),
  on 1,000 pairs of NYU v2. Optimizer, batch and crops as in `mff_mgdn.py`,
  which says why.
Data: a folder of colour pictures and one of depth maps (RGB/, Depth/; names
  may differ in a word): .npy in metres, or grey PNG; or
  nyu_depth_v2_labeled.mat (needs h5py). True depth is brought to [0, 1] by its
  own range, reduced by Pillow's bicubic and enlarged by PyTorch's, as
  published. With no data.root, the built-in synthetic source: 16 scenes, 80
  steps, which show that it learns and are no training.
Scores: the plain configs were not trained to their end, and the released
  checkpoints could not be had. `:x4_residual` on 22 pairs of Middlebury: 1.31
  levels on Lu (bicubic 2.36), 4.19 cm on 3 pairs of NYU v2 (5.40); what ships,
  from there in larger crops (its card): 1.06 and 3.77; `:x8_residual`, 474 of
  its steps: 2.54 (4.43) and 7.11 (9.09); `:x16_residual`: 5.57 (7.26) and 12.6
  (14.9). Errors are those of --config.eval.toolbox, a protocol of
  `fusionjax.metrics.depth`: mgdn/nyu (cm), mgdn/middlebury, mgdn/lu (levels).
Hardware: two CPU cores, 4 GB; a step takes 5.4 seconds undisturbed, of
  `:x4_residual` 1.3 seconds; on an H200 beside other trainings 0.2 to 0.3, and
  two minutes to compile. A GPU is what the plain configs want.

Command:
  python -m fusionjax.main --config=configs/gdsr_mgdn.py:x4 \
    --config.data.root=DIR --workdir=runs/gdsr_x4
Variants: `:x4` (the plain config), `:x8`, `:x16` with its wider network;
  `:x4_residual`, `:x8_residual`, `:x16_residual`: the network of x4 corrects
  the upsampled depth instead of making depth anew (`residual` of `MGDNDepth`),
  with the root of the mean squared error in the loss; not in the paper. An
  hour on two cores suffices for x4. The others go on from `mgdn-gdsr-x4`, in
  two sizes (`coarse`); `:quick`, 12 small steps of a small network.
Ablations (table 5): --config.model.cross_guidance=False,
  --config.model.dynamic_filters=False, --config.loss.information_weight=0.
"""

import functools

import ml_collections

from fusionjax.training import fields


def quick(config: ml_collections.ConfigDict) -> None:
  """A small network: the published one takes seconds a step."""
  fields.quick(config)
  config.model.channels = 12
  config.model.depths = (1,)
  config.model.heads = 2
  config.model.filter_size = 3
  config.optimizer.learning_rate = 5e-3
  config.ema_decay = 0.0


def x4(config: ml_collections.ConfigDict) -> None:
  """The plain config."""
  config.data.ratio = 4


def x8(config: ml_collections.ConfigDict) -> None:
  """Eight times the resolution, by the same network."""
  config.data.ratio = 8


def x16(config: ml_collections.ConfigDict) -> None:
  """Sixteen times, by a wider network."""
  config.data.ratio = 16
  config.model.channels = 60


def residual(config: ml_collections.ConfigDict, *, ratio: int) -> None:
  """Corrects bicubic depth: beats it after an hour on two cores.

  Eight times the resolution is four times, in half of the size first, and
  sixteen in a quarter: the training goes on from the weights for four.
  """
  config.data.ratio = ratio
  config.data.size = (64, 64)
  config.model.residual = True
  config.model.detail_radius = 8
  config.loss.information_weight = 1e-3
  config.loss.root_weight = 10.0
  config.steps = 1500
  config.ema_decay = 0.995
  config.optimizer.learning_rate = 1e-3
  config.optimizer.schedule = 'cosine'
  config.optimizer.warmup = 50
  config.optimizer.clip_norm = 1.0
  config.eval.every = 250
  config.eval.toolbox = 'mgdn/middlebury'
  if ratio > 4:
    config.weights = 'mgdn-gdsr-x4'
    config.model.coarse = ratio // 4
    config.data.size = (128, 128)
    config.data.batch_size = 4 if ratio == 8 else 2
    config.steps = 800 if ratio == 8 else 300
    config.ema_decay = 0.99
    config.optimizer.learning_rate = 3e-4
    config.optimizer.warmup = 20
    config.eval.every = 100


VARIANTS = {
  'quick': quick,
  'x4': x4,
  'x8': x8,
  'x16': x16,
  'x4_residual': functools.partial(residual, ratio=4),
  'x8_residual': functools.partial(residual, ratio=8),
  'x16_residual': functools.partial(residual, ratio=16),
}


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config, or a variant of it."""
  config = fields.default_config('mgdn_depth', 'gdsr')
  config.seed = 0
  config.model = {
    'channels': 30,
    'depths': (3, 3, 3),
    'heads': 6,
    'window': 4,
    'mlp_ratio': 4.0,
    'filter_size': 7,
    'drop_path': 0.1,
    'cross_guidance': True,
    'dynamic_filters': True,
    'residual': False,
    'detail_radius': 8,
    'coarse': 1,
    # Less memory, and on CPUs no more time; on a GPU try without.
    'remat': True,
  }
  config.loss = {'information_weight': 0.01, 'root_weight': 0.0}
  # Of the synthetic source.
  config.data.scenes = 16
  config.data.ratio = 4
  config.data.batch_size = 4
  config.data.size = (128, 128)
  config.data.resize = False
  config.epochs = 20
  config.ema_decay = 0.999
  config.optimizer.name = 'adam'
  config.optimizer.learning_rate = 1e-4
  config.optimizer.weight_decay = 0.0
  config.optimizer.schedule = 'constant'
  config.eval.metrics = ('depth_rmse', 'bicubic_rmse', 'gain_db')
  config.eval.toolbox = 'mgdn/nyu'
  config.checkpoint.best = 'gain_db'
  return fields.finish(config, variant, variants=VARIANTS)
