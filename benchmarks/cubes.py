"""Scores of fused cubes beside plain upsampling, by the protocol of Wald.

Each held-out cube is reduced, fused with its guide again, and compared with
itself; bicubic and bilinear upsampling (of Pillow, pixel centres in place) see
the reduced cube alone.

  python benchmarks/cubes.py --data DIR [--model csc_msfn-msf runs/msf_csc]
    [--like csc_msfn-msf] [--holdout 0.34] [--ratio 2] [--degrade average]

With the holdout of a training, the cubes are those that it has not seen.
"""

import argparse
from collections.abc import Callable

import numpy as np
import PIL.Image

import fusionjax as fj
from fusionjax.data import sources
from fusionjax.data.scenes import Example
from fusionjax.training import judges

RESAMPLINGS = {
  'bicubic': PIL.Image.Resampling.BICUBIC,
  'bilinear': PIL.Image.Resampling.BILINEAR,
}


def upsample(
  cube: np.ndarray, *, size: tuple[int, int], resampling: int
) -> np.ndarray:
  """Resizes every band of [h, w, bands] to `size`, height and width."""
  height, width = size
  bands = [
    np.asarray(
      PIL.Image.fromarray(np.ascontiguousarray(cube[..., band])).resize(
        (width, height), resampling
      )
    )
    for band in range(cube.shape[-1])
  ]
  return np.stack(bands, axis=-1)


def upsampler(resampling: int) -> Callable[[Example], np.ndarray]:
  """What fuses a scene by ignoring its guide."""

  def fuse(scene: Example) -> np.ndarray:
    cube, guide = scene.sources
    return upsample(cube, size=guide.shape[:2], resampling=resampling)

  return fuse


def main() -> None:
  """Prints a row of scores for every way to fuse."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--data', required=True)
  parser.add_argument('--model', nargs='*', default=['csc_msfn-msf'])
  parser.add_argument('--like')
  parser.add_argument('--holdout', type=float, default=0.34)
  parser.add_argument('--ratio', type=int, default=2)
  parser.add_argument('--degrade', default='average')
  args = parser.parse_args()
  data = {
    'root': args.data,
    'holdout': args.holdout,
    'ratio': args.ratio,
    'degrade': args.degrade,
  }
  held = sources.open_source(data, task='msf', seed=0, split='test')
  scenes = [held.read(index) for index in range(len(held))]
  print(', '.join(scene.name for scene in scenes))
  ways = {name: upsampler(each) for name, each in RESAMPLINGS.items()}
  for name in args.model:
    model = fj.load_model(name, like=args.like)
    ways[name] = lambda scene, model=model: model.fuse(list(scene.sources))
  print(f'{"":24}' + ''.join(f'{name:>9}' for name in judges.SPECTRAL))
  for name, fuse in ways.items():
    found = [
      judges.score(
        np.asarray(fuse(scene)),
        scene,
        metrics=judges.SPECTRAL,
        toolbox='mefb',
      )
      for scene in scenes
    ]
    means = [np.mean([row[m] for row in found]) for m in judges.SPECTRAL]
    print(f'{name:24}' + ''.join(f'{mean:9.4f}' for mean in means))


if __name__ == '__main__':
  main()
