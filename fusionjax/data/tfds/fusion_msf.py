"""TFDS builder of multi-spectral fusion."""

from typing import Any

from fusionjax.data import catalogue
from fusionjax.data.tfds import builder


class FusionMsf(builder.FusionBuilder):
  """Cubes of many bands, and the finer picture where one was taken."""

  BUILDER_CONFIGS = builder.configs('msf')
  MANUAL_DOWNLOAD_INSTRUCTIONS = builder.instructions('msf')

  def _features(self, card: catalogue.Card) -> dict[str, Any]:
    features = {'cube': builder.array(card.dtype, axes=3)}
    if card.bands[1]:
      features['guide'] = builder.array(card.dtype, axes=3)
    return features
