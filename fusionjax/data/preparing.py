"""Writes a published data set as TensorFlow Datasets stores it."""

import contextlib
import io
import sys
from pathlib import Path
from typing import Any

from fusionjax.data import locations, pipeline, prepared
from fusionjax.data.catalogue import Card, locate
from fusionjax.errors import InputError


def manual_folder(data_dir: str = '') -> Path:
  """Where TFDS looks for files that were fetched by hand."""
  return locations.data_folder(data_dir) / 'downloads' / 'manual'


def prepare(
  card: Card,
  *,
  manual_dir: str = '',
  data_dir: str = '',
  overwrite: bool = False,
) -> prepared.Prepared:
  """Prepares a data set; no network is touched.

  Args:
    card: the data set.
    manual_dir: the folder of its files, or one with such a folder in it; by
      default where TFDS looks.
    data_dir: where prepared sets lie, see `locations.data_folder`.
    overwrite: whether a set that is prepared is written again.

  Returns:
    The prepared set.

  Raises:
    InputError: if it is prepared already, its files are missing or damaged.
  """
  found = locations.prepared_folder(card, data_dir)
  if found and not overwrite:
    raise InputError(
      f'{card.full_name} is prepared already, in {found}. To write it again'
      ' give --overwrite.'
    )
  manual = Path(manual_dir).expanduser() if manual_dir else None
  manual = manual or manual_folder(data_dir)
  if not manual.is_dir():
    raise InputError(
      f'There is no folder {manual}. Get the files and give theirs as'
      f' --manual-dir.\n{card.instructions()}'
    )
  # Before TensorFlow is loaded: wrong folders are common.
  _look(card, manual)
  locations.require_tfds()
  pipeline.tensorflow()
  import tensorflow_datasets as tfds

  from fusionjax.data import tfds as ours
  from fusionjax.data.tfds import builder as ours_builder

  if not sys.stderr.isatty():
    tfds.disable_progress_bar()
  builder = ours.BUILDERS[card.builder](
    config=card.name, data_dir=str(locations.data_folder(data_dir))
  )
  mode = tfds.download.GenerateMode
  config = tfds.download.DownloadConfig(
    manual_dir=str(manual),
    compute_stats=tfds.download.ComputeStatsMode.SKIP,
    download_mode=(
      mode.REUSE_CACHE_IF_EXISTS if overwrite else mode.REUSE_DATASET_IF_EXISTS
    ),
    try_download_gcs=False,
    beam_options=_threads() if ours_builder.uses_beam(card) else None,
  )
  # TFDS speaks of downloads, of which there are none.
  with contextlib.redirect_stdout(io.StringIO()):
    builder.download_and_prepare(download_config=config)
  return prepared.Prepared(card.full_name, data_dir=data_dir)


def _threads() -> Any:
  """Options of Beam's own runner: a thread per core of this machine."""
  from apache_beam.options.pipeline_options import PipelineOptions

  return PipelineOptions(
    ['--direct_num_workers=0', '--direct_running_mode=multi_threading']
  )


def _look(card: Card, manual: Path) -> None:
  try:
    card.find(locate(card, manual))
  except InputError as error:
    raise InputError(f'{error}\n{card.instructions()}') from error
