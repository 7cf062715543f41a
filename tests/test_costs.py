"""What benchmarks and docs/scaling.md count, against what can be counted."""

import importlib.util
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.methods import registry
from fusionjax.training import run as run_lib

_TOP = Path(__file__).resolve().parents[1]


def _script(folder: str, name: str):
  spec = importlib.util.spec_from_file_location(
    name, _TOP / folder / f'{name}.py'
  )
  module = importlib.util.module_from_spec(spec)
  # Dataclasses look their module up.
  sys.modules[name] = module
  spec.loader.exec_module(module)
  return module


costs = _script('benchmarks', 'costs')
scaling = _script('docs', 'scaling')


def test_every_method_has_a_recipe():
  # Tests of training add one of their own.
  assert {*costs.RECIPES} == {*registry.METHODS} - {'tiny'}
  for method, name in costs.RECIPES.items():
    assert costs.load_config(name).method == method


def test_loops_are_counted_as_often_as_they_run():
  n = 64

  def inner(x, _):
    return jnp.tanh(x @ x), None

  def outer(x, _):
    return jax.lax.scan(inner, x, length=3)[0] @ x, None

  def program(x):
    return jax.lax.scan(outer, x, length=5)[0]

  x = jax.ShapeDtypeStruct((n, n), jnp.float32)
  cost = costs.program_cost(program, x)
  assert cost.loops == ('5 (3)',)
  products = 2 * n**3 * 5 * (3 + 1)
  # And what counts the turns.
  assert products <= cost.flops < 1.05 * products
  assert cost.bytes >= 20 * 2 * 4 * n**2
  plain = costs.program_cost(lambda x: x @ x, x)
  assert plain.loops == () and plain.flops == 2 * n**3


def test_exchanges_are_found_in_a_program():
  mesh = jax.make_mesh((8,), ('data',))
  x = jax.ShapeDtypeStruct(
    (16, 24),
    jnp.float32,
    sharding=jax.NamedSharding(mesh, jax.P('data')),
  )
  program = jax.jit(lambda x: x.sum(axis=0)).lower(x).compile()
  (found,) = costs.exchanges(program.as_text())
  assert found == ('all-reduce', 4 * 24)


@pytest.fixture(scope='module')
def kept() -> dict:
  return costs.kept()


def test_kept_figures_are_of_these_networks(kept):
  assert kept.keys() == costs.RECIPES.keys()
  for method, found in kept.items():
    config = costs.load_config(costs.RECIPES[method]).to_dict()
    assert found['batch'] == config['data']['batch_size']
    assert found['size'] == list(config['data']['size'])
    if method not in ('ffmef', 'csc_mefn', 'csc_msfn'):
      # Tracing the others takes seconds each.
      continue
    network, module = run_lib.open_module(config)
    variables = run_lib.base.abstract_variables(network, module, config['task'])
    own = run_lib.base.loss_parameters(
      network, module, jax.random.key(0), config['loss']
    )
    leaves = jax.tree.leaves([variables['params'], own])
    assert found['parameters'] == sum(
      int(np.prod(leaf.shape)) for leaf in leaves
    )


def test_predictions_are_bounds(kept):
  measured = [found for found in kept.values() if 'cpu' in found]
  assert len(measured) >= 7
  for found in measured:
    for chip in (scaling.V5E, scaling.H100):
      seconds, _ = chip.compute(found)
      cost = found['tpu'] if chip.clock and 'tpu' in found else found['cpu']
      assert seconds >= cost['flops'] / chip.flops
      assert seconds >= cost['bytes'] / chip.memory
      several = [chip.exchange(found, n) for n in (1, 8, 64, 256)]
      assert several[0] == 0 and several == sorted(several)


def test_page_of_scaling_is_up_to_date():
  text = (_TOP / 'docs' / 'scaling.md').read_text(encoding='utf-8')
  assert text == scaling.page(), 'run: python docs/scaling.py'
