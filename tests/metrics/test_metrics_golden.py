"""The toolboxes' own numbers, where the reference folder is there."""

import json
from pathlib import Path

import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.data.images import read_image

# What the toolboxes call the metrics.
NAMES = {
  'mefb': {
    'en': 'Entropy',
    'ag': 'Avg_gradient',
    'qabf': 'Qabf',
    'mef_ssim': 'MEF_SSIM',
  },
  'vifb': {'en': 'Entropy', 'ag': 'Avg_gradient', 'qabf': 'Qabf'},
  'lt': {'en': 'EN', 'ag': 'AG', 'qabf': 'Qabf', 'mef_ssim': 'MS_SSIM'},
  'mfif': {'qabf': 'Q_G'},
}
# Relative. Measured: 1e-15, and 1e-14 for MEF-SSIM.
TOLERANCE = 1e-12


@pytest.fixture(scope='module')
def entries(reference: Path) -> list[dict]:
  path = reference / 'metrics' / 'golden.json'
  return json.loads(path.read_text())['entries']


@pytest.mark.parametrize('toolbox', NAMES)
def test_equals_the_toolbox(toolbox, entries, reference):
  compared = 0
  for entry in entries:
    known = entry['metrics'].get(toolbox)
    if known is None:
      continue
    fused, *sources = (
      read_image(reference / 'metrics' / entry[key]) for key in 'FAB'
    )
    names = NAMES[toolbox]
    scores = metrics.evaluate(
      fused, sources, metrics=tuple(names), toolbox=toolbox
    )
    for name, value in scores.items():
      record = known[names[name]]
      expected = record.get('exact_value') or record['value']
      np.testing.assert_allclose(
        value,
        expected,
        rtol=TOLERANCE,
        err_msg=f'{entry["name"]} {entry["method"]} {toolbox} {name}',
      )
      compared += 1
  assert compared >= 4 * len(names)
