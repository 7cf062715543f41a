"""Losses of some steps of configs on one kind of machine, as JSON.

A script, since a process has one number of devices: `python same_numbers.py
OUT DEVICES STEPS CONFIG[:VARIANT] ... [field=value ...] [--double]`, the last
for float64. Of several processes
each gets the JAX_* variables of a launcher. An option of the network that a
config does not have is left out.
"""

import ast
import importlib.util
import itertools
import json
import sys
import time
from pathlib import Path

import jax
import numpy as np

from fusionjax.data import pipeline
from fusionjax.training import distributed
from fusionjax.training import mesh as mesh_lib
from fusionjax.training import run as run_lib


def open_config(path, changes):
  """The config of a file, with changes by dotted name where they fit."""
  file, _, variant = path.partition(':')
  spec = importlib.util.spec_from_file_location('config', file)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  config = module.get_config(variant)
  flat = {
    name: value
    for name, value in changes.items()
    if name.split('.')[0] != 'model' or name.split('.')[1] in config.model
  }
  config.update_from_flattened_dict(flat)
  return config


def _double(tree):
  """Floats of a tree in float64, where JAX has it."""
  return jax.tree.map(
    lambda x: (
      x.astype(np.float64) if np.issubdtype(x.dtype, np.floating) else x
    ),
    tree,
  )


def measure(config, steps, *, first=0, double=False):
  """Losses, the order of the data, and how long it took."""
  run = run_lib.open_run(config)
  state, step = run.create_state(), run.make_step()
  if double:
    # From here on: networks are born in float32.
    jax.config.update('jax_enable_x64', True)
    state = _double(state)
  batches = pipeline.train_batches(
    run.source,
    run.config['data'],
    task=run.task,
    seed=run.seed,
    start_step=first,
    process_index=jax.process_index(),
    process_count=jax.process_count(),
  )
  losses, order = [], []
  begun = time.monotonic()
  compiled = None
  for batch in itertools.islice(batches, steps):
    order.append(np.asarray(batch['index']).tolist())
    batch = _double(batch) if double else batch
    batch = mesh_lib.shard_batch(batch, mesh=run.mesh)
    compiled = compiled or step.lower(state, batch).compile()
    state, metrics = compiled(state, batch)
    losses.append(float(metrics['loss']))
  batches.close()
  return {
    'losses': losses,
    'order': order,
    'devices': int(run.mesh.devices.size),
    'seconds': time.monotonic() - begun,
  }


def main():
  """Writes one result a config."""
  out, devices, steps, *rest = sys.argv[1:]
  jax.config.update('jax_num_cpu_devices', int(devices))
  double = '--double' in rest
  distributed.connect(heartbeat=30)
  pairs = [text.split('=', 1) for text in rest if '=' in text]
  changes = {name: ast.literal_eval(value) for name, value in pairs}
  found = {}
  for path in (text for text in rest if '.py' in text):
    config = open_config(path, changes)
    found[path] = measure(config, int(steps), double=double)
    Path(out).write_text(json.dumps(found))


if __name__ == '__main__':
  main()
