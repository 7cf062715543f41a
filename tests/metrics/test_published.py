"""The figures that the MFIF survey publishes for every picture.

The fused pictures that lie with the reference are of the same scenes and
methods, but come from another benchmark's files: the survey's figures are met
to the digits that this leaves, not to the last one. Its 13 to 16 digits are
those of its own files.
"""

import json
from pathlib import Path

import pytest

from fusionjax import metrics
from fusionjax.data.images import read_image

# What the survey calls each metric, and how far the other files take it.
PUBLISHED = {
  'nmi': ('Q_MI', 1e-2),
  'qncie': ('Q_NCIE', 1e-3),
  'qabf': ('Q_G', 1.5e-2),
  'qp': ('Q_P', 1.5e-2),
  'qe': ('Q_E', 2e-3),
  'qy': ('Q_Y', 5e-3),
  'qcb': ('Q_CB', 3e-3),
  'qcv': ('Q_CV', 4e-2),
}


@pytest.fixture(scope='module')
def survey(reference: Path) -> dict:
  path = reference / 'metrics' / 'published' / 'MFIF_color_published.json'
  return json.loads(path.read_text())


@pytest.fixture(scope='module')
def pictures(reference: Path) -> dict:
  folder = reference / 'metrics' / 'images'
  names = ('A', 'B', 'F_CNN', 'F_GFF')
  return {
    scene: {
      name: read_image(folder / f'mfifb_lytro_{scene}_{name}.png')
      for name in names
    }
    for scene in ('01', '05')
  }


@pytest.mark.parametrize('name', PUBLISHED)
def test_meets_the_figures_of_the_survey(name, survey, pictures):
  title, tolerance = PUBLISHED[name]
  column = survey['metrics'].index(title)
  for scene, planes in pictures.items():
    rows = survey['values'][survey['images'].index(f'c_{scene}')]
    for method in ('CNN', 'GFF'):
      found = metrics.evaluate(
        planes[f'F_{method}'],
        [planes['A'], planes['B']],
        metrics=name,
        toolbox='mfif',
      )
      expected = rows[survey['methods'].index(method.lower())][column]
      assert found[name] == pytest.approx(expected, rel=tolerance), (
        f'{scene} {method}'
      )
