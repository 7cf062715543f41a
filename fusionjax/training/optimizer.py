"""Optimizers and learning-rate schedules by name, from a config."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import optax

from fusionjax import errors


def _constant(
  options: Mapping[str, Any], steps: int, steps_per_epoch: int
) -> optax.Schedule:
  del steps, steps_per_epoch
  return optax.constant_schedule(options['learning_rate'])


def _cosine(
  options: Mapping[str, Any], steps: int, steps_per_epoch: int
) -> optax.Schedule:
  del steps_per_epoch
  return optax.cosine_decay_schedule(
    options['learning_rate'], max(1, steps - options.get('warmup', 0))
  )


def _step(
  options: Mapping[str, Any], steps: int, steps_per_epoch: int
) -> optax.Schedule:
  del steps
  return optax.exponential_decay(
    options['learning_rate'],
    transition_steps=max(1, options['decay_epochs'] * steps_per_epoch),
    decay_rate=options['decay_rate'],
    staircase=True,
  )


# Name -> (options, steps, steps per epoch) -> schedule.
SCHEDULES: dict[
  str, Callable[[Mapping[str, Any], int, int], optax.Schedule]
] = {
  'constant': _constant,
  'cosine': _cosine,
  'step': _step,
}


def make_schedule(
  options: Mapping[str, Any], *, steps: int, steps_per_epoch: int
) -> optax.Schedule:
  """Makes the learning rate as a function of the step.

  Args:
    options: `learning_rate`; `schedule`, a name in `SCHEDULES`; `warmup`, the
      steps of a linear rise from 0; for 'step', `decay_epochs` and
      `decay_rate`.
    steps: steps of the whole training.
    steps_per_epoch: steps of one pass over the data.

  Returns:
    An optax schedule.

  Raises:
    errors.InputError: if the schedule is unknown or a number out of range.
  """
  name = options['schedule']
  if name not in SCHEDULES:
    raise errors.unknown_name('optimizer.schedule', name, SCHEDULES)
  if not options['learning_rate'] > 0:
    raise errors.InputError(
      f'optimizer.learning_rate is {options["learning_rate"]}. Give a number '
      'above 0, such as 0.001.'
    )
  _check_not_negative(options, ('warmup', 'decay_epochs', 'decay_rate'))
  schedule = SCHEDULES[name](options, steps, steps_per_epoch)
  warmup = options.get('warmup', 0)
  if not warmup:
    return schedule
  rise = optax.linear_schedule(0.0, options['learning_rate'], warmup)
  return optax.join_schedules([rise, schedule], [warmup])


def _adamw(
  options: Mapping[str, Any], schedule: optax.Schedule
) -> optax.GradientTransformation:
  return optax.adamw(schedule, weight_decay=options['weight_decay'])


def _adam(
  options: Mapping[str, Any], schedule: optax.Schedule
) -> optax.GradientTransformation:
  if options['weight_decay']:
    raise errors.InputError(
      f'optimizer.weight_decay is {options["weight_decay"]}, and adam has none.'
      ' Set it to 0, or take adamw.'
    )
  return optax.adam(schedule)


# Name -> (options, schedule) -> optimizer.
OPTIMIZERS: dict[
  str,
  Callable[[Mapping[str, Any], optax.Schedule], optax.GradientTransformation],
] = {'adam': _adam, 'adamw': _adamw}


def make_optimizer(
  options: Mapping[str, Any], schedule: optax.Schedule
) -> optax.GradientTransformation:
  """Makes an optimizer.

  Args:
    options: `name`, a key of `OPTIMIZERS`; `weight_decay`; `clip_norm`, the
      largest global norm of the gradients, 0 for no limit.
    schedule: the learning rate.

  Returns:
    An optax transformation.

  Raises:
    errors.InputError: if the optimizer is unknown or a number out of range.
  """
  name = options['name']
  if name not in OPTIMIZERS:
    raise errors.unknown_name('optimizer.name', name, OPTIMIZERS)
  _check_not_negative(options, ('weight_decay', 'clip_norm'))
  clip = options.get('clip_norm', 0.0)
  # Both branches have one shape of state: a resume may change the limit.
  limit = optax.clip_by_global_norm(clip) if clip else optax.identity()
  return _lenient(optax.chain(limit, OPTIMIZERS[name](options, schedule)))


def _check_not_negative(
  options: Mapping[str, Any], names: Sequence[str]
) -> None:
  for name in names:
    value = options.get(name, 0)
    # So written that NaN does not pass.
    if not value >= 0:
      raise errors.InputError(
        f'optimizer.{name} is {value}. Give 0 or a positive number.'
      )


def _lenient(
  made: optax.GradientTransformation,
) -> optax.GradientTransformation:
  """Runs an optimizer under JAX's standard rules of promotion.

  Optax raises floats to the power of integer counts, which those who have
  set strict promotion for their own code cannot mend.
  """

  def update(
    updates: optax.Updates,
    state: optax.OptState,
    params: optax.Params | None = None,
  ) -> tuple[optax.Updates, optax.OptState]:
    with jax.numpy_dtype_promotion('standard'):
      return made.update(updates, state, params)

  return optax.GradientTransformation(made.init, update)
