"""The layouts that people download, with exact counts."""

import pytest

from fusionjax.data.folder import find_scenes

# (folder, task, scenes, sources per scene, roles, (train, test))
SETS = [
  ('mef/train', 'mef', 83, {3, 4, 5}, (), (0, 0)),
  ('mef/mefb', 'mef', 50, {2}, ('a', 'b'), (0, 0)),
  ('mff/train_mfvoc', 'mff', 400, {2}, ('a', 'b'), (0, 0)),
  ('mff/lytro', 'mff', 20, {2}, ('a', 'b'), (0, 0)),
  ('ivf/roadscene', 'ivf', 201, {2}, ('infrared', 'visible'), (181, 20)),
  ('ivf/tno', 'ivf', 20, {2}, ('infrared', 'visible'), (0, 0)),
  ('medical/harvard_ct_mri', None, 172, {2}, ('ct', 'mri'), (160, 12)),
  ('gdsr/middlebury', None, 24, {2}, ('colour', 'depth'), (0, 0)),
  ('gdsr/lu', None, 6, {2}, ('colour', 'depth'), (0, 0)),
  ('gdsr/nyu', None, 3, {2}, ('colour', 'depth'), (0, 0)),
  ('hdr/merianos_static', None, 5, {3}, (), (0, 0)),
  ('hdr/dynamic', None, 1, {3}, (), (0, 0)),
  (
    *('msf/landsat7', None, 12, {3}),
    *(('multispectral', 'multispectral', 'panchromatic'), (0, 0)),
  ),
  ('msf/cave', None, 1, {1}, ('multispectral',), (0, 0)),
]


@pytest.mark.parametrize(
  ('folder', 'task', 'scenes', 'sources', 'roles', 'splits'),
  SETS,
  ids=[row[0] for row in SETS],
)
def test_real_set(shared_data, folder, task, scenes, sources, roles, splits):
  found = find_scenes([shared_data / folder], task=task)
  assert len(found.scenes) == scenes
  assert {len(scene.sources) for scene in found.scenes} == sources
  assert found.roles == roles
  assert found.left_out == ()
  counted = [scene.split for scene in found.scenes]
  assert (counted.count('train'), counted.count('test')) == splits
  references = sum(scene.reference is not None for scene in found.scenes)
  assert references == (400 if 'mfvoc' in folder else 0)
  assert f'{scenes} scene' in found.describe()


def test_pairs_belong_together(shared_data):
  found = find_scenes([shared_data / 'ivf' / 'tno'], task='ivf')
  for scene in found.scenes:
    infrared, visible = (path.stem for path in scene.sources)
    assert infrared.replace('IR', 'VIS') == visible
  found = find_scenes([shared_data / 'gdsr' / 'lu'], task=None)
  for scene in found.scenes:
    colour, depth = (path.stem for path in scene.sources)
    assert colour.replace('ouput_color', 'output_depth') == depth


def test_siblings_of_the_training_set(shared_data):
  found = find_scenes([shared_data / 'mef' / 'train'], task='mef')
  groups = {scene.name: scene.group for scene in found.scenes}
  assert len(set(groups.values())) == 44
  assert (
    groups['dataset1_Bandon_Sunset_1'] == groups['dataset1_Bandon_Sunset_2']
  )
