"""HDR pictures: exposures at the door, and the files that are written."""

import struct

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from fusionjax import models
from fusionjax.data.radiance import read_hdr
from fusionjax.errors import InputError
from fusionjax.inference import exposures, files, radiance
from fusionjax.inference.model import FusionModel
from fusionjax.ops import tone

RNG = np.random.default_rng(0)
SMALL = {
  'channels': 6,
  'depths': (1,),
  'heads': 2,
  'window': 4,
  'guidance_heads': 3,
  'filter_size': 3,
}
PICTURES = [
  RNG.integers(low, low + 60, (20, 24, 3), np.uint8) for low in (0, 80, 190)
]


@pytest.fixture(scope='module')
def model() -> FusionModel:
  module = models.MGDNDeghost(**SMALL)
  shapes = jax.eval_shape(
    module.init, jax.random.key(0), *[jnp.zeros((1, 16, 16, 6))] * 3
  )
  variables = jax.tree.map(
    lambda x: jnp.asarray(0.2 * RNG.normal(size=x.shape), x.dtype), shapes
  )
  return FusionModel(module, variables, 'x', 'mgdn_deghost', 'hdr')


def test_order_and_exposures(model) -> None:
  dark, middle, bright = PICTURES
  fused = model.fuse(PICTURES)
  assert fused.shape == (20, 24, 3) and fused.dtype == np.float32
  assert fused.min() >= 0 and fused.max() <= 1 and np.std(fused) > 0
  # Whatever the order, the darkest is the shortest exposure.
  np.testing.assert_array_equal(model.fuse([bright, dark, middle]), fused)
  same = model.fuse([bright, dark, middle], exposures=(2, -2, 0))
  np.testing.assert_array_equal(same, fused)
  assert np.any(model.fuse(PICTURES, exposures=(-3, 0, 3)) != fused)


@pytest.mark.parametrize(
  ('pictures', 'stops', 'words'),
  [
    (PICTURES[:2], None, '2 images are not enough: HDR fusion takes 3'),
    (PICTURES, (0, 0, 2), 'exposures is'),
    (PICTURES, (-2, 2), 'exposures is'),
    (PICTURES, (-2, 0, float('nan')), 'exposures is'),
  ],
)
def test_exposures_that_do_not_fit(pictures, stops, words) -> None:
  with pytest.raises(InputError, match=words):
    exposures.check_exposures(pictures, stops, task='hdr')


def test_files(model, tmp_path) -> None:
  paths = [tmp_path / f'{i}.png' for i in range(3)]
  for path, picture in zip(paths, PICTURES, strict=True):
    Image.fromarray(picture).save(path)
  for suffix in ('.hdr', '.npy', '.png'):
    plan = files.plan_jobs(paths, tmp_path / f'out{suffix}', task='hdr')
    (outcome,) = files.run_jobs(model, plan, options={'exposures': (-2, 0, 2)})
    assert outcome.status == 'fused', outcome.error
  fused = model.fuse(PICTURES)
  np.testing.assert_array_equal(np.load(tmp_path / 'out.npy'), fused)
  np.testing.assert_allclose(
    read_hdr(tmp_path / 'out.hdr'), fused, atol=fused.max() / 128
  )
  shown = np.asarray(Image.open(tmp_path / 'out.png'), np.float32)
  mapped = np.asarray(tone.mu_law(jnp.asarray(fused)))
  np.testing.assert_allclose(
    shown / shown.max(), mapped / mapped.max(), atol=5e-3
  )


def test_radiance_file_there_and_back(tmp_path) -> None:
  image = np.float32(10) ** RNG.uniform(-6, 3, (7, 9, 3)).astype(np.float32)
  image[0, 0] = 0
  path = tmp_path / 'x.hdr'
  path.write_bytes(radiance.encode_hdr(image))
  largest = image.max(-1, keepdims=True)
  assert (np.abs(read_hdr(path) - image) <= largest / 128).all()
  np.testing.assert_array_equal(read_hdr(path)[0, 0], 0)


def test_openexr_file() -> None:
  image = RNG.normal(size=(3, 4, 3)).astype(np.float32)
  data = radiance.encode_exr(image)
  assert data[:4] == b'\x76\x2f\x31\x01'
  attributes, at = {}, 8
  while data[at] != 0:
    name, kind, rest = data[at:].split(b'\0', 2)
    (size,) = struct.unpack('<I', rest[:4])
    at += len(name) + len(kind) + 2 + 4
    attributes[name.decode()] = data[at : at + size]
    at += size
  assert attributes['dataWindow'] == struct.pack('<4i', 0, 0, 3, 2)
  names = attributes['channels'].split(b'\0')
  assert names[0] == b'B' and attributes['compression'] == b'\0'
  offsets = struct.unpack('<3Q', data[at + 1 : at + 25])
  for y, offset in enumerate(offsets):
    assert struct.unpack('<iI', data[offset : offset + 8]) == (y, 48)
    row = np.frombuffer(data[offset + 8 : offset + 56], '<f4').reshape(3, 4)
    np.testing.assert_array_equal(row[::-1].T, image[y])
  assert len(data) == offsets[-1] + 56
  with pytest.raises(InputError, match='hold radiance'):
    radiance.encode_exr(np.zeros((2, 2, 3), np.uint8))
