"""Metrics called as functions: checked and exact, and pure inside a trace."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.errors import InputError
from fusionjax.metrics import gradient

FUSED, FIRST, SECOND = (
  np.random.default_rng(3).integers(0, 256, (3, 45, 50)).astype(np.uint8)
)
SOURCES = [FIRST, SECOND]
OWN_NAMES = [name for name in metrics.METRICS if hasattr(metrics, name)]


def test_every_metric_but_another_name_of_one_is_a_function():
  assert set(metrics.METRICS) - set(OWN_NAMES) == {'ms_ssim'}
  assert set(metrics.METRICS) - set(metrics.__all__) == {'ms_ssim'}


@pytest.mark.parametrize('name', OWN_NAMES)
def test_options_are_keywords(name):
  first, *others = inspect.signature(getattr(metrics, name)).parameters.values()
  assert first.kind is first.POSITIONAL_OR_KEYWORD
  for each in others:
    named = each.name in ('sources', 'target')
    assert each.kind is (
      each.POSITIONAL_OR_KEYWORD if named else each.KEYWORD_ONLY
    )


def test_float64_outside_a_trace_whatever_the_input():
  single = FUSED.astype(np.float32)
  found = metrics.ag(single)
  assert found.dtype == jnp.float64
  assert float(found) == metrics.evaluate(FUSED, [], metrics='ag')['ag']
  assert jnp.asarray(1.0).dtype == jnp.float32


def test_pure_inside_a_trace():
  single = jnp.asarray(FUSED, jnp.float32)
  traced = jax.jit(metrics.ag)(single)
  assert traced.dtype == jnp.float32
  assert traced == jax.jit(gradient.ag)(single)
  slope = jax.grad(metrics.ag)(single)
  assert slope.shape == single.shape
  batch = jax.vmap(lambda f, s: metrics.qabf(f, [s, s]))(
    jnp.stack([single, single]), jnp.asarray(SOURCES, jnp.float32)
  )
  np.testing.assert_allclose(
    batch[1], metrics.qabf(FUSED, [SECOND, SECOND]), rtol=1e-5
  )


def test_options_choose_a_variant():
  for toolbox in ('vifb', 'lt'):
    found = metrics.ssim(FUSED, SOURCES, toolbox=toolbox)
    expected = metrics.evaluate(FUSED, SOURCES, metrics='ssim', toolbox=toolbox)
    assert float(found) == pytest.approx(expected['ssim'], rel=1e-12)


def test_a_true_result_is_an_array():
  truth = np.linspace(0, 1, 45 * 50).reshape(45, 50)
  found = metrics.psnr_l(truth + 0.01, truth)
  assert float(found) == pytest.approx(40, rel=1e-9)
  with pytest.raises(InputError, match=r"'psnr_l'.*the reference"):
    metrics.psnr_l(truth, truth[:9])


def test_bad_planes_are_named():
  holes = FUSED.astype(float)
  holes[2, 2] = np.inf
  for call, words in (
    (lambda: metrics.ag(holes), r"'ag': fused holds NaN or infinite"),
    (lambda: metrics.ag(FUSED[:0]), r"'ag': fused is empty"),
    (lambda: metrics.ag(FUSED[0]), r"'ag': fused has the shape"),
    (lambda: metrics.ag(FUSED[:1]), r"'ag' needs at least 2 pixels"),
    (lambda: metrics.qabf(FUSED, [FIRST]), r"'qabf': sources has 1 planes"),
    (
      lambda: metrics.qabf(FUSED, [FIRST, SECOND[:9]]),
      r"'qabf': fused has the shape .* source 2",
    ),
    (
      lambda: metrics.qabf(FUSED, [FIRST, SECOND / 2]),
      r"'qabf': fused is uint8, source 2 is float64",
    ),
  ):
    with pytest.raises(ValueError, match=words):
      call()
