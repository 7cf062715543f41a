"""How many synthetic scenes a second are made, and samples a second fed.

A scene is made when it is read first and then kept (`data.cache_bytes`). The
first column is what making takes on one core; the second what a training with
a batch of 4 gets from `train_batches` once all scenes are made.

  python benchmarks/synthetic.py [--scenes 24] [--batches 40]
"""

import argparse
import time

from fusionjax.data import pipeline, sources
from fusionjax.methods import registry

# What the configs of these tasks ask for.
_OPTIONS = {
  'gdsr': {'resize': False, 'ratio': 4},
  'hdr': {'resize': False},
  'msf': {'resize': False},
}


def measure(task: str, *, scenes: int, batches: int) -> tuple[float, float]:
  """Returns scenes made a second, and samples fed a second."""
  count = registry.get_task(task).min_sources
  data = {
    'size': (128, 128),
    'batch_size': 4,
    'scenes': scenes + 1,
    'sources': count,
    'holdout': 0.0,
    **_OPTIONS.get(task, {}),
  }
  source = sources.open_source(data, task=task, seed=0, split='train')
  # Photographs are read and libraries loaded once.
  source.read(scenes)
  start = time.perf_counter()
  for index in range(scenes):
    getattr(source, 'read_raw', source.read)(index)
  made = scenes / (time.perf_counter() - start)
  rows = pipeline.train_batches(source, data, task=task, seed=0)
  for _ in range(4):
    next(rows)
  start = time.perf_counter()
  for _ in range(batches):
    next(rows)
  return made, 4 * batches / (time.perf_counter() - start)


def main() -> None:
  """Prints a row per task."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--scenes', type=int, default=24)
  parser.add_argument('--batches', type=int, default=40)
  args = parser.parse_args()
  print(f'{"task":8}{"scenes/s made":>16}{"128x128 samples/s":>20}')
  for task in registry.TASKS:
    made, fed = measure(task, scenes=args.scenes, batches=args.batches)
    print(f'{task:8}{made:16.0f}{fed:20.0f}')


if __name__ == '__main__':
  main()
