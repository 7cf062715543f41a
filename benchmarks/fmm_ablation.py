"""The ablations of FMM's paper (tables 5 and 6) at small scale, by one command.

Trains four networks that differ in one thing each, one after the other, and
scores them on the same pictures by the metrics of the paper's tables. The
paper's table 5 compares the two losses with fusion by concatenation (its row
of the variance is that of `concat` in table 6), and so does this.

A training that was stopped goes on where it was; what is done, scores too, is
kept in the folder of the runs.

  python benchmarks/fmm_ablation.py --train ROADSCENE/ --test TNO/ \
    --runs runs/fmm_ablation -o docs/fmm_ablation.md
"""

import argparse
import csv
import subprocess
import sys
import textwrap
from pathlib import Path

from fusionjax.metrics import METRICS

# Name -> what is set, and the paper's row: EI, CE, SF, EN, Q^AB/F, MS_SSIM
# (by the code of MEF-SSIM, see `fusionjax.evaluation.paper_tables`), SD, VIF.
VARIANTS = {
  'concat, mean': (
    {'model.fusion': 'concat', 'loss.selection': 'mean'},
    (38.2261, 1.3859, 9.9340, 6.6467, 0.4939, 0.8042, 86.1420, 0.6493),
  ),
  'concat, variance': (
    {'model.fusion': 'concat', 'loss.selection': 'variance'},
    (44.5137, 1.1959, 11.3889, 6.8980, 0.5436, 0.9235, 89.8534, 0.7556),
  ),
  'add, variance': (
    {'model.fusion': 'add', 'loss.selection': 'variance'},
    (42.7438, 0.9699, 11.0250, 6.7928, 0.4539, 0.9165, 91.2557, 0.6893),
  ),
  'mapping, variance': (
    {'model.fusion': 'mapping', 'loss.selection': 'variance'},
    (45.5980, 1.2941, 11.5680, 6.8435, 0.5581, 0.9164, 93.0976, 0.7897),
  ),
}
NAMES = ('ei', 'ce', 'sf', 'en', 'qabf', 'mef_ssim', 'sd', 'viff')
TABLES = {
  'Table 5: what chooses the source of a window': (
    'concat, mean',
    'concat, variance',
  ),
  'Table 6: how features are fused': (
    'add, variance',
    'concat, variance',
    'mapping, variance',
  ),
}
Means = dict[str, tuple[float, ...]]


def train(name: str, args: argparse.Namespace) -> Path:
  """Trains a variant in a process of its own, and returns its folder."""
  folder = args.runs / name.replace(', ', '_')
  if (folder / 'weights.safetensors').exists():
    return folder
  settings = {
    'data.root': args.train,
    'steps': args.steps,
    'data.size': (args.side, args.side),
    'eval.every': args.steps,
    **VARIANTS[name][0],
  }
  command = [sys.executable, '-m', 'fusionjax.main']
  command += ['--config=configs/ivf_fmm.py:shipped', f'--workdir={folder}']
  command += [f'--config.{key}={value}' for key, value in settings.items()]
  subprocess.run(command, check=True)
  return folder


def score(folder: Path, args: argparse.Namespace) -> tuple[float, ...]:
  """Scores a trained variant on the test pictures."""
  table = folder / 'test.csv'
  command = [sys.executable, '-m', 'fusionjax.cli', 'evaluate']
  command += ['--model', str(folder), '--sources', *map(str, args.test)]
  command += ['--task', 'ivf', '--toolbox', 'mefb']
  command += ['--metrics', ','.join(NAMES), '-o', str(table)]
  if not table.exists():
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
  with table.open(newline='', encoding='utf-8') as file:
    mean = next(row for row in csv.DictReader(file) if row['image'] == 'mean')
  return tuple(float(mean[name]) for name in NAMES)


def page(means: Means, args: argparse.Namespace) -> str:
  """The text of the page."""
  paper = {name: row for name, (_, row) in VARIANTS.items()}
  intro = (
    'Made by `python benchmarks/fmm_ablation.py`: networks trained with the '
    f'recipe `configs/ivf_fmm.py:shipped`, but {args.steps} steps of '
    f'{args.side} x {args.side} crops, on {args.trained_on}; scored on '
    f'{args.tested_on} by the definitions of MEFB. The rows of the paper are '
    'of other training data and of 10 pairs of TNO that it does not name: '
    'their order is what can be compared, not their values.'
  )
  title = '# FMM: the ablations of the paper at small scale'
  lines = [title, '', *textwrap.wrap(intro, 80)]
  for title, names in TABLES.items():
    lines += ['', f'## {title}', '', *_table(names, means, paper), '']
    lines += _sentence(names, means, paper)
  return '\n'.join([*lines, ''])


def _table(names: tuple[str, ...], means: Means, paper: Means) -> list[str]:
  arrows = {'higher': '↑', 'lower': '↓'}
  heads = [f'{m} {arrows.get(METRICS[m].direction, "")}' for m in NAMES]
  lines = [f'| | {" | ".join(heads)} |', f'|{"---|" * (len(NAMES) + 1)}']
  for source, rows in (('here', means), ('paper', paper)):
    best = _best(names, rows)
    for name in names:
      cells = [
        f'**{value:.4f}**' if name == winner else f'{value:.4f}'
        for value, winner in zip(rows[name], best, strict=True)
      ]
      lines.append(f'| {name} ({source}) | {" | ".join(cells)} |')
  return lines


def _best(names: tuple[str, ...], rows: Means) -> list[str]:
  """Which variant is best by each metric."""
  return [
    (min if METRICS[metric].direction == 'lower' else max)(
      names, key=lambda name, column=column: rows[name][column]
    )
    for column, metric in enumerate(NAMES)
  ]


def _sentence(names: tuple[str, ...], means: Means, paper: Means) -> list[str]:
  favourite = names[-1]
  here, there = (_best(names, rows) for rows in (means, paper))
  same = sum(a == b for a, b in zip(here, there, strict=True))
  holds = here.count(favourite) > len(NAMES) / 2
  text = (
    f'`{favourite}`, which the paper proposes, is best by '
    f'{here.count(favourite)} of {len(NAMES)} metrics here and by '
    f'{there.count(favourite)} in the paper; the best variant is the same by '
    f'{same} of them. The ordering of the paper '
    f'{"holds" if holds else "does not hold"} at this scale.'
  )
  return textwrap.wrap(text, 80)


def main() -> None:
  """Trains what is not trained yet, scores and writes the page."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--train', required=True, help='pairs to train on')
  parser.add_argument('--test', required=True, nargs='+', help='test pairs')
  parser.add_argument('--runs', type=Path, default='runs/fmm_ablation')
  parser.add_argument('--steps', type=int, default=300)
  parser.add_argument('--side', type=int, default=96, help='of a crop')
  parser.add_argument('--trained_on', default='the training split of RoadScene')
  parser.add_argument('--tested_on', default='20 pairs of TNO')
  parser.add_argument('-o', '--output', type=Path, required=True)
  args = parser.parse_args()
  means = {}
  for name in VARIANTS:
    means[name] = score(train(name, args), args)
    print(name, *(f'{value:.4f}' for value in means[name]), flush=True)
  args.output.write_text(page(means, args), encoding='utf-8')
  print(f'{args.output} is written.')


if __name__ == '__main__':
  main()
