import jax
import numpy as np
import pytest
from jax.sharding import AxisType

from fusionjax import errors
from fusionjax.training import mesh as mesh_lib


@pytest.mark.parametrize(
  ('batch', 'used'), [(1, 1), (2, 2), (3, 3), (8, 8), (10, 5), (12, 6)]
)
def test_data_axis_is_the_largest_divisor_that_fits(batch, used):
  mesh = mesh_lib.make_mesh(batch)
  assert dict(mesh.shape) == {'data': used, 'space': 1}
  assert mesh.axis_types == (AxisType.Auto,) * 2


def test_space_takes_its_share():
  assert dict(mesh_lib.make_mesh(8, space=2).shape) == {'data': 4, 'space': 2}


@pytest.mark.parametrize(
  ('batch', 'options', 'words'),
  [
    (4, {'space': 3}, 'mesh.space is 3'),
    (4, {'data': 3}, 'mesh.data is 3'),
    (16, {'data': 16}, '8 devices'),
    (16, {'data': 8, 'space': 2}, 'divisor'),
    (4, {'data': 0}, 'mesh.data is 0'),
  ],
)
def test_what_does_not_fit_is_named(batch, options, words):
  with pytest.raises(errors.InputError, match=words):
    mesh_lib.make_mesh(batch, **options)


def test_shard_batch_splits_samples_and_rows():
  mesh = mesh_lib.make_mesh(4, space=2)
  batch = {
    'sources': (np.arange(4 * 6 * 5 * 3, dtype=np.float32).reshape(4, 6, 5, 3),)
    * 2,
    'index': np.arange(4, dtype=np.int32),
  }
  sharded = mesh_lib.shard_batch(batch, mesh=mesh)
  image = sharded['sources'][0]
  assert image.addressable_shards[0].data.shape == (1, 3, 5, 3)
  assert sharded['index'].addressable_shards[0].data.shape == (1,)
  np.testing.assert_array_equal(image, batch['sources'][0])
  assert sharded['sources'][1].dtype == np.float32


def test_rows_that_do_not_divide_stay_together():
  mesh = mesh_lib.make_mesh(4, space=2)
  image = np.zeros((4, 7, 5, 3), np.float32)
  sharded = mesh_lib.shard_batch({'image': image}, mesh=mesh)['image']
  assert sharded.addressable_shards[0].data.shape == (1, 7, 5, 3)


@pytest.mark.parametrize('count', [0, 1, 2, 5])
def test_prefetch_keeps_order_and_number(count):
  mesh = mesh_lib.make_mesh(2)
  taken = []

  def batches():
    for number in range(count):
      taken.append(number)
      yield {'x': np.full((2,), number, np.int32)}

  found = mesh_lib.prefetch(batches(), mesh=mesh)
  values = []
  for batch in found:
    values.append(int(batch['x'][0]))
    assert isinstance(batch['x'], jax.Array)
    assert len(taken) <= len(values) + 1
  assert values == list(range(count))
