"""Builders of TensorFlow Datasets for the data sets of the papers.

  import fusionjax.data.tfds  # Registers them.
  import tensorflow_datasets as tfds

  builder = tfds.builder('fusion_mef/sice')

`fusionjax datasets` says where each is offered and prepares it. The facts lie
in `fusionjax.data.catalogue`, which needs no TensorFlow.
"""

from fusionjax.data.tfds.fusion_gdsr import FusionGdsr
from fusionjax.data.tfds.fusion_hdr import FusionHdr
from fusionjax.data.tfds.fusion_ivf import FusionIvf
from fusionjax.data.tfds.fusion_medical import FusionMedical
from fusionjax.data.tfds.fusion_mef import FusionMef
from fusionjax.data.tfds.fusion_mff import FusionMff
from fusionjax.data.tfds.fusion_msf import FusionMsf

BUILDERS = {
  builder.name: builder
  for builder in (
    *(FusionMef, FusionMff, FusionIvf, FusionMedical),
    *(FusionHdr, FusionGdsr, FusionMsf),
  )
}
__all__ = ['BUILDERS', *(builder.__name__ for builder in BUILDERS.values())]
