"""TFDS builder of multi-exposure fusion."""

from typing import Any

import tensorflow_datasets as tfds

from fusionjax.data import catalogue
from fusionjax.data.tfds import builder


class FusionMef(builder.FusionBuilder):
  """Stacks of exposures, some with a reference; in EV where it is known."""

  BUILDER_CONFIGS = builder.configs('mef')
  MANUAL_DOWNLOAD_INSTRUCTIONS = builder.instructions('mef')

  def _features(self, card: catalogue.Card) -> dict[str, Any]:
    features = {
      'exposures': tfds.features.Sequence(builder.picture(card.dtype)),
      'exposure_values': builder.exposure_values(),
    }
    if card.reference:
      features['reference'] = builder.picture(card.dtype)
    return features
