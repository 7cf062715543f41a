"""The input pipeline: from scenes to batches, by (seed, step) alone.

Every random number is a function of the seed and of the sample's position in
the endless sequence of samples. So step N gives the same batch whether the
run starts there or came by, and whatever the number of processes.
"""

import atexit
import contextlib
import os
import weakref
from collections.abc import Generator, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from fusionjax.data.sources import DEFAULTS, Source
from fusionjax.errors import InputError
from fusionjax.methods import registry

Batch = dict[str, Any]
_T = TypeVar('_T')
# Random numbers per sample before those that pick its sources.
_DRAWS = 7
# Iterators in use. TensorFlow's threads call back into Python: at exit they
# must have ended before the interpreter does, or both wait for ever.
_OPEN: weakref.WeakSet[Generator[Batch, None, None]] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
  for batches in list(_OPEN):
    batches.close()


def train_batches(
  source: Source,
  data: Mapping[str, Any],
  *,
  task: str,
  seed: int,
  start_step: int = 0,
  process_index: int = 0,
  process_count: int = 1,
) -> Iterator[Batch]:
  """Yields training batches for ever, from `start_step` on.

  A sample is `sources` images of a scene (of an unordered task: drawn out of
  its stack, kept in the stack's order, which for exposures is dark to
  bright), one crop of random height and width for all of them, resized, and
  mirrored left-right and up-down.

  Args:
    source: training scenes.
    data: the config's `data` part: `batch_size` (global), `size` (height,
      width), `crop` (smallest and largest fraction of the height, and of the
      width), `flip`, `swap` (reverse the order of the sources of half of the
      samples), `sources`, `shuffle`.
    task: a key of `registry.TASKS`.
    seed: any integer.
    start_step: number of batches that were used before.
    process_index: which part of each batch this process takes.
    process_count: number of processes.

  Returns:
    An iterator of {'sources': tuple of [b, h, w, 3] float32 in [0, 1],
    'index': [b] int32, and 'reference': [b, h, w, 3] where the source has
    one}; b is this process's part of the batch.

  Raises:
    InputError: if the options do not fit, there are no scenes, or, while
      iterating, a scene cannot be read.
  """
  options = {**DEFAULTS, **data}
  check_options(options, task=task, process_count=process_count)
  if len(source) == 0:
    raise InputError(
      f'Fewer scenes than needed: {source.name} has none to train on.'
    )
  reader = _Reader(source, options, task)
  dataset = _dataset(
    reader,
    options,
    seed=seed,
    start_step=start_step,
    process_index=process_index,
    process_count=process_count,
  )
  batches = _batches(reader, dataset)
  _OPEN.add(batches)
  return batches


def check_options(
  data: Mapping[str, Any], *, task: str, process_count: int = 1
) -> None:
  """Checks the options of `train_batches`.

  Args:
    data: the config's `data` part.
    task: a key of `registry.TASKS`.
    process_count: number of processes.

  Raises:
    InputError: if one is out of range.
  """
  options = {**DEFAULTS, **data}
  batch_size = int(options['batch_size'])
  if batch_size < 1 or batch_size % process_count:
    raise InputError(
      f'data.batch_size {batch_size} is not divisible by {process_count} '
      f'process{"es" if process_count > 1 else ""}. Set it to a multiple, 1 '
      'or more.'
    )
  low, high = options['crop']
  if not 0 < low <= high <= 1:
    raise InputError(
      f'data.crop is ({low}, {high}). Give two fractions of the image, '
      '0 < smallest <= largest <= 1.'
    )
  if len(options['size']) != 2 or min(options['size']) < 1:
    raise InputError(
      f'data.size is {tuple(options["size"])}. Give (height, width).'
    )
  if options['swap'] and registry.get_task(task).ordered:
    raise InputError(
      f'data.swap is on, but the sources of {task} have an order: '
      f'{", ".join(registry.get_task(task).sources)}. Switch it off.'
    )


