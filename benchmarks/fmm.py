"""Speed and memory of FMM: the global mapping, the network, a training step.

Every case runs in a process of its own, so that its peak memory is its own.
Seconds are those of the fastest of several runs after compiling. A mapping of
n positions is what pictures of 4 sqrt(n) pixels a side have on the deepest
scale; dense, it is left out where the matrix does not fit into 4 GB.

  python benchmarks/fmm.py [--cases map,net,train] [--repeats 3]
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

POSITIONS = (1024, 4096, 16384, 65536)
SIDES = (256, 512, 1024)
_DENSEST = 16384


def cases() -> list[str]:
  """Names of all cases, `kind-what-size`."""
  names = []
  for direction in ('forward', 'backward'):
    for n in POSITIONS:
      if n <= _DENSEST:
        names.append(f'map-dense-{direction}-{n}')
      names.append(f'map-blocks-{direction}-{n}')
  names += [f'net-fuse-{side}' for side in SIDES]
  return [*names, 'train-plain-256', 'train-remat-256']


def build(name: str) -> tuple[Callable[..., Any], list[Any]]:
  """Returns a function and its arguments."""
  import jax
  import jax.numpy as jnp
  import numpy as np

  from fusionjax.losses import var_ssim_loss
  from fusionjax.models import FMM
  from fusionjax.ops import global_mapping

  rng = np.random.default_rng(0)

  def array(*shape: int) -> Any:
    return jnp.asarray(rng.random(shape, np.float32))

  kind, *what, size = name.split('-')
  if kind == 'map':
    implementation, direction = what
    n = int(size)

    def attend(q: Any, k: Any, v: Any) -> Any:
      return global_mapping.attend(q, k, v, implementation=implementation)

    arrays = [array(1, n, 32), array(1, n, 32), array(1, n, 64)]
    if direction == 'forward':
      return attend, arrays
    return jax.grad(
      lambda *args: jnp.sum(jnp.square(attend(*args))), argnums=(0, 1, 2)
    ), arrays
  side = int(size)
  net = FMM(remat=what[0] == 'remat')
  example = jnp.zeros((1, 16, 16, 1))
  variables = jax.tree.map(
    lambda leaf: jnp.asarray(0.1 * rng.normal(size=leaf.shape), jnp.float32),
    jax.eval_shape(net.init, jax.random.key(0), example, example),
  )
  if kind == 'net':
    return net.apply, [variables, *(array(1, side, side, 1) for _ in range(2))]

  def loss(variables: Any, x: Any, y: Any) -> Any:
    return var_ssim_loss(net.apply(variables, x, y), x, y)[0]

  return jax.value_and_grad(loss), [
    variables,
    *(array(4, side, side, 1) for _ in range(2)),
  ]


def measure(name: str, repeats: int) -> dict[str, float]:
  """Compiles and times one case in this process."""
  import jax

  function, arguments = build(name)
  begun = time.perf_counter()
  compiled = jax.jit(function).lower(*arguments).compile()
  found = {'compile': time.perf_counter() - begun}
  seconds = []
  for _ in range(repeats):
    begun = time.perf_counter()
    jax.block_until_ready(compiled(*arguments))
    seconds.append(time.perf_counter() - begun)
  found['seconds'] = min(seconds)
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  found['peak_mb'] = peak / 1024
  return found


def main() -> None:
  """Prints a row for every case."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--cases', default='map,net,train')
  parser.add_argument('--repeats', type=int, default=3)
  parser.add_argument('--one', help=argparse.SUPPRESS)
  args = parser.parse_args()
  if args.one:
    print(json.dumps(measure(args.one, args.repeats)))
    return
  wanted = tuple(args.cases.split(','))
  print(f'{"case":28}{"seconds":>9}{"compile":>9}{"peak MB":>9}')
  for name in cases():
    if not name.startswith(wanted):
      continue
    command = [sys.executable, __file__, '--one', name]
    command += ['--repeats', str(args.repeats)]
    out = subprocess.run(command, capture_output=True, text=True, check=True)
    row = json.loads(out.stdout.splitlines()[-1])
    print(
      f'{name:28}{row["seconds"]:9.3f}{row["compile"]:9.1f}'
      f'{row["peak_mb"]:9.0f}',
      flush=True,
    )


if __name__ == '__main__':
  main()
