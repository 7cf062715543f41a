"""What the builders share: from the files of a set to examples."""

import functools
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from fusionjax.data import catalogue
from fusionjax.data.catalogue import loading
from fusionjax.data.scenes import Scene
from fusionjax.data.tfds import encoding
from fusionjax.errors import InputError

# Key of the metadata that name the scenes of each split, in their order.
SCENES = 'scenes'
_VERSION = '1.0.0'


# mypy knows nothing of TFDS.
class FusionBuilder(  # type: ignore[call-arg]
  tfds.core.GeneratorBasedBuilder, skip_registration=True
):
  """A builder of the data sets of one task, a config each.

  Files come from `manual_dir`; nothing is downloaded. Examples lie in the
  order of the scenes' names, and the metadata name them, so that a source can
  read any of them, and hold some out, without reading all.
  """

  VERSION = tfds.core.Version(_VERSION)
  RELEASE_NOTES: ClassVar[dict[str, str]] = {_VERSION: 'First release.'}

  @property
  def card(self) -> catalogue.Card:
    """The facts about the data set of this config."""
    return catalogue.get_card(f'{self.name}/{self.builder_config.name}')

  def _features(self, card: catalogue.Card) -> dict[str, Any]:
    """The features beside name and group."""
    raise NotImplementedError

  def _info(self) -> tfds.core.DatasetInfo:
    card = self.card
    features = {
      'name': tfds.features.Text(doc='name of the scene'),
      'group': tfds.features.Text(doc='near siblings share it'),
      **self._features(card),
    }
    return tfds.core.DatasetInfo(
      builder=self,
      description=_description(card),
      features=tfds.features.FeaturesDict(features),
      homepage=card.homepage,
      citation=card.citation,
      license=card.licence,
      # In the order of the names: a source finds an example by its place.
      disable_shuffling=True,
      metadata=tfds.core.MetadataDict(),
    )

  def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
    card = self.card
    folder = catalogue.locate(card, Path(dl_manager.manual_dir))
    try:
      listing = card.find(folder)
    except InputError as error:
      raise InputError(f'{error}\n{card.instructions()}') from error
    by_split: dict[str, list[Scene]] = {}
    for scene in listing.scenes:
      by_split.setdefault(scene.split, []).append(scene)
    self.info.metadata[SCENES] = {
      split: [[scene.name, scene.group] for scene in scenes]
      for split, scenes in by_split.items()
    }
    return {
      split: self._generate_examples(scenes)
      for split, scenes in by_split.items()
    }

  def _generate_examples(self, scenes: Iterable[Scene]) -> Any:
    """Reads scenes: large sets in parallel, where Beam is installed."""
    card = self.card
    make = functools.partial(example, card.full_name)
    numbered = list(enumerate(scenes))
    if uses_beam(card):
      beam = tfds.core.lazy_imports.apache_beam
      return beam.Create(numbered) | beam.Map(make)
    return map(make, numbered)


def uses_beam(card: catalogue.Card) -> bool:
  """Whether a set is prepared by Apache Beam: a large one, if it is there."""
  return card.large and bool(importlib.util.find_spec('apache_beam'))


def example(name: str, numbered: tuple[int, Scene]) -> tuple[int, Any]:
  """Reads a scene and encodes its pictures.

  Args:
    name: of the data set.
    numbered: the scene, and its place in the split.

  Returns:
    The place, which is the key, and the example.

  Raises:
    InputError: if a file is damaged, or is not of the dtype of the set.
  """
  number, scene = numbered
  card = catalogue.get_card(name)
  fields = loading.load(card, scene)
  encoded = {
    key: encoding.encode(value, card, field=key)
    for key, value in fields.items()
  }
  return number, {'name': scene.name, 'group': scene.group, **encoded}


def configs(task: str) -> list[tfds.core.BuilderConfig]:
  """A config per data set of a task."""
  return [
    tfds.core.BuilderConfig(name=card.name, description=card.title)
    for card in catalogue.cards_of(task)
  ]


def instructions(task: str) -> str:
  """What `MANUAL_DOWNLOAD_INSTRUCTIONS` says for a task."""
  return '\n\n'.join(card.instructions() for card in catalogue.cards_of(task))


def picture(dtype: str = 'uint8', *, channels: int = 3) -> Any:
  """The feature of a picture of any size."""
  return tfds.features.Image(
    shape=(None, None, channels),
    dtype=np.dtype(dtype).type,
    # Of what is no file that TensorFlow decodes.
    encoding_format='png' if dtype == 'uint16' else None,
  )


def exposure_values() -> Any:
  """The feature of exposures in EV: none where they are unknown."""
  return tfds.features.Sequence(tfds.features.Scalar(np.float32))


def array(dtype: str, *, axes: int) -> Any:
  """The feature of measured values, compressed without loss.

  Args:
    dtype: its dtype.
    axes: 2, or 3 with any number of channels.
  """
  return tfds.features.Tensor(
    shape=(None,) * axes, dtype=np.dtype(dtype).type, encoding='zlib'
  )


def _description(card: catalogue.Card) -> str:
  lines = [f'{card.title}.', f'Sizes: {card.size}.', f'Splits: {card.splits}.']
  lines += [f'Beware: {leak}.' for leak in card.leaks]
  if card.unverified:
    lines.append(f'Not verified: {card.unverified}.')
  return '\n'.join(lines)
