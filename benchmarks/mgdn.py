"""Speed and memory of MGDN: its networks, and training steps.

Every case runs in a process of its own, so that its peak memory is its own.
Seconds are those of the fastest of several runs after compiling, once on the
clock and once of the processor's (all cores added), which says more on a
machine that others use too. The micro-benchmarks show the formulations that
were tried for what the networks consist of; the first of each is the default.

  python benchmarks/mgdn.py [--cases fuse,train,micro] [--repeats 3]
"""

import argparse
import functools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

# name: (class, options, shapes of the sources); the protocol of the published
# scripts makes 528 x 528 of 520 x 520.
NETWORKS: dict[str, tuple[str, dict[str, Any], list[tuple[int, ...]]]] = {
  'fuse-mff': ('MGDN', {}, [(1, 528, 528, 3)] * 2),
  'fuse-mef': (
    'MGDN',
    {'channels': 60, 'depths': (6, 6), 'heads': 6, 'window': 8},
    [(1, 528, 528, 3)] * 2,
  ),
  'fuse-gdsr': ('MGDNDepth', {}, [(1, 480, 640, 3), (1, 480, 640, 1)]),
  'fuse-hdr': ('MGDNDeghost', {}, [(1, 504, 504, 6)] * 3),
  'train-mff': ('MGDN', {}, [(4, 128, 128, 3)] * 2),
  'train-mff-remat': ('MGDN', {'remat': True}, [(4, 128, 128, 3)] * 2),
}
# Seconds and megabytes to stay below on two cores.
TARGETS = {'fuse-mff': (6.0, 1200)}
MICRO = ('dynamic', 'dynamic-grad', 'window4', 'window8', 'channel')


def build(name: str) -> tuple[Callable[..., Any], Any, list[Any]]:
  """Returns a function of (variables, sources), the variables, sources."""
  import jax
  import jax.numpy as jnp
  import numpy as np

  from fusionjax import models

  kind, options, shapes = NETWORKS[name]
  module = getattr(models, kind)(**options)
  rng = np.random.default_rng(0)
  abstract = jax.eval_shape(
    module.init,
    jax.random.key(0),
    *(jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes),
  )
  # As from a file: initialising would compile, and compiling takes memory.
  variables = jax.tree.map(
    lambda leaf: jnp.asarray(0.1 * rng.normal(size=leaf.shape), leaf.dtype),
    abstract,
  )
  sources = [jnp.asarray(rng.random(shape, np.float32)) for shape in shapes]

  def train(variables: Any, *sources: Any) -> Any:
    def loss(variables: Any) -> Any:
      rngs = {'drop_path': jax.random.key(0)}
      out = module.apply(variables, *sources, train=True, rngs=rngs)
      return jnp.mean(jnp.abs(out - sources[0]))

    return jax.value_and_grad(loss)(variables)

  function = train if name.startswith('train') else module.apply
  return function, variables, sources


def build_micro(
  name: str,
) -> tuple[dict[str, Callable[..., Any]], list[Any]]:
  """Returns formulations by name, and their arguments."""
  import jax
  import jax.numpy as jnp
  import numpy as np

  from fusionjax.ops import attention, dynamic_filter

  rng = np.random.default_rng(0)

  def array(*shape: int) -> Any:
    return jnp.asarray(rng.normal(size=shape), jnp.float32)

  if name.startswith('dynamic'):
    side, batch = (128, 4) if name.endswith('grad') else (528, 1)
    arguments = [array(batch, side, side, 30), array(batch, side, side, 49)]

    def filtered(implementation: str) -> Callable[..., Any]:
      f = functools.partial(
        dynamic_filter.dynamic_filter,
        border='edge',
        implementation=implementation,
      )
      if not name.endswith('grad'):
        return f
      return jax.grad(lambda *x: jnp.sum(jnp.square(f(*x))), argnums=(0, 1))

    return {kind: filtered(kind) for kind in ('strips', 'whole')}, arguments
  if name == 'channel':
    arguments = [array(1, 528, 528, 30) for _ in range(3)] + [array(6)]
    return {
      kind: functools.partial(attention.channel_attention, implementation=kind)
      for kind in ('gram', 'heads')
    }, arguments
  window, side, channels, heads = (
    (4, 528, 30, 3) if name == 'window4' else (8, 264, 60, 6)
  )
  arguments = [
    array(1, side, side, 3 * channels),
    array(heads, window**2, window**2),
  ]
  return {
    kind: functools.partial(
      attention.window_attention,
      window=window,
      shift=window // 2,
      implementation=kind,
    )
    for kind in ('rows', 'whole')
  }, arguments


def clock(
  function: Callable[..., Any], arguments: list[Any], repeats: int
) -> dict[str, float]:
  """Compiles and times a function in this process."""
  import jax

  begun = time.perf_counter()
  compiled = jax.jit(function).lower(*arguments).compile()
  result = {'compile': time.perf_counter() - begun}
  result['temp_mb'] = compiled.memory_analysis().temp_size_in_bytes / 1e6
  jax.block_until_ready(compiled(*arguments))
  seconds, processor = [], []
  for _ in range(repeats):
    begun, used = time.perf_counter(), time.process_time()
    jax.block_until_ready(compiled(*arguments))
    seconds.append(time.perf_counter() - begun)
    processor.append(time.process_time() - used)
  result.update(seconds=min(seconds), processor=min(processor))
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  result['peak_mb'] = peak / (2**20 if sys.platform == 'darwin' else 2**10)
  return result


def measure(name: str, repeats: int) -> dict[str, dict[str, float]]:
  """Measures a case in this process; formulations by name."""
  if name in MICRO:
    kinds, arguments = build_micro(name)
    return {k: clock(f, arguments, repeats) for k, f in kinds.items()}
  function, variables, sources = build(name)
  return {'': clock(function, [variables, *sources], repeats)}


def in_process(name: str, repeats: int) -> dict[str, dict[str, float]]:
  """Measures one case in a process of its own."""
  command = [sys.executable, __file__, '--only', name]
  command += ['--repeats', str(repeats)]
  done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
  return json.loads(done.stdout)


def report(repeats: int, wanted: list[str]) -> None:
  """Prints the table, a row as soon as it is there."""
  print(
    f'{"case":<26} {"seconds":>8} {"cpu s":>7} {"compile":>8} {"temp MB":>8} '
    f'{"peak MB":>8}'
  )
  cases = [name for name in NETWORKS if name.split('-')[0] in wanted]
  cases += list(MICRO) if 'micro' in wanted else []
  for name in cases:
    for kind, found in in_process(name, repeats).items():
      # Formulations share a process: their peak is no one's own.
      peak = f'{found["peak_mb"]:>8.0f}' if not kind else f'{"":>8}'
      target = ''
      if name in TARGETS:
        seconds, megabytes = TARGETS[name]
        target = f'  to reach: {seconds:.0f} s, {megabytes} MB'
      print(
        f'{f"{name} {kind}":<26} {found["seconds"]:>8.3f} '
        f'{found["processor"]:>7.3f} {found["compile"]:>8.1f} '
        f'{found["temp_mb"]:>8.0f} {peak}{target}',
        flush=True,
      )


def main() -> None:
  """Parses the flags and measures."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--cases', default='fuse,train,micro')
  parser.add_argument('--repeats', type=int, default=3)
  parser.add_argument('--only', help=argparse.SUPPRESS)
  args = parser.parse_args()
  if args.only:
    print(json.dumps(measure(args.only, args.repeats)))
  else:
    report(args.repeats, args.cases.split(','))


if __name__ == '__main__':
  main()
