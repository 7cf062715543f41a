"""Pages that are made from the code say what it says."""

import importlib.util
from pathlib import Path

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
