"""Pages that are made from the code say what it says."""

import importlib.util
import re
import shlex
from pathlib import Path

from fusionjax import cli

_DOCS = Path(__file__).resolve().parents[1] / 'docs'


def _script(name: str):
  spec = importlib.util.spec_from_file_location(name, _DOCS / f'{name}.py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def test_page_of_the_metrics_is_up_to_date():
  made = _script('metrics').page()
  kept = (_DOCS / 'metrics.md').read_text(encoding='utf-8')
  assert kept == made, 'run: python docs/metrics.py'


def test_page_of_fmm_is_up_to_date():
  made = _script('fmm').page()
  kept = (_DOCS / 'fmm.md').read_text(encoding='utf-8')
  assert kept == made, 'run: python docs/fmm.py'


def test_page_of_the_data_sets_is_up_to_date():
  script = _script('datasets')
  kept = (_DOCS / 'datasets.md').read_text(encoding='utf-8')
  assert kept == script.page(), 'run: python docs/datasets.py'
  for picture in re.findall(r'\]\((pictures/[^)]+)\)', kept):
    assert (_DOCS / picture).is_file(), picture
  parser = cli._parser()
  lines = re.findall(r'^fusionjax (datasets .*)$', kept, re.MULTILINE)
  assert len(lines) > 32
  for line in lines:
    assert parser.parse_args(shlex.split(line)).run


def test_arrows_of_fmm_follow_the_data():
  script = _script('fmm')
  arrows = set(script.arrows(script.trace()[0]))
  # Each modality is encoded by itself and looks at the other one.
  assert ('visible', 'encoder_y/conv') in arrows
  assert ('visible', 'encoder_x/conv') not in arrows
  assert ('encoder_y/block2', 'mapping/global_x') in arrows
  # Dense connection: the finest maps come from both deeper ones.
  assert ('mapping/global_x', 'mapping/map0_x') in arrows
  assert ('mapping/map1_x', 'mapping/map0_x') in arrows
  assert ('mapping/map1_x', 'mapping/map1_y') not in arrows
  assert ('mapping/fused1', 'decoder/aggregate1') in arrows
