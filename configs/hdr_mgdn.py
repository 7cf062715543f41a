r"""MGDN for HDR pictures of exposures between which things moved.

Paper: Guan et al., MGDN, ACM Multimedia 2023, section 4.3: the network of the
  released script, L1 of tone-mapped radiance (the released loss; eq. 6 prints
  L1) plus masked mutual information of the outer exposures with the middle
  one, on the set of Kalantari. Adam 1e-4 as released, halved after 8,000
  epochs there; the rest as in `mff_mgdn.py`.
Data: a folder of scenes as Kalantari's set has them: three 16-bit TIFFs,
  exposure.txt (EV) and HDRImg.hdr each. With no data.root, the built-in
  synthetic source: 8 scenes, 20 steps, which show that it learns and are no
  training.
Scores: the plain config was not trained to its end, and the released
  checkpoint could not be had. `:weighted` on synthetic scenes: 42.4 dB of
  PSNR-mu on 40 others (middle exposure 32.4).
Hardware: a GPU. On two CPU cores a step takes about 10 seconds, of `:weighted`
  one.

Command:
  python -m fusionjax.main --config=configs/hdr_mgdn.py \
    --config.data.root=DIR --workdir=runs/hdr_mgdn
Variants: `:weighted`, a small network gives the weights of the outer exposures
  beside a guess (`weighted` of `MGDNDeghost`; not in the paper), on synthetic
  scenes without data.root; `:quick`, 12 small steps of a small network.
Ablations (table 5): --config.model.cross_guidance=False,
  --config.model.dynamic_filters=False, --config.loss.information_weight=0.
"""

import ml_collections

from fusionjax.training import fields


def quick(config: ml_collections.ConfigDict) -> None:
  """A small network: the published one takes many seconds a step."""
  fields.quick(config)
  config.model.channels = 12
  config.model.depths = (1,)
  config.model.window = 4
  config.model.filter_size = 3
  config.optimizer.learning_rate = 5e-3
  config.ema_decay = 0.0


def weighted(config: ml_collections.ConfigDict) -> None:
  """A small network weighs exposures: a quarter of an hour on two cores."""
  config.data.scenes = 400
  config.data.size = (64, 64)
  config.data.batch_size = 8
  config.data.holdout = 0.03
  config.model.channels = 18
  config.model.depths = (1, 1)
  config.model.mlp_ratio = 2.0
  config.model.window = 4
  config.model.filter_size = 5
  config.model.weighted = True
  config.model.remat = False
  config.loss.information_weight = 1e-3
  config.steps = 600
  config.ema_decay = 0.99
  config.optimizer.learning_rate = 2e-3
  config.optimizer.schedule = 'cosine'
  config.optimizer.warmup = 50
  config.optimizer.clip_norm = 1.0
  config.eval.every = 100


VARIANTS = {'quick': quick, 'weighted': weighted}


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """Returns the config, or a variant of it."""
  config = fields.default_config('mgdn_deghost', 'hdr')
  config.seed = 0
  config.model = {
    'channels': 60,
    'depths': (6, 6, 6),
    'heads': 6,
    'window': 8,
    'mlp_ratio': 4.0,
    'filter_size': 7,
    'drop_path': 0.1,
    'cross_guidance': True,
    'dynamic_filters': True,
    'weighted': False,
    # Less memory, and on CPUs no more time; on a GPU try without.
    'remat': True,
  }
  config.loss = {'information_weight': 0.01}
  # Of the synthetic source.
  config.data.scenes = 8
  config.data.sources = 3
  config.data.batch_size = 2
  config.data.size = (128, 128)
  config.data.resize = False
  config.epochs = 5
  config.ema_decay = 0.999
  config.optimizer.name = 'adam'
  config.optimizer.learning_rate = 1e-4
  config.optimizer.weight_decay = 0.0
  config.optimizer.schedule = 'constant'
  # Two of the paper's table 3.
  config.eval.metrics = ('psnr_mu', 'psnr_l')
  config.eval.toolbox = 'mgdn'
  config.checkpoint.best = 'psnr_mu'
  return fields.finish(config, variant, variants=VARIANTS)
