"""Names of files and folders."""

import pytest

from fusionjax.data import naming
from fusionjax.data.scenes import group_names


@pytest.mark.parametrize(
  ('name', 'role'),
  [
    ('IR1', 'infrared'),
    ('VIS12', 'visible'),
    ('thermal_0001', 'infrared'),
    ('RGBD_01_ouput_color', 'colour'),
    ('Ground Truth', 'reference'),
    ('groundtruth', 'reference'),
    ('sourceA', 'a'),
    ('lytro-01-B', 'b'),
    ('A_walk', None),
    ('first', None),
    ('vision', None),
    ('MRI', 'mri'),
  ],
)
def test_role_of(name, role):
  assert naming.role_of(name) == role


def test_natural_order():
  names = ['10', 'a10', '2', 'A2', 'a1']
  got = sorted(names, key=naming.natural_key)
  assert got == ['2', '10', 'a1', 'A2', 'a10']


def test_order_of_roles():
  roles = ['depth', 'visible', None, 'colour', 'infrared', 'ct', 'mri']
  assert sorted(roles, key=naming.rank) == [
    'infrared',
    'visible',
    'ct',
    'mri',
    'colour',
    'depth',
    None,
  ]


def test_varying_words_bridge_a_typo():
  assert naming.varying_words(['RGBD_01_ouput', 'RGBD_02_ouput']) == [
    '01',
    '02',
  ]


def test_siblings_share_a_group():
  names = ['Bandon_Sunset_1', 'bandon_sunset_2', 'Knossos7', 'Knossos', 'Cafe']
  groups = group_names([*names, '0012', 'x', 'y'])
  assert groups[0] == groups[1] == 'bandon_sunset'
  assert groups[2] == groups[3] == 'knossos'
  assert groups[4:6] == ['cafe', '0012']


def test_a_numbered_set_is_not_one_group():
  names = [f'lytro-{i:02d}' for i in range(20)]
  assert group_names(names) == names
