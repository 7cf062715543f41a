"""Speed and memory of FFMEF: fusing RGB pairs, and a training step.

Every case runs in a process of its own, so that its peak memory is its own.
Within a process the folded network and the plain one (the same network with
one pixel per position, that is XLA's convolution at four channels) take
turns, so that their ratio does not depend on the mood of the machine.

  python benchmarks/ffmef.py [--cases fuse,batch,train] [--repeats 5]
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

# name: (what, batch, height, width)
CASES = {
  'fuse-0.4MP': ('fuse', 1, 551, 707),
  'fuse-1.6MP': ('fuse', 1, 1024, 1536),
  'batch-0.4MP': ('fuse', 8, 551, 707),
  'batch-1.6MP': ('fuse', 8, 1024, 1536),
  'train-320': ('train', 2, 320, 320),
  'train-128': ('train', 2, 128, 128),
}


def build(what: str, folded_channels: int) -> tuple[Callable[..., Any], Any]:
  """Returns a function of (variables, sources) and the variables."""
  import jax
  import jax.numpy as jnp
  import numpy as np

  from fusionjax.methods import base, registry

  method = registry.get_method('ffmef')
  module = method.module(folded_channels=folded_channels)
  shapes = base.abstract_variables(method, module, 'mef')
  # As from a file: initialising would compile, and compiling takes memory.
  rng = np.random.default_rng(0)
  variables = jax.tree.map(
    lambda x: jnp.asarray(0.1 * rng.normal(size=x.shape), jnp.float32), shapes
  )

  def fuse(variables: Any, *sources: Any) -> Any:
    return base.fuse_pictures(method, module, variables, sources, task='mef')

  def train(variables: Any, *sources: Any) -> Any:
    def loss(variables: Any) -> Any:
      batch = {'sources': sources}
      return method.loss(module, variables, batch, task='mef')[0]

    return jax.value_and_grad(loss)(variables)

  return {'fuse': fuse, 'train': train}[what], variables


def measure(name: str, repeats: int, with_plain: bool) -> dict[str, Any]:
  """Measures one case in this process."""
  import jax
  import jax.numpy as jnp
  import numpy as np

  what, batch, height, width = CASES[name]
  rng = np.random.default_rng(0)
  shape = (batch, height, width, 3)
  sources = [jnp.asarray(rng.random(shape, np.float32)) for _ in range(2)]
  runs: dict[str, Callable[[], Any]] = {}
  result: dict[str, Any] = {}
  for kind, channels in (('folded', 16), ('plain', 4)):
    if kind == 'plain' and not with_plain:
      continue
    function, variables = build(what, channels)
    begun = time.perf_counter()
    compiled = jax.jit(function).lower(variables, *sources).compile()
    result[f'{kind}_compile'] = time.perf_counter() - begun

    def run(compiled: Any = compiled, variables: Any = variables) -> Any:
      return jax.block_until_ready(compiled(variables, *sources))

    run()
    runs[kind] = run
  times: dict[str, list[float]] = {kind: [] for kind in runs}
  for _ in range(repeats):
    for kind, run in runs.items():
      begun = time.perf_counter()
      run()
      times[kind].append(time.perf_counter() - begun)
  for kind, seconds in times.items():
    result[kind] = min(seconds)
    result[f'{kind}_median'] = statistics.median(seconds)
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  result['peak_mb'] = peak / (2**20 if sys.platform == 'darwin' else 2**10)
  return result


def in_process(name: str, repeats: int, with_plain: bool) -> dict[str, Any]:
  """Measures one case in a process of its own."""
  command = [sys.executable, __file__, '--only', name]
  command += ['--repeats', str(repeats)] + ['--plain'] * with_plain
  done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
  return json.loads(done.stdout)


def report(repeats: int, wanted: list[str]) -> None:
  """Prints the table, a row as soon as it is there."""
  print(
    f'{"case":<12} {"batch x size":<15} {"seconds":>8} {"median":>8} '
    f'{"s/MP":>6} {"compile":>8} {"peak MB":>8} {"plain":>8} {"ratio":>6}'
  )
  for name, (what, batch, height, width) in CASES.items():
    if not any(name.startswith(prefix) for prefix in wanted):
      continue
    alone = in_process(name, repeats, False)
    both = in_process(name, repeats, True)
    megapixels = batch * height * width / 1e6
    each = f'{alone["folded"] / megapixels:.2f}' if what == 'fuse' else ''
    print(
      f'{name:<12} {f"{batch} x {height}x{width}":<15} '
      f'{alone["folded"]:>8.3f} {alone["folded_median"]:>8.3f} {each:>6} '
      f'{alone["folded_compile"]:>8.1f} {alone["peak_mb"]:>8.0f} '
      f'{both["plain"]:>8.3f} {both["plain"] / both["folded"]:>6.2f}',
      flush=True,
    )


def main() -> None:
  """Parses the flags and measures."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--cases', default='fuse,batch,train')
  parser.add_argument('--repeats', type=int, default=5)
  parser.add_argument('--only', choices=CASES, help=argparse.SUPPRESS)
  parser.add_argument('--plain', action='store_true', help=argparse.SUPPRESS)
  args = parser.parse_args()
  if args.only:
    print(json.dumps(measure(args.only, args.repeats, args.plain)))
  else:
    report(args.repeats, args.cases.split(','))


if __name__ == '__main__':
  main()
