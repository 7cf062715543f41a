"""Scores of merged exposures beside what needs no network.

Of scenes with known radiance: the built-in synthetic test scenes, whose things
move between the exposures, or a folder in the layout of Kalantari's set.
Beside the models: the middle exposure alone; the mean of all exposures, each
pixel weighted by its distance from black and white, which ghosts; and the
guess of `MGDNDeghost(weighted=True)`, alone and with a weight of 1 for the
brightest exposure everywhere, which is what its network has to beat.

  python benchmarks/radiance.py --model runs/hdr_mgdn [--data DIR]
    [--scenes 40] [--like mgdn-hdr]
"""

import argparse
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

import fusionjax as fj
from fusionjax.data import radiance
from fusionjax.data import sources as sources_lib
from fusionjax.data.folder import find_scenes
from fusionjax.methods import registry
from fusionjax.models import mgdn_deghost
from fusionjax.training import scores, validation

_METRICS = ('psnr_mu', 'psnr_l', 'ssim_mu', 'ssim_l')


def middle(_, exposures: Sequence[np.ndarray]) -> np.ndarray:
  """The radiance of the middle exposure."""
  return exposures[1][..., 3:]


def weighted_mean(_, exposures: Sequence[np.ndarray]) -> np.ndarray:
  """The mean radiance, by a tent over each picture's values."""
  weights = [
    np.maximum(1 - np.abs(2 * six[..., :3] - 1), 1e-3) for six in exposures
  ]
  total = sum(
    w * six[..., 3:] for w, six in zip(weights, exposures, strict=True)
  )
  return np.clip(total / sum(weights), 0, 1)


def guess(_, exposures: Sequence[np.ndarray]) -> np.ndarray:
  """The middle exposure, and where it is white the darkest."""
  under, reference, _ = exposures
  return np.asarray(mgdn_deghost.guessed_radiance(under, reference))


def equal_weights(_, exposures: Sequence[np.ndarray]) -> np.ndarray:
  """The guess, with all that the brightest exposure says beside it."""
  under, reference, over = map(jnp.asarray, exposures)
  head = jnp.broadcast_to(jnp.array([0.0, 1.0]), (*over.shape[:2], 2))
  merged = mgdn_deghost.weigh(under, reference, over, head)
  return np.clip(np.asarray(merged), 0, 1)


def main() -> None:
  """Prints a row for every way to merge."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--data')
  parser.add_argument('--scenes', type=int, default=40)
  parser.add_argument('--model', nargs='*', default=())
  parser.add_argument('--like')
  args = parser.parse_args()
  source: sources_lib.Source = radiance.SyntheticRadiance(
    length=args.scenes, seed=0, split='test'
  )
  if args.data:
    found = find_scenes([args.data], task='hdr')
    source = radiance.RadianceSource(
      found.scenes, name=args.data, description=args.data
    )
  print(source.describe())
  print(f'{"":24}' + ''.join(f'{name:>10}' for name in _METRICS))
  ways = [
    (function.__name__, function, {})
    for function in (middle, weighted_mean, guess, equal_weights)
  ]
  for name in args.model:
    model = fj.load_model(name, like=args.like)
    method = registry.get_method(model.method)
    fuse = validation.make_fuse(method, model.module, task='hdr')
    ways.append((name, fuse, model.variables))
  for name, fuse, variables in ways:
    means = validation.score_scenes(
      fuse,
      variables,
      validation.first_scenes(source, args.scenes),
      metrics=_METRICS,
      toolbox='mgdn',
    )[scores.MEAN]
    print(f'{name:24}' + ''.join(f'{means[m]:10.4f}' for m in _METRICS))


if __name__ == '__main__':
  main()
