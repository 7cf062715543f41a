"""Losses and training steps of CSCFuse against the published code."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.losses import mef_ssim, reconstruction
from fusionjax.methods import registry
from fusionjax.pretrained import published

_spec = importlib.util.spec_from_file_location(
  'tolerances', Path(__file__).with_name('tolerances.py')
)
tolerances = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tolerances)


def goldens(reference: Path, name: str) -> dict[str, np.ndarray]:
  with np.load(reference / 'parity' / f'{name}.npz') as file:
    return dict(file)


def load(reference: Path, name: str, task: str):
  method = registry.get_method(name)
  module = method.module()
  path = reference / 'weights' / name / 'best_net.pth'
  variables = published.load_published(
    path, method=method, module=module, task=task
  )
  return method, module, jax.tree.map(jnp.asarray, variables)


def relative(ours, golden) -> np.ndarray:
  """Differences relative to the largest value."""
  return np.abs(np.asarray(ours) - golden) / np.abs(golden).max()


@pytest.mark.parametrize('jit', [False, True], ids=['eager', 'jit'])
def test_reconstruction_loss(reference: Path, jit: bool) -> None:
  z = goldens(reference, 'loss_kornia031_ssim_real')
  image = jnp.asarray(z['img'])

  def of(weight):
    function = jax.value_and_grad(
      lambda x: reconstruction.reconstruction_loss(
        x, image, ssim_weight=weight
      ),
      has_aux=True,
    )
    return (jax.jit(function) if jit else function)(jnp.asarray(z['recon']))

  (loss, parts), gradient = of(5.0)
  for ours, golden in (
    (loss, 'loss_total_mse_plus_5ssim'),
    (parts['squared_error'], 'loss_mse'),
    (parts['dissimilarity'], 'loss_ssim3_mean'),
  ):
    np.testing.assert_allclose(ours, z[golden], **tolerances.LOSS)
  off = relative(gradient, z['grad_total'])
  assert off.max() <= tolerances.CSC_SSIM_GRADIENT
  dissimilarity = reconstruction.structural_dissimilarity(
    jnp.asarray(z['recon']), image, window=5
  )
  np.testing.assert_allclose(
    1 - 2 * dissimilarity, z['metric_ssim_w5'], **tolerances.LOSS
  )


@pytest.mark.parametrize('count', [2, 3])
def test_mef_ssim_and_halo(reference: Path, count: int) -> None:
  z = goldens(reference, f'loss_csc_mef_K{count}')
  fused = jnp.asarray(z['fused'])
  exposures = [jnp.asarray(x[None]) for x in z['x_knhwc']]

  def loss(fused):
    return -jnp.mean(mef_ssim.mef_ssim(fused, exposures))

  value, gradient = jax.jit(jax.value_and_grad(loss))(fused)
  np.testing.assert_allclose(value, z['loss_mefssim'], **tolerances.LOSS)
  off = relative(gradient, z['grad_mefssim'])
  assert off.max() <= tolerances.CSC_MEF_SSIM_GRADIENT
  assert np.quantile(off, 0.99) <= tolerances.CSC_MEF_SSIM_GRADIENT_MOST
  dark = mef_ssim.mef_ssim(fused, exposures, luminance=False)[0]
  np.testing.assert_allclose(dark, z['mefssim_nolum'], **tolerances.LOSS)
  value, gradient = jax.jit(jax.value_and_grad(mef_ssim.halo))(fused)
  np.testing.assert_allclose(value, z['loss_halo'], **tolerances.LOSS)
  off = relative(gradient, z['grad_halo'])
  assert off.max() <= tolerances.LOSS_GRADIENT


@pytest.mark.parametrize('count', [2, 3])
def test_mef_ssim_is_nearer_to_float64_than_the_published_one(
  reference: Path, count: int
) -> None:
  z = goldens(reference, f'loss_csc_mef_K{count}')

  def gradient(dtype):
    exposures = [jnp.asarray(x[None], dtype) for x in z['x_knhwc']]
    differentiate = jax.jit(
      jax.grad(lambda x: -jnp.mean(mef_ssim.mef_ssim(x, exposures)))
    )
    return differentiate(jnp.asarray(z['fused'], dtype))

  single = gradient('float32')
  with jax.enable_x64(True):
    exact = np.asarray(gradient('float64'))
  ours = relative(single, exact).max()
  theirs = relative(z['grad_mefssim'], exact).max()
  assert ours < 1.2e-4 and ours < theirs / 3


def in_torch_layout(gradient, golden, layout):
  golden = golden.transpose(2, 3, 1, 0) if layout == 'conv' else golden
  return np.asarray(gradient), golden.reshape(gradient.shape)


def test_mefn_training_step(reference: Path) -> None:
  method, module, variables = load(reference, 'csc_mefn', 'mef')
  z = goldens(reference, 'csc_mef_trainstep')
  stack = jnp.asarray(z['x_bknhwc'])
  batch = {
    'sources': tuple(stack[:, k] for k in range(4)),
    # Its gradients were taken with the halo at full weight.
    'step': jnp.asarray(40, jnp.int32),
  }

  def loss(params):
    value, output = method.loss(
      module, {**variables, 'params': params}, batch, task='mef'
    )
    return value, (dict(output.parts), dict(output.updates))

  (_, (parts, updates)), gradient = jax.jit(
    jax.value_and_grad(loss, has_aux=True)
  )(variables['params'])
  np.testing.assert_allclose(
    -parts['mef_ssim'], z['loss_mefssim'], **tolerances.LOSS
  )
  np.testing.assert_allclose(parts['halo'], z['loss_halo'], **tolerances.LOSS)
  assert parts['halo_weight'] == 10
  fused, _ = module.apply(
    variables, *batch['sources'], train=True, mutable=['batch_stats']
  )
  np.testing.assert_allclose(
    fused, z['fused'], atol=tolerances.CSC_MEF_TRAIN_FUSED
  )
  leaves = jax.tree_util.tree_leaves_with_path(gradient)
  assert len(leaves) == sum(key.startswith('grad_') for key in z)
  for path, leaf in leaves:
    name, layout = method.published_name('/'.join(key.key for key in path))
    off = relative(*in_torch_layout(leaf, z[f'grad_{name}'], layout))
    assert off.max() <= tolerances.CSC_MEF_PARAMETER_GRADIENT, name
  check_running(method, updates, z, expected=6)


def check_running(method, updates, z, *, expected) -> None:
  """Compares the running statistics after a step."""
  leaves = jax.tree_util.tree_leaves_with_path(updates['batch_stats'])
  compared = 0
  for path, leaf in leaves:
    name, _ = method.published_name('/'.join(key.key for key in path))
    golden = z.get(f'after_{name}')
    if golden is not None:
      np.testing.assert_allclose(
        leaf, golden, err_msg=name, **tolerances.CSC_RUNNING
      )
      compared += 1
  assert compared == expected


def test_msfn_training_step(reference: Path) -> None:
  method, module, variables = load(reference, 'csc_msfn', 'msf')
  z = goldens(reference, 'csc_msf_trainstep')
  batch = {
    'sources': (jnp.asarray(z['lr']), jnp.asarray(z['guide'])),
    'reference': jnp.asarray(z['gt']),
  }

  def loss(params):
    value, _ = method.loss(
      module, {**variables, 'params': params}, batch, task='msf'
    )
    return value

  value, gradient = jax.jit(jax.value_and_grad(loss))(variables['params'])
  np.testing.assert_allclose(value, z['loss_mse'], **tolerances.LOSS)
  fused, _ = module.apply(
    variables, *batch['sources'], train=True, mutable=['batch_stats']
  )
  np.testing.assert_allclose(fused, z['out_trainmode'], atol=5e-5)
  compared = 0
  for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
    name, _ = method.published_name('/'.join(key.key for key in path))
    golden = z[f'gradnorm_{name}']
    # A bias in front of a norm has no gradient: what is there is rounding.
    np.testing.assert_allclose(
      jnp.linalg.norm(leaf.ravel()), golden, rtol=1e-4, atol=1e-7, err_msg=name
    )
    if f'grad_{name}' in z and golden > 0:
      off = relative(*in_torch_layout(leaf, z[f'grad_{name}'], 'vector'))
      assert off.max() <= tolerances.PARAMETER_GRADIENT, name
      compared += 1
  assert compared == 7
