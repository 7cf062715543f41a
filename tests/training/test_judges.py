"""Scores of fusion and of cubes, and what is shown of both."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fusionjax import errors
from fusionjax.data.scenes import Example
from fusionjax.metrics import spectral
from fusionjax.training import judges

RNG = np.random.default_rng(0)


def cube(*shape: int) -> np.ndarray:
  return RNG.random(shape).astype('f4')


def test_names_by_task() -> None:
  assert judges.select('all', task='msf', toolbox='mefb') == judges.SPECTRAL
  assert judges.select('sam', task='msf', toolbox='mefb') == ('sam',)
  assert judges.select(('en', 'sd'), task='ivf', toolbox='vifb') == ('en', 'sd')
  with pytest.raises(errors.InputError, match="metric of cubes 'en'"):
    judges.select(('en',), task='msf', toolbox='mefb')
  with pytest.raises(errors.InputError, match='psnrr'):
    judges.select(('psnrr',), task='mef', toolbox='mefb')


def test_scores_of_cubes_by_their_definitions() -> None:
  truth, fused = cube(12, 14, 5), cube(12, 14, 5)
  scene = Example('a', (cube(6, 7, 5), cube(12, 14, 1)), truth, cubes=True)
  found = judges.score(fused, scene, metrics=judges.SPECTRAL, toolbox='mefb')
  a, b = fused.astype(float), truth.astype(float)
  error = ((a - b) ** 2).mean((0, 1))
  assert found['psnr'] == pytest.approx(-10 * np.log10(error.mean()), rel=1e-6)
  cosine = (a * b).sum(-1)
  cosine /= np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
  angle = np.degrees(np.arccos(cosine)).mean()
  assert found['sam'] == pytest.approx(angle, rel=1e-6)
  relative = np.sqrt(error) / b.mean((0, 1))
  expected = 100 / 2 * np.sqrt((relative**2).mean())
  assert found['ergas'] == pytest.approx(expected, rel=1e-6)
  assert -1 < found['ssim'] < 0.5
  perfect = judges.score(
    truth, scene, metrics=('ssim', 'sam', 'ergas'), toolbox='mefb'
  )
  assert perfect['ssim'] == pytest.approx(1, abs=1e-6)
  assert perfect['sam'] == pytest.approx(0, abs=1e-3)
  assert perfect['ergas'] == 0


def test_spectra_of_zeros_have_no_angle() -> None:
  dark = jnp.zeros((3, 3, 4))
  bright = jnp.asarray(cube(3, 3, 4))
  assert spectral.sam(dark, bright) == 0
  gradient = jax.grad(lambda x: spectral.sam(x, bright))(bright + 0.1)
  assert np.isfinite(gradient).all()
  assert spectral.psnr(bright, bright) == np.inf
  opposite = spectral.sam(bright, -bright)
  np.testing.assert_allclose(opposite, 180, rtol=1e-3)


def test_scores_of_fusion_take_grey_and_colour() -> None:
  sources = (cube(20, 22, 3), cube(20, 22, 3))
  scene = Example('a', sources)
  levels = judges.to_levels(cube(20, 22), rounding='nearest')
  found = judges.score(levels, scene, metrics=('sd',), toolbox='cscfuse')
  colour = np.repeat(levels[..., None], 3, axis=-1)
  same = judges.score(colour, scene, metrics=('sd',), toolbox='cscfuse')
  assert found['sd'] == pytest.approx(same['sd'], rel=1e-3)


def test_pictures_to_show() -> None:
  grey = judges.to_picture(np.full((4, 5, 1), 0.5, np.float32))
  assert grey.shape == (4, 5, 3) and (grey == 128).all()
  bands = np.zeros((4, 5, 6), np.float32)
  bands[..., 5], bands[..., 3], bands[..., 0] = 1.0, 0.4, 0.2
  shown = judges.to_picture(bands)
  np.testing.assert_array_equal(shown[0, 0], [255, 102, 51])
  levels = np.full((4, 5, 3), 7, np.uint8)
  np.testing.assert_array_equal(judges.to_picture(levels), levels)
