"""The loss of MGDN's deghosting against the published code."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from fusionjax import losses
from fusionjax.ops import tone

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
