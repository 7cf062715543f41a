"""Charts of a report: a panel a metric, as SVG."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from fusionjax.evaluation.result import Method, Report
from fusionjax.evaluation.tables import format_value
from fusionjax.metrics import METRICS

_WIDTH = 360
_LABELS = 112
_ROW, _TOP, _AXIS = 20, 4, 20
# Room at the right for the end of the axis, and for the numbers of bars.
_RIGHT, _NUMBERS = 14, 52
# About how many characters fit beside a plot.
_LABEL_LENGTH = 17

# A row of a panel: a measured method, or papers whose marks share a line.
_Papers = tuple[str, tuple[Method, ...]]


def draw_panel(report: Report, name: str, *, boxes: bool) -> str:
  """Draws what the rows reach in a metric.

  Args:
    report: the report.
    name: a metric.
    boxes: whether to draw box plots over the scenes; bars of means otherwise.

  Returns:
    An `svg` element. Boxes reach from the first to the third quartile, with
    the median; whiskers end at the last value within 1.5 times that range,
    and values beyond are dots. A diamond is the mean. Values of papers are
    rings in lines of their own; if they are far off, at the edge.
  """
  measured = [each for each in report.methods if each.kind != 'paper']
  papers = _group_papers(report.methods, name)
  points = {each.name: _points(report, each, name) for each in measured}
  means = [each.means[name] for each in measured]
  data = [v for row in points.values() for _, v in row] if boxes else [0.0]
  data += [mean for mean in means if math.isfinite(mean)]
  if not data:
    data = [0.0]
  printed = [
    each.means[name]
    for _, group in papers
    for each in group
    if math.isfinite(each.means[name])
  ]
  low, high = _domain(data, printed, padded=boxes)
  scale = _Scale(low, high, _WIDTH - (_RIGHT if boxes else _NUMBERS))
  rows = len(measured) + len(papers)
  height = _TOP + _ROW * rows + _AXIS
  parts = [_axis(scale, height)]
  for at, each in enumerate(measured):
    y = _TOP + _ROW * at + _ROW / 2
    mean = each.means[name]
    drawn = (
      _box(scale, y, report, points[each.name], mean)
      if boxes
      else _bar(scale, y, mean)
    )
    parts.append(
      f'<g class="k-{each.kind}">{_label(each.name, y)}'
      f'<title>{escape(each.name)}: {format_value(mean)}</title>{drawn}</g>'
    )
  for at, (label, group) in enumerate(papers, start=len(measured)):
    y = _TOP + _ROW * at + _ROW / 2
    marks = ''.join(_ring(scale, y, each, name) for each in group)
    parts.append(f'<g class="k-paper">{_label(label, y)}{marks}</g>')
  kind = 'box plots over the scenes' if boxes else 'means'
  return (
    f'<svg class="{"boxes" if boxes else "bars"}" role="img" '
    f'aria-label="{escape(METRICS[name].title)}: {kind}" '
    f'viewBox="0 0 {_WIDTH} {height}">{"".join(parts)}</svg>'
  )


class _Scale:
  """From values to places on the horizontal axis."""

  def __init__(self, low: float, high: float, right: float):
    self.low, self.high = low, high
    self._per_unit = (right - _LABELS) / (high - low)

  def __call__(self, value: float) -> float:
    clipped = min(max(value, self.low), self.high)
    return round(_LABELS + (clipped - self.low) * self._per_unit, 1)

  def ticks(self) -> list[float]:
    """Three to six round values."""
    step = 10.0 ** math.floor(math.log10(self.high - self.low))
    for part in (1, 0.5, 0.2):
      first = math.ceil(self.low / (step * part) - 1e-9)
      last = math.floor(self.high / (step * part) + 1e-9)
      if last - first >= 2:
        break
    return [at * step * part for at in range(first, last + 1)]


def _points(
  report: Report, method: Method, name: str
) -> list[tuple[int, float]]:
  """Finite scores of a method with the numbers of their scenes."""
  return [
    (at, method.scores[scene.name][name])
    for at, scene in enumerate(report.scenes)
    if scene.name in method.scores
    and math.isfinite(method.scores[scene.name][name])
  ]


def _group_papers(methods: Sequence[Method], name: str) -> list[_Papers]:
  groups: dict[str, list[Method]] = {}
  for each in methods:
    if each.kind == 'paper' and name in each.means:
      groups.setdefault(each.note, []).append(each)
  return [
    (group[0].name if len(group) == 1 else f'{len(group)} published', (*group,))
    for group in groups.values()
  ]


def _domain(
  data: Sequence[float], printed: Sequence[float], *, padded: bool
) -> tuple[float, float]:
  """The range of an axis; printed values far off do not stretch it."""
  low, high = min(data), max(data)
  span = high - low or max(abs(high) * 0.1, 1e-3)
  near = [v for v in printed if low - span <= v <= high + span]
  low, high = min([low, *near]), max([high, *near])
  if not padded:
    return low, high if high > low else low + span
  margin = 0.04 * ((high - low) or span)
  return low - margin, high + margin


def _axis(scale: _Scale, height: float) -> str:
  bottom = height - _AXIS + 2
  parts = []
  for tick in scale.ticks():
    x = scale(tick)
    parts.append(
      f'<line x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>'
      f'<text x="{x}" y="{bottom + 13}">{tick:.6g}</text>'
    )
  return f'<g class="axis">{"".join(parts)}</g>'


def _label(text: str, y: float) -> str:
  short = text
  if len(text) > _LABEL_LENGTH:
    short = text[: _LABEL_LENGTH - 1] + '\N{HORIZONTAL ELLIPSIS}'
  return (
    f'<text class="name" x="{_LABELS - 8}" y="{y + 4}">{escape(short)}</text>'
  )


def _box(
  scale: _Scale,
  y: float,
  report: Report,
  values: Sequence[tuple[int, float]],
  mean: float,
) -> str:
  if not values:
    return _nothing(y)
  first, median, third = np.percentile([v for _, v in values], [25, 50, 75])
  reach = 1.5 * (third - first)
  inner = [v for _, v in values if first - reach <= v <= third + reach]
  low, left, middle, right, high = (
    scale(float(v)) for v in (min(inner), first, median, third, max(inner))
  )
  width = max(right - left, 1.0)
  parts = [
    f'<path class="line" d="M{low} {y}H{left}M{right} {y}H{high}'
    f'M{low} {y - 3}v6M{high} {y - 3}v6"/>',
    f'<rect x="{left}" y="{y - 6}" width="{width:.1f}" height="12" rx="1.5"/>',
    f'<path class="median" d="M{middle} {y - 6}v12"/>',
  ]
  for scene, value in values:
    if not first - reach <= value <= third + reach:
      # Reached by the pointer alone: the scenes have a list of their own.
      parts.append(
        f'<a href="#scene-{scene}" tabindex="-1"><title>'
        f'{escape(report.scenes[scene].name)}: {format_value(value)}</title>'
        f'<circle cx="{scale(value)}" cy="{y}" r="2.5"/></a>'
      )
  if math.isfinite(mean):
    parts.append(
      f'<path class="mean" d="M{scale(mean)} {y - 4}l4 4l-4 4l-4-4z"/>'
    )
  return ''.join(parts)


def _bar(scale: _Scale, y: float, mean: float) -> str:
  if not math.isfinite(mean):
    return _nothing(y)
  start, end = sorted((scale(0), scale(mean)))
  return (
    f'<rect x="{start}" y="{y - 6}" width="{end - start:.1f}" height="12" '
    f'rx="1.5"/><text class="value" x="{end + 4}" y="{y + 4}">'
    f'{format_value(mean)}</text>'
  )


def _ring(scale: _Scale, y: float, method: Method, name: str) -> str:
  value = method.means[name]
  if not math.isfinite(value):
    return ''
  title = f'{escape(method.name)}: {format_value(value)}'
  x = scale(value)
  if value > scale.high:
    drawn = f'<path d="M{x - 4} {y - 4}l5 4l-5 4z"/>'
  elif value < scale.low:
    drawn = f'<path d="M{x + 4} {y - 4}l-5 4l5 4z"/>'
  else:
    drawn = f'<circle cx="{x}" cy="{y}" r="3.5"/>'
  return f'<g><title>{title}</title>{drawn}</g>'


def _nothing(y: float) -> str:
  return f'<text class="value" x="{_LABELS}" y="{y + 4}">no number</text>'
