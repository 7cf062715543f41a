"""The table of metrics. To add a metric, add its function and its row."""

import dataclasses
import functools
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import jax

from fusionjax import errors
from fusionjax.metrics import (
  colour,
  gradient,
  information,
  structure,
)

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Toolbox:
  """A published collection of metric code.

  Attributes:
    title: what it is.
    used_by: where its numbers are printed.
    colour: its colour rule in words.
  """

  title: str
  used_by: str
  colour: str


@dataclasses.dataclass(frozen=True)
class Variant:
  """A metric as one toolbox computes it.

  Attributes:
    function: pure and jittable, on planes [h, w] in 0..255: f(fused) for a
      metric without sources, f(fused, sources) for the others.
    colour: from pictures to planes.
  """

  function: Callable[..., Array]
  colour: colour.Rule


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
    variants: toolbox -> how it computes the metric.
    min_size: the least height and width.
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


TOOLBOXES: dict[str, Toolbox] = {
  'mefb': Toolbox(
    'MEFB, the multi-exposure benchmark (MATLAB)',
    'FFMEF table 1 and, by the same rules, table 3',
    'metric on R, G and B, mean of the three; MEF-SSIM on rounded grey',
  ),
  'vifb': Toolbox(
    'VIFB, the visible-infrared benchmark (MATLAB)',
    'FFMEF table 4',
    'metric on R, G and B, mean of the three; a grey infrared image stands '
    'beside each channel',
  ),
  'mfif': Toolbox(
    'MFIF, the corrected toolbox of Zheng Liu (MATLAB)',
    'tables of multi-focus surveys',
    'rounded grey (MATLAB rgb2gray)',
  ),
  'lt': Toolbox(
    "Linfeng Tang's Evaluation (MATLAB)",
    'tables in the manner of SeAFusion and PIAFusion',
    'rounded grey (MATLAB rgb2gray)',
  ),
  'cddfuse': Toolbox(
    "CDDFuse's Evaluator (Python)",
    'CDDFuse; probably the family of the CSCFuse tables',
    'rounded grey (OpenCV weights)',
  ),
}

_EN = Metric(
  name='en',
  title='Entropy',
  formula='-sum_i p_i log2 p_i over 256 levels of F',
  range='0..8 bits',
  direction='higher',
  sources=(0, 0),
  paper='Roberts et al., J. Applied Remote Sensing 2008',
  tables=(
    'FFMEF 1, 3, 4',
    'MGDN 2',
    'FMM 1, 2, 3',
    'CSCFuse 1',
  ),
  quirks=('Noise raises it; it does not look at the sources.',),
  variants={
    'mefb': Variant(information.en, colour.CHANNELS),
    'vifb': Variant(information.en, colour.CHANNELS),
    'lt': Variant(information.en, colour.GREY),
    'cddfuse': Variant(information.en, colour.GREY_OPENCV),
  },
)

_AG = Metric(
  name='ag',
  title='Average gradient',
  formula='sum sqrt((dx^2 + dy^2) / 2) / ((h-1)(w-1))',
  range='0..',
  direction='higher',
  sources=(0, 0),
  paper='Cui et al., Optics Communications 2015',
  tables=('FFMEF 1, 3, 4', 'CSCFuse 1'),
  quirks=(
    'The sum has h w terms, the divisor is (h-1)(w-1); cddfuse divides by h w.',
    'mefb, vifb: a colour result between grey sources goes to grey, where '
    'the other metrics take its red channel.',
  ),
  variants={
    'mefb': Variant(gradient.ag, colour.CHANNELS_AG),
    'vifb': Variant(gradient.ag, colour.CHANNELS_AG),
    'lt': Variant(gradient.ag, colour.GREY),
    'cddfuse': Variant(
      functools.partial(gradient.ag, divisor='all'), colour.GREY_OPENCV
    ),
  },
  min_size=2,
)

_QABF = Metric(
  name='qabf',
  title='Q^AB/F, edge preservation',
  formula='sum_S sum Q_S g_S / sum_S sum g_S, Q = logistic(G) logistic(A)',
  range='0..1',
  direction='higher',
  sources=(2, None),
  paper='Xydeas and Petrovic, Electronics Letters 2000',
  tables=('FFMEF 1, 3', 'MGDN 2 (grey)', 'FMM 1, 3'),
  quirks=(
    'Identical images reach 0.9994 * 0.9879 at most, not 1.',
    'mefb, vifb, lt: a tie of the edge strengths has G = g_F, not 1; mefb '
    'and vifb scale it by another 255, so that it saturates.',
    'mfif: zeros become 1e-5 one source after the other (the toolbox calls '
    'the metric Q_G); swapping the sources can change the last digits.',
    'NaN where no source has an edge.',
  ),
  variants={
    'mefb': Variant(gradient.qabf, colour.CHANNELS),
    'vifb': Variant(
      functools.partial(gradient.qabf, toolbox='vifb'), colour.CHANNELS
    ),
    'mfif': Variant(
      functools.partial(gradient.qabf, toolbox='mfif'), colour.GREY
    ),
    'lt': Variant(functools.partial(gradient.qabf, toolbox='lt'), colour.GREY),
  },
)

