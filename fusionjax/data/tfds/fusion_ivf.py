"""TFDS builder of infrared-visible fusion."""

from typing import Any

from fusionjax.data import catalogue
from fusionjax.data.tfds import builder


class FusionIvf(builder.FusionBuilder):
  """Infrared pictures beside visible ones."""

  BUILDER_CONFIGS = builder.configs('ivf')
  MANUAL_DOWNLOAD_INSTRUCTIONS = builder.instructions('ivf')

  def _features(self, card: catalogue.Card) -> dict[str, Any]:
    return {
      'infrared': builder.picture(card.dtype),
      'visible': builder.picture(card.dtype),
    }
