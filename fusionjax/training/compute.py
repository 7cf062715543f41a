"""How a network is computed in training: precision, memory, in how many parts.

A loss calls `module.apply`. What it gets in place of its module computes the
same network in another way, so that no network and no loss knows of it.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fusionjax import errors

Array = jax.Array

DTYPES = ('float32', 'tensorfloat32', 'bfloat16')


@dataclasses.dataclass(frozen=True)
class Compute:
  """How a network is computed.

  Attributes:
    accumulation: in how many parts the batch goes through the network, one
      after the other; the memory is that of a part, computed twice. The loss
      sees the whole batch, so that losses that compare its samples stay what
      they are. Norms over the batch see a part, and what is left out at
      random is drawn anew for each part.
    dtype: `bfloat16` computes the network in it; parameters, losses and the
      optimizer stay float32. `tensorfloat32` keeps float32 and rounds what the
      network multiplies: on GPUs to 10 bits, on TPUs to some 16.
    remat: whether the backward pass computes what it needs again, layer by
      layer of the top level, instead of keeping it. On GPUs and TPUs: XLA's
      CPU compiler finds that it computes the same again, and keeps it.
  """

  accumulation: int = 1
  dtype: str = 'float32'
  remat: bool = False

  def __post_init__(self) -> None:
    if self.dtype not in DTYPES:
      raise errors.unknown_name('dtype', self.dtype, DTYPES)
    if self.accumulation < 1:
      raise errors.InputError(
        f'accumulation is {self.accumulation}. Give 1, or in how many parts '
        'the batch is to be computed.'
      )

  def wrap(self, module: nn.Module, mesh: Mesh | None = None) -> nn.Module:
    """Returns what a loss is to use in place of a module.

    Args:
      module: the network.
      mesh: the mesh of the training.

    Returns:
      The module itself, or what behaves like it in a loss.
    """
    if self == Compute():
      return module
    return cast(nn.Module, _Network(module, self, mesh))


class _Network:
  """Stands for a module: its attributes, and another `apply`."""

  def __init__(self, module: nn.Module, how: Compute, mesh: Mesh | None):
    self._module = module
    self._how = how
    self._mesh = mesh

  def __getattr__(self, name: str) -> Any:
    return getattr(self._module, name)

  def apply(
    self,
    variables: Mapping[str, Any],
    *sources: Array,
    rngs: Mapping[str, Array] | None = None,
    **options: Any,
  ) -> Any:
    """Runs the network as `nn.Module.apply` does."""

    def run(
      variables: Mapping[str, Any],
      sources: tuple[Array, ...],
      rngs: Mapping[str, Array] | None,
    ) -> Any:
      return self._run(variables, sources, rngs, options)

    if self._how.accumulation == 1:
      return run(variables, sources, rngs)
    return self._in_parts(run, variables, sources, rngs)

  def _run(
    self,
    variables: Mapping[str, Any],
    sources: tuple[Array, ...],
    rngs: Mapping[str, Array] | None,
    options: Mapping[str, Any],
  ) -> Any:
    """One call of the network, in its precision."""
    if self._how.dtype == 'tensorfloat32':
      with jax.default_matmul_precision('tensorfloat32'):
        return self._apply(variables, sources, rngs, options)
    if self._how.dtype == 'float32':
      # Or in whatever precision the parameters have.
      return self._apply(variables, sources, rngs, options)
    dtype = jnp.dtype(self._how.dtype)
    # Running statistics stay as they are: small changes add up in them.
    params = _cast(variables['params'], dtype)
    inner = {**variables, 'params': params}

    out = self._apply(inner, _cast(sources, dtype), rngs, options)
    return _cast(out, jnp.dtype(jnp.float32))

  def _apply(
    self,
    variables: Mapping[str, Any],
    sources: tuple[Array, ...],
    rngs: Mapping[str, Array] | None,
    options: Mapping[str, Any],
  ) -> Any:
    """One call of the network, which keeps its layers or does not."""
    keys = None if rngs is None else dict(rngs)
    if not self._how.remat:
      return self._module.apply(variables, *sources, rngs=keys, **options)
    with nn.intercept_methods(_remat_layers()):
      return self._module.apply(variables, *sources, rngs=keys, **options)

  def _in_parts(
    self,
    run: Callable[..., Any],
    variables: Mapping[str, Any],
    sources: tuple[Array, ...],
    rngs: Mapping[str, Array] | None,
  ) -> Any:
    """Runs the parts of a batch one after the other, and joins the results."""
    count = self._how.accumulation

    @jax.checkpoint
    def one(part: tuple[Array, tuple[Array, ...]]) -> Any:
      number, sources = part
      own = {
        name: jax.random.fold_in(key, number)
        for name, key in (rngs or {}).items()
      }
      return run(variables, sources, own or None)

    parts = tuple(self._split(source) for source in sources)
    out = lax.map(one, (jnp.arange(count, dtype=jnp.int32), parts))
    if not isinstance(out, tuple) or not isinstance(out[1], Mapping):
      return jax.tree.map(_join, out)
    result, updates = out
    joined = {
      name: jax.tree.map(
        # Each part has moved the statistics that all began with.
        _mean if name == 'batch_stats' else _join,
        value,
      )
      for name, value in updates.items()
    }
    return jax.tree.map(_join, result), joined

  def _split(self, x: Array) -> Array:
    """[b, ...] to [parts, b / parts, ...]; each takes every so many samples.

    So every device has its share of every part, and nothing moves.
    """
    count = self._how.accumulation
    split = x.reshape(x.shape[0] // count, count, *x.shape[1:])
    split = jnp.moveaxis(split, 1, 0)
    if self._mesh is None or split.shape[1] % self._mesh.shape['data']:
      return split
    sharding = NamedSharding(self._mesh, PartitionSpec(None, 'data'))
    return lax.with_sharding_constraint(split, sharding)


def _join(x: Array) -> Array:
  """The inverse of a split."""
  x = jnp.moveaxis(x, 0, 1)
  return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def _mean(x: Array) -> Array:
  return jnp.mean(x, axis=0)


def _cast(tree: Any, dtype: jnp.dtype) -> Any:
  """Floating-point arrays of a tree in another precision."""
  return jax.tree.map(
    lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x,
    tree,
  )


def _remat_layers() -> Callable[..., Any]:
  """Makes what computes layers below the network again, going backward."""
  inside = False

  def intercept(
    call: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    context: nn.module.InterceptorContext,
  ) -> Any:
    nonlocal inside
    module = context.module
    below = len(module.path) == 1 and context.method_name == '__call__'
    if inside or not below:
      return call(*args, **kwargs)
    places = [n for n, arg in enumerate(args) if isinstance(arg, jax.Array)]

    def run(module: nn.Module, *arrays: Array) -> Any:
      whole = list(args)
      for place, array in zip(places, arrays, strict=True):
        whole[place] = array
      return type(module).__call__(module, *whole, **kwargs)

    inside = True
    try:
      return nn.remat(run)(module, *(args[n] for n in places))
    finally:
      inside = False

  return intercept
