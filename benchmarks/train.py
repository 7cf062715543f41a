"""Steps per second of every method's recipe, and what a step is made of.

The plain config of each method, at its batch and crop size, on the built-in
synthetic source. A method runs in a process of its own, so that its peak
memory is its own. Input is what a batch takes while nothing else runs, scenes
being decoded; update is optimizer and average; backward what the gradient
takes beyond the loss. Seconds are the least of several runs, on the clock and
of the processor (all cores added), which says more on a machine that others
use too. `kinds` are the instructions that the profile finds most time in.

  python benchmarks/train.py [--method ffmef ...] [--repeats 3] [--profile DIR]

`--keep` puts the figures into docs/scaling.json, of which docs/scaling.py and
benchmarks/input.py make their tables.
"""

import argparse
import collections
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import costs

PARTS = ('input', 'forward', 'backward', 'update', 'step')
# The primitive of an instruction: the last part of its name in the program.
_NAMED = re.compile(r'^ *(?:ROOT )?%?([\w.-]+) = .*op_name="([^"]*)"', re.M)
_WORDS = {
  'conv_general_dilated': 'convolution',
  'dot_general': 'product',
  'reduce_window': 'window',
}


def clock(function: Callable[[], Any], repeats: int) -> tuple[float, float]:
  """The least seconds and processor seconds of several calls."""
  import jax

  jax.block_until_ready(function())
  seconds, processor = [], []
  for _ in range(repeats):
    begun, used = time.perf_counter(), time.process_time()
    jax.block_until_ready(function())
    seconds.append(time.perf_counter() - begun)
    processor.append(time.process_time() - used)
  return min(seconds), min(processor)


def parts_of(run: Any, batch: Any) -> dict[str, Callable[[], Any]]:
  """Compiled parts of a training step, each ready to be called."""
  import jax
  import optax

  from fusionjax.training import step as step_lib

  def loss_of(params: Any, state: Any, batch: Any) -> Any:
    given = {**batch, 'step': state.step}
    variables = state.loss_variables(params)
    options = run.config['loss']
    return run.method.loss(
      run.module, variables, given, task=run.task, **options
    )[0]

  def update(gradients: Any, state: Any) -> Any:
    changes, kept = run.optimizer.update(
      gradients, state.opt_state, state.params
    )
    params = optax.apply_updates(state.params, changes)
    decay = float(run.config['ema_decay'])
    average = step_lib._average(state.ema, params, step=state.step, decay=decay)
    return params, kept, average

  state = run.create_state()
  forward = jax.jit(loss_of)
  gradient = jax.jit(jax.value_and_grad(loss_of))
  updating = jax.jit(update)
  # What an update takes is a matter of the sizes alone.
  gradients = jax.tree.map(lambda leaf: 1e-3 * leaf, state.params)
  return {
    'forward': lambda: forward(state.params, state, batch),
    'backward': lambda: gradient(state.params, state, batch),
    'update': lambda: updating(gradients, state),
  }


def measure_input(run: Any, repeats: int) -> tuple[float, float]:
  """Seconds of a batch, of scenes that are decoded already."""
  from fusionjax.data import pipeline

  for index in range(len(run.source)):
    getattr(run.source, 'read_raw', run.source.read)(index)
  batches = pipeline.train_batches(
    run.source, run.config['data'], task=run.task, seed=run.seed
  )
  # Those that were made before anyone asked do not count.
  costs.take(batches, 6)
  count = max(4, repeats)
  begun, used = time.perf_counter(), time.process_time()
  costs.take(batches, count)
  seconds = time.perf_counter() - begun
  processor = time.process_time() - used
  batches.close()
  return seconds / count, processor / count


def measure_step(
  run: Any, batch: Any, repeats: int, profile: str | None
) -> dict[str, Any]:
  """Compiles and times the whole step, and looks into one."""
  import jax

  from fusionjax.training import mesh as mesh_lib

  batch = mesh_lib.shard_batch(batch, mesh=run.mesh)
  state = run.create_state()
  step = run.make_step()
  begun = time.perf_counter()
  compiled = step.lower(state, batch).compile()
  found: dict[str, Any] = {'compile': time.perf_counter() - begun}

  def once() -> Any:
    nonlocal state
    state, metrics = compiled(state, batch)
    return metrics

  found['step'] = clock(once, repeats)
  with tempfile.TemporaryDirectory() as folder:
    where = profile or folder
    with jax.profiler.trace(where):
      jax.block_until_ready(once())
    found['kinds'] = kinds(Path(where), compiled.as_text())
  return found


