"""CSCFuse at the door: options, grey results, cubes, folders of weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import fusionjax
from fusionjax import cli
from fusionjax.data import cubes
from fusionjax.errors import InputError
from fusionjax.inference.load import load_model
from fusionjax.inference.model import FusionModel
from fusionjax.methods import base, registry
from fusionjax.pretrained import weights

RNG = np.random.default_rng(0)
OPTIONS = {
  'csc_ivfn': {'features': 4, 'units': 2},
  'csc_mefn': {'features': 4},
  'csc_msfn': {'bands': 5, 'guide_channels': 1, 'features': 4},
  'ffmef': {'kernel_sizes': (1,)},
}


def make(name: str, task: str) -> FusionModel:
  method = registry.get_method(name)
  module = method.module(**OPTIONS[name])
  shapes = base.abstract_variables(method, module, task)

  def draw(path, leaf):
    values = 0.3 * RNG.normal(size=leaf.shape)
    if path[-1].key in ('var', 'scale'):
      values = 0.5 + np.abs(values)
    return jnp.asarray(values, leaf.dtype)

  variables = jax.tree_util.tree_map_with_path(draw, shapes)
  return FusionModel(module, variables, f'{name}-{task}', name, task)


def image(*shape: int, dtype: str = 'u1') -> np.ndarray:
  return (RNG.random(shape) * np.iinfo(dtype).max).astype(dtype)


def save(model: FusionModel, path) -> None:
  weights.save_weights(
    path,
    model.variables,
    method=model.method,
    task=model.task,
    options=OPTIONS[model.method],
    metadata={},
  )


def test_grey_by_default_and_colour_on_demand() -> None:
  model = make('csc_ivfn', 'ivf')
  grey, colour = image(24, 26), image(24, 26, 3)
  assert model.fuse([grey, grey]).shape == (24, 26)
  assert model.fuse([grey, grey[..., None]]).shape == (24, 26, 1)
  assert model.fuse([grey, colour]).shape == (24, 26)
  assert model.fuse([colour, grey]).shape == (24, 26)
  fused = model.fuse([grey, colour], color='visible')
  assert fused.shape == (24, 26, 3) and fused.dtype == np.uint8
  # Without colour in the visible image there is none to keep.
  assert model.fuse([grey, grey], color='visible').shape == (24, 26)
  plain = fusionjax.fuse([grey, colour], model=model)
  np.testing.assert_array_equal(plain, model.fuse([grey, colour]))


def test_options_that_there_are_not() -> None:
  pair = [image(24, 26), image(24, 26)]
  with pytest.raises(InputError, match='csc_ivfn has no option stretch'):
    make('csc_ivfn', 'ivf').fuse(pair, stretch=True)
  with pytest.raises(InputError, match='color of csc_ivfn is red'):
    make('csc_ivfn', 'ivf').fuse(pair, color='red')
  with pytest.raises(InputError, match='ffmef has no option stretch: it has'):
    make('ffmef', 'mef').fuse(pair, stretch=True)


def test_stacks_of_any_length_and_the_stretch() -> None:
  model = make('csc_mefn', 'mef')
  stack = [image(20, 22, 3) // 3 + 80 for _ in range(4)]
  stretched = model.fuse(stack)
  assert stretched.min() == 0 and stretched.max() >= 254
  plain = model.fuse(stack, stretch=False)
  assert plain.min() >= 50 and plain.max() <= 200
  assert model.fuse(stack[:2], stretch=False).shape == (20, 22, 3)
  back = model.fuse(stack[::-1], stretch=False)
  assert np.abs(back.astype(int) - plain).max() <= 1


@pytest.mark.parametrize('dtype', ['u1', 'u2'])
def test_cubes(dtype) -> None:
  model = make('csc_msfn', 'msf')
  cube, guide = image(8, 9, 5, dtype=dtype), image(21, 30, dtype='u1')
  fused = model.fuse([cube, guide])
  assert fused.shape == (21, 30, 5) and fused.dtype == cube.dtype
  raw = model.apply(
    jnp.asarray(cubes.to_unit(cube))[None],
    jnp.asarray(cubes.to_unit(guide))[None, ..., None],
  )
  top = np.iinfo(cube.dtype).max
  expected = np.clip(np.asarray(raw[0]), 0, 1) * top
  assert np.abs(fused - expected).max() <= 1 + 1e-4 * top
  floats = cubes.to_unit(cube).astype(np.float64)
  fused = model.fuse([floats, guide])
  assert fused.dtype == np.float64 and fused.max() <= 1


@pytest.mark.parametrize(
  ('images', 'words'),
  [
    ([(8, 9, 5)], 'not enough'),
    ([(8, 9, 5), (21, 30), (21, 30)], 'too many'),
    ([(8, 9, 4), (21, 30)], 'cube has 4 channels'),
    ([(8, 9, 5), (21, 30, 3)], 'guide has 3 channels'),
    ([(21, 30, 5), (18, 19)], 'smaller than'),
    ([(2, 9, 5), (21, 30)], '4 pixels or more'),
    ([(8, 9, 5), (15, 30)], '16 pixels or more'),
    ([(8, 9, 5, 1), (21, 30)], 'shape'),
  ],
)
def test_cubes_that_do_not_fit(images, words) -> None:
  model = make('csc_msfn', 'msf')
  with pytest.raises(InputError, match=words):
    model.fuse([image(*shape) for shape in images])


def test_cube_out_of_range() -> None:
  model = make('csc_msfn', 'msf')
  cube = 2 * RNG.random((8, 9, 5))
  with pytest.raises(InputError, match='the cube is float and reaches'):
    model.fuse([cube, image(21, 30)])


def test_saved_weights_keep_their_bands(tmp_path) -> None:
  model = make('csc_msfn', 'msf')
  save(model, tmp_path / 'a.safetensors')
  loaded = load_model(tmp_path / 'a.safetensors')
  assert loaded.module == model.module
  pair = [image(8, 9, 5), image(21, 30)]
  np.testing.assert_array_equal(loaded.fuse(pair), model.fuse(pair))


def write(path, array) -> str:
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.fromarray(array).save(path)
  return str(path)


def run(*argv) -> int:
  return cli.main([str(word) for word in argv])


def test_command_line_keeps_colour(tmp_path) -> None:
  save(make('csc_ivfn', 'ivf'), tmp_path / 'm.safetensors')
  pair = [
    write(tmp_path / 'ir.png', image(24, 26)),
    write(tmp_path / 'vis.png', image(24, 26, 3)),
  ]
  rest = ['--model', tmp_path / 'm.safetensors', '-o']
  assert run('fuse', *pair, *rest, tmp_path / 'grey.png') == 0
  assert Image.open(tmp_path / 'grey.png').mode == 'L'
  colour = tmp_path / 'colour.png'
  assert run('fuse', *pair, *rest, colour, '--color', 'visible') == 0
  assert Image.open(colour).mode == 'RGB'
  other = tmp_path / 'other.png'
  assert run('fuse', *pair, *rest, other, '--stretch') == 2
  assert run('fuse', *pair, *rest, other, '--color', 'blue') == 2
  assert not other.exists()


def test_command_line_takes_stacks(tmp_path) -> None:
  save(make('csc_mefn', 'mef'), tmp_path / 'm.safetensors')
  stack = [
    write(tmp_path / f'{i}.png', image(20, 22, 3) // 3 + 80) for i in range(3)
  ]
  rest = ['--model', tmp_path / 'm.safetensors', '-o']
  assert run('fuse', *stack, *rest, tmp_path / 'a.png') == 0
  assert np.asarray(Image.open(tmp_path / 'a.png')).min() == 0
  assert run('fuse', *stack, *rest, tmp_path / 'b.png', '--no-stretch') == 0
  assert np.asarray(Image.open(tmp_path / 'b.png')).min() > 70


def test_command_line_takes_cubes(tmp_path) -> None:
  model = make('csc_msfn', 'msf')
  save(model, tmp_path / 'm.safetensors')
  cube, guide = image(8, 9, 5), image(21, 30)
  np.save(tmp_path / 'cube.npy', cube)
  path = write(tmp_path / 'pan.png', guide)
  rest = ['--model', tmp_path / 'm.safetensors', '-o']
  out = tmp_path / 'out.tif'
  assert run('fuse', tmp_path / 'cube.npy', path, *rest, out) == 0
  np.testing.assert_array_equal(cubes.read_cube(out), model.fuse([cube, guide]))
  # The bands in two files, in a folder of scenes.
  folder = tmp_path / 'scenes'
  folder.mkdir()
  for scene in ('01', '02'):
    np.save(folder / f'{scene}_ms_a.npy', cube[..., :2])
    np.save(folder / f'{scene}_ms_b.npy', cube[..., 2:])
    write(folder / f'{scene}_pan.png', guide)
  assert run('fuse', folder, *rest, tmp_path / 'fused') == 0
  for scene in ('01', '02'):
    read = cubes.read_cube(tmp_path / 'fused' / f'{scene}.tif')
    np.testing.assert_array_equal(read, model.fuse([cube, guide]))


def test_published_weights_in_a_folder(reference, tmp_path) -> None:
  folder = reference / 'weights' / 'csc_ivfn'
  model = load_model(folder, like='csc_ivfn-ivf')
  assert (model.name, model.method) == ('csc_ivfn', 'csc_ivfn')
  out = tmp_path / 'a.safetensors'
  assert run('convert', folder, '--like', 'csc_ivfn-ivf', '-o', out) == 0
  converted = load_model(out)
  pair = [image(24, 26), image(24, 26)]
  np.testing.assert_array_equal(converted.fuse(pair), model.fuse(pair))
  for file in ('LISTA_Base_Train', 'LISTA_Decoder'):
    (tmp_path / f'{file}.model').write_bytes(
      (folder / f'{file}.model').read_bytes()
    )
  with pytest.raises(InputError, match='holds no LISTA_Detail_Train'):
    load_model(tmp_path, like='csc_ivfn-ivf')
  # Other methods have one file.
  with pytest.raises(InputError, match=r'holds no weights\.safetensors'):
    load_model(folder, like='csc_mefn-mef')
  with pytest.raises(InputError, match='does not hold the weights'):
    load_model(
      reference / 'weights' / 'csc_mefn' / 'best_net.pth', like='csc_msfn-msf'
    )


@pytest.mark.parametrize(
  ('name', 'file'),
  [
    ('csc_mefn-mef', 'csc_mefn/best_net.pth'),
    ('csc_msfn-msf', 'csc_msfn/best_net.pth'),
  ],
)
def test_published_weights_in_a_file(reference, name, file) -> None:
  model = load_model(reference / 'weights' / file, like=name)
  assert f'{model.method}-{model.task}' == name
