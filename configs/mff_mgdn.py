r"""MGDN for multi-focus fusion.

Paper: Guan et al., MGDN, ACM Multimedia 2023, section 4.2: the network of the
  released checkpoint, L1 to the picture in focus everywhere plus masked mutual
  information (eq. 5), on the synthetic pairs of DRPL. The paper says nothing
  of optimizer, batch, crops and the weight of the information: Adam 1e-4 is
  that of the released deghosting training, an average of the weights that of
  the released checkpoint (iteration 62,000), the rest is ours.
Data: a folder of pairs with the wanted pictures beside them, such as MF-VOC
  (sourceA/, sourceB/, groundtruth/, equal names). With no data.root, the
  built-in synthetic source: 16 scenes, 60 steps, which show that it learns and
  are no training.
Scores: Q^AB/F on Lytro: 0.760 by `:weighted` on MF-VOC, which ships; the
  released checkpoint (62000_E.pth --like mgdn-mff) 0.740, a Laplacian pyramid
  0.728. The plain network was not trained to its end: after 2,000 steps on
  crops of 64 x 64 (0.6 hours; `:long --config.steps=2000
  --config.data.size='(64,64)' --config.optimizer.learning_rate=1e-3
  --config.ema_decay=0.995`) it has 0.680.
Hardware: two CPU cores, 3 GB; a step takes about 5 seconds undisturbed, of
  `:weighted` 1.3. 30 epochs of MF-VOC are 2,700 steps, 4 hours.

Command:
  python -m fusionjax.main --config=configs/mff_mgdn.py \
    --config.data.root=DIR --workdir=runs/mff_mgdn
Variants: `:weighted`, the network gives the weight of the first picture and
  sees the pictures less their local means (`weighted`, `sees` of `MGDN`; not
  in the paper); `:long`, 12,000 steps with a cosine and a higher rate;
  `:quick`, 12 small steps of a small network.
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
  config.model.filter_size = 3
  config.optimizer.learning_rate = 5e-3
  config.ema_decay = 0.0


def long(config: ml_collections.ConfigDict) -> None:
  """More steps, for data of some hundred pairs."""
  config.steps = 12_000
  config.optimizer.learning_rate = 3e-4
  config.optimizer.schedule = 'cosine'
  config.optimizer.warmup = 200
  config.optimizer.clip_norm = 1.0
  config.eval.every = 1000
  config.checkpoint.every = 200
  config.log.every = 50


def weighted(config: ml_collections.ConfigDict) -> None:
  """Weighs the pictures: what ships, of half an hour on two cores."""
  config.data.size = (64, 64)
  config.model.weighted = True
  config.model.sees = 'detail'
  config.loss.information_weight = 1e-3
  config.steps = 1000
  config.ema_decay = 0.995
  config.optimizer.learning_rate = 1e-3
  config.optimizer.schedule = 'cosine'
  config.optimizer.warmup = 50
  config.optimizer.clip_norm = 1.0
  config.eval.every = 250


VARIANTS = {'quick': quick, 'long': long, 'weighted': weighted}


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config, or a variant of it."""
  config = fields.default_config('mgdn', 'mff')
  config.seed = 0
  config.model = {
    'channels': 30,
    'depths': (3, 3),
    'heads': 3,
    'window': 4,
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
  config.loss = {'information_weight': 0.01}
  # Of the synthetic source.
  config.data.scenes = 16
  config.data.batch_size = 4
  config.data.size = (128, 128)
  # At their own scale: what is learned is how far pictures are blurred.
  config.data.resize = False
  # Which of two pictures is focused near is an accident.
  config.data.swap = True
  config.epochs = 30
  config.ema_decay = 0.999
  config.optimizer.name = 'adam'
  config.optimizer.learning_rate = 1e-4
  config.optimizer.weight_decay = 0.0
  config.optimizer.schedule = 'constant'
  # Those of the paper's table 2.
  config.eval.metrics = ('qabf', 'en', 'psnr', 'ssim')
  config.eval.toolbox = 'mgdn'
  config.checkpoint.best = 'qabf'
  return fields.finish(config, variant, variants=VARIANTS)
