"""Tables that papers print, to be shown beside what is measured.

Figures as printed. To add a table, add its text: a line a method, values in
the order of `metrics`; the last line of each set of pictures is the paper's
own method.
"""
# ruff: noqa: E501 - a method's figures stand on one line.

import dataclasses
from collections.abc import Mapping

from fusionjax import errors


@dataclasses.dataclass(frozen=True)
class PaperTable:
  """A table of a paper.

  Attributes:
    title: paper and number.
    toolbox: the toolbox whose definitions fit the printed figures best.
    metrics: names of the metrics, in the order of the columns.
    text: figures by benchmark: a line a method, the paper's own at the end.
    scenes: what pictures the figures are of, by benchmark.
    notes: what of it can be reproduced, and how closely.
  """

  title: str
  toolbox: str
  metrics: tuple[str, ...]
  text: Mapping[str, str]
  scenes: Mapping[str, str]
  notes: tuple[str, ...]

  def rows(self, benchmark: str) -> dict[str, dict[str, float]]:
    """Figures on one benchmark, in the order of the paper.

    Args:
      benchmark: a key of `text`.

    Returns:
      Method -> metric -> value; the paper's own method is the last.
    """
    found = {}
    for line in self.text[benchmark].strip().splitlines():
      method, *values = line.split()
      found[method] = dict(zip(self.metrics, map(float, values), strict=True))
    return found


def get_table(name: str, *, benchmark: str) -> PaperTable:
  """Returns a table that has figures on a benchmark.

  Args:
    name: a key of `TABLES`.
    benchmark: a key of `benchmarks.BENCHMARKS`.

  Raises:
    InputError: if there is no such table, or it is of other pictures.
  """
  if name not in TABLES:
    raise errors.unknown_name('table', name, TABLES)
  table = TABLES[name]
  if benchmark not in table.text:
    fits = [key for key, row in TABLES.items() if benchmark in row.text]
    hint = f'take {" or ".join(fits)}' if fits else 'leave --table out'
    raise errors.InputError(
      f'Table {name} is about {" and ".join(table.text)}, not '
      f'{benchmark}. Run that benchmark, or {hint}.'
    )
  return table


_FFMEF = 'FFMEF (Zheng et al., CVPRW 2023)'
_MGDN = 'MGDN (Guan et al., ACM MM 2023)'
_FMM = 'FMM (feature mutual mapping)'
_LI = (
  'FMM names no code. In its tables 2 and 3 MI is twice EN to the printed '
  'digits, and an SD of 135 is more than 8 bits can have (127.5): by another '
  'toolbox, so that its rows show an order, not a scale.'
)

