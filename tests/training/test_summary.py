import jax
import jax.numpy as jnp
import optax
import pytest

from fusionjax import errors
from fusionjax.training import mesh as mesh_lib
from fusionjax.training import profiling, summary
from fusionjax.training import state as state_lib


def test_devices_and_mesh():
  text = summary.describe_devices(mesh_lib.make_mesh(4, space=2))
  assert text == '8 cpu devices, mesh data 4 x space 2'
  assert '2 of 8' in summary.describe_devices(mesh_lib.make_mesh(2))


def test_parameters_and_bytes_of_a_device(stand_in):
  parts = (stand_in.METHOD, stand_in.Tiny(channels=8), optax.adam(1e-3))
  options = {'task': 'mef', 'mesh': mesh_lib.make_mesh(8)}
  whole = summary.describe_state(state_lib.abstract_state(*parts, **options))
  # 3 * 3 * 2 * 8 + 8, and 8 + 1; three times, and two counters of 4 bytes.
  assert whole == '161 parameters (644 B); state 1.9 kB, 1.9 kB a device'
  split = summary.describe_state(
    state_lib.abstract_state(*parts, **options, shard_parameters=500)
  )
  # Of 576 bytes a kernel each device has an eighth.
  assert split == '161 parameters (644 B); state 1.9 kB, 428 B a device'


def test_costs_of_a_product():
  x = jnp.ones((64, 64), jnp.float32)
  found = summary.costs(jax.jit(lambda x: x @ x).lower(x).compile())
  assert found['flops'] == pytest.approx(2 * 64**3, rel=0.1)
  text = summary.describe_costs(found, devices=4)
  assert text.startswith('at least 2.1 MFLOP a step (524 kFLOP a device), ')
  assert summary.describe_costs({}, devices=1) == ''


@pytest.mark.parametrize(
  ('count', 'text'),
  [(12, '12 B'), (4900, '4.9 kB'), (123e6, '123 MB'), (2.5e13, '25.0 TB')],
)
def test_sizes(count, text):
  assert summary.size(count) == text


def test_memory_of_this_process():
  assert summary.device_memory() > 10**7


@pytest.mark.parametrize('text', ['10', '0:5', '6:5', 'a:b'])
def test_steps_of_a_profile(text):
  assert profiling.parse_steps('10:15') == (10, 15)
  assert profiling.parse_steps('') is None
  with pytest.raises(errors.InputError, match='such as 10:15'):
    profiling.parse_steps(text)
