"""The table of metrics says all of each, and can be printed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.metrics import natural_models
from fusionjax.metrics.metric import ANY

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
  assert metric.quirks or metric.tables
  assert set(metric.variants) <= {*metrics.TOOLBOXES, ANY}
  assert metric.direction in ('higher', 'lower')


@pytest.mark.parametrize(('name', 'toolbox'), EVERY)
def test_every_variant_gives_a_scalar(name, toolbox, natural_model):
  row = metrics.METRICS[name]
  # Any toolbox stands for the one definition that all share.
  toolbox = 'lt' if toolbox == ANY else toolbox
  picture = jax.ShapeDtypeStruct((97, 104, 3), jnp.float32)
  count = row.sources[1] if row.sources[1] is not None else 2

  def score(fused, *sources):
    return metrics.score(fused, sources, name=name, toolbox=toolbox)

  value = jax.eval_shape(score, *[picture] * (1 + count))
  assert value.shape == ()
  assert value.dtype == jnp.float32


@pytest.fixture
def natural_model(monkeypatch):
  """Numbers in the place of the trained ones, which may not be installed."""
  niqe = natural_models.NiqeModel(np.zeros(36), np.eye(36))
  monkeypatch.setattr(natural_models, 'niqe_model', lambda: niqe)
  zeros = np.zeros(36)
  brisque = natural_models.BrisqueModel(
    np.zeros((1, 36)), np.ones(1), 0.05, 0.0, zeros, zeros + 1
  )
  monkeypatch.setattr(natural_models, 'brisque_model', lambda: brisque)


def test_describe_names_everything_in_80_columns():
  text = metrics.describe()
  assert max(map(len, text.splitlines())) <= 80
  for metric in metrics.METRICS.values():
    assert f'{metric.name} - {metric.title}' in text
    assert f'{metric.direction} is better' in text
    assert metric.paper in text
  for toolbox in metrics.TOOLBOXES:
    assert toolbox in text
