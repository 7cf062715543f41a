"""Radiance files, exposures and scenes of them."""

import numpy as np
import pytest
import tifffile

from fusionjax.data import pipeline, radiance, sources
from fusionjax.errors import InputError
from fusionjax.inference import radiance as radiance_files
from fusionjax.training import judges

RNG = np.random.default_rng(0)


def test_a_picture_and_the_radiance_that_it_stands_for() -> None:
  picture = RNG.random((4, 5, 3), np.float32)
  six = radiance.six_channels(picture, exposure=-2.0)
  np.testing.assert_array_equal(six[..., :3], picture)
  # Two stops less light: what is white there is radiance 4.
  np.testing.assert_allclose(six[..., 3:], 4 * picture**2.2, rtol=1e-5)
  white = radiance.six_channels(np.ones((1, 1, 3)), exposure=2.0)
  np.testing.assert_allclose(white[0, 0, 3:], 0.25)


def test_run_lengths_of_a_radiance_file(tmp_path) -> None:
  # A row of 10: red falls off, green and blue run, exponent 128: [0, 1).
  red = bytes(range(200, 210))
  row = b'\x02\x02\x00\x0a' + b'\x0a' + red + b'\x8a\x40' + b'\x85\x00\x85\x80'
  row += b'\x8a\x80'
  header = b'#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 10\n'
  (tmp_path / 'x.hdr').write_bytes(header + row)
  pixels = radiance.read_hdr(tmp_path / 'x.hdr')
  assert pixels.shape == (1, 10, 3)
  np.testing.assert_allclose(pixels[0, :, 0], np.arange(200, 210) / 256)
  np.testing.assert_allclose(pixels[0, :, 1], 64 / 256)
  np.testing.assert_allclose(pixels[0, :, 2], [0] * 5 + [0.5] * 5)
  (tmp_path / 'x.hdr').write_bytes(header + row[:-4])
  with pytest.raises(InputError, match='damaged or truncated'):
    radiance.read_hdr(tmp_path / 'x.hdr')
  (tmp_path / 'x.hdr').write_bytes(b'no')
  with pytest.raises(InputError, match='no Radiance file'):
    radiance.read_hdr(tmp_path / 'x.hdr')


def kalantari(folder, *, exposures='-2 0 2', size=(24, 20)):
  """Writes a scene as published, its files not in the order of exposure."""
  folder.mkdir(parents=True)
  truth = RNG.random((*size, 3), np.float32)
  (folder / 'HDRImg.hdr').write_bytes(radiance_files.encode_hdr(truth))
  (folder / 'exposure.txt').write_text(exposures)
  pictures = []
  stops = [float(stop) for stop in exposures.split()]
  for number, stop in enumerate(stops):
    # White in the darkest exposure is radiance 1.
    light = np.clip(truth * 2.0 ** (stop - min(stops)), 0, 1) ** (1 / 2.2)
    levels = np.rint(65535 * light).astype(np.uint16)
    tifffile.imwrite(folder / f'{number}.tif', levels, photometric='rgb')
    pictures.append(levels / 65535)
  return truth, pictures


def test_the_published_layout(tmp_path) -> None:
  truth, pictures = kalantari(tmp_path / 'one', exposures='2 0 -2')
  kalantari(tmp_path / 'two')
  options = {'root': str(tmp_path), 'holdout': 0, 'sources': 3}
  options.update(resize=False, size=(16, 16), batch_size=2)
  source = sources.open_source(options, task='hdr', seed=0, split='train')
  assert len(source) == 2
  example = source.read(0)
  for six, picture in zip(example.sources, pictures[::-1], strict=True):
    np.testing.assert_allclose(six[..., :3], picture, atol=1e-6)
  # Where nothing is white, every exposure says what the truth is.
  for six in example.sources:
    fair = (six[..., :3] < 0.99).all(-1)
    np.testing.assert_allclose(six[fair, 3:], truth[fair], atol=5e-3)
  np.testing.assert_allclose(example.reference, truth, atol=1 / 128)
  batch = next(pipeline.train_batches(source, options, task='hdr', seed=0))
  shapes = [x.shape[1:] for x in (*batch['sources'], batch['reference'])]
  assert shapes == [(16, 16, 6)] * 3 + [(16, 16, 3)]
  (tmp_path / 'two' / 'exposure.txt').write_text('1 2')
  with pytest.raises(InputError, match='holds 2 numbers'):
    radiance.read_exposures(tmp_path / 'two' / 'exposure.txt')


def test_exposures_of_any_origin_are_those_of_the_darkest() -> None:
  pictures = [RNG.random((4, 5, 3), np.float32) for _ in range(3)]
  one, two = (
    radiance.bracket(pictures, exposures=stops)
    for stops in ((2, -1, 0), (3, 0, 1))
  )
  np.testing.assert_array_equal(one, two)
  for number, apart in ((1, 0), (2, 1), (0, 3)):
    six = one[(1, 2, 0).index(number)]
    np.testing.assert_array_equal(six[..., :3], pictures[number])
    np.testing.assert_allclose(
      six[..., 3:], pictures[number] ** 2.2 / 2**apart, rtol=1e-5
    )


def test_things_move_in_synthetic_scenes() -> None:
  source = radiance.SyntheticRadiance(length=3, seed=0, split='train')
  moved = 0.0
  for index in range(3):
    example = source.read(index)
    pictures = [six[..., :3] for six in example.sources]
    under, middle, over = (six[..., 3:] for six in example.sources)
    # The middle exposure is taken of the truth, up to noise, and has less
    # range than it.
    fair = (pictures[1] < 0.98).all(-1)
    assert np.median(np.abs(middle - example.reference)[fair]) < 5e-3
    assert middle.max() <= 1 / 4 < example.reference.max() <= 1
    both = (pictures[2] < 0.98).all(-1)
    moved = max(moved, float(np.mean(np.abs(over - under)[both] > 0.01)))
  assert moved > 0.01
  again = radiance.SyntheticRadiance(length=3, seed=0, split='train')
  np.testing.assert_array_equal(again.read(2).reference, example.reference)


def test_scores_of_radiance() -> None:
  example = radiance.SyntheticRadiance(length=1, seed=0, split='test').read(0)
  names = judges.select(('psnr_mu', 'psnr_l'), task='hdr', toolbox='mgdn')
  off = np.clip(example.reference + 0.01, 0, None)
  found = judges.score(off, example, metrics=names, toolbox='mgdn')
  np.testing.assert_allclose(found['psnr_l'], 40, atol=1e-3)
  assert found['psnr_mu'] < found['psnr_l']
  with pytest.raises(InputError, match="metric of HDR 'en'"):
    judges.select(('en',), task='hdr', toolbox='mgdn')


def test_samples_show_pictures_and_tone_mapped_radiance() -> None:
  six = np.zeros((2, 2, 6), np.float32)
  six[..., 1] = 1.0
  shown = judges.to_picture(six, radiance=True)
  np.testing.assert_array_equal(shown[0, 0], [0, 255, 0])
  dark = np.full((2, 2, 3), 0.01, np.float32)
  assert judges.to_picture(dark, radiance=True).min() > 100
