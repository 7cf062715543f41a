"""Writes the page of the metrics, docs/metrics.md, from their table.

python docs/metrics.py
"""

from pathlib import Path

from fusionjax.metrics import METRICS, TOOLBOXES, Metric
from fusionjax.metrics.metric import ANY
from fusionjax.metrics.registry import count

PAGE = Path(__file__).resolve().parent / 'metrics.md'

_HEAD = """\
# The metrics

Made by `python docs/metrics.py` from the table in
`fusionjax/metrics/catalogue/`;
`fusionjax.metrics.describe()` prints the same.

```python
import fusionjax as fj

fj.metrics.evaluate(fused, [a, b], metrics=('en', 'qabf'), toolbox='mefb')
fj.metrics.evaluate(fused, [a, b], toolbox='vifb')  # all that VIFB defines
fj.metrics.qabf(fused_plane, [a_plane, b_plane])  # one plane, no colour rule
```

`evaluate` takes pictures and follows the colour rule of the toolbox. The
functions take planes [h, w] in 0..255: called with arrays they check them and
compute in float64; inside `jax.jit`, `vmap` or `grad` they are pure functions
in the precision of their input.

Metrics are equal to the code of the toolboxes: to a relative error of 1e-8 in
float64, `qp` to 1e-7, `brisque` to 1e-4 (`tests/metrics/tolerances.py`). Where
the code of a toolbox divides rounding by rounding (`qy`, `qc` and `viff` in
flat windows) the exact value is given. MEON, which some papers print too, is a
trained network whose weights are on its author's page alone; it is not offered.
"""


def page() -> str:
  """The text of the page."""
  parts = [
    _HEAD,
    '## Overview\n',
    _table(
      ('metric', 'full name', 'better', 'range', 'sources', 'toolboxes'),
      [_overview(metric) for metric in METRICS.values()],
    ),
    '## Toolboxes\n',
    _table(
      ('toolbox', 'what it is', 'colour', 'used by'),
      [
        (f'`{name}`', each.title, each.colour, each.used_by)
        for name, each in TOOLBOXES.items()
      ],
    ),
    '## One by one\n',
    *[_section(metric) for metric in METRICS.values()],
  ]
  return '\n'.join(parts)


def _overview(metric: Metric) -> tuple[str, ...]:
  return (
    f'[`{metric.name}`](#{metric.name})',
    metric.title,
    metric.direction,
    metric.range,
    count(metric.sources),
    ', '.join('all' if name == ANY else name for name in metric.variants),
  )


def _section(metric: Metric) -> str:
  rules: dict[str, list[str]] = {}
  for toolbox, variant in metric.variants.items():
    name = 'every toolbox' if toolbox == ANY else f'`{toolbox}`'
    rules.setdefault(variant.colour.title, []).append(name)
  rows = [
    ('Formula', f'`{metric.formula}`'),
    ('Range', f'{metric.range}; {metric.direction} is better'),
    ('Sources', count(metric.sources)),
    (
      'Colour',
      '; '.join(f'{", ".join(names)}: {rule}' for rule, names in rules.items()),
    ),
    ('Smallest size', f'{metric.min_size} pixels a side'),
    ('Paper', metric.paper),
    ('Tables', '; '.join(metric.tables)),
    *(('Note', quirk) for quirk in metric.quirks),
  ]
  lines = [f'- {name}: {text}' for name, text in rows if text]
  return '\n'.join([f'### {metric.name}\n', f'{metric.title}.\n', *lines, ''])


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
  lines = [heads, ('---',) * len(heads), *rows]
  cells = [[cell.replace('|', '\\|') for cell in line] for line in lines]
  return '\n'.join(f'| {" | ".join(line)} |' for line in cells) + '\n'


if __name__ == '__main__':
  PAGE.write_text(page(), encoding='utf-8')