TABLES: dict[str, PaperTable] = {
  'ffmef-1': PaperTable(
    f'{_FFMEF}, table 1',
    'mefb',
    (
      *('en', 'fmi', 'nmi', 'psnr', 'qncie', 'ag', 'qabf', 'ce', 'qp', 'qw'),
      *('mef_ssim', 'qcb', 'qcv', 'viff'),
    ),
    {
      'mefb': """
DSIFT_EF 7.3495 .8947 .5399 56.6056 .8141 5.1000 .6792 2.7297 .6456 .8619 .9470 .4663 825.4635 .7265
FMMEF 7.3719 .8970 .4736 56.8570 .8119 5.6441 .7058 2.9333 .6593 .9072 .9737 .4525 650.8868 .8876
MEFOpt 7.1864 .8943 .5855 56.7196 .8157 5.7658 .6884 3.2660 .6098 .8860 .9355 .4674 708.9612 .7089
MGFF 7.1203 .8897 .6069 57.1132 .8139 6.5461 .6406 2.9861 .6379 .8463 .9549 .4678 308.4949 1.0184
PWA 7.0595 .8971 .7521 57.1722 .8198 5.5585 .6963 2.9955 .6425 .8949 .9654 .4460 288.0862 .7249
SPD_MEF 7.1238 .8871 .6948 57.1051 .8178 5.9832 .6327 3.2146 .6177 .8039 .9377 .4551 353.4474 .7772
DeepFuse 6.8504 .8727 .7408 57.1035 .8177 3.4920 .3884 3.0852 .3517 .5478 .8968 .3892 362.9800 .5114
MEFNet 7.3899 .8896 .5967 56.5941 .8166 6.0104 .6746 3.0300 .5954 .8655 .9139 .4816 593.4327 .8470
IFCNN 7.0347 .8824 .7708 57.1951 .8186 6.0123 .5960 3.4098 .5616 .8336 .9432 .4112 247.7693 .7016
FusionDN 7.3293 .8770 .7251 56.9770 .8178 6.7934 .5363 2.9357 .5044 .7761 .9240 .4386 325.1348 .9363
MEF-GAN 6.9547 .8456 .5727 56.9474 .8132 4.6702 .2836 2.8222 .1239 .3002 .7722 .3844 618.6932 .5810
PMGI 7.0846 .8854 .7909 57.1165 .8192 5.4189 .5684 3.0084 .5254 .8035 .9360 .4208 293.9210 .8077
U2Fusion 6.7392 .8821 .7675 57.0550 .8179 5.5829 .5356 2.9761 .5046 .7874 .9304 .4174 253.7540 .8358
DPE_MEF 7.2383 .8788 .6120 57.1051 .8141 6.6607 .5995 4.1311 .5612 .8304 .9452 .3942 257.3125 .7885
TransMEF 6.8603 .8910 .9229 57.1319 .8237 4.5949 .6035 2.8038 .5649 .8059 .9499 .4001 253.3766 .7658
FFMEF 6.9942 .8880 .8311 57.1918 .8206 5.0976 .6584 2.7933 .6073 .8357 .9621 .4102 248.0949 .7119
"""
    },
    {'mefb': '100 pairs of MEFB'},
    (
      'FFMEF, table 1: the published code and weights give en, fmi, psnr, '
      'qncie, ag, mef_ssim and viff within 0.8 % of it, nmi and qabf 9 %, qp '
      '9 % (on ten pairs) and qw 2 % above. The published script saves 53 of '
      'the 100 results as JPEG, which explains most of that; ce, qcb and qcv '
      'stay 2 to 7 % off.',
    ),
  ),
  'ffmef-3': PaperTable(
    f'{_FFMEF}, table 3',
    'mefb',
    ('en', 'fmi', 'qncie', 'ag', 'qabf', 'qw', 'qcv', 'viff'),
    {
      'mfifb': """
ECNN 7.1437 .8778 .8168 7.7970 .5800 .8682 111.3797 .7964
MADCNN 7.1553 .8817 .8212 7.7907 .6634 .8898 121.12008 .8281
PMGI 7.0272 .8663 .8154 5.8564 .4553 .6826 304.6180 .8773
MFF-GAN 7.1101 .8703 .8158 8.3671 .5357 .8284 161.1865 .8583
FFMEF 7.3846 .8707 .8221 7.1355 .6265 .8470 77.5857 .9156
"""
    },
    {'mfifb': '105 pairs of MFIFB'},
    (
      'FFMEF, table 3: the published weights give fmi, qncie, qw, en and ag '
      'within 3 % of it, viff 6 % below, qabf 7 % and qcv 40 % above.',
    ),
  ),
  'ffmef-4': PaperTable(
    f'{_FFMEF}, table 4',
    'vifb',
    ('ag', 'ei', 'en', 'psnr', 'qcv', 'rmse', 'sf', 'ssim'),
    {
      'vifb': """
MGFF 5.839 60.607 7.114 58.212 676.9 .1092 17.916 1.406
Hybrid_MSD 6.126 63.491 7.304 58.173 510.9 .1102 19.659 1.405
LatLRR 8.962 92.813 6.909 56.180 697.3 .1686 29.537 1.184
NSCT_SR 6.492 67.956 7.396 57.435 1447 .1314 19.389 1.277
FFMEF 5.1668 53.0491 6.8486 58.3247 837.89 .1068 14.9646 1.4202
"""
    },
    {'vifb': '21 pairs of VIFB'},
    (
      'FFMEF, table 4: the published weights give psnr, ssim, en, rmse, ag '
      'and ei within 6 % of it, sf 9 % and qcv 33 % above.',
    ),
  ),
  'mgdn-1': PaperTable(
    f'{_MGDN}, table 1',
    'mefb',
    ('ce', 'mef_ssim', 'qcb', 'viff'),
    {
      'mefb': """
SPD-MEF 3.2146 .9377 .4551 .7772
MEF-GAN 2.8222 .7722 .3844 .581
IFCNN 3.4098 .9431 .4112 .7016
PMGI 3.0084 .936 .4208 .8077
U2Fusion 2.9761 .9304 .4174 .8358
SwinFusion 2.8816 .9538 .4143 .7417
MGDN 2.3624 .9435 .4883 .8538
"""
    },
    {'mefb': '100 pairs of MEFB'},
    (
      'MGDN, table 1: what it calls SSIM is MEF-SSIM; the figures of five of '
      'its methods are those of MEFB.',
    ),
  ),
  'mgdn-2': PaperTable(
    f'{_MGDN}, table 2, Lytro',
    'mgdn',
    ('qabf', 'en', 'psnr', 'ssim'),
    {
      'lytro': """
SFMD .609 7.526 64.542 .841
DRPL .753 7.528 64.549 .891
IFCNN .725 7.531 64.645 .893
PMGI .386 7.273 62.292 .858
U2Fusion .609 7.345 62.234 .841
SwinFusion .642 7.487 63.726 .885
MGDN .740 7.533 64.835 .902
"""
    },
    {'lytro': '20 pairs of Lytro'},
    (
      'MGDN, table 2: with the published checkpoint qabf (grey) comes out to '
      'the printed digits, en within 0.004 and psnr within 0.014 of it; ssim '
      'does not (0.84 to 0.85 against 0.902).',
    ),
  ),
  'cscfuse-1': PaperTable(
    'CSCFuse (deep convolutional sparse coding), table 1',
    'cscfuse',
    ('en', 'mi', 'sd', 'sf', 'viff', 'ag', 'scd'),
    {
      'roadscene': """
DeepFuse 7.21 2.73 37.35 15.47 .50 4.80 1.72
DenseFuse 7.21 2.73 37.32 15.50 .50 4.82 1.72
DLF 6.99 2.78 32.58 14.52 .42 4.15 1.57
FEZL 6.91 2.78 31.16 14.16 .33 3.38 1.42
FusionGAN 7.02 2.68 34.38 11.51 .29 3.20 1.18
SDF 7.15 2.31 35.89 18.79 .50 5.57 1.50
TVAL 6.80 2.47 28.07 14.04 .33 3.52 1.40
CSC-IVFN 7.61 3.02 55.94 21.85 .70 6.92 1.80
""",
      'tno': """
DeepFuse 6.86 2.30 32.25 11.13 .58 3.60 1.80
DenseFuse 6.84 2.30 31.82 11.09 .57 3.60 1.80
DLF 6.38 2.15 22.94 9.80 .31 2.72 1.62
FEZL 6.63 2.23 28.05 9.46 .31 2.55 1.67
FusionGAN 6.58 2.34 29.04 8.76 .26 2.42 1.40
SDF 6.67 1.72 28.04 12.60 .46 3.98 1.68
TVAL 6.40 2.04 23.01 9.03 .28 2.52 1.60
CSC-IVFN 6.91 2.50 46.97 12.88 .62 4.22 1.70
""",
    },
    {'roadscene': '40 pairs of FLIR, as the paper calls it', 'tno': '40 pairs'},
    (
      'CSCFuse, table 1: with the published checkpoint en, mi, ag, scd and '
      'viff come out to the printed digits on all 40 pairs, all grey; sd and '
      'sf do not by any definition known here.',
    ),
  ),
  'fmm-1': PaperTable(
    f'{_FMM}, table 1',
    'mefb',
    ('ei', 'ce', 'sf', 'en', 'qabf', 'mef_ssim', 'sd', 'viff'),
    {
      'tno': """
RP 44.9054 1.3420 12.7249 6.5397 .4341 .8404 63.2427 .6420
Wavelet 24.6654 1.4278 6.2567 6.2454 .3214 .8598 52.2292 .2921
DTCWT 42.4889 1.6235 11.1296 6.4791 .5258 .9053 60.1138 .5986
CVT 42.9631 1.5894 11.1129 6.4989 .4936 .8963 60.4005 .5930
MSVD 27.6098 1.4202 8.5538 6.2807 .3328 .8652 52.9853 .3031
GTF 35.0073 1.1440 9.5022 6.5781 .4400 .8169 66.0773 .4071
DenseFuse 36.4838 1.4015 9.3238 6.8526 .4735 .8692 81.7283 .6875
DeepFuse 33.8768 1.7779 8.3500 6.6102 .3847 .9138 66.8872 .5752
IFCNN 44.9725 1.4413 11.8590 6.6454 .4962 .9129 73.7053 .6090
FusionGAN 32.5997 1.9353 8.0476 6.5409 .2682 .6135 61.6339 .4928
NestFuse 37.5627 1.4463 9.5383 6.8492 .4979 .8816 80.2687 .7018
U2Fusion 48.4915 1.3255 11.0368 6.7227 .3934 .9147 66.5035 .7680
FMM 45.5980 1.2941 11.5680 6.8435 .5581 .9164 93.0976 .7897
"""
    },
    {'tno': '10 pairs that the paper does not name'},
    (
      'FMM, table 1: MEFB is the one toolbox that has all its columns; what '
      'it calls MS_SSIM has the code of MEF-SSIM, its VIF is taken for viff.',
      _LI,
    ),
  ),
  'fmm-2': PaperTable(
    f'{_FMM}, table 2',
    'lt',
    ('sf', 'en', 'scd', 'mi', 'sd', 'vifp'),
    {
      'lytro': """
ASR 18.9739 7.5281 .4839 15.0561 115.8590 1.0422
CBF 18.5826 7.5278 .4771 15.0555 115.8917 1.0668
CSR 19.2245 7.5313 .5292 15.0625 117.1057 1.1273
DRPL 19.4398 7.5334 .5446 15.0667 117.3645 1.1389
RP_SP 19.4944 7.5389 .5645 15.0778 117.4334 1.1407
MGFF 17.3024 7.5685 .7480 15.1370 120.3308 1.2356
IFCNN(mean) 17.7762 7.5120 .5253 15.0241 115.3850 1.0541
IFCNN(max) 19.4004 7.5319 .5817 15.0639 117.3573 1.1339
IFCNN(sum) 18.9037 7.5334 .5649 15.0667 116.6219 1.0979
U2Fusion 17.2710 7.5290 .9874 15.0581 123.8306 1.2799
FMM 21.3001 7.5381 1.1038 15.0763 135.1799 1.4193
"""
    },
    {'lytro': '20 multi-focus pairs'},
    ('FMM, table 2: its EI is left out, since LT has none.', _LI),
  ),
  'fmm-3': PaperTable(
    f'{_FMM}, table 3',
    'lt',
    ('sf', 'en', 'qabf', 'scd', 'ms_ssim', 'mi', 'sd', 'vifp'),
    {
      'harvard': """
CBF 22.5670 5.7775 .5500 .8316 .8520 11.5550 61.6619 .8147
CVT 22.3262 6.0096 .5229 .7990 .8859 12.0191 58.5920 .8511
DTCWT 22.4307 5.8597 .5559 .8036 .8994 11.7194 58.8025 .8539
GTF 16.3053 5.2286 .4476 .4973 .7481 10.4572 50.7192 .4657
MSVD 19.9155 5.5083 .4206 .7683 .8704 11.0166 53.8837 .5566
IFCNN(max) 24.1949 5.6613 .5737 1.1406 .9329 11.3226 67.3829 .9767
IFCNN(mean) 22.6930 5.5177 .5466 .9077 .9197 11.0354 58.2606 .8062
IFCNN(sum) 22.9619 5.5036 .5416 .8822 .9165 11.0073 57.8363 .8070
U2Fusion 20.1861 5.4758 .4687 .7430 .8967 10.9516 54.0862 .7678
FMM 25.7036 6.0503 .6289 1.4161 .9231 12.1005 77.8152 1.1499
"""
    },
    {'harvard': '8 CT-MRI pairs that the paper does not name'},
    ('FMM, table 3: its EI is left out, since LT has none.', _LI),
  ),
}
