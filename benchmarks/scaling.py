"""Measures what docs/scaling.md is made of, into docs/scaling.json.

The step of every method's recipe is compiled for one TPU v5e and for eight,
which needs no TPU, only its compiler (`pip install libtpu`, JAX's version of
it), and for this machine's CPU. Then: python docs/scaling.py

  python benchmarks/scaling.py [--method NAME ...] [--parts tpu cpu exchange]
"""

import argparse
import dataclasses
import os
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
from jax.sharding import AxisType

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
    'parameters': costs.parameters(state),
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


def exchanged(name: str, devices: Any) -> dict[str, Any]:
  """What eight devices exchange in a step of eight small samples.

  What they exchange depends on the parameters, and not on the pictures.
  """
  config = costs.load_config(name)
  with config.unlocked():
    config.data.size = (32, 32) if config.task == 'msf' else (64, 64)
  run = run_lib.open_run(config)
  batch = costs.first_batch(run)
  mesh = jax.make_mesh(
    (8, 1), ('data', 'space'), axis_types=(AxisType.Auto,) * 2, devices=devices
  )
  state, batch = costs.abstract_step(run, batch, samples=8)
  program = costs.plain_step(run).lower(
    costs.spread(state, mesh, batch=False),
    costs.spread(batch, mesh, batch=True),
  )
  found = costs.exchanges(program.compile().as_text())
  return {'count': len(found), 'bytes': sum(size for _, size in found)}


def main() -> None:
  """Measures, and keeps what is measured after every method."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--method', nargs='*', default=[*costs.RECIPES])
  parser.add_argument('--parts', nargs='*', default=['tpu', 'cpu', 'exchange'])
  options = parser.parse_args()
  devices = None
  if {'tpu', 'exchange'} & {*options.parts}:
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
      if part == 'exchange':
        found['exchange'] = exchanged(name, devices)
      else:
        device = devices[0] if part == 'tpu' and devices else None
        found[part] = one_device(run, batch, device)
      costs.keep(method, found)
      seconds = time.monotonic() - begun
      print(f'{part} {method}: {seconds:.0f} s, {found.get(part)}', flush=True)


if __name__ == '__main__':
  main()
