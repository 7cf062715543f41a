"""The input pipeline without TensorFlow: threads and NumPy.

The samples are those of the tf.data pipeline, bit for bit: the same random
numbers, the same order, the same sums when resizing.
"""

import collections
import concurrent.futures
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np

from fusionjax.data import bicubic, draws, processors
from fusionjax.data.crops import DRAWS, Reader

# Batches that are being made ahead of the one that is asked for.
_AHEAD = 2


def batches(
  reader: Reader,
  options: Mapping[str, Any],
  *,
  seed: int,
  start_step: int,
  process_index: int,
  process_count: int,
) -> Generator[tuple[tuple[np.ndarray, ...], np.ndarray], None, None]:
  """Yields batches for ever, made by as many threads as there are cores.

  Args:
    reader: what picks and crops.
    options: the config's `data` part; every key of `sources.DEFAULTS`.
    seed: any integer of 64 bits.
    start_step: number of batches that were used before.
    process_index: which part of each batch this process takes.
    process_count: number of processes.

  Yields:
    Images of the samples, [b, h, w, c] for each of the reader's channels, and
    the indices of their scenes, [b] int32.

  Raises:
    errors.InputError: if a scene cannot be read.
  """
  total = int(options['batch_size'])
  share = total // process_count
  workers = concurrent.futures.ThreadPoolExecutor(processors.count())
  waiting: collections.deque[list[concurrent.futures.Future]] = (
    collections.deque()
  )
  step = start_step
  try:
    while True:
      while len(waiting) <= _AHEAD:
        first = step * total + process_index * share
        waiting.append(
          [
            workers.submit(_sample, reader, options, seed, first + row)
            for row in range(share)
          ]
        )
        step += 1
      samples = [future.result() for future in waiting.popleft()]
      stacks = np.stack([stack for stack, _ in samples])
      cuts = np.cumsum(reader.channels)[:-1]
      images = tuple(
        np.ascontiguousarray(part) for part in np.split(stacks, cuts, axis=-1)
      )
      yield images, np.array([index for _, index in samples], np.int32)
  finally:
    workers.shutdown(wait=True, cancel_futures=True)


def _sample(
  reader: Reader, options: Mapping[str, Any], seed: int, position: int
) -> tuple[np.ndarray, int]:
  """Makes the sample of a position: [h, w, channels], and its scene."""
  epoch, index = divmod(position, reader.length)
  if options['shuffle']:
    index = draws.shuffled(
      index, stream=seed, epoch=epoch, length=reader.length
    )
  count = DRAWS + reader.count + bool(options['rotate'])
  drawn = draws.uniform(seed, position, count)
  stack = reader(np.asarray(index), drawn)
  if options['resize']:
    height, width = options['size']
    stack = bicubic.resize(stack, (int(height), int(width)))
    stack = np.clip(stack, np.float32(0), np.float32(1))
  if options['flip']:
    stack = stack[:, ::-1] if drawn[4] < 0.5 else stack
    stack = stack[::-1] if drawn[5] < 0.5 else stack
  if options['rotate']:
    stack = np.rot90(stack, int(drawn[-1] * np.float32(4)))
  return stack, index
