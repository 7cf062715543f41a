"""What a training is, in a few lines at its start: devices, sizes, costs."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import psutil
from jax.sharding import Mesh

from fusionjax.training import progress
from fusionjax.training import state as state_lib


def describe_devices(mesh: Mesh) -> str:
  """The devices in use and how the batch and its rows lie on them.

  Args:
    mesh: the mesh of the training.

  Returns:
    Such as `8 of 8 cpu devices of 2 processes, mesh data 4 x space 2`.
  """
  devices = mesh.devices.flat
  used, there = mesh.devices.size, jax.device_count()
  which = f'{used} of {there}' if used < there else f'{used}'
  kind = next(iter(devices)).device_kind
  processes = len({device.process_index for device in mesh.devices.flat})
  of = f' of {processes} processes' if processes > 1 else ''
  axes = ' x '.join(f'{name} {size}' for name, size in mesh.shape.items())
  return f'{which} {kind} device{"s" if there > 1 else ""}{of}, mesh {axes}'


def describe_state(abstract: state_lib.TrainState) -> str:
  """Parameters and bytes of a state.

  Args:
    abstract: shapes, dtypes and shardings of the state.

  Returns:
    Such as `1,234 parameters (4.9 kB); state 14.8 kB, 14.8 kB a device`.
  """
  count = sum(leaf.size for leaf in jax.tree.leaves(abstract.params))
  share = sum(
    math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize
    for leaf in jax.tree.leaves(abstract)
  )
  return (
    f'{count:,} parameters ({size(_bytes(abstract.params))}); state '
    f'{size(_bytes(abstract))}, {size(share)} a device'
  )


def _bytes(tree: Any) -> int:
  return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))


def costs(compiled: jax.stages.Compiled) -> dict[str, float]:
  """What the compiler says that a step costs on a device.

  Args:
    compiled: the step.

  Returns:
    `flops` and `bytes`, read and written, where it says so: the body of a
    loop counts once, so that both are lower bounds; and `memory`, in bytes,
    beside the state and the batch.
  """
  found: dict[str, float] = {}
  analysis = compiled.cost_analysis() or {}
  if isinstance(analysis, Mapping):
    for name, key in (('flops', 'flops'), ('bytes', 'bytes accessed')):
      if analysis.get(key, 0) > 0:
        found[name] = float(analysis[key])
  memory = compiled.memory_analysis()
  if memory is not None:
    found['memory'] = float(memory.temp_size_in_bytes)
  return found


def describe_costs(found: Mapping[str, float], *, devices: int) -> str:
  """Says the costs of a step.

  Args:
    found: from `costs`.
    devices: how many devices share the step.

  Returns:
    Such as `at least 1.2 GFLOP a step (0.6 a device), 35 MB of memory`; empty
    where nothing is known.
  """
  words = []
  if 'flops' in found:
    total = found['flops'] * devices
    words.append(
      f'at least {_scaled(total, 1000)}FLOP a step '
      f'({_scaled(found["flops"], 1000)}FLOP a device)'
    )
  if 'bytes' in found:
    words.append(f'{size(found["bytes"])} read and written a device')
  if 'memory' in found:
    words.append(f'{size(found["memory"])} of memory a device')
  return ', '.join(words)


def device_memory() -> int:
  """Bytes in use on the fullest device; of the process where that is a CPU."""
  stats = [device.memory_stats() for device in jax.local_devices()]
  used = [s['bytes_in_use'] for s in stats if s and 'bytes_in_use' in s]
  return max(used) if used else psutil.Process().memory_info().rss


def size(count: float) -> str:
  """A number of bytes as text: `4.9 kB`, `1.2 GB`."""
  return f'{_scaled(count, 1000)}B'


def _scaled(value: float, base: int) -> str:
  for prefix in ('', 'k', 'M', 'G', 'T'):
    if value < base or prefix == 'T':
      break
    value /= base
  digits = 0 if value >= 100 or not prefix else 1
  return f'{value:.{digits}f} {prefix}'


def describe_time(seconds: float) -> str:
  """Seconds of a compilation as text."""
  return progress.duration(seconds) if seconds >= 60 else f'{seconds:.1f} s'