_MEF_SSIM = Metric(
  name='mef_ssim',
  title='MEF-SSIM',
  formula='prod_l mean((2 cov(r,f) + C) / (var r + var f + C))^weight_l',
  range='-1..1',
  direction='higher',
  sources=(2, None),
  paper='Ma, Zeng, Wang, IEEE TIP 2015',
  tables=('FFMEF 1', 'MGDN 1 (named SSIM there)'),
  quirks=(
    'No term for luminance; structure and contrast alone.',
    '-inf where the smaller side is below 44 pixels, as the reference.',
    'NaN where the mean of a level is negative (an inverted image).',
    "lt: the toolbox's MS_SSIM is this code.",
  ),
  variants={
    'mefb': Variant(structure.mef_ssim, colour.GREY),
    'lt': Variant(structure.mef_ssim, colour.GREY),
  },
)

METRICS: dict[str, Metric] = {
  metric.name: metric for metric in (_EN, _AG, _QABF, _MEF_SSIM)
}


def select(metrics: str | Sequence[str], *, toolbox: str) -> tuple[str, ...]:
  """Names of the metrics that are asked for, checked.

  Args:
    metrics: names, one name, or `all`: every metric of the toolbox.
    toolbox: a key of `TOOLBOXES`.

  Returns:
    Names in the order given, each once.

  Raises:
    errors.InputError: if a name or the toolbox is unknown, or the toolbox
      does not have the metric.
  """
  if toolbox not in TOOLBOXES:
    raise errors.unknown_name('toolbox', toolbox, TOOLBOXES)
  names = [metrics] if isinstance(metrics, str) else list(metrics)
  if not names:
    raise errors.InputError(
      f'No metric is asked for. Name some of {", ".join(METRICS)}, or all.'
    )
  if 'all' in names:
    at = names.index('all')
    names[at : at + 1] = [
      name for name, metric in METRICS.items() if toolbox in metric.variants
    ]
  for name in names:
    if name not in METRICS:
      raise errors.unknown_name('metric', name, [*METRICS, 'all'])
    if toolbox not in METRICS[name].variants:
      offers = ', '.join(METRICS[name].variants)
      raise errors.InputError(
        f'Toolbox {toolbox!r} does not define metric {name!r}. '
        f'Toolboxes that do: {offers}.'
      )
  return tuple(dict.fromkeys(names))


def describe() -> str:
  """The table of metrics and toolboxes as plain text, 80 columns wide."""
  blocks = [_describe_metric(metric) for metric in METRICS.values()]
  lines = [
    _field(name, f'{each.title}. {each.colour}. Used by: {each.used_by}.')
    for name, each in TOOLBOXES.items()
  ]
  return '\n\n'.join([*blocks, 'Toolboxes\n' + '\n'.join(lines)]) + '\n'


def _describe_metric(metric: Metric) -> str:
  rules: dict[str, list[str]] = {}
  for toolbox, variant in metric.variants.items():
    rules.setdefault(variant.colour.title, []).append(toolbox)
  rows = [
    ('formula', metric.formula),
    ('range', f'{metric.range}, {metric.direction} is better'),
    ('sources', count(metric.sources)),
    (
      'colour',
      '; '.join(f'{", ".join(boxes)}: {rule}' for rule, boxes in rules.items()),
    ),
    ('paper', metric.paper),
    ('tables', '; '.join(metric.tables)),
    ('quirks', ' '.join(metric.quirks)),
  ]
  head = f'{metric.name} - {metric.title}'
  return '\n'.join([head, *(_field(*row) for row in rows)])


def count(sources: tuple[int, int | None]) -> str:
  least, most = sources
  if most == 0:
    return 'none, the fused image alone'
  if most is None:
    return f'{least} or more'
  return str(least) if least == most else f'{least} to {most}'


def _field(name: str, text: str) -> str:
  return textwrap.fill(
    text,
    width=80,
    initial_indent=f'  {name:<10}',
    subsequent_indent=' ' * 12,
    break_long_words=False,
  )
