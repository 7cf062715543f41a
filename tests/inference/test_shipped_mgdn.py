"""What the weights of MGDN that ship are worth, on scenes with a truth."""

import numpy as np
import pytest

from fusionjax import metrics
from fusionjax.data import radiance, synthetic
from fusionjax.evaluation import baselines
from fusionjax.inference.load import load_model
from fusionjax.methods import registry
from fusionjax.models import mgdn_deghost
from fusionjax.training import judges, validation


def error(picture: np.ndarray, truth: np.ndarray) -> float:
  return float(np.sqrt(np.mean(np.square(picture - truth.astype(np.float64)))))


@pytest.mark.long
def test_pictures_are_in_focus_everywhere() -> None:
  scenes = synthetic.SyntheticSource(
    'mff', length=2, seed=3, split='test', sources=2
  )
  model = load_model('mgdn-mff')
  for index in range(2):
    scene = scenes.read_raw(index)
    near, far = scene.sources
    fused = model.fuse([near, far])
    mean = baselines.fuse('average', [near, far])
    assert error(fused, scene.reference) < 0.4 * error(mean, scene.reference)
    ours, theirs = (
      metrics.evaluate(x, [near, far], metrics=('qabf',), toolbox='mgdn')
      for x in (fused, baselines.fuse('laplacian', [near, far]))
    )
    assert ours['qabf'] > theirs['qabf'] + 0.005
    # No value that is not between those of the two pictures.
    assert (fused >= np.minimum(near, far)).all()
    assert (fused <= np.maximum(near, far)).all()
    # Which comes first is an accident.
    assert error(model.fuse([far, near]), fused) < 3


def test_exposures_keep_their_structure() -> None:
  scenes = synthetic.SyntheticSource(
    'mef', length=2, seed=3, split='test', sources=2
  )
  model = load_model('mgdn-mef')

  def score(fused: np.ndarray, sources: list[np.ndarray]) -> float:
    found = metrics.evaluate(
      fused, sources, metrics=('mef_ssim',), toolbox='mefb'
    )
    return found['mef_ssim']

  for index in range(2):
    sources = list(scenes.read_raw(index).sources)
    fused = model.fuse(sources)
    mean = baselines.fuse('average', sources)
    assert score(fused, sources) > score(mean, sources) + 0.02
    # No value that is not between those of the two pictures.
    assert (fused >= np.minimum(*sources)).all()
    assert (fused <= np.maximum(*sources)).all()
    # The darker one comes first, whichever was given so.
    np.testing.assert_array_equal(model.fuse(sources[::-1]), fused)


@pytest.mark.long
def test_exposures_are_merged_without_ghosts() -> None:
  scenes = radiance.SyntheticRadiance(length=3, seed=0, split='test')
  model = load_model('mgdn-hdr')
  fuse = validation.make_fuse(
    registry.get_method(model.method), model.module, task='hdr'
  )
  for index in range(3):
    scene = scenes.read(index)
    under, middle, over = scene.sources

    def score(merged: np.ndarray, scene=scene) -> float:
      found = judges.score(merged, scene, metrics=['psnr_mu'], toolbox='mgdn')
      return found['psnr_mu']

    ours = score(fuse(model.variables, scene.sources))
    guess = mgdn_deghost.guessed_radiance(under, middle)
    assert ours > score(np.asarray(guess)) + 0.3
    assert ours > score(middle[..., 3:]) + 3
    assert ours > score(under[..., 3:]) + 3 and ours > score(over[..., 3:]) + 3
