import pytest

from fusionjax import errors
from fusionjax.training import distributed


@pytest.fixture
def initialized(monkeypatch):
  """What JAX would have been told."""
  for name in distributed._VARIABLES.values():
    monkeypatch.delenv(name, raising=False)
  told = []
  monkeypatch.setattr(
    distributed.jax.distributed,
    'initialize',
    lambda *args, **options: told.append((args, options)),
  )
  return told


def test_one_process_asks_nobody(initialized):
  distributed.connect()
  assert initialized == []


def test_flags_and_variables_together(initialized, monkeypatch):
  monkeypatch.setenv('JAX_COORDINATOR_ADDRESS', 'host:1234')
  monkeypatch.setenv('JAX_NUM_PROCESSES', '4')
  distributed.connect(process_id=3, heartbeat=7)
  ((args, options),) = initialized
  assert args == ('host:1234', 4, 3)
  assert options['heartbeat_timeout_seconds'] == 7


def test_jax_finds_out_by_itself(initialized, monkeypatch):
  # Such as a cluster sets it, without the port.
  monkeypatch.setenv('JAX_COORDINATOR_ADDRESS', 'host')
  distributed.connect(detect=True)
  assert initialized[0][0] == (None, None, None)


@pytest.mark.parametrize(
  ('options', 'words'),
  [
    ({'coordinator': 'h:1'}, 'missing: num_processes, process_id'),
    (
      {'coordinator': 'h:1', 'num_processes': 2, 'process_id': 2},
      'process_id is 2 of 2',
    ),
    (
      {'coordinator': 'host', 'num_processes': 2, 'process_id': 0},
      'Give HOST:PORT',
    ),
  ],
)
def test_what_does_not_fit_is_one_line(initialized, options, words):
  with pytest.raises(errors.InputError, match=words):
    distributed.connect(**options)
  assert initialized == []


def test_variable_that_is_no_number(initialized, monkeypatch):
  monkeypatch.setenv('JAX_NUM_PROCESSES', 'two')
  with pytest.raises(errors.InputError, match='num_processes is two'):
    distributed.connect(coordinator='h:1', process_id=0)


def test_processes_that_do_not_meet(initialized, monkeypatch):
  def fail(*args, **options):
    raise RuntimeError('DEADLINE_EXCEEDED: nobody came\nmore')

  monkeypatch.setattr(distributed.jax.distributed, 'initialize', fail)
  with pytest.raises(errors.InputError, match='nobody came') as raised:
    distributed.connect(coordinator='h:1', num_processes=2, process_id=0)
  assert '\n' not in str(raised.value)


def test_alone_errors_and_codes_are_what_they_are():
  with pytest.raises(RuntimeError, match='mine'):
    distributed.stop_alone(RuntimeError('mine'))
  assert distributed.leave(2) == 2
  distributed.leave_with(errors.InputError('x'))
