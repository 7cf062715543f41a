"""How many pictures a second the input gives, and how many a step takes.

First what reading files costs: pictures of the synthetic source as PNG and
JPEG. Then every method's recipe: scenes made or read for the first time, and
batches of scenes in memory, picked, cropped, resized, mirrored and batched.
Beside that what the step takes, by docs/scaling.json: here by
`benchmarks/train.py`, and on eight TPU v5e by the estimate of docs/scaling.md;
`cores` is how many of this machine's that would need. Pictures are those of
sources and references; rates are a processor second's, and on the clock.

  python benchmarks/input.py [--method ffmef ...] [--data DIR] [--loader numpy]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import costs
import numpy as np
from PIL import Image

from fusionjax.data import images, pipeline
from fusionjax.data import sources as sources_lib
from fusionjax.training import run as run_lib


def timed(function: Callable[[], Any]) -> tuple[float, float]:
  """Seconds and processor seconds of a call."""
  begun, used = time.perf_counter(), time.process_time()
  function()
  return time.perf_counter() - begun, time.process_time() - used


def files_table() -> None:
  """Prints what reading and decoding a file costs."""
  source = sources_lib.open_source(
    {'scenes': 4}, task='mef', seed=0, split='train'
  )
  pictures = [
    np.uint8(255 * picture)
    for index in range(4)
    for picture in source.read(index).sources
  ]
  height, width = pictures[0].shape[:2]
  print(f'Files of {width} x {height}, read and decoded:')
  print('| format | kB | pictures / cpu s | pictures / s |\n|---|---|---|---|')
  with tempfile.TemporaryDirectory() as folder:
    for kind in ('png', 'jpg'):
      paths = [Path(folder) / f'{i}.{kind}' for i in range(len(pictures))]
      for path, picture in zip(paths, pictures, strict=True):
        Image.fromarray(picture).save(path)
      took = timed(lambda paths=paths: [images.read_image(p) for p in paths])
      size = sum(path.stat().st_size for path in paths) / len(paths)
      rates = [len(paths) / seconds for seconds in took]
      print(f'| {kind} | {size / 1e3:.0f} | {rates[1]:.0f} | {rates[0]:.0f} |')
  print()


def measure(method: str, options: argparse.Namespace) -> dict[str, Any]:
  """Rates of one method's input."""
  config = costs.load_config(costs.RECIPES[method])
  with config.unlocked():
    config.data.root = options.data or ''
    if options.loader:
      config.data.loader = options.loader
  run = run_lib.open_run(config)
  count = min(len(run.source), options.scenes)
  read = getattr(run.source, 'read_raw', run.source.read)
  scenes = []
  took = timed(lambda: scenes.extend(read(i) for i in range(count)))
  a_scene = len(scenes[0].sources) + (scenes[0].reference is not None)
  for index in range(len(run.source)):
    read(index)
  batches = pipeline.train_batches(
    run.source, run.config['data'], task=run.task, seed=run.seed
  )
  # Those that were made before anyone asked do not count.
  first = costs.take(batches, 6)[0]
  flow = timed(lambda: costs.take(batches, options.batches))
  batches.close()
  a_sample = len(first['sources']) + ('reference' in first)
  taken = options.batches * run.batch_size * a_sample
  return {
    'first': [count * a_scene / seconds for seconds in took],
    'flow': [taken / seconds for seconds in flow],
    'a_step': run.batch_size * a_sample,
  }


def row(method: str, found: dict[str, Any], kept: dict[str, Any]) -> str:
  """A line of the table."""
  cells = [f'`{method}`', f'{found["a_step"]}']
  for name in ('first', 'flow'):
    cells.append(f'{found[name][1]:.0f}')
    cells.append(f'{found[name][0]:.0f}')
  here = kept.get('here', {}).get('step')
  if here:
    takes = found['a_step'] / here[0]
    share = found['a_step'] / found['flow'][1] / here[1]
    cells += [f'{takes:.1f}', f'{100 * share:.1f} %']
  else:
    cells += ['', '']
  if 'tpu' in kept:
    takes = 8 * found['a_step'] / costs.v5e_seconds(kept['tpu'])
    cells += [f'{takes:.0f}', f'{takes / found["flow"][1]:.1f}']
  else:
    cells += ['', '']
  return f'| {" | ".join(cells)} |'


def main() -> None:
  """Prints the tables, a row as soon as it is there."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
    '--method', nargs='*', choices=costs.RECIPES, default=[*costs.RECIPES]
  )
  parser.add_argument('--data', help='a folder, as data.root; for one method')
  parser.add_argument('--loader', help='as data.loader')
  parser.add_argument('--keep', action='store_true', help='for docs/scaling.md')
  parser.add_argument('--scenes', type=int, default=8)
  parser.add_argument('--batches', type=int, default=12)
  options = parser.parse_args()
  files_table()
  kept = costs.kept()
  print(
    '| method | pictures a step | first read / cpu s | / s | batches / cpu s |'
    ' / s | the step here takes / s | input / step, cpu | 8 v5e would take / s'
    ' | cores |'
  )
  print('|---' * 10 + '|')
  for method in options.method:
    found = measure(method, options)
    print(row(method, found, kept.get(method, {})), flush=True)
    if options.keep:
      costs.keep(method, {'input': found})


if __name__ == '__main__':
  main()
