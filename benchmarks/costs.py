"""What the recipes are, and what a program costs by its compiler.

The compiler counts the body of a loop once, however often it runs. Here every
`scan` of a program is compiled by itself too, and counted as often as it runs.
"""

import dataclasses
import importlib.util
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np
from jax.extend import core

from fusionjax.data import pipeline
from fusionjax.training import mesh as mesh_lib
from fusionjax.training import run as run_lib
from fusionjax.training import step as step_lib

_TOP = Path(__file__).resolve().parents[1]
_CONFIGS = _TOP / 'configs'
_KEPT = _TOP / 'docs' / 'scaling.json'
# The recipe of each method: a config, perhaps with a variant.
RECIPES = {
  'ffmef': 'mef_ffmef',
  'csc_ivfn': 'ivf_csc',
  'csc_mefn': 'mef_csc',
  'csc_msfn': 'msf_csc',
  'fmm': 'ivf_fmm',
  'mgdn': 'mff_mgdn',
  'mgdn_depth': 'gdsr_mgdn:x8',
  'mgdn_deghost': 'hdr_mgdn',
}
_COUNTED = {'flops': 'flops', 'bytes': 'bytes accessed'}
# What the compiler for TPUs writes beside its instructions.
_CYCLES = re.compile(r'estimated_cycles":"(\d+)"')
# Instructions that are no work by themselves.
_FREE = re.compile(
  r' (parameter|constant|tuple|get-tuple-element|bitcast|copy-done|while)\('
)


@dataclasses.dataclass(frozen=True)
class Cost:
  """What one run of a program takes.

  Attributes:
    flops: floating-point operations.
    bytes: read from and written to memory.
    instructions: how many are run one after the other, as kernels are.
    cycles: the compiler's own estimate, where it has one; else 0.
    temporary: bytes of memory beside arguments and results.
    loops: what its loops run, as `length x depth` in words.
  """

  flops: float
  bytes: float
  instructions: float
  cycles: float
  temporary: float
  loops: Sequence[str] = ()


def load_config(name: str) -> ml_collections.ConfigDict:
  """Loads a config by name, such as `gdsr_mgdn:x8`.

  Args:
    name: of a file in `configs/`, perhaps with a variant.

  Returns:
    The config.
  """
  stem, _, variant = name.partition(':')
  spec = importlib.util.spec_from_file_location(stem, _CONFIGS / f'{stem}.py')
  assert spec and spec.loader
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config(variant)


def first_batch(run: run_lib.Run) -> dict[str, Any]:
  """The first batch of a training, on the host."""
  batches = pipeline.train_batches(
    run.source, run.config['data'], task=run.task, seed=run.seed
  )
  batch = next(batches)
  batches.close()
  return batch


def abstract_step(
  run: run_lib.Run, batch: dict[str, Any], *, samples: int
) -> tuple[Any, Any]:
  """Shapes of the arguments of a training step.

  Args:
    run: the training; its mesh gives the shardings.
    batch: one of its batches.
    samples: of the batch that the shapes are of.

  Returns:
    A state and a batch of `jax.ShapeDtypeStruct`.
  """

  def shape(array: np.ndarray) -> jax.ShapeDtypeStruct:
    whole = (samples, *array.shape[1:])
    sharding = mesh_lib.batch_sharding(run.mesh, whole)
    return jax.ShapeDtypeStruct(whole, array.dtype, sharding=sharding)

  return run.abstract_state(), jax.tree.map(shape, batch)


def program_cost(
  function: Callable[..., Any], *arguments: Any, device: Any = None
) -> Cost:
  """Compiles a function and says what it costs, loops and all.

  Args:
    function: any function that can be compiled.
    *arguments: arrays, or their shapes.
    device: what to compile for; the default device where None. A device of a
      topology without hardware will do.

  Returns:
    The cost.
  """
  closed = jax.make_jaxpr(function)(*arguments)
  return _cost(closed, device)


def _cost(closed: core.ClosedJaxpr, device: Any) -> Cost:
  """The cost of a traced program."""
  return _true_cost(closed, device, {})[1]


def _true_cost(
  closed: core.ClosedJaxpr, device: Any, known: dict[str, Any]
) -> tuple[dict[str, float], Cost]:
  """What the compiler says, and what is true of the loops too.

  Args:
    closed: a program.
    device: what to compile for.
    known: results by the text of the program: loops come in many copies.
  """
  text = str(closed)
  if text in known:
    return known[text]
  whole = _compiled(closed, device)
  total = dict(whole)
  loops = []
  for length, body in _scans(closed.jaxpr):
    # It is in `whole` once, its own inner loops once too.
    once, true = _true_cost(body, device, known)
    for key in total:
      if key != 'temporary':
        total[key] += length * getattr(true, key) - once[key]
    inner = f' ({", ".join(true.loops)})' if true.loops else ''
    loops.append(f'{length}{inner}')
  known[text] = whole, Cost(**total, loops=tuple(loops))
  return known[text]


