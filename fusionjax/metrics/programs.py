"""The compiled programs behind `evaluate`: few, whatever the sizes.

All metrics of a request are one program that works on a canvas, so that what
they share is computed once and pictures of many sizes run through one
compilation. Only the Fourier transforms of a few metrics are compiled for
every size, as a program of their own.
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

# The least side of a canvas; larger ones are powers of two. Every side that
# occurs costs one compilation of all metrics.
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
  side = canvas_side(max(height, width))
  parts = tuple(name for name in names if _variant(name, toolbox).spectra)
  with float64():
    spectra: Mapping[str, Any] = {}
    if parts:
      spectra = _once(_spectra(parts, toolbox, side), *pictures)
    canvases = [place(picture, side) for picture in pictures]
    values = _once(
      _pooled(names, toolbox),
      canvases,
      spectra,
      (np.int32(height), np.int32(width)),
    )
    return {name: float(values[name]) for name in names}


def canvas_side(side: int) -> int:
  """The side of the canvas for a picture whose longer side is given."""
  return max(LEAST_SIDE, 1 << (side - 1).bit_length())


def place(picture: np.ndarray, side: int) -> np.ndarray:
  """A picture at the top left of a square canvas of zeros."""
  height, width = picture.shape[:2]
  canvas = np.zeros((side, side, *picture.shape[2:]), picture.dtype)
  canvas[:height, :width] = picture
  return canvas


def values(
  fused: Array,
  sources: Sequence[Array],
  *,
  names: Names,
  toolbox: str,
  spectra: Mapping[str, Any] | None = None,
  size: tuple[Any, Any] | None = None,
) -> dict[str, Array]:
  """Metrics of one picture under the colour rules of a toolbox, jittable.

  Args:
    fused: [H, W] or [H, W, 3] picture.
    sources: the same, of the same size.
    names: metrics that the toolbox defines.
    toolbox: a key of `TOOLBOXES`.
    spectra: by metric, its planes from the frequency domain. Without them
      they are computed, and the picture must fill the canvas.
    size: height and width of the picture at the top left of the canvas.

  Returns:
    Scalars by metric.
  """
  found = {}
  for rule, members in _by_rule(names, toolbox).items():
    planes, source_planes = rule.split(fused, sources)
    given = {
      name: spectra[name] for name in members if spectra and name in spectra
    }

    def one(inputs: Any, members: Names = members) -> dict[str, Array]:
      plane, others, parts = inputs
      with sharing.sharing():
        return {
          name: _value(
            name, toolbox, plane, others, parts=parts.get(name), size=size
          )
          for name in members
        }

    inputs = (planes, source_planes, given)
    if planes.shape[0] == 1:
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
  parts: Any,
  size: tuple[Any, Any] | None,
) -> Array:
  metric, variant = registry.METRICS[name], _variant(name, toolbox)
  if parts is not None:
    assert variant.pooled is not None
    return variant.pooled(parts, size=size)
  inputs = (plane,) if metric.sources[1] == 0 else (plane, tuple(others))
  if variant.spectra is not None:
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
    canvases: list[Array], spectra: Any, size: tuple[Array, Array]
  ) -> dict[str, Array]:
    return values(
      canvases[0],
      canvases[1:],
      names=names,
      toolbox=toolbox,
      spectra=spectra,
      size=size,
    )

  return jax.jit(program)


@functools.cache
def _spectra(
  names: Names, toolbox: str, side: int
) -> Callable[..., dict[str, Any]]:
  """The frequency part of metrics: exact pictures to canvases."""

  def program(fused: Array, *sources: Array) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for rule, members in _by_rule(names, toolbox).items():

      def one(inputs: Any, members: Names = members) -> dict[str, Any]:
        plane, others = inputs
        with sharing.sharing():
          return {
            name: _variant(name, toolbox).spectra(plane, others)  # type: ignore[misc]
            for name in members
          }

      found.update(lax.map(one, rule.split(fused, sources)))
    return jax.tree.map(on_canvas, found)

  def on_canvas(planes: Array) -> Array:
    height, width = planes.shape[-2:]
    margin = [(0, 0)] * (planes.ndim - 2)
    return jnp.pad(planes, [*margin, (0, side - height), (0, side - width)])

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
