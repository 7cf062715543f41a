"""A network with its weights, and the checks at its door."""

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from fusionjax.errors import InputError
from fusionjax.inference import execution, request
from fusionjax.inference.buckets import Buckets
from fusionjax.inference.programs import Programs
from fusionjax.methods import base, colouring, registry
from fusionjax.ops import levels, precision
from fusionjax.ops.frame import Frame

Array = jax.Array


@dataclasses.dataclass(frozen=True, eq=False)
class FusionModel:
  """A fusion network with its weights.

  Attributes:
    module: the Flax network.
    variables: its variables, such as `{'params': {...}}`.
    name: name of the model, such as `ffmef-mef`, or of its file.
    method: name of the method, such as `ffmef`.
    task: name of the task, such as `mef`.
    buckets: whether sizes are rounded up to a few, so that pictures of many
      sizes share a compiled program; what is added changes nothing. False
      compiles every size: for a method that has no `frames` always so.
    limits: what large pictures may take.
  """

  module: nn.Module
  variables: base.Variables = dataclasses.field(repr=False)
  name: str
  method: str
  task: str
  buckets: bool = True
  limits: execution.Limits = dataclasses.field(default_factory=execution.Limits)

  def apply(self, *sources: Array) -> Array:
    """Runs the raw network, compiled for the shapes of its sources.

    Args:
      *sources: float32 NHWC arrays in the order of the paper, such as luma
        planes [b, h, w, 1] for FFMEF.

    Returns:
      The network's output, before any clamping.

    Raises:
      InputError: if a source is no float array of four axes.
    """
    for index, source in enumerate(sources):
      if np.ndim(source) != 4 or not jnp.issubdtype(source.dtype, jnp.floating):
        raise InputError(
          f'Source {index + 1} of the network is {source.dtype} of shape'
          f' {list(np.shape(source))}, expected float32 [batch, height, width,'
          ' channel] in [0, 1]. For images use fuse.'
        )
    return self._apply(self.variables, *sources)

  def fuse(
    self,
    images: Sequence[Any],
    *,
    names: Sequence[str] | None = None,
    **options: Any,
  ) -> np.ndarray:
    """Fuses images of one scene.

    Args:
      images: two or more images [h, w], [h, w, 1] or [h, w, 3] (RGB), in the
        order of the task; uint8, uint16 or float in [0, 1]; NumPy or JAX
        arrays of one size, from 16 pixels a side. For `msf` a cube
        [h, w, bands] and its guide, each of its own size; for `gdsr` a colour
        picture and a depth map [h, w], uint8, uint16 or float in any unit.
      names: what errors call the images; `image 1`, `image 2` by default.
      **options: `color`, where the result is a picture: `published` (the
        default), `chroma` of all sources, `visible`, `first`, `grey`, or
        `rgb`, the network's own; further options of the method, see
        `Method.fuse_options`. For `hdr` also `exposures`, of
        the images in EV; without, the darkest has -2 and the brightest 2.

    Returns:
      The fused image: [h, w, 3], or grey like the images if all of them are
      grey. It has the dtype of the first image, or of the last where the
      order of the sources has a meaning (the visible one of a pair). For
      `msf` the cube at the size of its guide, for `gdsr` the depth map at the
      size of the picture, in its unit and dtype; for `hdr` linear radiance
      [h, w, 3] float32, 1 being white in the darkest exposure.

    Raises:
      InputError: if the images are no such images, or an option is unknown.
    """
    wanted = self._check(images, names=names, options=options)
    return wanted.finish(execution.fuse(self, wanted))

  def expect(self, sizes: Iterable[tuple[int, int]]) -> None:
    """Chooses what is compiled for pictures that will come.

    Args:
      sizes: (height, width) of every picture, as often as it comes.
    """
    self.sizes.expect(sizes)

  def compiled_for(self, size: tuple[int, int]) -> tuple[int, int]:
    """The size (height, width) that is compiled for pictures of a size."""
    return execution.find_bucket(self, size) or size

  def _check(
    self,
    images: Sequence[Any],
    *,
    names: Sequence[str] | None,
    options: dict[str, Any],
  ) -> request.Request:
    """Checks what `fuse` is called with."""
    stops = None
    if registry.get_task(self.task).radiance:
      stops = options.pop('exposures', None)
    return request.check(
      images,
      task=self.task,
      names=names,
      options=self.check_options(options),
      stops=stops,
    )

  def check_options(
    self, options: Mapping[str, Any]
  ) -> tuple[tuple[str, Any], ...]:
    """Checks options of `fuse`.

    Args:
      options: values by name.

    Returns:
      The same, hashable and in order.

    Raises:
      InputError: if the method has no such option, or it no such value.
    """
    method = registry.get_method(self.method)
    known = dict(method.fuse_options)
    colors = colouring.choices(method, self.task)
    if colors:
      known['color'] = colors
    for name, value in options.items():
      if name not in known:
        has = f'only {", ".join(known)}' if known else 'no options'
        raise InputError(
          f'{self.method} has no option {name}: it has {has}. Leave it out.'
        )
      if value not in known[name]:
        values = ', '.join(map(str, known[name]))
        raise InputError(
          f'{name} of {self.method} is {value}. Give one of {values}.'
        )
    return tuple(sorted(options.items()))

  @functools.cached_property
  def _apply(self) -> Callable[..., Array]:
    def apply(variables: base.Variables, *sources: Array) -> Array:
      with precision.full():
        return cast(Array, self.module.apply(variables, *sources))

    return jax.jit(apply)

  @functools.cached_property
  def programs(self) -> Programs:
    """What was compiled, see `execution`."""
    return Programs()

  @functools.cached_property
  def sizes(self) -> Buckets:
    """The sizes that are compiled for, see `execution`."""
    return Buckets()

  @functools.cached_property
  def alone(self) -> contextlib.AbstractContextManager[bool]:
    """Held by what takes much memory, see `execution`."""
    return threading.RLock()

  @functools.cached_property
  def program(self) -> Callable[..., Array]:
    """The way from pictures to a picture, not compiled; see `execution`."""
    method = registry.get_method(self.method)

    def fuse(
      variables: base.Variables,
      pictures: list[Array],
      *,
      dtype: np.dtype,
      options: tuple[tuple[str, Any], ...],
      size: Array | None = None,
    ) -> Array:
      frame = None if size is None else Frame(height=size[0], width=size[1])
      sources = [levels.to_unit(picture)[None] for picture in pictures]
      fused = base.fuse_pictures(
        method,
        self.module,
        variables,
        sources,
        task=self.task,
        frame=frame,
        **dict(options),
      )[0]
      return levels.from_unit(fused, dtype=dtype, rounding=method.rounding)

    return fuse
