"""TFDS builder of HDR deghosting."""

from typing import Any

import tensorflow_datasets as tfds

from fusionjax.data import catalogue
from fusionjax.data.tfds import builder


class FusionHdr(builder.FusionBuilder):
  """Three exposures between which things moved, and the radiance."""

  BUILDER_CONFIGS = builder.configs('hdr')
  MANUAL_DOWNLOAD_INSTRUCTIONS = builder.instructions('hdr')

  def _features(self, card: catalogue.Card) -> dict[str, Any]:
    return {
      'exposures': tfds.features.Sequence(builder.picture(card.dtype)),
      'exposure_values': builder.exposure_values(),
      'radiance': builder.array('float32', axes=3),
    }
