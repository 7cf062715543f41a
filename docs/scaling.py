"""Makes the tables of docs/scaling.md: python docs/scaling.py

The figures are those of docs/scaling.json, measured by benchmarks/scaling.py
(what a step costs by its compilers) and `benchmarks/train.py --keep` (what it
takes here).
"""

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent
_COUNTS = (1, 8, 64, 256)
# Parts of a step that the exchange may take.
_LIMIT = 0.1


@dataclasses.dataclass(frozen=True)
class Chip:
  """Peak numbers of a chip, and how its like are connected.

  Attributes:
    name: what it is called.
    flops: float32 products a second at JAX's default precision.
    memory: bytes a second.
    capacity: bytes.
    clock: cycles a second, where its compiler estimates them.
    start: seconds that starting one instruction takes.
    link: bytes a second of an all-reduce among `near` chips, one way.
    far: the same among more.
    near: chips with fast links.
  """

  name: str
  flops: float
  memory: float
  capacity: float
  clock: float
  start: float
  link: float
  far: float
  near: int

  def latency(self, count: int) -> float:
    """Seconds of the smallest all-reduce."""
    if count == 1:
      return 0.0
    if self.clock:
      # Along both sides of the torus and back, 1 microsecond a hop.
      side = 2 ** (int(math.log2(count)) // 2)
      return 2e-6 * (side - 1 + count // side - 1)
    far = max(0.0, math.log2(count / self.near))
    return 20e-6 + 10e-6 * far

  def exchange(self, found: dict[str, Any], count: int) -> float:
    """Seconds of all exchanges of a step."""
    link = self.link if count <= self.near else self.far
    sent = 2 * (count - 1) / count * exchanged_bytes(found) / link
    return sent + exchanges(found) * self.latency(count)

  def compute(self, found: dict[str, Any]) -> tuple[float, str]:
    """Seconds of a step on one chip, and what limits them."""
    cost = found['tpu'] if self.clock and 'tpu' in found else found['cpu']
    limits = {
      'arithmetic': cost['flops'] / self.flops,
      'memory': cost['bytes'] / self.memory,
      'starting': cost['instructions'] * self.start,
    }
    if self.clock:
      limits['cycles'] = cost['cycles'] / self.clock
    name = max(limits, key=lambda key: limits[key])
    return limits[name], name


_PEAK = 197e12
V5E = Chip(
  name='TPU v5e',
  flops=_PEAK,
  memory=819e9,
  capacity=16e9,
  clock=_PEAK / (4 * 128 * 128 * 2),
  start=0.0,
  link=100e9,
  far=100e9,
  near=256,
)
H100 = Chip(
  name='H100 SXM',
  flops=494.7e12,
  memory=3.35e12,
  capacity=80e9,
  clock=0.0,
  start=3e-6,
  link=450e9,
  far=50e9,
  near=8,
)


def exchanges(found: dict[str, Any]) -> int:
  """All-reduces of a step: gradients, loss, and two a batch norm each way."""
  return 2 + 4 * found['norms']


def exchanged_bytes(found: dict[str, Any]) -> int:
  """Bytes of the gradients; the others are a few kilobytes."""
  return 4 * found['parameters']


def table(head: list[str], rows: Iterator[list[str]]) -> list[str]:
  """A table in Markdown, numbers to the right."""
  ruler = ['---', *['---:'] * (len(head) - 1)]
  return [f'| {" | ".join(cells)} |' for cells in (head, ruler, *rows)]


def amount(value: float) -> str:
  """Three figures and a unit."""
  for unit, size in (('T', 1e12), ('G', 1e9), ('M', 1e6), ('k', 1e3)):
    if value >= size:
      return f'{value / size:.3g} {unit}'
  return f'{value:.3g} '


def work(every: dict[str, Any]) -> Iterator[list[str]]:
  """What a step of each method consists of."""
  for method, found in every.items():
    height, width = found['size']
    cost = found.get('tpu') or found['cpu']
    yield [
      f'`{method}`',
      f'{found["sources"]} x {found["batch"]} x {height} x {width}',
      f'{found["parameters"]:,}',
      amount(exchanged_bytes(found)) + 'B',
      f'{exchanges(found)}',
      amount(cost['flops']),
      amount(cost['bytes']) + 'B',
      f'{cost["flops"] / cost["bytes"]:.1f}',
      amount(found['cpu']['flops']) if 'cpu' in found else '',
      amount(found['cpu']['bytes']) + 'B' if 'cpu' in found else '',
      amount(cost['temporary']) + 'B',
      'v5e' if 'tpu' in found else 'CPU',
    ]


def predicted(every: dict[str, Any], chip: Chip) -> Iterator[list[str]]:
  """Step times and efficiencies of each method on a kind of chip."""
  for method, found in every.items():
    seconds, limit = chip.compute(found)
    cells = [f'`{method}`', f'{1e3 * seconds:.2f}', limit]
    for count in _COUNTS[1:]:
      whole = seconds + chip.exchange(found, count)
      cells.append(f'{1e3 * whole:.2f} ({100 * seconds / whole:.0f} %)')
    each = seconds / found['batch']
    for count in (8, 256):
      most = chip.exchange(found, count) * (1 - _LIMIT) / _LIMIT
      cells.append(f'{max(1, math.ceil(most / each))}')
    cost = found['tpu'] if chip.clock and 'tpu' in found else found['cpu']
    fits = chip.capacity / max(1.0, cost['temporary'] / found['batch'])
    pictures = found['batch'] * found['pictures']
    cells += [f'{int(fits)}', f'{8 * pictures / seconds:,.0f}']
    yield cells


def virtual(every: dict[str, Any]) -> Iterator[list[str]]:
  """What splitting a step costs on this machine."""
  for method, found in every.items():
    if 'virtual' not in found:
      continue
    one = found['virtual']['1']
    yield [
      f'`{method}`',
      f'{one["processor"]:.2f}',
      *(
        f'{found["virtual"][count]["processor"] / one["processor"]:.2f}'
        for count in ('2', '4', '8')
      ),
      f'{found["virtual"]["8"]["exchanges"]}',
      amount(found['virtual']['8']['bytes']) + 'B',
      amount(exchanged_bytes(found)) + 'B',
    ]


def fed(every: dict[str, Any]) -> Iterator[list[str]]:
  """What the input gives, and what steps take."""
  for method, found in every.items():
    if 'input' not in found:
      continue
    gives, a_step = found['input']['flow'][1], found['input']['a_step']
    cells = [f'`{method}`', f'{a_step}']
    cells.append(f'{found["input"]["first"][1]:,.0f}')
    cells.append(f'{gives:,.0f}')
    if 'here' in found:
      cells.append(f'{a_step / found["here"]["step"][1]:.1f}')
      share = a_step / gives / found['here']['step'][1]
      cells.append(f'{100 * share:.1f} %')
    else:
      cells += ['', '']
    for chip in (V5E, H100):
      takes = 8 * a_step / chip.compute(found)[0]
      cells += [f'{takes:,.0f}', f'{takes / gives:.1f}']
    yield cells


def here(every: dict[str, Any]) -> Iterator[list[str]]:
  """What a step takes on two cores."""
  for method, found in every.items():
    if 'here' not in found:
      continue
    took = found['here']
    step = took['step']
    yield [
      f'`{method}`',
      f'{1 / step[0]:.2g}',
      *(
        f'{took[part][0]:.2g} ({took[part][1]:.2g})'
        for part in ('step', 'input', 'forward', 'backward', 'update')
      ),
      f'{100 * took["input"][1] / step[1]:.1f} %',
      f'{took["peak_mb"] / 1e3:.1f} GB',
      ', '.join(
        f'{kind} {100 * share:.0f} %' for kind, share in took['kinds'].items()
      ),
    ]


def tables() -> dict[str, list[str]]:
  """The tables of the page by name."""
  text = (_FOLDER / 'scaling.json').read_text(encoding='utf-8')
  known = {k: v for k, v in json.loads(text).items() if 'cpu' in v}
  order = sorted(known, key=lambda method: known[method]['parameters'])
  every = {method: known[method] for method in order}
  on_chips = [
    *('method', '1 chip', 'limit', *(f'{count}' for count in _COUNTS[1:])),
    *('90 % of 8', '90 % of 256', 'fit', 'pictures / s of 8'),
  ]
  return {
    'work': table(
      [
        *('method', 'sources x batch x size', 'parameters', 'all-reduced'),
        *('all-reduces', 'FLOPs', 'bytes', 'FLOPs a byte', 'FLOPs, CPU'),
        *('bytes, CPU', 'temporary', 'by'),
      ],
      work(every),
    ),
    'v5e': table(on_chips, predicted(every, V5E)),
    'h100': table(on_chips, predicted(every, H100)),
    'input': table(
      [
        *('method', 'pictures a step', 'first read', 'batches'),
        *('the step here takes', 'input / step', '8 v5e take', 'cores'),
        *('8 H100 take', 'cores'),
      ],
      fed(every),
    ),
    'virtual': table(
      [
        *('method', '1 device, cpu s', '2', '4', '8', 'exchanges of 8'),
        *('their bytes', 'gradients'),
      ],
      virtual(every),
    ),
    'here': table(
      [
        *('method', 'steps / s', 'step: s (cpu s)', 'input', 'forward'),
        *('backward', 'update', 'input / step, cpu', 'peak', 'most time in'),
      ],
      here(every),
    ),
  }


def page() -> str:
  """The page as it is, with the tables as they should be."""
  text = (_FOLDER / 'scaling.md').read_text(encoding='utf-8')
  for name, lines in tables().items():
    head, begin, rest = text.partition(f'<!-- {name} -->\n')
    _, end, tail = rest.partition('<!-- end -->')
    assert begin and end, f'the page has no place for {name}'
    text = head + begin + '\n'.join(lines) + '\n' + end + tail
  return text


def main() -> None:
  """Puts the tables into the page."""
  made = page()
  (_FOLDER / 'scaling.md').write_text(made, encoding='utf-8')


if __name__ == '__main__':
  main()
