"""The compiled programs behind `evaluate`: few, whatever the sizes.

The metrics of a request are one program that works on a canvas, so that what
they share is computed once and pictures of many sizes run through one
compilation. Only the Fourier transforms of a few metrics are compiled for
every size, as a program of their own; what they give is large, and is pooled
plane by plane.
"""

import functools
import importlib
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from fusionjax.metrics import colour, registry, sharing
from fusionjax.metrics.metric import Variant

Array = jax.Array
Names = tuple[str, ...]

# The least side of a canvas; larger ones are powers of two, and half-way
# between them. Every canvas that occurs costs one compilation of all metrics.
LEAST_SIDE = 1024


def run(
  pictures: Sequence[np.ndarray], *, names: Names, toolbox: str
) -> dict[str, float]:
  """Metrics of one checked picture, in float64.

  Args:
    pictures: the fused picture and its sources, [h, w] or [h, w, 3], in the
      values that the metrics want.
    names: metrics that the toolbox defines.
    toolbox: a key of `TOOLBOXES`.

  Returns:
    The value of each metric.
  """
  height, width = pictures[0].shape[:2]
  canvas = canvas_side(height), canvas_side(width)
  size = np.int32(height), np.int32(width)
  apart = tuple(name for name in names if _variant(name, toolbox).spectra)
  others = tuple(name for name in names if name not in apart)
  found: dict[str, float] = {}
  with float64():
    if others:
      canvases = [place(picture, canvas) for picture in pictures]
      program = _pooled(others, toolbox)
      found.update(_as_floats(_once(program, canvases, size)))
    for rule, members in _by_rule(apart, toolbox).items():
      count = jax.eval_shape(rule.split, pictures[0], pictures[1:])[0].shape[0]
      planes = []
      for number in range(count):
        spectra = _once(
          _spectra(members, toolbox, canvas), np.int32(number), *pictures
        )
        program = _pooled_spectra(members, toolbox)
        planes.append(_as_floats(_once(program, spectra, size)))
      found.update(
        {name: float(np.mean([p[name] for p in planes])) for name in members}
      )
  return {name: found[name] for name in names}


def _as_floats(values: Mapping[str, Array]) -> dict[str, float]:
  return {name: float(value) for name, value in values.items()}


def canvas_side(side: int) -> int:
  """The side of the canvas for a side of a picture."""
  power = max(LEAST_SIDE, 1 << (side - 1).bit_length())
  between = power // 4 * 3
  return between if side <= between and between > LEAST_SIDE else power


def place(picture: np.ndarray, canvas: tuple[int, int]) -> np.ndarray:
  """A picture at the top left of a canvas of zeros."""
  height, width = picture.shape[:2]
  result = np.zeros((*canvas, *picture.shape[2:]), picture.dtype)
  result[:height, :width] = picture
  return result


def values(
  fused: Array,
  sources: Sequence[Array],
  *,
  names: Names,
  toolbox: str,
  size: tuple[Any, Any] | None = None,
) -> dict[str, Array]:
  """Metrics of one picture under the colour rules of a toolbox, jittable.

  Args:
    fused: [H, W] or [H, W, 3] picture.
    sources: the same, of the same size.
    names: metrics that the toolbox defines.
    toolbox: a key of `TOOLBOXES`.
    size: height and width of the picture at the top left of the canvas; not
      for metrics in the frequency domain.

  Returns:
    Scalars by metric.
  """
  found = {}
  for rule, members in _by_rule(names, toolbox).items():

    def one(inputs: Any, members: Names = members) -> dict[str, Array]:
      plane, others = inputs
      with sharing.sharing():
        return {
          name: _value(name, toolbox, plane, others, size=size)
          for name in members
        }

    inputs = rule.split(fused, sources)
    if inputs[0].shape[0] == 1:
      found.update(one(jax.tree.map(lambda each: each[0], inputs)))
    else:
      found.update(jax.tree.map(jnp.mean, lax.map(one, inputs)))
  return found


def float64() -> AbstractContextManager[Any]:
  """Switches 64-bit types on within a `with` block, in this thread."""
  # It moved from jax.experimental into jax; either way it is a context
  # manager.
  switch = getattr(jax, 'enable_x64', None)
  if switch is None:
    switch = importlib.import_module('jax.experimental').enable_x64
  return switch(True)


def _value(
  name: str,
  toolbox: str,
  plane: Array,
  others: Sequence[Array],
  *,
  size: tuple[Any, Any] | None,
) -> Array:
  metric, variant = registry.METRICS[name], _variant(name, toolbox)
  inputs = (plane,) if metric.sources[1] == 0 else (plane, tuple(others))
  if variant.spectra is not None:
    assert size is None, name
    return variant.function(*inputs)
  return variant.function(*inputs, size=size)


def _by_rule(names: Names, toolbox: str) -> dict[colour.Rule, Names]:
  groups: dict[colour.Rule, Names] = {}
  for name in names:
    rule = _variant(name, toolbox).colour
    groups[rule] = (*groups.get(rule, ()), name)
  return groups


def _variant(name: str, toolbox: str) -> Variant:
  variant = registry.METRICS[name].variant(toolbox)
  assert variant is not None, f'{name} under {toolbox}'
  return variant


@functools.cache
def _pooled(names: Names, toolbox: str) -> Callable[..., dict[str, Array]]:
  def program(
    canvases: list[Array], size: tuple[Array, Array]
  ) -> dict[str, Array]:
    return values(
      canvases[0], canvases[1:], names=names, toolbox=toolbox, size=size
    )

  return jax.jit(program)


@functools.cache
def _pooled_spectra(
  names: Names, toolbox: str
) -> Callable[..., dict[str, Array]]:
  def program(
    spectra: Mapping[str, Any], size: tuple[Array, Array]
  ) -> dict[str, Array]:
    found = {}
    for name in names:
      pooled = _variant(name, toolbox).pooled
      assert pooled is not None, name
      found[name] = pooled(spectra[name], size=size)
    return found

  return jax.jit(program)


@functools.cache
def _spectra(
  names: Names, toolbox: str, canvas: tuple[int, int]
) -> Callable[..., dict[str, Any]]:
  """The frequency part of metrics: a plane of exact pictures to canvases.

  All of the names follow one colour rule.
  """
  (rule,) = _by_rule(names, toolbox)

  def program(number: Array, fused: Array, *sources: Array) -> dict[str, Any]:
    plane, others = jax.tree.map(
      lambda planes: lax.dynamic_index_in_dim(planes, number, keepdims=False),
      rule.split(fused, sources),
    )
    found: dict[str, Any] = {}
    with sharing.sharing():
      for name in names:
        spectra = _variant(name, toolbox).spectra
        assert spectra is not None, name
        found[name] = spectra(plane, others)
    return jax.tree.map(on_canvas, found)

  def on_canvas(planes: Array) -> Array:
    margin = [(0, 0)] * (planes.ndim - 2)
    rest = [
      (0, most - side)
      for most, side in zip(canvas, planes.shape[-2:], strict=True)
    ]
    return jnp.pad(planes, [*margin, *rest])

  return jax.jit(program)


_LOCK = threading.Lock()
_LOCKS: dict[Any, threading.Lock] = {}
_READY: set[Any] = set()


def _once(program: Callable[..., Any], *args: Any) -> Any:
  """Calls a jitted program; threads that meet a new one compile it once."""
  shapes = tuple(
    (leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(args)
  )
  key = (program, shapes)
  if key in _READY:
    return program(*args)
  with _LOCK:
    lock = _LOCKS.setdefault(key, threading.Lock())
  with lock:
    result = program(*args)
    _READY.add(key)
  return result
