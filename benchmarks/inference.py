"""Fusing a folder of many sizes: cold, warm, and steady, beside Mertens.

Cold is a new process with an empty cache of compiled programs, warm a second
one. Steady is the time of reading, fusing and writing each pair when its
program is there, one after the other, the faster of two runs. OpenCV's
exposure fusion (Mertens) reads and writes the same files. All in one run, on
whatever else the machine does meanwhile: run it alone.

  python benchmarks/inference.py --data MEFB/ [--models ffmef-mef ...]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

import fusionjax as fj
from fusionjax.inference import files

_COLD, _WARM, _STEADY, _PAIR = 1.6, 1.15, 1.2, 4.0


def run_command(
  inputs: list[str], output: str, cache: str, model: str
) -> float:
  """Runs `fusionjax fuse` in a process of its own; returns seconds."""
  start = time.perf_counter()
  subprocess.run(
    [
      *(sys.executable, '-m', 'fusionjax.cli', 'fuse', *inputs, '-o', output),
      *('--model', model, '--overwrite'),
    ],
    check=True,
    env={**os.environ, 'FUSIONJAX_CACHE': cache},
    stdout=subprocess.DEVNULL,
  )
  return time.perf_counter() - start


def measure_steady(data: str, model: str, output: str) -> dict[str, float]:
  """Seconds of every pair when compiled: reading, fusing, writing."""
  fuse = fj.load_model(model)
  plan = files.plan_jobs([data], output, task='mef', overwrite=True)
  best: dict[str, float] = {}
  for round_ in range(3):
    for job in plan.jobs:
      alone = files.Plan((job,))
      start = time.perf_counter()
      (outcome,) = files.run_jobs(fuse, alone, overwrite=True)
      seconds = time.perf_counter() - start
      assert outcome.status == 'fused', outcome.error
      if round_:
        best[job.name] = min(best.get(job.name, seconds), seconds)
  return best


def measure_mertens(data: str, output: str) -> float:
  """Seconds of all pairs by OpenCV."""
  plan = files.plan_jobs([data], output, task='mef', overwrite=True)
  merge = cv2.createMergeMertens()
  start = time.perf_counter()
  for job in plan.jobs:
    fused = merge.process([cv2.imread(str(path)) for path in job.sources])
    out = str(job.output)
    cv2.imwrite(out, np.uint8(np.clip(255 * fused, 0, 255)))
  return time.perf_counter() - start


def main() -> None:
  """Prints a table for every model."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--data', required=True)
  parser.add_argument(
    '--models', nargs='+', default=['ffmef-mef', 'csc_mefn-mef']
  )
  args = parser.parse_args()
  with tempfile.TemporaryDirectory() as folder:
    out = str(Path(folder) / 'out')
    plan = files.plan_jobs([args.data], out, task='mef', overwrite=True)
    sizes = [cv2.imread(str(job.sources[0])).shape[:2] for job in plan.jobs]
    megapixels = sum(h * w for h, w in sizes) / 1e6
    print(
      f'{len(sizes)} pairs, {len({*sizes})} sizes, {megapixels:.1f} megapixels'
    )
    Path(out).mkdir()
    mertens = measure_mertens(args.data, out)
    print(f'Mertens      {mertens:6.1f} s, {mertens / megapixels:.2f} s/MP')
    # The pair that is nearest to 0.4 megapixels.
    near = min(
      range(len(sizes)), key=lambda k: abs(sizes[k][0] * sizes[k][1] - 4e5)
    )
    pair = [str(path) for path in plan.jobs[near].sources]
    for model in args.models:
      cache = str(Path(folder) / model)
      cold = run_command([args.data], out, cache, model)
      warm = run_command([args.data], out, cache, model)
      steady = sum(measure_steady(args.data, model, out).values())
      # The first time compiles: the bucket of one pair is none of the folder.
      for _ in range(2):
        one = run_command(pair, str(Path(folder) / 'one.png'), cache, model)
      print(f'{model}')
      for name, value, unit, target in (
        ('steady', steady / megapixels, 's/MP', _STEADY),
        ('cold folder', cold / steady, 'x steady', _COLD),
        ('warm folder', warm / steady, 'x steady', _WARM),
        ('one pair', one, 's', _PAIR),
      ):
        print(f'  {name:12}{value:6.2f} {unit} (asked {target})')
      print(f'  {steady:.1f} s steady, {cold:.1f} s cold, {warm:.1f} s warm')


if __name__ == '__main__':
  main()
