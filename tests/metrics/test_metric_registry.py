"""The table of metrics says all of each, and can be printed."""

import jax
import jax.numpy as jnp
import pytest

from fusionjax import metrics

EVERY = [
  (name, toolbox)
  for name, metric in metrics.METRICS.items()
  for toolbox in metric.variants
]


@pytest.mark.parametrize(
  'metric', metrics.METRICS.values(), ids=lambda m: m.name
)
def test_every_entry_is_whole(metric):
  assert metrics.METRICS[metric.name] is metric
  for text in (metric.title, metric.formula, metric.range, metric.paper):
    assert text
  assert metric.tables
  assert set(metric.variants) <= set(metrics.TOOLBOXES)
  assert metric.direction in ('higher', 'lower')


@pytest.mark.parametrize(('name', 'toolbox'), EVERY)
def test_every_variant_gives_a_scalar(name, toolbox):
  picture = jax.ShapeDtypeStruct((64, 48, 3), jnp.float32)
  value = jax.eval_shape(
    lambda f, a, b: metrics.score(f, [a, b], name=name, toolbox=toolbox),
    picture,
    picture,
    picture,
  )
  assert value.shape == ()
  assert value.dtype == jnp.float32


def test_describe_names_everything_in_80_columns():
  text = metrics.describe()
  assert max(map(len, text.splitlines())) <= 80
  for metric in metrics.METRICS.values():
    assert f'{metric.name} - {metric.title}' in text
    assert f'{metric.direction} is better' in text
    assert metric.paper in text
  for toolbox in metrics.TOOLBOXES:
    assert toolbox in text
