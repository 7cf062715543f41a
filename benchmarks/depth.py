"""Errors of super-resolved depth maps beside bicubic upsampling.

Each true depth map is reduced by the ratio and brought back with its colour
picture, as MGDN's published script does it, and the error is that of a
protocol of `fusionjax.metrics.depth` (mgdn/nyu in cm, mgdn/lu and
mgdn/middlebury in levels).

  python benchmarks/depth.py --data LU/ --protocol mgdn/lu --ratio 4 \
    [--model mgdn-gdsr-x4 runs/gdsr_x4] [--like mgdn-gdsr-x4]
"""

import argparse

import fusionjax as fj
from fusionjax.data.depth import DepthSource
from fusionjax.data.folder import find_scenes
from fusionjax.methods import registry
from fusionjax.training import judges, scores, validation


def main() -> None:
  """Prints a row for every model."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--data', required=True)
  parser.add_argument('--protocol', required=True)
  parser.add_argument('--ratio', type=int, default=4)
  parser.add_argument('--model', nargs='+', required=True)
  parser.add_argument('--like')
  args = parser.parse_args()
  found = find_scenes([args.data], task='gdsr')
  source = DepthSource(
    found.scenes, name=args.data, description='', ratio=args.ratio
  )
  print(f'{len(source)} maps of {args.data}, {args.protocol}, x{args.ratio}')
  print(f'{"":28}' + ''.join(f'{name:>14}' for name in judges.DEPTH))
  for name in args.model:
    model = fj.load_model(name, like=args.like)
    fuse = validation.make_fuse(
      registry.get_method(model.method), model.module, task='gdsr'
    )
    means = validation.score_scenes(
      fuse,
      model.variables,
      validation.first_scenes(source, 0),
      metrics=judges.DEPTH,
      toolbox=args.protocol,
    )[scores.MEAN]
    print(f'{name:28}' + ''.join(f'{means[m]:14.4f}' for m in judges.DEPTH))


if __name__ == '__main__':
  main()
