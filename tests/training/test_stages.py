"""Stages of networks, shown."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.methods import base
from fusionjax.training import stages


class Noting(nn.Module):
  """Notes a map, a picture's worth of filters, and what is no map."""

  silent: bool = False

  @nn.compact
  def __call__(self, y0, y1):
    x = nn.Dense(9)(jnp.concatenate([y0, y1], axis=-1))
    if not self.silent:
      self.sow('intermediates', 'filters', x)
      self.sow('intermediates', 'pair', (y0, y1))
      self.sow('intermediates', 'mean', jnp.mean(x, axis=(1, 2)))
    return x[..., :1]


def fuse(apply, sources, *, task):
  del task
  luma = apply(*(source[..., :1] for source in sources))
  return jnp.repeat(luma, 3, axis=-1)


def watch(module, sources):
  method = base.Method(
    name='noting',
    title='Noting',
    paper='none',
    module=Noting,
    example_sources=None,
    fuse=fuse,
    loss=None,
    published_name=None,
    colors={'ivf': None},
  )
  luma = [source[None, ..., :1] for source in sources]
  variables = module.init(jax.random.key(0), *luma)
  return stages.make_watch(method, module, task='ivf')(variables, sources)


@pytest.fixture
def sources():
  rng = np.random.default_rng(0)
  return [rng.random((300, 280, 3), np.float32) for _ in range(2)]


def test_a_row_per_map(sources, monkeypatch):
  seen = []
  sheet = stages.samples.sheet
  monkeypatch.setattr(
    stages.samples,
    'sheet',
    lambda rows, columns: (seen.extend(rows), sheet(rows, columns=columns))[1],
  )
  picture = watch(Noting(), sources)
  assert picture.width > 6 * 200
  names = [name for name, _ in seen]
  assert names == [
    'filters: 256 x 256 x 9',
    'pair: 256 x 256 x 1',
    'pair 1: 256 x 256 x 1',
  ]
  (first, *_), pair, other = (shown for _, shown in seen)
  assert first.dtype == np.uint8 and first.min() == 0 and first.max() == 255
  # The middle of the sources, and white for maps that there are not.
  x = sources[0][22:278, 12:268, 0]
  low, high = np.percentile(x, (1, 99))
  expected = np.rint(255 * np.clip((x - low) / (high - low), 0, 1))
  np.testing.assert_allclose(pair[0][..., 0], expected, atol=1)
  assert (pair[1] == 255).all() and not np.array_equal(pair[0], other[0])


def test_a_network_that_notes_nothing(sources):
  assert watch(Noting(silent=True), sources) is None
