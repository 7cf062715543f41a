"""TFDS builder of guided depth super-resolution."""

from typing import Any

from fusionjax.data import catalogue
from fusionjax.data.tfds import builder


class FusionGdsr(builder.FusionBuilder):
  """Pictures beside depths, in the unit of their files (NYU v2: metres)."""

  BUILDER_CONFIGS = builder.configs('gdsr')
  MANUAL_DOWNLOAD_INSTRUCTIONS = builder.instructions('gdsr')

  def _features(self, card: catalogue.Card) -> dict[str, Any]:
    return {
      'colour': builder.picture(),
      'depth': builder.array(card.dtype, axes=2),
    }
