"""Measures what docs/scaling.md is made of, into docs/scaling.json.

The step of every method's recipe is compiled for a TPU v5e, which needs no
TPU, only its compiler (the version of libtpu that `jax[tpu]` names, in an
environment of its own), and for this machine's CPU; small steps are timed on
1 to 8 virtual devices. Then: python docs/scaling.py

  python benchmarks/scaling.py [--method NAME ...] [--parts tpu cpu virtual]
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import time
from typing import Any

# Before JAX: its compiler looks for the machine that it compiles for.
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
os.environ.setdefault('TPU_SKIP_MDS_QUERY', '1')
os.environ.setdefault('TPU_ACCELERATOR_TYPE', 'v5litepod-8')
os.environ.setdefault('TPU_WORKER_HOSTNAMES', 'localhost')

import costs
import jax
from jax.experimental import topologies

from fusionjax.training import mesh as mesh_lib
from fusionjax.training import run as run_lib

_TOPOLOGY = 'v5e:2x4'


def facts(run: run_lib.Run, batch: dict[str, Any], name: str) -> dict[str, Any]:
  """What a recipe says of itself."""
  state, _ = costs.abstract_step(run, batch, samples=run.batch_size)
  leaves = jax.tree.leaves(state)
  return {
    'recipe': name,
    'batch': run.batch_size,
    'size': list(run.config['data']['size']),
    'sources': len(batch['sources']),
    'pictures': len(batch['sources']) + ('reference' in batch),
    'parameters': costs.parameters(state),
    'norms': len(jax.tree.leaves(state.batch_stats)) // 2,
    'state_bytes': sum(leaf.size * leaf.dtype.itemsize for leaf in leaves),
    'batch_bytes': sum(leaf.nbytes for leaf in jax.tree.leaves(batch)),
  }


def one_device(
  run: run_lib.Run, batch: dict[str, Any], device: Any
) -> dict[str, Any]:
  """The cost of a step on one device."""
  shapes = costs.abstract_step(run, batch, samples=run.batch_size)
  cost = costs.program_cost(costs.plain_step(run), *shapes, device=device)
  return dataclasses.asdict(cost)


def small_run(method: str) -> run_lib.Run:
  """The recipe with eight small samples a batch."""
  config = costs.load_config(costs.RECIPES[method])
  with config.unlocked():
    config.data.size = (32, 32) if config.task == 'msf' else (64, 64)
    config.data.batch_size = 8
  return run_lib.open_run(config)


def on_virtual_devices(method: str, repeats: int = 5) -> dict[str, Any]:
  """Times a step of eight small samples on the devices that there are.

  Virtual devices share the cores of this machine: what takes longer on more
  of them is what splitting and exchanging cost.
  """
  run = small_run(method)
  batch = mesh_lib.shard_batch(costs.first_batch(run), mesh=run.mesh)
  state = run.create_state()
  program = costs.plain_step(run).lower(state, batch).compile()
  took = []
  for turn in range(repeats + 1):
    begun, used = time.perf_counter(), time.process_time()
    state, metrics = program(state, batch)
    jax.block_until_ready(metrics)
    if turn:
      used = time.process_time() - used
      took.append((time.perf_counter() - begun, used))
  found = costs.exchanges(program.as_text())
  return {
    'seconds': min(seconds for seconds, _ in took),
    'processor': min(used for _, used in took),
    'exchanges': len(found),
    'bytes': sum(size for _, size in found),
  }


def virtual(method: str) -> dict[str, Any]:
  """Steps on 1 to 8 virtual devices, each number in a process of its own."""
  found = {}
  for devices in (1, 2, 4, 8):
    flag = f'--xla_force_host_platform_device_count={devices}'
    done = subprocess.run(
      [sys.executable, __file__, '--only', method],
      env={**os.environ, 'XLA_FLAGS': flag},
      stdout=subprocess.PIPE,
      check=True,
    )
    found[str(devices)] = json.loads(done.stdout.splitlines()[-1])
  return found


def main() -> None:
  """Measures, and keeps what is measured after every method."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--method', nargs='*', default=[*costs.RECIPES])
  parser.add_argument('--parts', nargs='*', default=['tpu', 'cpu', 'virtual'])
  parser.add_argument('--only', help=argparse.SUPPRESS)
  options = parser.parse_args()
  if options.only:
    print(json.dumps(on_virtual_devices(options.only)))
    return
  devices = None
  if 'tpu' in options.parts:
    topology = topologies.get_topology_desc(
      platform='tpu', topology_name=_TOPOLOGY
    )
    devices = topology.devices
  for part in options.parts:
    for method in options.method:
      begun, name = time.monotonic(), costs.RECIPES[method]
      run = run_lib.open_run(costs.load_config(name))
      batch = costs.first_batch(run)
      found = facts(run, batch, name)
      if part == 'virtual':
        found['virtual'] = virtual(method)
      elif part != 'facts':
        device = devices[0] if part == 'tpu' and devices else None
        found[part] = one_device(run, batch, device)
      costs.keep(method, found)
      seconds = time.monotonic() - begun
      print(f'{part} {method}: {seconds:.0f} s, {found.get(part)}', flush=True)


if __name__ == '__main__':
  main()
