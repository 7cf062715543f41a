"""TFDS builder of multi-focus fusion."""

from typing import Any

import tensorflow_datasets as tfds

from fusionjax.data import catalogue
from fusionjax.data.tfds import builder


class FusionMff(builder.FusionBuilder):
  """Pictures of a scene in focus at several distances."""

  BUILDER_CONFIGS = builder.configs('mff')
  MANUAL_DOWNLOAD_INSTRUCTIONS = builder.instructions('mff')

  def _features(self, card: catalogue.Card) -> dict[str, Any]:
    features = {'sources': tfds.features.Sequence(builder.picture(card.dtype))}
    if card.reference:
      features['reference'] = builder.picture(card.dtype)
    return features
