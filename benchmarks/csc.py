"""Speed and memory of CSCFuse: fusing, and training steps of the paper.

Every case runs in a process of its own, so that its peak memory is its own.
Seconds are those of the fastest of several runs after compiling, once on the
clock and once of the processor's (all cores added), which says more on a
machine that others use too.

  python benchmarks/csc.py [--cases fuse,train] [--repeats 5]
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

# name: (what, method, task, options of the network, shapes of the sources)
CASES: dict[str, tuple[str, str, str, dict[str, Any], list[tuple]]] = {
  'fuse-ivfn': ('fuse', 'csc_ivfn', 'ivf', {}, [(1, 351, 505, 3)] * 2),
  'fuse-mefn': ('fuse', 'csc_mefn', 'mef', {}, [(1, 551, 800, 3)] * 2),
  'fuse-msfn': (
    *('fuse', 'csc_msfn', 'msf', {}),
    [(1, 128, 128, 31), (1, 256, 256, 3)],
  ),
  'train-ivfn': ('train', 'csc_ivfn', 'ivf', {}, [(16, 128, 128, 3)]),
  'train-mefn': ('train', 'csc_mefn', 'mef', {}, [(8, 128, 128, 3)] * 4),
  'train-msfn': (
    *('train', 'csc_msfn', 'msf', {'bands': 6, 'guide_channels': 1}),
    [(16, 32, 32, 6), (16, 64, 64, 1)],
  ),
}
# Seconds to stay below on two cores.
TARGETS = {'fuse-ivfn': 1.2, 'fuse-mefn': 0.5, 'fuse-msfn': 2.5}


def build(name: str) -> tuple[Callable[..., Any], Any, list[Any]]:
  """Returns a function of (variables, sources), the variables, sources."""
  import jax
  import jax.numpy as jnp
  import numpy as np

  from fusionjax.methods import base, registry

  what, method_name, task, options, shapes = CASES[name]
  method = registry.get_method(method_name)
  module = method.module(**options)
  rng = np.random.default_rng(0)

  def draw(path: Any, leaf: Any) -> Any:
    # As from a file: initialising would compile, and compiling takes memory.
    values = 0.1 * rng.normal(size=leaf.shape)
    positive = path[-1].key in ('var', 'scale')
    return jnp.asarray(values + 1.0 if positive else values, jnp.float32)

  variables = jax.tree_util.tree_map_with_path(
    draw, base.abstract_variables(method, module, task)
  )
  sources = [jnp.asarray(rng.random(shape, np.float32)) for shape in shapes]

  def fuse(variables: Any, *sources: Any) -> Any:
    return base.fuse_pictures(method, module, variables, sources, task=task)

  def train(variables: Any, *sources: Any) -> Any:
    batch: dict[str, Any] = {'sources': sources}
    batch['step'] = jnp.asarray(100, jnp.int32)
    if registry.get_task(task).guided:
      cube, guide = sources
      batch['reference'] = jnp.zeros((*guide.shape[:3], cube.shape[-1]))

    def loss(params: Any) -> Any:
      value, output = method.loss(
        module, {**variables, 'params': params}, batch, task=task
      )
      return value, dict(output.updates)

    return jax.value_and_grad(loss, has_aux=True)(variables['params'])

  return {'fuse': fuse, 'train': train}[what], variables, sources


def measure(name: str, repeats: int) -> dict[str, float]:
  """Measures one case in this process."""
  import jax

  function, variables, sources = build(name)
  begun = time.perf_counter()
  compiled = jax.jit(function).lower(variables, *sources).compile()
  result = {'compile': time.perf_counter() - begun}
  jax.block_until_ready(compiled(variables, *sources))
  seconds, processor = [], []
  for _ in range(repeats):
    begun, used = time.perf_counter(), time.process_time()
    jax.block_until_ready(compiled(variables, *sources))
    seconds.append(time.perf_counter() - begun)
    processor.append(time.process_time() - used)
  result.update(seconds=min(seconds), processor=min(processor))
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  result['peak_mb'] = peak / (2**20 if sys.platform == 'darwin' else 2**10)
  return result


def in_process(name: str, repeats: int) -> dict[str, float]:
  """Measures one case in a process of its own."""
  command = [sys.executable, __file__, '--only', name]
  command += ['--repeats', str(repeats)]
  done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
  return json.loads(done.stdout)


def report(repeats: int, wanted: list[str]) -> None:
  """Prints the table, a row as soon as it is there."""
  print(
    f'{"case":<12} {"sources":<32} {"seconds":>8} {"to reach":>8} '
    f'{"cpu s":>7} {"compile":>8} {"peak MB":>8}'
  )
  for name, (*_, shapes) in CASES.items():
    if not any(name.startswith(prefix) for prefix in wanted):
      continue
    found = in_process(name, repeats)
    sizes = ' + '.join('x'.join(map(str, shape[:3])) for shape in shapes[:2])
    if len(shapes) > 2:
      sizes = f'{len(shapes)} of {"x".join(map(str, shapes[0][:3]))}'
    target = f'{TARGETS[name]:.1f}' if name in TARGETS else ''
    print(
      f'{name:<12} {sizes:<32} {found["seconds"]:>8.2f} {target:>8} '
      f'{found["processor"]:>7.2f} {found["compile"]:>8.1f} '
      f'{found["peak_mb"]:>8.0f}',
      flush=True,
    )


def main() -> None:
  """Parses the flags and measures."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--cases', default='fuse,train')
  parser.add_argument('--repeats', type=int, default=5)
  parser.add_argument('--only', choices=CASES, help=argparse.SUPPRESS)
  args = parser.parse_args()
  if args.only:
    print(json.dumps(measure(args.only, args.repeats)))
  else:
    report(args.repeats, args.cases.split(','))


if __name__ == '__main__':
  main()