def kinds(folder: Path, program: str) -> dict[str, float]:
  """Shares of a step's time by the kind of instruction.

  Args:
    folder: of a profile.
    program: the compiled step, as its compiler prints it.

  Returns:
    Share by primitive, the largest first.
  """
  import jax

  primitives = {
    name: re.sub(r'\W.*', '', path.rpartition('/')[2])
    for name, path in _NAMED.findall(program)
  }
  total: collections.Counter[str] = collections.Counter()
  newest = max(folder.rglob('*.xplane.pb'), key=lambda p: p.stat().st_mtime)
  for plane in jax.profiler.ProfileData.from_file(str(newest)).planes:
    for line in plane.lines:
      for event in line.events:
        name = dict(event.stats).get('hlo_op')
        # A loop and a call last as long as what is in them.
        if name and not str(name).startswith(('while', 'call')):
          kind = primitives.get(str(name)) or str(name).split('.')[0]
          total[_WORDS.get(kind, kind)] += event.duration_ns
  whole = sum(total.values()) or 1
  return {kind: took / whole for kind, took in total.most_common()}


def measure(method: str, repeats: int, profile: str | None) -> dict[str, Any]:
  """Measures one method in this process."""
  from fusionjax.training import run as run_lib

  run = run_lib.open_run(costs.load_config(costs.RECIPES[method]))
  batch = costs.first_batch(run)
  found = measure_step(run, batch, repeats, profile)
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  found['peak_mb'] = peak / (2**20 if sys.platform == 'darwin' else 2**10)
  found['input'] = measure_input(run, repeats)
  for name, function in parts_of(run, batch).items():
    found[name] = clock(function, repeats)
  # What was timed is the gradient, which runs the loss too.
  found['backward'] = tuple(
    max(0.0, both - forward)
    for both, forward in zip(found['backward'], found['forward'], strict=True)
  )
  height, width = run.config['data']['size']
  found['what'] = f'{run.batch_size} x {height} x {width}'
  return found


def row(method: str, found: dict[str, Any]) -> str:
  """A line of the table."""
  seconds, processor = found['step']
  waits = found['input'][1] / processor
  cells = [
    f'`{method}`',
    found['what'],
    f'{1 / seconds:.2g}',
    *(f'{found[part][0]:.2g} ({found[part][1]:.2g})' for part in PARTS),
    f'{100 * waits:.1f} %',
    f'{found["compile"]:.0f}',
    f'{found["peak_mb"] / 1000:.1f} GB',
    ', '.join(
      f'{kind} {100 * share:.0f} %'
      for kind, share in [*found['kinds'].items()][:3]
    ),
  ]
  return f'| {" | ".join(cells)} |'


def main() -> None:
  """Prints the table, a row as soon as it is there."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
    '--method', nargs='*', choices=costs.RECIPES, default=[*costs.RECIPES]
  )
  parser.add_argument('--repeats', type=int, default=3)
  parser.add_argument(
    '--profile', help='keep the profile here, for TensorBoard'
  )
  parser.add_argument('--keep', action='store_true')
  parser.add_argument('--only', help=argparse.SUPPRESS)
  options = parser.parse_args()
  if options.only:
    print(json.dumps(measure(options.only, options.repeats, options.profile)))
    return
  print(
    '| method | batch | steps / s | '
    + ' | '.join(f'{part}: s (cpu s)' for part in PARTS)
    + ' | input / step, cpu | compile s | peak | most time in |'
  )
  print('|---' * 13 + '|')
  for method in options.method:
    command = [sys.executable, __file__, '--only', method]
    command += ['--repeats', str(options.repeats)]
    if options.profile:
      command += ['--profile', f'{options.profile}/{method}']
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    print(row(method, found), flush=True)
    if options.keep:
      found['kinds'] = dict([*found['kinds'].items()][:3])
      costs.keep(method, {'here': found})


if __name__ == '__main__':
  main()
