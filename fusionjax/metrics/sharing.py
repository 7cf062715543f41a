"""Work that several metrics need is traced once.

Metrics are pure functions that know nothing of each other. What two of them
would compute alike - a joint histogram, the moments of a window - is a
function marked `shared`; while a set of metrics is traced inside `sharing()`,
a second call with the same arrays and options gets the result of the first.
"""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax

Function = TypeVar('Function', bound=Callable[..., Any])

_Memory = dict[Any, tuple[Any, Any]]
_MEMORY: contextvars.ContextVar[_Memory | None] = contextvars.ContextVar(
  'fusionjax_metrics_sharing', default=None
)


@contextlib.contextmanager
def sharing() -> Iterator[None]:
  """Results of `shared` functions are kept within the `with` block.

  Only around code of one trace: a result of one must not reach another.
  """
  token = _MEMORY.set({})
  try:
    yield
  finally:
    _MEMORY.reset(token)


def shared(function: Function) -> Function:
  """Marks a pure function of arrays whose results metrics may share.

  Args:
    function: called with pytrees of arrays and hashable options.

  Returns:
    The function, which looks its arguments up inside `sharing()`: arrays by
    identity, all else by value.
  """

  @functools.wraps(function)
  def looked_up(*args: Any, **options: Any) -> Any:
    memory = _MEMORY.get()
    if memory is None:
      return function(*args, **options)
    leaves, structure = jax.tree.flatten((args, options))
    key = (function, structure, tuple(_identity(leaf) for leaf in leaves))
    if key not in memory:
      # The leaves are kept too, so that no other array gets their identity.
      memory[key] = (function(*args, **options), leaves)
    return memory[key][0]

  return looked_up  # type: ignore[return-value]


def _identity(leaf: Any) -> Any:
  return ('array', id(leaf)) if hasattr(leaf, 'shape') else ('value', leaf)