class _Reader:
  """Reads a scene, picks sources and crops them: plain NumPy."""

  def __init__(self, source: Source, options: Mapping[str, Any], task: str):
    self._read = getattr(source, 'read_raw', source.read)
    self._ordered = registry.get_task(task).ordered
    self._name = source.name
    self.length = len(source)
    low, high = options['crop']
    self._crop = (float(low), float(high))
    self._swap = bool(options['swap'])
    self.count = int(options['sources'])
    self.referenced = self._read(0).reference is not None
    # TensorFlow passes on the text of an exception; the iterator raises the
    # exception itself.
    self.error: InputError | None = None

  def __call__(self, index: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Returns [k, crop_h, crop_w, 3] float32, the reference last."""
    try:
      return self._sample(int(index), draws)
    except InputError as error:
      self.error = error
      raise

  def _sample(self, index: int, draws: np.ndarray) -> np.ndarray:
    example = self._read(index)
    if len(example.sources) < self.count:
      raise InputError(
        f'Scene {example.name} of {self._name} has {len(example.sources)} '
        f'sources, and data.sources is {self.count}. Lower it.'
      )
    picks = list(range(self.count))
    if not self._ordered:
      picks = pick_sources(len(example.sources), draws[_DRAWS:])
      if self._swap and draws[6] < 0.5:
        picks.reverse()
    arrays = [example.sources[pick] for pick in picks]
    if self.referenced:
      if example.reference is None:
        raise InputError(
          f'Scene {example.name} of {self._name} has no reference, unlike '
          'others. Add it, or take the scene out.'
        )
      arrays.append(example.reference)
    height, width = arrays[0].shape[:2]
    top, left, box_h, box_w = crop_box(height, width, draws, crop=self._crop)
    box = (slice(top, top + box_h), slice(left, left + box_w))
    cut = type(example)(example.name, tuple(a[box] for a in arrays))
    return np.stack(cut.to_unit().sources)


def pick_sources(available: int, draws: np.ndarray) -> list[int]:
  """Picks as many distinct sources as there are random numbers.

  Args:
    available: number of sources of the scene.
    draws: [k] uniform random numbers in [0, 1), k <= available.

  Returns:
    k distinct indices in increasing order, every subset equally likely.
  """
  left = list(range(available))
  return sorted(left.pop(int(draw * len(left))) for draw in draws)


def crop_box(
  height: int, width: int, draws: np.ndarray, *, crop: tuple[float, float]
) -> tuple[int, int, int, int]:
  """Places a random crop; it never leaves the image.

  Args:
    height: of the image, in pixels.
    width: of the image, in pixels.
    draws: uniform random numbers in [0, 1): fraction of the height, of the
      width, place from the top, from the left.
    crop: smallest and largest fraction.

  Returns:
    (top, left, height, width) in pixels.
  """
  # The published code draws the height of its box from the image's width and
  # the other way round, so that boxes of upright images leave the image.
  # Here each side is a fraction of its own side.
  low, high = crop
  box_h = max(1, round((low + (high - low) * float(draws[0])) * height))
  box_w = max(1, round((low + (high - low) * float(draws[1])) * width))
  top = int(float(draws[2]) * (height - box_h + 1))
  left = int(float(draws[3]) * (width - box_w + 1))
  return top, left, box_h, box_w


def tensorflow() -> Any:
  """Imports TensorFlow and keeps it off the accelerators, which JAX needs."""
  # Another rounding on other processors would be another sample; nothing here
  # gains from oneDNN. And TensorFlow's start-up notes are not the user's.
  os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '0')
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
  import tensorflow as tf

  for kind in ('GPU', 'TPU'):
    if tf.config.get_visible_devices(kind):
      # Once TensorFlow runs, whoever started it has chosen its devices.
      with contextlib.suppress(RuntimeError):
        tf.config.set_visible_devices([], kind)
  return tf


def _dataset(
  reader: _Reader,
  options: Mapping[str, Any],
  *,
  seed: int,
  start_step: int,
  process_index: int,
  process_count: int,
) -> Any:
  """The tf.data graph of (sources, index)."""
  tf = tensorflow()
  total = int(options['batch_size'])
  share = total // process_count
  length = reader.length
  size = tuple(int(side) for side in options['size'])
  stream = tf.constant(_signed(seed), tf.int64)

  def position_of(count: Any) -> Any:
    # Rows process_index * share and following of every global batch.
    step, row = count // share, count % share
    return step * total + process_index * share + row

  def index_of(position: Any) -> Any:
    epoch, place = position // length, position % length
    if not options['shuffle']:
      return place
    # A permutation of 0..length-1 for each epoch, computed place by place.
    key = tf.stack([stream, epoch])
    return tf.random.experimental.index_shuffle(place, key, length - 1)

  def sample(count: Any) -> Any:
    position = position_of(count)
    index = index_of(position)
    draws = tf.random.stateless_uniform(
      [_DRAWS + reader.count],
      tf.stack([stream, position]),
      alg='philox',
    )
    stack = tf.numpy_function(reader, [index, draws], tf.float32)
    stack.set_shape([None, None, None, 3])
    # Pillow's bicubic: a = -0.5, widened where it shrinks (antialias).
    stack = tf.image.resize(stack, size, 'bicubic', antialias=True)
    stack = tf.clip_by_value(stack, 0.0, 1.0)
    if options['flip']:
      stack = tf.where(draws[4] < 0.5, stack[:, :, ::-1], stack)
      stack = tf.where(draws[5] < 0.5, stack[:, ::-1], stack)
    count_all = reader.count + reader.referenced
    stack = tf.ensure_shape(stack, [count_all, *size, 3])
    return tuple(tf.unstack(stack)), tf.cast(index, tf.int32)

  first = start_step * share
  dataset = tf.data.Dataset.range(first, np.iinfo(np.int64).max)
  dataset = dataset.map(
    tf.autograph.experimental.do_not_convert(sample),
    num_parallel_calls=tf.data.AUTOTUNE,
    deterministic=True,
  )
  dataset = dataset.batch(share, drop_remainder=True)
  return dataset.prefetch(2)


def _signed(seed: int) -> int:
  """The low 64 bits of any integer as a signed number."""
  return (seed + (1 << 63)) % (1 << 64) - (1 << 63)


def _batches(reader: _Reader, dataset: Any) -> Generator[Batch, None, None]:
  tf = tensorflow()
  rows = dataset.as_numpy_iterator()
  while True:
    try:
      images, index = next(rows)
    except tf.errors.OpError:
      if reader.error:
        raise reader.error from None
      raise
    batch: Batch = {'sources': images[: reader.count], 'index': index}
    if reader.referenced:
      batch['reference'] = images[-1]
    yield batch
