"""What the rest of the house knows of a method: one frozen record."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from fusionjax.methods import colouring, registry
from fusionjax.ops import precision, streams
from fusionjax.ops.frame import Frame
from fusionjax.ops.streams import Stream

Array = jax.Array
# The raw network with its variables bound: apply(*sources) -> output.
Apply = Callable[..., Array]
Variables = Mapping[str, Any]
# How a PyTorch tensor becomes a Flax parameter (see pretrained/published.py).
Layout = Literal['conv', 'conv_transpose', 'linear', 'vector']


@dataclasses.dataclass(frozen=True)
class LossOutput:
  """What a training loss returns beside its value.

  Attributes:
    parts: scalar arrays by name, for the progress line and the log.
    updates: new values of mutable collections, such as `batch_stats`; empty
      where the network has none.
  """

  parts: Mapping[str, Array]
  updates: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Parts:
  """A method of two pictures as a network between functions of single pixels.

  So a picture of any size can be fused in strips of rows. The network has a
  property `reach`, takes `frame`, and all that it knows of the whole picture
  are statistics as `folded.InstanceNorm` has them.

  Attributes:
    before: from a picture [b, h, w, 3] to what the network sees [b, h, w, c].
    after: from the network's output, limited to [0, 1], and the pictures to
      the result: `after(fused, sources, *, task, color)`.
    darkest_first: tasks for which pictures are sorted by the mean of what the
      network sees.
  """

  before: Callable[[Array], Array]
  after: Callable[..., Array]
  darkest_first: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Method:
  """A published network bound to its colour rule, loss and defaults.

  Attributes:
    name: what users type, such as `ffmef`.
    title: the long name, for listings.
    paper: authors, title, venue, year.
    module: constructor of the Flax module; its defaults are the published
      ones.
    example_sources: shapes of the network's sources for `jax.eval_shape` and
      `init`: takes the task, returns a tuple of NHWC shapes.
    colors: the published colour rule of each task, see `colouring.Rule`;
      tasks whose result is no picture have none.
    luma: whether the network sees luma alone. Then `fuse` takes the rule as
      `color`; other results are coloured by `fuse_pictures`.
    stacks: how more than two pictures are taken: `whole` leaves them to
      `fuse`, which takes all; `pairs` fuses two at a time, the result with
      the next.
    fuse: from pictures to picture, pure and jittable:
      `fuse(apply, sources, *, task)`, with `sources` a sequence of
      [b, h, w, 3] RGB float32 arrays in [0, 1] in the order of the task, to
      [b, h, w, 3] in [0, 1], or [b, h, w, 1] where the result is grey. Of a
      guided task sources are a cube [b, h, w, bands] and a guide.
    loss: the training loss, pure and jittable:
      `loss(module, variables, batch, *, task, **options)` to
      `(scalar, LossOutput)`. `batch['sources']` is a tuple of [b, h, w, 3]
      RGB float32 arrays in [0, 1]; `batch['reference']` is there when the
      data has one; `batch['step']` is the number of steps done.
    published_name: from the path of a Flax parameter, joined with '/', to
      the name and the layout of the same tensor in the published PyTorch
      checkpoint.
    ignorable_entries: fnmatch patterns of checkpoint entries that are no
      parameters of the network.
    rounding: how the published code turns [0, 1] into integer levels.
    fuse_options: further keyword options of `fuse` and the values that each
      may have, the default first.
    source_channels: channels of each source of a given module, where they
      are its options; then those of `example_sources` do not matter.
    published_files: names of the files, without suffix, that a published
      checkpoint consists of where it is several in one folder, and what is
      put before the names of their entries.
    init_loss: makes the parameters of a loss that has some, which are trained
      with the network: `init_loss(key, module, **options)`, with the options
      of the loss; the loss finds them in its variables as `loss`. Empty where
      these options need none.
    published_options: constructor options of published networks that are not
      the defaults, by the name of the model.
    frames: whether pictures may lie in larger arrays: the network and `fuse`
      take `frame` (see `ops.frame`). Then pictures of many sizes share a
      program.
    parts: where it can be computed in strips with statistics, exactly.
    streams: whether `fuse` and the network take streams (see `ops.streams`),
      too, so that they can be computed in strips, exactly.
  """

  name: str
  title: str
  paper: str
  module: Callable[..., nn.Module]
  example_sources: Callable[[str], tuple[tuple[int, ...], ...]]
  fuse: Callable[..., Array]
  loss: Callable[..., tuple[Array, LossOutput]]
  published_name: Callable[[str], tuple[str, Layout]]
  colors: Mapping[str, colouring.Rule] = dataclasses.field(default_factory=dict)
  luma: bool = False
  stacks: Literal['whole', 'pairs'] = 'whole'
  ignorable_entries: tuple[str, ...] = ()
  rounding: Literal['truncate', 'nearest'] = 'truncate'
  fuse_options: Mapping[str, tuple[Any, ...]] = dataclasses.field(
    default_factory=dict
  )
  source_channels: Callable[[Any], tuple[int, ...]] | None = None
  published_files: Mapping[str, str] = dataclasses.field(default_factory=dict)
  init_loss: Callable[..., Any] | None = None
  published_options: Mapping[str, Mapping[str, Any]] = dataclasses.field(
    default_factory=dict
  )
  frames: bool = False
  parts: Parts | None = None
  streams: bool = False

  @property
  def in_strips(self) -> bool:
    """Whether pictures that do not fit can be fused in strips, exactly."""
    return self.parts is not None or self.streams


def bind(
  module: nn.Module, variables: Variables, *, frame: Frame | None = None
) -> Apply:
  """Binds variables, and a frame if there is one, to a module's `apply`.

  Who calls it with a `frame` has moved the picture to another one. Products
  are of float32, see `precision.full`.
  """
  how: dict[str, Any] = {} if frame is None else {'frame': frame}

  def apply(*sources: Array, **other: Any) -> Array:
    # Without mutable collections there is one result, not a pair.
    with precision.full():
      return cast(Array, module.apply(variables, *sources, **how | other))

  return apply


def loss_parameters(
  method: Method, module: nn.Module, key: Array, options: Mapping[str, Any]
) -> Any:
  """Initial parameters of a method's loss.

  Args:
    method: the method.
    module: its network.
    key: a random key, that of the network: another is made of it.
    options: keyword options of the loss.

  Returns:
    A tree of arrays; empty where the loss has none.
  """
  if method.init_loss is None:
    return {}
  return method.init_loss(jax.random.fold_in(key, 1), module, **options)


def example_shapes(
  method: Method, module: nn.Module, task: str
) -> tuple[tuple[int, ...], ...]:
  """Shapes of sources that a module takes, for `init`.

  Args:
    method: the method that the module belongs to.
    module: the network.
    task: a task of the method.

  Returns:
    NHWC shapes.
  """
  shapes = method.example_sources(task)
  if method.source_channels is None:
    return shapes
  return tuple(
    (*shape[:-1], channels)
    for shape, channels in zip(
      shapes, method.source_channels(module), strict=True
    )
  )


def abstract_variables(
  method: Method, module: nn.Module, task: str
) -> Variables:
  """Shapes and dtypes of a module's variables, without running `init`.

  Args:
    method: the method that the module belongs to.
    module: the network.
    task: a task of the method.

  Returns:
    A tree of `jax.ShapeDtypeStruct`, such as `{'params': {...}}`.
  """
  sources = [
    jax.ShapeDtypeStruct(shape, jax.numpy.float32)
    for shape in example_shapes(method, module, task)
  ]
  # A key that is a shape, too: nothing is compiled to make one.
  key = jax.eval_shape(jax.random.key, 0)
  return jax.eval_shape(module.init, key, *sources)


def fuse_pictures(
  method: Method,
  module: nn.Module,
  variables: Variables,
  sources: Sequence[Array],
  *,
  task: str,
  frame: Frame | None = None,
  **options: Any,
) -> Array:
  """Fuses RGB pictures with a method: network and colour handling.

  The pictures of a batch are fused one after the other: as fast on one
  device, with the memory of one.

  Args:
    method: the method.
    module: its network.
    variables: the network's variables.
    sources: [b, h, w, 3] RGB pictures in [0, 1], in the order of the task.
    task: a task of the method.
    frame: the pictures in the sources, where these are larger, for a method
      that has `frames`.
    **options: `color`, a value of `colouring.choices`; and see
      `Method.fuse_options`.

  Returns:
    [b, h, w, 3] fused RGB picture in [0, 1]; see `Method.fuse`.
  """
  apply = bind(module, variables, frame=frame)
  rule = _pop_rule(method, task, options)
  if frame is not None:
    options['frame'] = frame

  def fuse(one: tuple[Array, ...]) -> Array:
    sources = [x[None] for x in one]
    if method.luma:
      return method.fuse(apply, sources, task=task, color=rule, **options)[0]
    fused = _fuse_stack(method, apply, sources, task, options)
    if rule is not None and rule != method.colors[task]:
      fused = colouring.recolour(fused, sources, rule=rule)
    return fused[0]

  if sources[0].shape[0] == 1:
    return fuse(tuple(source[0] for source in sources))[None]
  return lax.map(fuse, tuple(sources))


def fuse_streams(
  method: Method,
  apply: Callable[..., Stream],
  sources: Sequence[Stream],
  *,
  task: str,
  **options: Any,
) -> Stream:
  """Fuses pictures of which some rows are in memory at a time.

  Args:
    method: a method that has `streams`.
    apply: runs its network on streams.
    sources: RGB pictures [1, h, w, 3] in [0, 1], in the order of the task.
    task: a task of the method.
    **options: as in `fuse_pictures`.

  Returns:
    [1, h, w, c], as `fuse_pictures` makes it.
  """
  rule = _pop_rule(method, task, options)
  if method.luma:
    return cast(
      Stream, method.fuse(apply, sources, task=task, color=rule, **options)
    )
  fused = _fuse_stack(method, apply, sources, task, options)
  if rule is None or rule == method.colors[task]:
    return fused

  def recolour(fused: Array, *sources: Array) -> Array:
    return colouring.recolour(fused, sources, rule=rule)

  return streams.rowwise(recolour, fused, *sources)


def _pop_rule(
  method: Method, task: str, options: dict[str, Any]
) -> colouring.Rule | None:
  """Takes the rule of colour out of options."""
  color = options.pop('color', colouring.PUBLISHED)
  return method.colors.get(task) if color == colouring.PUBLISHED else color


def _fuse_stack(
  method: Method,
  apply: Callable[..., Any],
  sources: Sequence[Any],
  task: str,
  options: Mapping[str, Any],
) -> Any:
  """Fuses one stack [1, h, w, c], two at a time where a method takes two."""

  def fuse(*pictures: Any) -> Any:
    return method.fuse(apply, pictures, task=task, **options)

  if method.stacks == 'whole' or len(sources) == 2:
    return fuse(*sources)
  if isinstance(sources[0], Stream):
    if registry.get_task(task).exposures:
      sources = sorted(sources, key=lambda x: float(streams.mean(x)[0]))
    return functools.reduce(fuse, sources)
  stack = jnp.stack(sources)
  if registry.get_task(task).exposures:
    order = jnp.argsort(jnp.mean(stack, axis=(1, 2, 3, 4)))
    stack = stack[order]

  return fold(fuse, stack)


def fold(fuse: Callable[[Array, Array], Array], stack: Array) -> Array:
  """Fuses pictures two at a time, the result with the next.

  Args:
    fuse: from two pictures to one of the same shape.
    stack: [k, ...] pictures, two or more.

  Returns:
    The last result. A scan compiles `fuse` once, however many there are.
  """

  def add(fused: Array, other: Array) -> tuple[Array, None]:
    return fuse(fused, other), None

  return lax.scan(add, stack[0], stack[1:])[0]
