"""The input pipeline: from scenes to batches, by (seed, step) alone.

Every random number is a function of the seed and of the sample's position in
the endless sequence of samples. So step N gives the same batch whether the
run starts there or came by, and whatever the number of processes.
"""

import atexit
import contextlib
import functools
import importlib.util
import os
import weakref
from collections.abc import Generator, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from fusionjax.data import loader_numpy, wald
from fusionjax.data.crops import DRAWS, Reader
from fusionjax.data.sources import DEFAULTS, Source
from fusionjax.errors import InputError, unknown_name
from fusionjax.methods import registry

Batch = dict[str, Any]
LOADERS = ('auto', 'tensorflow', 'numpy')
_T = TypeVar('_T')
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
  mirrored left-right and up-down. Of a guided task a sample is a crop of the
  cube, which is reduced to make the first source, and of its guide.

  Args:
    source: training scenes.
    data: the config's `data` part: `batch_size` (global), `size` (height,
      width), `crop` (smallest and largest fraction of the height, and of the
      width), `resize` (whether crops have fractions of the sides, and not
      `size`), `flip`, `rotate`, `swap` (reverse the order of the sources of
      half of the samples), `sources`, `repeat` (whether a scene may have
      fewer), `singles`, `shuffle`, `loader` (what makes the batches, which
      are the same: 'tensorflow', 'numpy', or the first that is installed);
      `ratio` and `degrade` of cubes.
    task: a key of `registry.TASKS`.
    seed: any integer.
    start_step: number of batches that were used before.
    process_index: which part of each batch this process takes.
    process_count: number of processes.

  Returns:
    An iterator of {'sources': tuple of [b, h, w, 3] float32 in [0, 1],
    'index': [b] int32, and 'reference': [b, h, w, 3] where the source has
    one}; b is this process's part of the batch. Cubes have their bands in the
    place of the three channels.

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
  reader = Reader(source, options, task)
  where: dict[str, int] = {
    'start_step': start_step,
    'process_index': process_index,
    'process_count': process_count,
  }
  if _loader(options['loader']) == 'numpy':
    samples = loader_numpy.batches(reader, options, seed=_signed(seed), **where)
  else:
    samples = _from_tensorflow(
      reader, _dataset(reader, options, seed=seed, **where)
    )
  batches = _batches(reader, samples)
  if registry.get_task(task).guided:
    batches = _reduced(batches, options)
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
  if options['loader'] not in LOADERS:
    raise unknown_name('data.loader', options['loader'], LOADERS)
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
  height, width = options['size']
  if options['rotate'] and height != width:
    raise InputError(
      f'data.rotate is on, and data.size is {height}x{width}. Give a square.'
    )
  if registry.get_task(task).guided:
    ratio = int(options['ratio'])
    wald.check_degrade(ratio, options['degrade'])
    if height % ratio or width % ratio:
      raise InputError(
        f'data.size is {height}x{width}, no multiple of data.ratio {ratio}. '
        'Set it to one.'
      )
  if registry.get_task(task).depth and (
    int(options['ratio']) < 2 or options['resize']
  ):
    raise InputError(
      f'data.ratio is {options["ratio"]} and data.resize {options["resize"]}. '
      'Give a ratio of 2 or more, and switch resizing off: depth has edges.'
    )
  if registry.get_task(task).radiance and options['resize']:
    raise InputError(
      'data.resize is on, and radiance would be cut at 1. Switch it off.'
    )
  if options['swap'] and registry.get_task(task).ordered:
    raise InputError(
      f'data.swap is on, but the sources of {task} have an order: '
      f'{", ".join(registry.get_task(task).sources)}. Switch it off.'
    )


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
  reader: Reader,
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
    draws = draw(stream, position, count=reader.count, options=options)
    stack = tf.numpy_function(reader, [index, draws], tf.float32)
    stack.set_shape([None, None, sum(reader.channels)])
    stack = augment(stack, draws, options)
    stack = tf.ensure_shape(stack, [*size, sum(reader.channels)])
    images = tf.split(stack, reader.channels, axis=-1)
    return tuple(images), tf.cast(index, tf.int32)

  first = start_step * share
  dataset = tf.data.Dataset.range(first, np.iinfo(np.int64).max)
  dataset = dataset.map(
    tf.autograph.experimental.do_not_convert(sample),
    num_parallel_calls=tf.data.AUTOTUNE,
    deterministic=True,
  )
  dataset = dataset.batch(share, drop_remainder=True)
  return dataset.prefetch(2)


