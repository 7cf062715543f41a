import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fusionjax import errors
from fusionjax.training import fields, optimizer


def _options(**changes):
  options = fields.default_config('m', 't').optimizer.to_dict()
  return {**options, **changes}


def _rates(**changes):
  schedule = optimizer.make_schedule(
    _options(**changes), steps=100, steps_per_epoch=10
  )
  return lambda step: float(schedule(step))


def test_constant():
  rate = _rates()
  assert rate(0) == rate(99) == pytest.approx(1e-3)


def test_cosine_ends_at_zero():
  rate = _rates(schedule='cosine')
  assert rate(0) == pytest.approx(1e-3)
  assert rate(50) == pytest.approx(5e-4)
  assert rate(100) == pytest.approx(0.0, abs=1e-9)


def test_step_counts_epochs():
  rate = _rates(schedule='step', decay_epochs=3, decay_rate=0.5)
  assert rate(29) == pytest.approx(1e-3)
  assert rate(30) == pytest.approx(5e-4)
  assert rate(60) == pytest.approx(2.5e-4)


def test_warmup_rises_then_hands_over():
  rate = _rates(schedule='cosine', warmup=10)
  assert rate(0) == 0
  assert rate(5) == pytest.approx(5e-4)
  assert rate(10) == pytest.approx(1e-3)
  assert rate(100) == pytest.approx(0.0, abs=1e-9)


def test_first_step_is_that_of_adamw():
  params = {'w': jnp.asarray([2.0, -1.0])}
  gradients = {'w': jnp.asarray([0.3, 5.0])}
  made = optimizer.make_optimizer(_options(), optax.constant_schedule(1e-3))
  updates, _ = made.update(gradients, made.init(params), params)
  # Adam's first step is the sign; the decay is 0.01 of the parameter.
  expected = -1e-3 * (np.array([1.0, 1.0]) + 0.01 * np.array([2.0, -1.0]))
  np.testing.assert_allclose(updates['w'], expected, rtol=1e-5)


def test_clipping_keeps_the_shape_of_the_state():
  params = {'w': jnp.asarray([2.0, -1.0])}
  schedule = optax.constant_schedule(1e-3)
  free = optimizer.make_optimizer(_options(), schedule).init(params)
  made = optimizer.make_optimizer(_options(clip_norm=1.0), schedule)
  assert str(free) == str(made.init(params))
  _, state = made.update({'w': jnp.asarray([30.0, 40.0])}, free, params)
  mean = next(iter(optax.tree.get_all_with_path(state, 'mu')))[1]
  np.testing.assert_allclose(mean['w'], [0.06, 0.08], rtol=1e-5)


@pytest.mark.parametrize(
  ('changes', 'near'), [({'schedule': 'cosin'}, 'cosine')]
)
def test_unknown_schedule(changes, near):
  with pytest.raises(errors.InputError, match=near):
    _rates(**changes)


def test_unknown_optimizer():
  with pytest.raises(errors.InputError, match='adamw'):
    optimizer.make_optimizer(
      _options(name='adam'), optax.constant_schedule(1.0)
    )