def _compiled(closed: core.ClosedJaxpr, device: Any) -> dict[str, float]:
  sharding = (
    None if device is None else jax.sharding.SingleDeviceSharding(device)
  )
  shapes = [
    jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=sharding)
    for a in closed.in_avals
  ]
  program = jax.jit(core.jaxpr_as_fun(closed)).lower(*shapes).compile()
  found = program.cost_analysis()
  text = program.as_text()
  lines = text[text.index('\nENTRY ') :].splitlines()[2:]
  work = [line for line in lines if ' = ' in line and not _FREE.search(line)]
  return {
    **{key: max(0.0, found.get(name, 0.0)) for key, name in _COUNTED.items()},
    'instructions': float(len(work)),
    'cycles': float(sum(map(int, _CYCLES.findall(text)))),
    'temporary': float(program.memory_analysis().temp_size_in_bytes),
  }


def _scans(jaxpr: core.Jaxpr) -> Iterator[tuple[int, core.ClosedJaxpr]]:
  """The outermost scans of a program, with their lengths."""
  for equation in jaxpr.eqns:
    name = equation.primitive.name
    if name == 'scan':
      yield int(equation.params['length']), equation.params['jaxpr']
      continue
    if name == 'while':
      raise NotImplementedError('a loop whose length is not known')
    for value in equation.params.values():
      for inner in value if isinstance(value, tuple | list) else (value,):
        if isinstance(inner, core.ClosedJaxpr):
          yield from _scans(inner.jaxpr)
        elif isinstance(inner, core.Jaxpr):
          yield from _scans(inner)


def parameters(state: Any) -> int:
  """How many parameters a state trains."""
  leaves = jax.tree.leaves(state.params)
  return sum(int(np.prod(leaf.shape)) for leaf in leaves)


def plain_step(run: run_lib.Run) -> step_lib.Step:
  """The training step, for any devices."""
  return step_lib.make_train_step(
    run.method,
    run.module,
    run.optimizer,
    task=run.task,
    loss_options=run.config['loss'],
    ema_decay=float(run.config['ema_decay']),
  )


_EXCHANGE = re.compile(
  r'= (.*?) (all-reduce|all-gather|reduce-scatter|collective-permute|'
  r'all-to-all)'
  r'(?:-start)?\('
)
_ARRAY = re.compile(r'(f32|bf16|s32|u32|pred)\[([\d,]*)\]')
_SIZES = {'f32': 4, 'bf16': 2, 's32': 4, 'u32': 4, 'pred': 1}


def exchanges(text: str) -> list[tuple[str, int]]:
  """What the devices of a compiled program exchange.

  Args:
    text: the program, as its compiler prints it.

  Returns:
    Kind and bytes of every exchange.
  """
  found = []
  for line in text.splitlines():
    match = _EXCHANGE.search(line)
    if match:
      total = 0
      for kind, sides in _ARRAY.findall(match[1]):
        shape = [int(side) for side in sides.split(',') if side]
        total += _SIZES[kind] * int(np.prod(shape))
      found.append((match[2], total))
  return found


def kept() -> dict[str, dict[str, Any]]:
  """What was measured, by method."""
  if not _KEPT.exists():
    return {}
  return json.loads(_KEPT.read_text(encoding='utf-8'))


def keep(method: str, found: dict[str, Any]) -> None:
  """Keeps what was measured of a method beside what is known of it."""
  every = kept()
  every[method] = {**every.get(method, {}), **found}
  # Another process may keep its own meanwhile.
  temporary = _KEPT.with_suffix(f'.{os.getpid()}')
  temporary.write_text(json.dumps(every, indent=1) + '\n', encoding='utf-8')
  temporary.replace(_KEPT)


def take(batches: Iterator[Any], count: int) -> list[Any]:
  """The next items of a stream."""
  return [next(batches) for _ in range(count)]


# Of one TPU v5e: https://cloud.google.com/tpu/docs/v5e. Its clock is what
# makes four units of 128 x 128 multiply-adds reach that peak.
V5E = {'flops': 197e12, 'memory': 819e9, 'hbm': 16e9, 'link': 4.5e10}
V5E_CLOCK = V5E['flops'] / (4 * 128 * 128 * 2)


def v5e_seconds(cost: dict[str, Any]) -> float:
  """What a step takes on one TPU v5e at the least.

  Args:
    cost: a `Cost` of a step that was compiled for one.

  Returns:
    The longest of what its compiler estimates in cycles, and what the peaks
    of arithmetic and memory allow.
  """
  return max(
    cost['cycles'] / V5E_CLOCK,
    cost['flops'] / V5E['flops'],
    cost['bytes'] / V5E['memory'],
  )
