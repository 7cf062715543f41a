"""The networks of CSCFuse against the published code and checkpoints."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax.methods import registry
from fusionjax.ops import box, guided_filter, levels
from fusionjax.pretrained import published

_spec = importlib.util.spec_from_file_location(
  'tolerances', Path(__file__).with_name('tolerances.py')
)
tolerances = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tolerances)

# Every run compares the compiled stages; eagerly they take many times as long.
EAGER_OR_JIT = [
  pytest.param(False, marks=pytest.mark.long, id='eager'),
  pytest.param(True, id='jit'),
]
FILES = {
  'csc_ivfn': ('ivf', 'csc_ivfn'),
  'csc_mefn': ('mef', 'csc_mefn/best_net.pth'),
  'csc_msfn': ('msf', 'csc_msfn/best_net.pth'),
}


def load(reference: Path, name: str):
  method = registry.get_method(name)
  module = method.module()
  task, file = FILES[name]
  variables = published.load_published(
    reference / 'weights' / file, method=method, module=module, task=task
  )
  return method, module, jax.tree.map(jnp.asarray, variables)


def goldens(reference: Path, name: str) -> dict[str, np.ndarray]:
  with np.load(reference / 'parity' / f'{name}.npz') as file:
    return dict(file)


def run(module, variables, *sources, jit: bool):
  """Returns the output and what was sown."""

  def apply(variables, *sources):
    return module.apply(variables, *sources, mutable=['intermediates'])

  apply = jax.jit(apply) if jit else apply
  with jax.default_matmul_precision('highest'):
    out, sown = apply(variables, *map(jnp.asarray, sources))
  return np.asarray(out), jax.tree.map(np.asarray, sown['intermediates'])


def check_most(ours, golden, *, most: float, all_: float, what: str) -> None:
  """Bounds 99 % of the differences, and all of them."""
  off = np.abs(ours - golden)
  assert np.quantile(off, 0.99) <= most, what
  assert off.max() <= all_, what


@pytest.mark.parametrize('jit', EAGER_OR_JIT)
@pytest.mark.parametrize('size', ['FLIR1_77x101', 'TNO1_96x128'])
def test_ivfn_every_stage(reference: Path, size: str, jit: bool) -> None:
  _, module, variables = load(reference, 'csc_ivfn')
  z = goldens(reference, f'csc_ivf_{size}')
  out, sown = run(module, variables, z['ir'], z['vi'], jit=jit)
  some = z['ch_subset']
  images = (sown['base_image'][0], sown['detail_image'][0])
  for ours, name in zip(images, ('B_input', 'D_input'), strict=True):
    np.testing.assert_allclose(ours[:1], z[name], **tolerances.CSC_FILTER)
  exact = {'most': tolerances.CSC_BASE_CODE, 'all_': tolerances.CSC_BASE_CODE}
  loose = {
    'most': tolerances.CSC_DETAIL_CODE,
    'all_': tolerances.CSC_DETAIL_JUMP,
  }
  for encoder, letter, bound in (
    ('base_encoder', 'B', exact),
    ('detail_encoder', 'D', loose),
  ):
    codes = sown[encoder]
    for unit in range(8):
      ours = codes[f'code{unit}'][0][:1, ..., some]
      name = f'{letter}_z{unit}_ch'
      check_most(ours, z[name], what=name, **bound)
    last = codes['code7'][0][..., some]
    for image, source in enumerate(('ir', 'vi')):
      name = f'{letter}_{source}'
      check_most(last[image : image + 1], z[name], what=name, **bound)
  for image, source in enumerate(('ir', 'vi')):
    ours = sown['base_weights'][0][image][..., some]
    golden = z[f'w_base_{source}']
    np.testing.assert_allclose(ours, golden, atol=tolerances.CSC_WEIGHT)
    ours = sown['detail_weights'][0][image]
    golden = z[f'w_det_{source}']
    np.testing.assert_allclose(ours, golden, atol=tolerances.CSC_WEIGHT)
  # The published code doubles the fused codes, and its goldens are doubled.
  base = 2 * sown['base_fused'][0][..., some]
  np.testing.assert_allclose(
    base, z['base_fused'], atol=tolerances.CSC_BASE_FUSED
  )
  detail = 2 * sown['detail_fused'][0][..., some]
  check_most(detail, z['detail_fused'], what='detail_fused', **loose)
  np.testing.assert_allclose(out, z['out'], **tolerances.CSC_IVF_OUT)
  ours, golden = np.floor(255 * out), np.floor(255 * z['out'])
  assert np.mean(ours == golden) >= tolerances.CSC_IVF_EQUAL
  assert np.abs(ours - golden).max() <= 1


@pytest.mark.parametrize('size', ['FLIR1_77x101', 'TNO1_96x128'])
def test_ivfn_method_on_8_bit_images(reference: Path, size: str) -> None:
  method, module, variables = load(reference, 'csc_ivfn')
  z = goldens(reference, f'csc_ivf_{size}')
  grey = [
    jnp.asarray(z[name].astype(np.float32) / np.float32(255))
    for name in ('ir_u8', 'vi_u8')
  ]
  rgb = [jnp.repeat(x[None, ..., None], 3, axis=-1) for x in grey]
  fused = method.fuse(
    jax.jit(lambda *x: module.apply(variables, *x)), rgb, task='ivf'
  )
  ours = levels.to_levels(fused, rounding=method.rounding)
  golden = np.floor(255 * z['out'])
  off = np.abs(np.asarray(ours) - golden)
  assert np.mean(off == 0) >= tolerances.CSC_IVF_EQUAL and off.max() <= 1


def test_ivfn_decoder_code_by_code(reference: Path) -> None:
  # Both codes are decoded at once here, and one after the other there. The
  # files hold some channels of the codes only, so: from the images.
  _, module, variables = load(reference, 'csc_ivfn')
  z = goldens(reference, 'csc_ivf_FLIR1_77x101')
  _, sown = run(module, variables, z['ir'], z['vi'], jit=True)
  bound = module.bind(variables)
  for name in ('base', 'detail'):
    ours = bound.decoder(2 * jnp.asarray(sown[f'{name}_fused'][0]))
    golden = z[f'dec_{name}']
    scale = np.abs(golden).max()
    np.testing.assert_allclose(ours, golden, atol=1e-3 * scale)


def test_ivfn_rebuilds_and_trains(reference: Path) -> None:
  _, module, variables = load(reference, 'csc_ivfn')
  z = goldens(reference, 'csc_ivf_recon')
  rebuilt = module.apply(variables, jnp.asarray(z['x']), method='reconstruct')
  np.testing.assert_allclose(
    rebuilt, z['recon_eval'], **tolerances.CSC_IVF_REBUILT
  )
  rebuilt, updates = module.apply(
    variables,
    jnp.asarray(z['x_batch']),
    train=True,
    method='reconstruct',
    mutable=['batch_stats'],
  )
  np.testing.assert_allclose(
    rebuilt, z['recon_trainmode_bn'], **tolerances.CSC_IVF_REBUILT
  )
  stats = updates['batch_stats']
  for path, name in (
    (('base_encoder', 'unit0', 'norm'), 'base_convLayer0.norm'),
    (('decoder', 'norm1'), 'decoder_decode_last.2'),
  ):
    ours = stats
    for key in path:
      ours = ours[key]
    for kind in ('mean', 'var'):
      golden = z[f'after_{name}.running_{kind}']
      np.testing.assert_allclose(ours[kind], golden, **tolerances.CSC_RUNNING)


def test_filters(reference: Path) -> None:
  z = goldens(reference, 'csc_ivf_guided_filter')
  smooth = jax.jit(
    guided_filter.guided_filter, static_argnames=('radius', 'epsilon')
  )
  for radius, name, suffix in (
    (5, 'out_r5_eps001', ''),
    (45, 'out_r45_eps001', ''),
    (45, 'out_small_r45_eps001', '_small'),
  ):
    ours = smooth(z[f'I{suffix}'], z[f'P{suffix}'], radius=radius, epsilon=0.01)
    np.testing.assert_allclose(ours, z[name], **tolerances.CSC_FILTER)
  z = goldens(reference, 'kornia031_boxblur11')
  planes = jnp.moveaxis(jnp.asarray(z['x']), -1, 1)
  ours = jnp.moveaxis(box.box_mean(planes, radius=5, border='reflect'), 1, -1)
  np.testing.assert_allclose(ours, z['out'], **tolerances.CSC_FILTER)
  z = goldens(reference, 'csc_msf_fast_guided_filter')
  for radius, epsilon, name in (
    (1, 1e-4, 'out_r1_eps1e4'),
    (2, 1e-2, 'out_r2_eps1e2'),
  ):
    ours = guided_filter.fast_guided_filter(
      *(jnp.asarray(z[key]) for key in ('lr_x', 'lr_y', 'hr_x')),
      radius=radius,
      epsilon=epsilon,
    )
    # Nearer to the published code in float64 than it is itself in float32.
    np.testing.assert_allclose(ours, z[f'{name}_f64'], **tolerances.CSC_FILTER)


MEF_STAGES = {
  'lifted': 'main0',
  'normed': 'main1',
  'code': 'main2',
  'code1': 'main3',
  'code2': 'main4',
}


@pytest.mark.parametrize('jit', EAGER_OR_JIT)
@pytest.mark.parametrize('size', ['K2_96x128', 'K3_48x64', 'K3_77x101'])
def test_mefn_every_stage(reference: Path, size: str, jit: bool) -> None:
  _, module, variables = load(reference, 'csc_mefn')
  z = goldens(reference, f'csc_mef_{size}')
  out, sown = run(module, variables, *(x[None] for x in z['x_knhwc']), jit=jit)
  bound = tolerances.CSC_MEF
  np.testing.assert_allclose(sown['ycbcr'][0][:, 0], z['ycbcr_0'], **bound)
  for name in ('logits', 'weights'):
    ours = np.moveaxis(sown[name][0][..., 0], 1, -1)
    np.testing.assert_allclose(ours, z[name], err_msg=name, **bound)
  compared = 0
  for ours, name in MEF_STAGES.items():
    golden = z.get(f'{name}_out_0')
    if golden is not None:
      code = sown['main'][ours][0][:1]
      np.testing.assert_allclose(code, golden, err_msg=name, **bound)
      compared += 1
  assert compared == (5 if size == 'K3_48x64' else 0)
  np.testing.assert_allclose(out, z['fused_rgb_unclamped'], **bound)
  np.testing.assert_allclose(np.clip(out, 0, 1), z['fused_rgb'], **bound)


@pytest.mark.parametrize('size', ['K2_96x128', 'K3_48x64', 'K3_77x101'])
def test_mefn_method(reference: Path, size: str) -> None:
  method, module, variables = load(reference, 'csc_mefn')
  z = goldens(reference, f'csc_mef_{size}')
  stretched = levels.stretch(jnp.asarray(z['fused_rgb'][0]))
  np.testing.assert_array_equal(levels.to_levels(stretched), z['post_u8'])
  # By NumPy: XLA would multiply by 1 / 255, which is off by a bit.
  sources = [x[None].astype(np.float32) / np.float32(255) for x in z['imgs_u8']]
  apply = jax.jit(lambda *x: module.apply(variables, *x))
  fused = method.fuse(apply, sources, task='mef')[0]
  ours = np.asarray(levels.to_levels(fused, rounding=method.rounding))
  off = np.abs(ours - z['post_u8'])
  assert np.mean(off == 0) >= tolerances.CSC_MEF_LEVELS_EQUAL
  assert off.max() <= 1
  plain = method.fuse(apply, sources, task='mef', stretch=False)
  off = np.abs(np.asarray(plain) - z['fused_rgb'])
  # One pixel of 12,288 has a code that rounding takes across a jump.
  assert np.mean(off <= tolerances.CSC_MEF['atol']) >= 0.9999
  assert off.max() < 3e-3


@pytest.mark.parametrize('jit', EAGER_OR_JIT)
def test_msfn_every_stage(reference: Path, jit: bool) -> None:
  _, module, variables = load(reference, 'csc_msfn')
  z = goldens(reference, 'csc_msf_real_64')
  out, sown = run(module, variables, z['lr'], z['guide'], jit=jit)
  some = z['ch_subset']
  for name, golden, bound in (
    ('code_guide', 'code_guide', tolerances.CSC_MSF_CODE),
    ('code', 'code_lr', tolerances.CSC_MSF_CODE),
    ('low_guide', 'code_guide_lr', tolerances.CSC_MSF_CODE),
    ('guided', 'guided_f64', tolerances.CSC_MSF),
  ):
    ours = sown[name][0]
    np.testing.assert_allclose(
      ours[..., some], z[golden], err_msg=name, **bound
    )
    mean = golden.replace('_f64', '_chmean_f64')
    mean = mean if mean != golden else f'{golden}_chmean'
    np.testing.assert_allclose(
      ours.mean(-1, keepdims=True), z[mean], err_msg=mean, **bound
    )
  np.testing.assert_allclose(
    sown['upsampled'][0], z['lr_up'], **tolerances.CSC_MSF_CODE
  )
  np.testing.assert_allclose(out, z['out_f64'], **tolerances.CSC_MSF)
