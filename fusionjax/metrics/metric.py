"""What a row of the table of metrics holds."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

import jax

from fusionjax.metrics import colour

Array = jax.Array

# The key of a definition that all toolboxes share.
ANY = 'any'


@dataclasses.dataclass(frozen=True)
class Variant:
  """A metric as one toolbox computes it.

  A metric in the frequency domain depends on the size of the picture as a
  shape. It comes in two parts, so that only the first is compiled for every
  size: `function` is then `pooled(spectra(fused, sources))`.

  Attributes:
    function: pure and jittable, on planes: f(fused, *, size=None) for a
      metric without sources, f(fused, sources, *, size=None) for the others.
      Planes are [H, W], in 0..255 (see `Metric.values`), uint8 or float; with
      `size` the picture is the top left (height, width) of them, two int32
      scalars. A metric in two parts takes no size.
    colour: from pictures to planes.
    spectra: the part in the frequency domain, (fused, sources) -> pytree of
      [h, w] planes.
    pooled: the rest, (pytree of planes, *, size=None) -> scalar.
  """

  function: Callable[..., Array]
  colour: colour.Rule
  spectra: Callable[..., Any] | None = None
  pooled: Callable[..., Array] | None = None


@dataclasses.dataclass(frozen=True)
class Metric:
  """All there is to know of a metric.

  Attributes:
    name: what users type.
    title: the field's name for it.
    formula: the definition in a line.
    range: the values it can take.
    direction: whether a higher or a lower value is the better one.
    sources: the least and the largest number of sources; (0, 0) looks at the
      fused image alone, None is no limit.
    paper: who defined it, where.
    tables: the paper tables that print it.
    quirks: what a reader of the numbers must know.
    variants: toolbox -> how it computes the metric. The key `any` stands for
      every toolbox that has no entry of its own; `metrics='all'` takes only
      the metrics that the toolbox itself defines.
    min_size: the least height and width.
    values: what the planes hold: `levels` 0..255; `unit`, integers brought
      to 0..1 and floats as they are (HDR radiance); or the values `stored`
      in the file (depth in metres).
    reference: whether the one source is the true result (an HDR image, a
      depth map) and not something to be fused.
  """

  name: str
  title: str
  formula: str
  range: str
  direction: Literal['higher', 'lower']
  sources: tuple[int, int | None]
  paper: str
  tables: tuple[str, ...]
  quirks: tuple[str, ...]
  variants: Mapping[str, Variant]
  min_size: int = 1
  values: Literal['levels', 'unit', 'stored'] = 'levels'
  reference: bool = False

  def variant(self, toolbox: str) -> Variant | None:
    """How a toolbox computes the metric; None where it does not."""
    return self.variants.get(toolbox, self.variants.get(ANY))
