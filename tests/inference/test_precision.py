"""Products of float32 are of float32 wherever networks run."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fusionjax as fj
from fusionjax.inference import execution, strips
from fusionjax.methods import base, registry
from fusionjax.ops import precision

_PRODUCT = re.compile(r'stablehlo\.(?:dot_general|convolution)\b.*')
_PRECISION = re.compile(r'precision(?:_config)? = \[([^]]*)\]')


# The first model of every method.
_FIRST = {
  registry.get_model(name)[0]: name for name in reversed(registry.list_models())
}


def precisions(function: Callable[..., Any], *args: Any) -> set[str]:
  """The precisions of all products of a program."""
  text = jax.jit(function).lower(*args).as_text()
  found = set()
  for product in _PRODUCT.findall(text):
    named = _PRECISION.search(product)
    found.add('DEFAULT, DEFAULT' if named is None else _words(named[1]))
  return found


def _words(text: str) -> str:
  return ', '.join(re.findall('[A-Z]+', text))


def test_full() -> None:
  def product(x: jax.Array) -> jax.Array:
    with precision.full():
      return x @ x

  x = jnp.ones((2, 2))
  assert precisions(lambda x: x @ x, x) == {'DEFAULT, DEFAULT'}
  assert precisions(product, x) == {'HIGHEST, HIGHEST'}
  # Who says otherwise gets it.
  with jax.default_matmul_precision('tensorfloat32'):
    assert precisions(product, x) == {'HIGH, HIGH'}
  with jax.default_matmul_precision('default'):
    assert precisions(product, x) == {'DEFAULT, DEFAULT'}


@pytest.mark.parametrize('name', registry.METHODS)
def test_every_network_multiplies_float32(name: str) -> None:
  model = fj.load_model(_FIRST[name])
  shapes = base.example_shapes(
    registry.get_method(name), model.module, model.task
  )
  sources = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]

  def pictures(variables: Any, *sources: jax.Array) -> jax.Array:
    return base.bind(model.module, variables)(*sources)

  found = precisions(pictures, model.variables, *sources)
  assert found == {'HIGHEST, HIGHEST'}


def test_raw_networks_multiply_float32() -> None:
  source = jax.ShapeDtypeStruct((1, 32, 32, 1), jnp.float32)
  model = fj.load_model('ffmef-mef')
  assert precisions(model.apply, source, source) == {'HIGHEST, HIGHEST'}


def test_strips_multiply_float32() -> None:
  model = fj.load_model('ffmef-mef')
  method = registry.get_method('ffmef')
  way = strips.Strips(
    method, model.module, model.variables, task='mef', size=(64, 48)
  )
  rows = jax.ShapeDtypeStruct((1, 96, 48, 1), jnp.float32)
  program = way._program(None)
  found = precisions(program, {}, rows, rows, np.int32(0))
  assert found == {'HIGHEST, HIGHEST'}


def test_segments_multiply_float32(monkeypatch: pytest.MonkeyPatch) -> None:
  seen = []
  apply = nn.Module.apply

  def see(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
    # Others only look which layers there are.
    if 'mutable' in kwargs:
      seen.append(jax.config.jax_default_matmul_precision)
    return apply(self, *args, **kwargs)

  monkeypatch.setattr(execution, '_LARGE', 1000)
  limits = execution.Limits(memory=1)
  model = dataclasses.replace(fj.load_model('csc_mefn-mef'), limits=limits)
  monkeypatch.setattr(nn.Module, 'apply', see)
  model.fuse([np.full((64, 48, 3), x, np.uint8) for x in (90, 160)])
  assert {*seen} == {'float32'}
