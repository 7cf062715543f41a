"""The benchmarks by name. To add one, add its row."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Benchmark:
  """A set of pictures that papers score on.

  Attributes:
    title: what it is.
    task: a key of `methods.registry.TASKS`, or a task that is to come: the
      order of the sources.
    toolbox: whose definitions and colour rule.
    metrics: what is measured.
    scenes: how many scenes the published set has.
    table: the paper table whose own row is shown if no other is asked for;
      it follows the same toolbox. Empty without one.
    notes: what a reader of the numbers must know.
  """

  title: str
  task: str
  toolbox: str
  metrics: tuple[str, ...]
  scenes: int
  table: str = ''
  notes: tuple[str, ...] = ()


_MEFB = (
  *('ce', 'en', 'fmi', 'nmi', 'psnr', 'qncie', 'te'),
  *('ag', 'ei', 'qabf', 'qp', 'sd', 'sf'),
  *('qc', 'qw', 'qy', 'mef_ssim'),
  *('qcb', 'qcv', 'viff'),
)
_VIFB = (
  *('ce', 'en', 'mi', 'psnr', 'ag', 'ei', 'qabf', 'sd', 'sf'),
  *('rmse', 'ssim', 'qcb', 'qcv'),
)
_MFIF = ('nmi', 'qncie', 'qabf', 'qp', 'qe', 'qy', 'qcb', 'qcv')
_LT = (
  *('en', 'mi', 'psnr', 'mse', 'sf', 'sd', 'vifp', 'ag', 'cc', 'scd'),
  *('qabf', 'nabf', 'ssim', 'ms_ssim'),
)
# What a reader of a metric's column must know.
METRIC_NOTES: dict[str, str] = {
  'te': (
    'te keeps a slip of the toolbox (transposed marginals): large values, no '
    'meaning.'
  ),
}

BENCHMARKS: dict[str, Benchmark] = {
  'mefb': Benchmark(
    'MEFB, multi-exposure image fusion',
    'mef',
    'mefb',
    _MEFB,
    scenes=100,
    table='ffmef-1',
  ),
  'mfifb': Benchmark(
    'MFIFB, multi-focus image fusion',
    'mff',
    'mefb',
    # MEF-SSIM is about exposures.
    tuple(name for name in _MEFB if name != 'mef_ssim'),
    scenes=105,
    table='ffmef-3',
    notes=('MFIFB ships no code of its own: by the rules of MEFB.',),
  ),
  'vifb': Benchmark(
    'VIFB, visible-infrared image fusion',
    'ivf',
    'vifb',
    _VIFB,
    scenes=21,
    table='ffmef-4',
  ),
  'lytro': Benchmark(
    'Lytro, multi-focus image fusion',
    'mff',
    'mfif',
    _MFIF,
    scenes=20,
  ),
  'tno': Benchmark(
    'TNO, infrared-visible image fusion',
    'ivf',
    'lt',
    _LT,
    scenes=42,
    notes=('Papers take different selections of the pairs of TNO.',),
  ),
  'roadscene': Benchmark(
    'RoadScene, infrared-visible image fusion',
    'ivf',
    'lt',
    _LT,
    scenes=221,
    notes=('Papers take different test splits of RoadScene.',),
  ),
  'harvard': Benchmark(
    'Harvard Whole Brain Atlas, CT-MRI fusion',
    'medical',
    'lt',
    ('sf', 'en', 'qabf', 'scd', 'ms_ssim', 'mi', 'sd', 'vifp'),
    scenes=24,
    table='fmm-3',
  ),
}