def draw(
  stream: Any, position: Any, *, count: int, options: Mapping[str, Any]
) -> Any:
  """Draws the random numbers of a sample: of all its pictures together.

  Args:
    stream: the seed, a 64-bit tensor.
    position: of the sample in the endless sequence, a 64-bit tensor.
    count: sources of a sample.
    options: the config's `data` part.

  Returns:
    Uniform numbers in [0, 1), as `Reader` and `augment` take them.
  """
  tf = tensorflow()
  numbers = DRAWS + count + bool(options['rotate'])
  seed = tf.stack([stream, position])
  return tf.random.stateless_uniform([numbers], seed, alg='philox')


def augment(stack: Any, draws: Any, options: Mapping[str, Any]) -> Any:
  """Resizes, mirrors and turns a crop, in a graph or eagerly.

  Args:
    stack: [h, w, c] float32 in [0, 1]: the channels of all pictures.
    draws: what `draw` gave.
    options: the config's `data` part: `size`, `resize`, `flip`, `rotate`.

  Returns:
    [size, c] where it is resized, else [h, w, c].
  """
  tf = tensorflow()
  if options['resize']:
    size = tuple(int(side) for side in options['size'])
    # Pillow's bicubic: a = -0.5, widened where it shrinks (antialias).
    stack = tf.image.resize(stack, size, 'bicubic', antialias=True)
    stack = tf.clip_by_value(stack, 0.0, 1.0)
  if options['flip']:
    # TensorFlow takes ten times as long for a slice with a negative step.
    for number, axis in ((4, 1), (5, 0)):
      mirrored = functools.partial(tf.reverse, stack, [axis])
      kept = functools.partial(tf.identity, stack)
      stack = tf.cond(draws[number] < 0.5, mirrored, kept)
  if options['rotate']:
    turns = tf.cast(draws[-1] * 4.0, tf.int32)
    stack = tf.image.rot90(stack, turns)
  return stack


def _signed(seed: int) -> int:
  """The low 64 bits of any integer as a signed number."""
  return (seed + (1 << 63)) % (1 << 64) - (1 << 63)


def _loader(name: str) -> str:
  """The loader of a name; 'auto' is TensorFlow where it is installed."""
  there = importlib.util.find_spec('tensorflow') is not None
  if name == 'auto':
    return 'tensorflow' if there else 'numpy'
  if name == 'tensorflow' and not there:
    raise InputError(
      'data.loader is tensorflow, which is not installed: pip install '
      'tensorflow-cpu. Or leave it at auto: numpy gives the same batches.'
    )
  return name


def _from_tensorflow(reader: Reader, dataset: Any) -> Generator:
  tf = tensorflow()
  rows = dataset.as_numpy_iterator()
  while True:
    try:
      yield next(rows)
    except tf.errors.OpError:
      if reader.error:
        raise reader.error from None
      raise


def _batches(
  reader: Reader, samples: Generator
) -> Generator[Batch, None, None]:
  """Names the parts of what a loader yields."""
  with contextlib.closing(samples):
    for images, index in samples:
      batch: Batch = {'sources': images[: reader.count], 'index': index}
      if reader.referenced:
        batch['reference'] = images[-1]
      yield batch


def _reduced(
  batches: Iterator[Batch], options: Mapping[str, Any]
) -> Generator[Batch, None, None]:
  """Puts before the guide what is made of the reference: a reduced cube."""
  for batch in batches:
    cube = wald.degrade(
      batch['reference'], ratio=int(options['ratio']), how=options['degrade']
    )
    yield {**batch, 'sources': (cube, *batch['sources'])}
