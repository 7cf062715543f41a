"""The toolboxes' own numbers, where the reference folder is there."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.data.images import read_image
from fusionjax.errors import InputError
from fusionjax.metrics import natural_models
from tests.metrics.tolerances import tolerance

# What the toolboxes call the metrics.
NAMES = {
  'mefb': {
    'ce': 'Cross_entropy',
    'en': 'Entropy',
    'fmi': 'FMI',
    'nmi': 'NMI',
    'psnr': 'Psnr',
    'qncie': 'Qncie',
    'te': 'TE',
    'ag': 'Avg_gradient',
    'ei': 'Edge_intensity',
    'qabf': 'Qabf',
    'qp': 'Qp',
    'sd': 'SD',
    'sf': 'Spatial_frequency',
    'qc': 'Qc',
    'qw': 'Qw',
    'qy': 'Qy',
    'mef_ssim': 'MEF_SSIM',
    'qcb': 'Qcb',
    'qcv': 'Qcv',
    'viff': 'VIF',
  },
  'vifb': {
    'ce': 'Cross_entropy',
    'en': 'Entropy',
    'mi': 'Mutinf',
    'psnr': 'Psnr',
    'ag': 'Avg_gradient',
    'ei': 'Edge_intensity',
    'qabf': 'Qabf',
    'sd': 'Variance',
    'sf': 'Spatial_frequency',
    'rmse': 'Rmse',
    'ssim': 'Ssim',
    'qcb': 'Qcb',
    'qcv': 'Qcv',
  },
  'lt': {
    'en': 'EN',
    'mi': 'MI',
    'psnr': 'PSNR',
    'mse': 'MSE',
    'sf': 'SF',
    'sd': 'SD',
    'vifp': 'VIF',
    'ag': 'AG',
    'cc': 'CC',
    'scd': 'SCD',
    'qabf': 'Qabf',
    'nabf': 'Nabf',
    'ssim': 'SSIM',
    'ms_ssim': 'MS_SSIM',
  },
  'mfif': {
    'nmi': 'Q_MI',
    'qncie': 'Q_NCIE',
    'qabf': 'Q_G',
    'qp': 'Q_P',
    'qs': 'Q_S',
    'qw': 'Q_W',
    'qe': 'Q_E',
    'qy': 'Q_Y',
    'qcb': 'Q_CB',
    'qcv': 'Q_CV',
    'te': 'Q_TE',
  },
}


@pytest.fixture(scope='module')
def entries(reference: Path) -> list[dict]:
  path = reference / 'metrics' / 'golden.json'
  return json.loads(path.read_text())['entries']


@pytest.mark.parametrize(
  ('toolbox', 'name'),
  [(toolbox, name) for toolbox, names in NAMES.items() for name in names],
)
def test_equals_the_toolbox(toolbox, name, entries, reference):
  compared = 0
  for entry in entries:
    known = entry['metrics'].get(toolbox)
    if known is None:
      continue
    fused, *sources = (
      read_image(reference / 'metrics' / entry[key]) for key in 'FAB'
    )
    value = metrics.evaluate(fused, sources, metrics=name, toolbox=toolbox)
    record = known[NAMES[toolbox][name]]
    expected = record.get('exact_value')
    np.testing.assert_allclose(
      value[name],
      record['value'] if expected is None else expected,
      rtol=tolerance(toolbox, name, entry['name']),
      err_msg=f'{entry["name"]} {entry["method"]} {toolbox} {name}',
    )
    compared += 1
  assert compared >= 4


@pytest.mark.parametrize(
  ('name', 'title'), [('niqe', 'NIQE'), ('brisque', 'BRISQUE')]
)
def test_equals_the_authors(name, title, entries, reference):
  models = {
    'niqe': natural_models.niqe_model,
    'brisque': natural_models.brisque_model,
  }
  try:
    models[name]()
  except InputError as error:
    if os.environ.get('CI'):
      raise
    pytest.skip(str(error))
  for entry in entries:
    fused = read_image(reference / 'metrics' / entry['F'])
    np.testing.assert_allclose(
      metrics.evaluate(fused, [], metrics=name)[name],
      entry['metrics']['nr'][title]['value'],
      rtol=tolerance('any', name),
      err_msg=f'{entry["name"]} {entry["method"]} {name}',
    )
  assert len(entries) >= 4
