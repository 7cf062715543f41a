"""MGDN's loss for deghosting, and what it does to depth."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import losses
from fusionjax.data import depth
from fusionjax.methods import mgdn_depth
from fusionjax.ops import resize, tone

_spec = importlib.util.spec_from_file_location(
  'tolerances', Path(__file__).with_name('tolerances.py')
)
tolerances = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tolerances)


def test_difference_of_tone_mapped_radiance(reference: Path) -> None:
  path = reference / 'parity' / 'mgdn_mapped_l1_loss.npz'
  with np.load(path) as file:
    z = {name: jnp.asarray(file[name]) for name in file.files}
  np.testing.assert_allclose(
    tone.mu_law(z['output']), z['output_mu'], **tolerances.MGDN_TONE
  )
  value, gradient = jax.value_and_grad(losses.mu_law_error)(
    z['output'], z['target']
  )
  np.testing.assert_allclose(value, z['loss'], **tolerances.LOSS)
  largest = float(np.abs(z['grad']).max())
  np.testing.assert_allclose(
    gradient, z['grad'], atol=tolerances.LOSS_GRADIENT * largest
  )


@pytest.mark.parametrize('ratio', [4, 8, 16])
def test_preparation_of_depth(reference: Path, ratio: int) -> None:
  with np.load(reference / 'parity' / 'mgdn_gdsr_dataprep.npz') as file:
    z = dict(file)
  bound = tolerances.MGDN_TONE
  unit, limits = depth.normalise(z['depth_m'])
  np.testing.assert_allclose(unit, z['depth_norm'][0], **bound)
  assert limits == (z['depth_min'], z['depth_max'])
  small = depth.reduce(unit, ratio=ratio)
  np.testing.assert_allclose(small, z[f'depth_lr_x{ratio}'][0], **bound)
  golden = z[f'depth_up_x{ratio}']
  size = golden.shape[1:3]
  np.testing.assert_allclose(
    depth.enlarge(small, size=size), golden[0], **bound
  )
  ours = resize.bicubic(jnp.asarray(small[None]), size=size)
  np.testing.assert_allclose(ours, golden, **bound)
  rgb = jnp.asarray(z['rgb_u8'][None].astype(np.float32) / np.float32(255))
  np.testing.assert_allclose(
    mgdn_depth.standardise(rgb), z['rgb_norm'], **bound
  )
