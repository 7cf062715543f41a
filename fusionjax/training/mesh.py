"""One mesh for every machine: axes ('data', 'space') over the devices.

The batch is split over 'data'; the rows of its pictures over 'space'.
Parameters are replicated, or the large ones split over 'data'. XLA inserts
what the devices must exchange, so the same step runs on one CPU and on many
hosts.
"""

import collections
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from fusionjax import errors


def make_mesh(
  batch_size: int,
  *,
  data: int = -1,
  space: int = 1,
  devices: Sequence[jax.Device] | None = None,
) -> Mesh:
  """Makes the mesh that a training runs on.

  In one process, devices that cannot share the batch evenly are left out:
  a batch of 2 on 8 devices runs on 2. Several hosts must all take part, so
  there a batch that does not fit is an error.

  Args:
    batch_size: samples in the global batch.
    data: devices along the batch; -1 for as many as fit.
    space: devices along the rows of a picture.
    devices: the devices to use; all by default.

  Returns:
    A mesh with axes ('data', 'space').

  Raises:
    errors.InputError: if the devices, the axes and the batch do not fit.
  """
  devices = list(jax.devices() if devices is None else devices)
  if space < 1 or len(devices) % space:
    raise errors.InputError(
      f'mesh.space is {space} and there are {len(devices)} devices. Choose a '
      'divisor of the number of devices, such as 1.'
    )
  if jax.process_count() > 1:
    data = _data_axis_of_hosts(batch_size, data, space, len(devices))
  elif data == -1:
    most = min(len(devices) // space, batch_size)
    data = next(n for n in range(most, 0, -1) if batch_size % n == 0)
  elif data < 1 or batch_size % data or data * space > len(devices):
    raise errors.InputError(
      f'mesh.data is {data} (with mesh.space {space}), the batch has '
      f'{batch_size} samples and there are {len(devices)} devices. Choose a '
      'divisor of the batch that the devices can hold, or -1.'
    )
  return jax.make_mesh(
    (data, space),
    ('data', 'space'),
    axis_types=(AxisType.Auto,) * 2,
    devices=devices[: data * space],
  )


def _data_axis_of_hosts(
  batch_size: int, data: int, space: int, devices: int
) -> int:
  """Checks that every device of every host gets its share of the batch."""
  if jax.local_device_count() % space:
    raise errors.InputError(
      f'mesh.space is {space} and a host has {jax.local_device_count()} '
      'devices: a picture must stay on one host. Choose a divisor.'
    )
  expected = devices // space
  if data not in (-1, expected) or batch_size % expected:
    raise errors.InputError(
      f'data.batch_size {batch_size} over {jax.process_count()} hosts with '
      f'{devices} devices needs mesh.data {expected} (or -1) and a batch that '
      f'{expected} divides. Set data.batch_size to a multiple of {expected}.'
    )
  return expected


def replicated(mesh: Mesh) -> NamedSharding:
  """Sharding of what every device holds whole, such as parameters."""
  return NamedSharding(mesh, PartitionSpec())


def state_sharding(
  mesh: Mesh, leaf: jax.ShapeDtypeStruct, *, at_least: int = 0
) -> NamedSharding:
  """Sharding of one array of the training state.

  Args:
    mesh: the mesh of the training.
    leaf: shape and dtype of the array.
    at_least: arrays of so many bytes and more are split; 0 splits none.

  Returns:
    Replicated; or the longest axis that divides evenly over 'data'.
  """
  size, count = leaf.size * leaf.dtype.itemsize, mesh.shape['data']
  axes = [n for n, side in enumerate(leaf.shape) if side and side % count == 0]
  if not at_least or size < at_least or not axes or count == 1:
    return replicated(mesh)
  axis = max(axes, key=lambda n: leaf.shape[n])
  return NamedSharding(mesh, PartitionSpec(*([None] * axis), 'data'))


def batch_sharding(mesh: Mesh, shape: tuple[int, ...]) -> NamedSharding:
  """Sharding of one array of a batch.

  Args:
    mesh: the mesh of the training.
    shape: shape of the array; the first axis is the batch, and with four axes
      the second one holds rows.

  Returns:
    The batch over 'data'; rows over 'space' where they divide evenly.
  """
  space = mesh.shape['space']
  if len(shape) == 4 and space > 1 and shape[1] % space == 0:
    return NamedSharding(mesh, PartitionSpec('data', 'space'))
  return NamedSharding(mesh, PartitionSpec('data'))


def shard_batch(batch: Mapping[str, Any], *, mesh: Mesh) -> dict[str, Any]:
  """Puts this process's share of a batch on its devices.

  Args:
    batch: a tree of numpy arrays, first axis the samples of this process.
    mesh: the mesh of the training.

  Returns:
    The same tree of global arrays.
  """

  def put(value: np.ndarray) -> jax.Array:
    value = np.asarray(value)
    sharding = batch_sharding(mesh, value.shape)
    return jax.make_array_from_process_local_data(sharding, value)

  return jax.tree.map(put, dict(batch))


def prefetch(
  batches: Iterable[Mapping[str, Any]], *, mesh: Mesh, ahead: int = 2
) -> Iterator[dict[str, Any]]:
  """Puts batches on the devices ahead of the step that needs them.

  Args:
    batches: trees of numpy arrays, this process's share.
    mesh: the mesh of the training.
    ahead: how many batches wait on the devices.

  Yields:
    Trees of global arrays.
  """
  batches = iter(batches)
  queue: collections.deque[dict[str, Any]] = collections.deque()
  for batch in itertools.islice(batches, ahead):
    queue.append(shard_batch(batch, mesh=mesh))
  while queue:
    yield queue.popleft()
    for batch in itertools.islice(batches, 1):
      queue.append(shard_batch(batch, mesh=mesh))
