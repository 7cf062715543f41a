import math

import pytest

from fusionjax.training import health


def test_numbers_pass():
  health.check_finite([{'loss': 1.0, 'near': -2.0}], first_step=1)
  health.check_finite([], first_step=1)


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_metric_step_and_window_are_named(value):
  history = [{'loss': 1.0, 'near': 0.0}] * 3
  history = [*history, {'loss': 1.0, 'near': value}, {'loss': value}]
  with pytest.raises(health.TrainingError) as raised:
    health.check_finite(history, first_step=41)
  message = str(raised.value)
  assert message.startswith(f'near is {value} at step 44')
  assert 'steps 41 to 45' in message
  assert '\n' not in message
