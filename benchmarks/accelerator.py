"""Fusing on a GPU or TPU: seconds, by what products of float32 are.

Pairs of random uint8 pictures go in as NumPy arrays and the fused picture
comes out as one, so that transfers count; the first call, which compiles, is
told apart. `exact` is what fusing does (see `fusionjax.ops.precision`),
`default` is JAX's own way, whose result is compared with the exact one.

  python benchmarks/accelerator.py [--cases ffmef-mef:3000x4000 ...]
"""

import argparse
import time

import jax
import numpy as np

import fusionjax as fj

_CASES = (
  'ffmef-mef:1000x1500',
  'ffmef-mef:3000x4000',
  'csc_mefn-mef:1000x1500',
  'csc_ivfn-ivf:512x640',
  'fmm-ivf:512x640',
  'mgdn-mff:1000x1500',
)


def measure(
  name: str, pair: list[np.ndarray]
) -> tuple[float, float, np.ndarray]:
  """Seconds of the first call and the least of five more, and the result."""
  model = fj.load_model(name)
  begun = time.perf_counter()
  fused = model.fuse(pair)
  first = time.perf_counter() - begun
  others = []
  for _ in range(5):
    begun = time.perf_counter()
    model.fuse(pair)
    others.append(time.perf_counter() - begun)
  return first, min(others), fused


def main() -> None:
  """Prints a line for every case and precision."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--cases', nargs='+', default=_CASES)
  args = parser.parse_args()
  device = jax.devices()[0]
  print(f'{device.device_kind}, jax {jax.__version__}')
  rng = np.random.default_rng(0)
  for case in args.cases:
    name, size = case.split(':')
    height, width = map(int, size.split('x'))
    pair = [rng.integers(0, 256, (height, width, 3), np.uint8) for _ in '12']
    first, seconds, exact = measure(name, pair)
    with jax.default_matmul_precision('default'):
      _, rounded, other = measure(name, pair)
    levels = np.abs(exact.astype(int) - other.astype(int)).max()
    print(
      f'{case:26} first {first:6.2f} s, then {seconds:.4f} s'
      f' ({seconds / (height * width / 1e6):.4f} s/MP);'
      f' default {rounded:.4f} s, at most {levels} grey levels off'
    )


if __name__ == '__main__':
  main()
