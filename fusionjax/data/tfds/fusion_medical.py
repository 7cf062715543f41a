"""TFDS builder of medical fusion."""

from typing import Any

from fusionjax.data import catalogue
from fusionjax.data.tfds import builder, encoding


class FusionMedical(builder.FusionBuilder):
  """CT, PET or SPECT beside MRI."""

  BUILDER_CONFIGS = builder.configs('medical')
  MANUAL_DOWNLOAD_INSTRUCTIONS = builder.instructions('medical')

  def _features(self, card: catalogue.Card) -> dict[str, Any]:
    channels = encoding.channels_of(card, 'functional')
    return {
      'functional': builder.picture(card.dtype, channels=channels),
      'anatomical': builder.picture(card.dtype, channels=channels),
    }
