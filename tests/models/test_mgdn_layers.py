"""The layers of MGDN, each by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from fusionjax.models.layers import (
  channel_attention,
  filter_predictor,
  guided_filter,
  parallel_fusion,
  plain_conv,
  strips,
  window_attention,
)

RNG = np.random.default_rng(0)


def array(*shape: int) -> jax.Array:
  return jnp.asarray(RNG.normal(size=shape), jnp.float32)


def arbitrary(module, *args) -> dict:
  """Every parameter off its initial value, so that none goes unseen."""
  shapes = jax.eval_shape(module.init, jax.random.key(0), *args)
  return jax.tree.map(
    lambda x: jnp.asarray(0.5 * RNG.normal(size=x.shape), x.dtype), shapes
  )


def run(module, *args):
  variables = arbitrary(module, *args)
  return variables['params'], jax.jit(module.apply)(variables, *args)


@pytest.mark.parametrize(('side', 'dilation'), [(1, 1), (3, 1), (3, 2)])
def test_convolution_of_joined_maps(side, dilation) -> None:
  a, b = array(2, 7, 6, 3), array(2, 7, 6, 2)
  params, out = run(plain_conv.Conv(4, side, dilation), a, b)
  reach = dilation * (side // 2)
  padded = np.pad(
    np.concatenate([a, b], -1), ((0, 0), (reach,) * 2, (reach,) * 2, (0, 0))
  )
  expected = np.zeros((2, 7, 6, 4)) + np.asarray(params['bias'])
  for dy in range(side):
    for dx in range(side):
      y, x = dy * dilation, dx * dilation
      shifted = padded[:, y : y + 7, x : x + 6]
      expected += shifted @ np.asarray(params['kernel'][dy, dx])
  np.testing.assert_allclose(out, expected, atol=1e-5)


def test_depthwise_convolution_is_a_grouped_one() -> None:
  x, slope = array(2, 6, 7, 5), array(2, 6, 7, 5)
  module = plain_conv.DepthwiseConv()
  params = arbitrary(module, x)['params']

  def grouped(params, x):
    out = lax.conv_general_dilated(
      x,
      params['kernel'],
      (1, 1),
      'SAME',
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
      feature_group_count=5,
    )
    return out + params['bias'][None, None, None]

  def run_with_gradient(f):
    @jax.jit
    def both(params, x):
      out, pull = jax.vjp(f, params, x)
      return out, pull(slope)

    return jax.tree.leaves(both(params, x))

  ours = run_with_gradient(lambda p, x: module.apply({'params': p}, x))
  for a, b in zip(ours, run_with_gradient(grouped), strict=True):
    np.testing.assert_allclose(a, b, atol=2e-5)


def test_channel_attention_asks_the_guide() -> None:
  guide, x = array(1, 6, 5, 6), array(1, 6, 5, 6)
  module = channel_attention.ChannelCrossAttention(heads=2)
  variables = arbitrary(module, guide, x)
  apply = jax.jit(module.apply)
  out = apply(variables, guide, x)
  # Longer queries are the same queries; longer values are longer results.
  params = variables['params']
  depthwise = jax.tree.map(lambda leaf: 3 * leaf, params['query']['depthwise'])
  query = {**params['query'], 'depthwise': depthwise}
  longer = {'params': {**params, 'query': query}}
  np.testing.assert_allclose(apply(longer, guide, x), out, atol=1e-5)
  assert np.abs(apply(variables, x, x) - out).max() > 1e-3
  # At temperature zero all channels of a head get its mean value.
  flat = {'params': {**params, 'temperature': jnp.zeros(2)}}
  np.testing.assert_allclose(
    apply(flat, guide, x), apply(flat, x, x), atol=1e-6
  )


def test_predictor_with_one_filter_for_all_pixels() -> None:
  x = array(2, 8, 7, 4)
  module = filter_predictor.FilterPredictor(size=5)
  variables = arbitrary(module, x)
  filters = jax.jit(module.apply)(variables, x)
  assert filters.shape == (2, 8, 7, 25)
  static = filter_predictor.FilterPredictor(size=5, dynamic=False)
  same = jax.jit(static.apply)(variables, x)
  expected = np.asarray(filters).mean((1, 2), keepdims=True)
  np.testing.assert_allclose(
    same, np.broadcast_to(expected, filters.shape), atol=1e-5
  )


def influence(module, variables, maps) -> np.ndarray:
  """Which result (row) depends on which map (column)."""
  apply = jax.jit(module.apply)
  out = apply(variables, maps)
  found = []
  for index, x in enumerate(maps):
    changed = [*maps[:index], x + array(*x.shape), *maps[index + 1 :]]
    others = apply(variables, changed)
    found.append(
      [
        bool(np.abs(a - b).max() > 1e-4)
        for a, b in zip(out, others, strict=True)
      ]
    )
  return np.array(found).T


@pytest.mark.parametrize(
  ('module', 'count', 'expected'),
  [
    (guided_filter.MutualGuidedFilter, 2, [[1, 1], [1, 1]]),
    (guided_filter.ReferenceGuidedFilter, 3, [[1, 1, 0], [0, 1, 0], [0, 1, 1]]),
  ],
  ids=['mutual', 'reference'],
)
def test_who_guides_whom(module, count, expected) -> None:
  maps = [array(1, 6, 7, 4) for _ in range(count)]
  guided = module(size=3, heads=2)
  variables = arbitrary(guided, maps)
  found = influence(guided, variables, maps)
  np.testing.assert_array_equal(found, np.array(expected, bool))
  alone = module(size=3, heads=2, cross_guidance=False)
  found = influence(alone, variables, maps)
  np.testing.assert_array_equal(found, np.eye(count, dtype=bool))


def test_shifted_windows_see_across_their_borders() -> None:
  x = array(1, 8, 8, 4)

  def reach(shift):
    module = parallel_fusion.ParallelFusionBlock(2, 4, shift)
    variables = arbitrary(module, x)
    local = variables['params'].pop('local')
    variables['params']['local'] = jax.tree.map(jnp.zeros_like, local)
    apply = jax.jit(module.apply)
    other = x.at[:, 3, 3].add(array(1, 4))
    changed = apply(variables, other) - apply(variables, x)
    return np.abs(changed[0]).max(-1) > 0

  plain, shifted = reach(0), reach(2)
  assert plain[:4, :4].all() and plain.sum() == 16
  assert shifted[2:6, 2:6].all() and shifted.sum() == 16


def test_rolling_back_is_the_inverse() -> None:
  x = array(1, 5, 6, 2)
  rolled = window_attention.roll(x, shift=2)
  np.testing.assert_array_equal(rolled[:, 0, 0], x[:, 2, 2])
  np.testing.assert_array_equal(window_attention.roll(rolled, shift=-2), x)


def test_strips_give_the_same_values_and_gradients(monkeypatch) -> None:
  guide, x = array(1, 16, 12, 6), array(1, 16, 12, 6)
  block = parallel_fusion.ParallelFusionBlock(2, 4, 2)
  mixer = channel_attention.ChannelCrossAttention(2)
  for module, sources in ((block, (x,)), (mixer, (guide, x))):
    variables = arbitrary(module, *sources)

    def run(module, variables=variables, sources=sources):
      @jax.jit
      def both(sources):
        out, pull = jax.vjp(lambda s: module.apply(variables, *s), sources)
        return [out, *jax.tree.leaves(pull(out))]

      return both(sources)

    whole = run(module)
    with monkeypatch.context() as patch:
      # The last strip is not full.
      patch.setattr(strips, 'PIXELS', 3 * 12)
      parts = run(module.clone(remat=True))
    for a, b in zip(whole, parts, strict=True):
      np.testing.assert_allclose(a, b, atol=2e-5 * (1 + np.abs(a).max()))


def test_local_context_is_gated_by_the_whole_picture() -> None:
  x = array(2, 6, 6, 16)
  module = parallel_fusion.LocalContext()
  params, out = run(module, x)
  assert params['conv']['kernel'].shape == (3, 3, 2, 2)
  open_ = {**params, 'excite': jax.tree.map(jnp.zeros_like, params['excite'])}
  local = 2 * np.asarray(jax.jit(module.apply)({'params': open_}, x))
  mean = local.mean((1, 2))
  hidden = np.maximum(mean @ np.asarray(params['squeeze']['kernel']), 0)
  gate = 1 / (1 + np.exp(-hidden @ np.asarray(params['excite']['kernel'])))
  np.testing.assert_allclose(out, local * gate[:, None, None], atol=1e-5)


def test_paths_left_out_keep_the_mean() -> None:
  x = jnp.ones((4000, 1, 1, 2))
  scale = parallel_fusion.path_scale(jax.random.key(0), x, rate=0.25)
  assert scale.shape == (4000, 1, 1, 1)
  np.testing.assert_allclose(np.unique(scale), [0, 1 / 0.75], rtol=1e-6)
  assert abs(float(scale.mean()) - 1) < 0.05
