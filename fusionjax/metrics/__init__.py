"""Quality metrics of image fusion, as the published toolboxes define them.

`evaluate` scores a picture; `METRICS` is the table of what there is, and
`describe` prints it. The metrics are pure functions of planes [h, w] in
0..255. Called with arrays they check them and compute in float64; inside
`jit`, `vmap` or `grad` they work in the precision of their input.
"""

from fusionjax.metrics import (
  chen_blum,
  chen_varshney,
  correlation,
  csc_ssim,
  depth,
  edges,
  feature_information,
  fidelity,
  gradient,
  hdr,
  information,
  natural_brisque,
  natural_niqe,
  natural_piqe,
  piella,
  structure,
  visual_information,
  yang_cvejic,
  zhao,
)
from fusionjax.metrics.evaluator import evaluate, score
from fusionjax.metrics.metric import Metric, Variant
from fusionjax.metrics.public import public
from fusionjax.metrics.registry import METRICS, describe
from fusionjax.metrics.toolboxes import TOOLBOXES, Toolbox

ag = public(gradient.ag)
brisque = public(natural_brisque.brisque)
cc = public(correlation.cc)
ce = public(information.ce)
depth_rmse = public(depth.depth_rmse)
ei = public(gradient.ei)
en = public(information.en)
fmi = public(feature_information.fmi)
mef_ssim = public(structure.mef_ssim)
mef_ssim_csc = public(csc_ssim.mef_ssim_csc)
mi = public(information.mi)
mse = public(fidelity.mse)
nabf = public(edges.nabf)
niqe = public(natural_niqe.niqe)
nmi = public(information.nmi)
piqe = public(natural_piqe.piqe)
psnr = public(fidelity.psnr)
psnr_l = public(hdr.psnr_l)
psnr_mu = public(hdr.psnr_mu)
qabf = public(edges.qabf)
qc = public(yang_cvejic.qc)
qcb = public(chen_blum.qcb)
qcv = public(chen_varshney.qcv)
qe = public(piella.qe)
qncie = public(information.qncie)
qp = public(zhao.qp)
qs = public(piella.qs)
qw = public(piella.qw)
qy = public(yang_cvejic.qy)
rmse = public(fidelity.rmse)
scd = public(correlation.scd)
sd = public(gradient.sd)
sf = public(gradient.sf)
ssim = public(structure.ssim)
ssim_l = public(hdr.ssim_l)
ssim_mu = public(hdr.ssim_mu)
te = public(information.te)
viff = public(visual_information.viff)
vifp = public(visual_information.vifp)

__all__ = [
  'METRICS',
  'TOOLBOXES',
  'Metric',
  'Toolbox',
  'Variant',
  'ag',
  'brisque',
  'cc',
  'ce',
  'depth_rmse',
  'describe',
  'ei',
  'en',
  'evaluate',
  'fmi',
  'mef_ssim',
  'mef_ssim_csc',
  'mi',
  'mse',
  'nabf',
  'niqe',
  'nmi',
  'piqe',
  'psnr',
  'psnr_l',
  'psnr_mu',
  'qabf',
  'qc',
  'qcb',
  'qcv',
  'qe',
  'qncie',
  'qp',
  'qs',
  'qw',
  'qy',
  'rmse',
  'scd',
  'score',
  'sd',
  'sf',
  'ssim',
  'ssim_l',
  'ssim_mu',
  'te',
  'viff',
  'vifp',
]
