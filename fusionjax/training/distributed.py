"""Several processes as one training: connecting, and parting in time.

JAX's own runtime does the work: process 0 serves the others, which tell it
every few seconds that they live.
"""

import os
import sys
from typing import Any, NoReturn

import jax

from fusionjax import errors

# Seconds without a sign of life after which a process counts as lost.
HEARTBEAT = 60
# Seconds that a process waits for the others at the start and at the end.
_PATIENCE = 300
# What launchers may set in place of flags, as JAX itself names them.
_VARIABLES = {
  'coordinator': 'JAX_COORDINATOR_ADDRESS',
  'num_processes': 'JAX_NUM_PROCESSES',
  'process_id': 'JAX_PROCESS_ID',
}


def connect(
  *,
  coordinator: str = '',
  num_processes: int | None = None,
  process_id: int | None = None,
  detect: bool = False,
  heartbeat: int = HEARTBEAT,
) -> None:
  """Joins the processes of a training, before JAX touches a device.

  What is not given is taken from the environment: JAX_COORDINATOR_ADDRESS,
  JAX_NUM_PROCESSES and JAX_PROCESS_ID, the three together. With none of them
  and without `detect` this is one process, and nothing is done.

  Args:
    coordinator: HOST:PORT of process 0, which listens there.
    num_processes: how many processes there are.
    process_id: which of them this is, from 0.
    detect: whether to find all of this out, as JAX can on TPU pods, under
      Slurm, Open MPI and Kubernetes.
    heartbeat: seconds without a sign of life after which a process counts as
      lost.

  Raises:
    errors.InputError: if some of it is missing, or the others do not come.
  """
  given: dict[str, Any] = {
    'coordinator': coordinator or None,
    'num_processes': num_processes,
    'process_id': process_id,
  }
  for name, variable in _VARIABLES.items():
    # JAX reads those of its clusters itself, which may mean something else.
    if not detect and given[name] is None and os.environ.get(variable):
      given[name] = os.environ[variable]
  missing = [name for name, value in given.items() if value is None]
  if len(missing) == len(given) and not detect:
    return
  if missing and not detect:
    raise errors.InputError(
      f'Of several processes each needs --coordinator=HOST:PORT, '
      f'--num_processes and --process_id; missing: {", ".join(missing)}. Give '
      'all three, or --distributed alone where JAX can find out itself.'
    )
  count, index = (
    _number(name, given[name]) for name in ('num_processes', 'process_id')
  )
  if count is not None and index is not None and not 0 <= index < count:
    raise errors.InputError(
      f'process_id is {index} of {count} processes. Give 0 to {count - 1}.'
    )
  address = given['coordinator']
  if isinstance(address, str) and not address.rpartition(':')[2].isdigit():
    raise errors.InputError(
      f'coordinator is {address}. Give HOST:PORT of process 0.'
    )
  try:
    jax.distributed.initialize(
      address,
      count,
      index,
      initialization_timeout=_PATIENCE,
      heartbeat_timeout_seconds=heartbeat,
      shutdown_timeout_seconds=_PATIENCE,
    )
  except (RuntimeError, ValueError) as error:
    reason = (str(error).splitlines() or [''])[0]
    raise errors.InputError(
      f'The processes did not find each other: {reason[:200]}. Check '
      '--coordinator, and that all of --num_processes were started; outside '
      'of a pod or a cluster that JAX knows --distributed needs them.'
    ) from error


def _number(name: str, value: object) -> int | None:
  if value is None:
    return None
  try:
    return int(str(value))
  except ValueError as error:
    raise errors.InputError(
      f'{name} is {value}. Give a whole number.'
    ) from error


def several() -> bool:
  """Whether this training has several processes."""
  return jax.process_count() > 1


def leave(code: int) -> int:
  """Ends a process of several that has failed, at once.

  An ordinary exit would wait for all others to arrive at theirs, and they
  for this one: whoever fails closes the connection, which they notice.

  Args:
    code: the exit code.

  Returns:
    The code, where this is the only process or all went well.
  """
  if code and several():
    _exit(code)
  return code


def leave_with(error: errors.InputError) -> None:
  """Ends a process of several that cannot go on; returns if it is the only one.

  Args:
    error: what a user is to read, in one line.
  """
  if several():
    print(f'fusionjax: {error}', file=sys.stderr)
    leave(2)


def stop_alone(error: Exception) -> NoReturn:
  """Ends this process when an exchange with the others has failed.

  Args:
    error: what JAX said.

  Raises:
    Exception: the error itself, where this is the only process.
  """
  if not several():
    raise error
  reason = (str(error).splitlines() or [''])[0]
  print(
    f'fusionjax: process {jax.process_index()} of {jax.process_count()} lost '
    f'contact with another one and stops ({reason[:160]}). Start all of them '
    'again: the training continues after its last checkpoint.',
    file=sys.stderr,
  )
  _exit(1)


def _exit(code: int) -> NoReturn:
  sys.stdout.flush()
  sys.stderr.flush()
  os._exit(code)
