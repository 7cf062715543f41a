"""The networks of MGDN against the published code and its checkpoint."""

import dataclasses
import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import models
from fusionjax.errors import InputError
from fusionjax.inference.load import load_model
from fusionjax.methods import mgdn, mgdn_names, registry
from fusionjax.models.mgdn import MULTI_EXPOSURE
from fusionjax.ops import levels
from fusionjax.pretrained import published

_spec = importlib.util.spec_from_file_location(
  'tolerances', Path(__file__).with_name('tolerances.py')
)
tolerances = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tolerances)

MFF = 'mgdn/62000_E.pth'
# Names of the published stages in what is sown.
STAGES = {
  'tca_call1': 'filter/attention_first',
  'kernel_ref': 'filter/filters_first',
  'tca_call2': 'filter/attention_second',
  'kernel_ext': 'filter/filters_second',
  'kernel_under': 'filter/filters_under',
  'kernel_over': 'filter/filters_over',
  'mgf_out1': 'filtered/0',
  'mgf_out2': 'filtered/1',
  'adjust': 'merged',
  'cat0_blc': 'fused0',
  'cat1_blc': 'fused1',
  'cat2_blc': 'fused2',
  'dilated': 'spread',
  'out1': 'out/0',
  'out2': 'out/1',
  'out3': 'out/2',
}


def load(reference: Path, module, file: str, channels: tuple[int, ...]):
  """Loads strictly: what is unused there is named by pattern."""
  pair = len(channels) == 2
  method = dataclasses.replace(
    registry.get_method('mgdn'),
    module=type(module),
    example_sources=lambda task: tuple((1, 16, 16, c) for c in channels),
    ignorable_entries=(
      mgdn_names.IGNORABLE_OF_PAIRS if pair else mgdn_names.IGNORABLE
    ),
  )
  variables = published.load_published(
    reference / 'weights' / file, method=method, module=module, task='mff'
  )
  return jax.tree.map(jnp.asarray, variables)


def goldens(reference: Path, name: str) -> dict[str, np.ndarray]:
  with np.load(reference / 'parity' / f'{name}.npz') as file:
    return dict(file)


def stage(sown, name: str) -> np.ndarray:
  """Finds `layer0_mgf_out1` in what was sown."""
  if name == 'after_body':
    return sown['features'][0]
  layer, name = name.split('_', 1)
  found = sown[f'stage{layer.removeprefix("layer")}']
  *parents, last = STAGES[name].split('/')
  if last.isdecimal():
    return found[parents[0]][0][int(last)]
  for parent in parents:
    found = found[parent]
  return found[last][0]


def check(reference: Path, module, file: str, name: str) -> int:
  """Compares every stage in a file; returns how many there are."""
  z = goldens(reference, name)
  sources = [jnp.asarray(z.pop(f'x{i}')) for i in (1, 2, 3) if f'x{i}' in z]
  channels = tuple(x.shape[-1] for x in sources)
  variables = load(reference, module, file, channels)

  @jax.jit
  def apply(variables, *sources):
    return module.apply(variables, *sources, mutable=['intermediates'])

  with jax.default_matmul_precision('highest'):
    out, sown = apply(variables, *sources)
  np.testing.assert_allclose(out, z.pop('out'), **tolerances.MGDN_OUT)
  for key, golden in z.items():
    ours = np.reshape(stage(sown['intermediates'], key), golden.shape)
    np.testing.assert_allclose(
      ours, golden, err_msg=key, **tolerances.MGDN_STAGE
    )
  return len(z)


@pytest.mark.parametrize(
  ('size', 'stages'), [('24x32', 27), ('77x101', 0), ('96x128', 2)]
)
def test_multi_focus_every_stage(reference: Path, size, stages) -> None:
  name = f'mgdn_mff_E_real_{size}'
  assert check(reference, models.MGDN(), MFF, name) == stages


@pytest.mark.parametrize(
  ('module', 'file', 'name', 'stages'),
  [
    (models.MGDN(**MULTI_EXPOSURE), 'mef', 'mef_randinit_32x32', 7),
    (models.MGDNDepth(), 'gdsr_x4x8', 'gdsr_x4x8_randinit_40x48', 9),
    (models.MGDNDeghost(), 'deghost', 'deghost_randinit_32x32', 12),
  ],
  ids=['mef', 'gdsr', 'hdr'],
)
def test_other_networks_every_stage(
  reference: Path, module, file, name, stages
) -> None:
  file = f'random_init/mgdn_{file}.npz'
  assert check(reference, module, file, f'mgdn_{name}') == stages


def test_whole_protocol(reference: Path) -> None:
  z = goldens(reference, 'mgdn_mff_E_protocol_130x173')
  np.testing.assert_array_equal(
    mgdn.flip_pad(jnp.asarray(z['x1'])), z['x1_padded']
  )
  model = load_model(reference / 'weights' / MFF, like='mgdn-mff')
  with jax.default_matmul_precision('highest'):
    fused = model.fuse([z['x1'][0], z['x2'][0]])
  np.testing.assert_allclose(fused, z['out'][0], **tolerances.MGDN_OUT)
  rounding = registry.get_method(model.method).rounding
  ours = np.asarray(levels.to_levels(jnp.asarray(fused), rounding=rounding))
  off = np.abs(ours - z['out_u8'])
  assert np.mean(off == 0) >= tolerances.MGDN_EQUAL and off.max() <= 1


def test_other_networks_load_by_their_names(reference: Path) -> None:
  path = reference / 'weights' / 'random_init' / 'mgdn_mef.npz'
  model = load_model(path, like='mgdn-mef')
  assert (model.method, model.task) == ('mgdn', 'mef')
  assert model.module == models.MGDN(**MULTI_EXPOSURE)
  with pytest.raises(InputError, match=r'of another shape: .*expected'):
    load_model(path, like='mgdn-mff')
  path = path.with_name('mgdn_gdsr_x4x8.npz')
  model = load_model(path, like='mgdn-gdsr-x8')
  assert (model.method, model.task) == ('mgdn_depth', 'gdsr')
  assert model.module == models.MGDNDepth()
  path = path.with_name('mgdn_deghost.npz')
  model = load_model(path, like='mgdn-hdr')
  assert (model.method, model.task) == ('mgdn_deghost', 'hdr')


def test_checkpoint_of_another_network_is_refused(reference: Path) -> None:
  with pytest.raises(InputError, match=r'unexpected: .*adjust_channel_03'):
    published.load_published(
      reference / 'weights' / MFF,
      method=dataclasses.replace(
        registry.get_method('mgdn'), ignorable_entries=mgdn_names.IGNORABLE
      ),
      module=models.MGDN(),
      task='mff',
    )
