"""Writes the page of FMM, docs/fmm.md: its data flow, drawn by the module.

The network is traced with a name on the output of every block; an arrow stands
where one block's output reaches another through operations that have no
parameters (up-sampling, eq. 1).

  python docs/fmm.py
"""

import collections
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jax.extend import core

from fusionjax.models import FMM

PAGE = Path(__file__).resolve().parent / 'fmm.md'
SIDE = 256

_HEAD = """\
# FMM

Made by `python docs/fmm.py` from `fusionjax/models/fmm.py`.

Feature mutual mapping (Rao, Wu, Xu, Chen, 2022) has no published code; this is
a reading of the paper. What the paper leaves open is an option of
`fusionjax.models.FMM`, and its docstring says why the default is what it is.

The data flow of a {side} x {side} pair. A block is a convolution or a residual
block, with the shape of its output; `global_x` and `global_y` are the maps of
the deepest scale, in which every position looks at all of the other modality;
`fused` are the features of eq. 1 at a scale, `Map_X * f_x + Map_Y * f_y`.
"""


def trace() -> tuple[Any, dict[str, str]]:
  """The program of the network, and the shape that each block gives."""
  net = FMM()
  pair = [jax.ShapeDtypeStruct((1, SIDE, SIDE, 1), jnp.float32)] * 2
  shapes = {}

  def name(block: str, x: jax.Array) -> jax.Array:
    shapes[block] = ' x '.join(map(str, x.shape[1:]))
    return checkpoint_name(x, block)

  def watch(
    call: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    context: nn.module.InterceptorContext,
  ) -> Any:
    out = call(*args, **kwargs)
    path = context.module.path
    if path == ('mapping',) and context.method_name == '__call__':
      return [name(f'mapping/fused{i}', x) for i, x in enumerate(out)]
    if context.method_name == '_global_maps':
      return tuple(
        name(f'mapping/global_{which}', x)
        for which, x in zip('xy', out, strict=True)
      )
    return name('/'.join(path), out) if len(path) == 2 else out

  def run(variables: Any, infrared: jax.Array, visible: jax.Array) -> Any:
    with nn.intercept_methods(watch):
      return net.apply(
        variables, name('infrared', infrared), name('visible', visible)
      )

  variables = jax.eval_shape(net.init, jax.random.key(0), *pair)
  return jax.make_jaxpr(run)(variables, *pair).jaxpr, shapes


def arrows(program: Any) -> list[tuple[str, str]]:
  """Which block's output reaches which block, in order of computation."""
  reached: dict[Any, frozenset[str]] = collections.defaultdict(frozenset)
  found: dict[tuple[str, str], None] = {}
  for equation in program.eqns:
    origins = frozenset().union(
      *(reached[x] for x in equation.invars if isinstance(x, core.Var))
    )
    if equation.primitive.name == 'name':
      block = equation.params['name']
      found.update(dict.fromkeys((each, block) for each in sorted(origins)))
      origins = frozenset({block})
    for out in equation.outvars:
      reached[out] = origins
  return list(found)


def page() -> str:
  """The text of the page."""
  program, shapes = trace()
  groups = collections.defaultdict(list)
  for block, shape in shapes.items():
    group, _, short = block.rpartition('/')
    label = f'{_node(block)}["{short or block}<br>{shape}"]'
    groups[group].append(label)
  lines = ['```mermaid', 'flowchart TB']
  for group, labels in groups.items():
    inner = [f'  {label}' for label in labels]
    lines += [f'subgraph {group}', *inner, 'end'] if group else inner
  lines += [f'{_node(a)} --> {_node(b)}' for a, b in arrows(program)]
  return '\n'.join(
    [_HEAD.format(side=SIDE), *lines, '```', '', _TABLE, *rows()]
  )


_TABLE = """\
Its parameters:

| block | shape of the kernel | parameters |
|---|---|---|"""


def rows() -> list[str]:
  """The lines of the table of parameters."""
  pair = [jnp.zeros((1, 16, 16, 1))] * 2
  params = jax.eval_shape(FMM().init, jax.random.key(0), *pair)['params']
  sizes: dict[str, int] = collections.Counter()
  kernels: dict[str, list[str]] = collections.defaultdict(list)
  for path, leaf in jax.tree_util.tree_leaves_with_path(params):
    keys = [key.key for key in path]
    block = '/'.join(keys[:2])
    sizes[block] += leaf.size
    if keys[-1] == 'kernel':
      kernels[block].append(' x '.join(map(str, leaf.shape)))
  lines = [
    f'| `{block}` | {", ".join(kernels[block])} | {size:,} |'
    for block, size in sizes.items()
  ]
  return [*lines, f'| all | | {sum(sizes.values()):,} |', '']


def _node(block: str) -> str:
  return block.replace('/', '_')


if __name__ == '__main__':
  PAGE.write_text(page(), encoding='utf-8')
