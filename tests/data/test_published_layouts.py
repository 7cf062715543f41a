"""The layouts in which infrared-visible sets are published."""

import numpy as np
import PIL.Image
import pytest

from fusionjax.data.folder import find_scenes


def save(path):
  path.parent.mkdir(parents=True, exist_ok=True)
  PIL.Image.fromarray(np.full((20, 24), 90, np.uint8)).save(path)


def kaist(root):
  for video in ('set00/V000', 'set00/V001', 'set06/V000'):
    for frame in ('I00000', 'I00020'):
      for folder in ('visible', 'lwir'):
        save(root / 'images' / video / folder / f'{frame}.jpg')
  (root / 'annotations' / 'set00' / 'V000').mkdir(parents=True)


def msrs(root):
  for split, name in (('train', '00001D'), ('train', '00002N'), ('test', '3N')):
    for folder in ('vi', 'ir', 'Segmentation_labels'):
      save(root / split / folder / f'{name}.png')


def llvip(root):
  for split, name in (('train', '010001'), ('test', '190001')):
    for folder in ('visible', 'infrared'):
      save(root / folder / split / f'{name}.jpg')
    (root / 'Annotations').mkdir(exist_ok=True)
    (root / 'Annotations' / f'{name}.xml').write_text('<annotation/>')


def roadscene(root):
  for name in ('FLIR_00006', 'FLIR_video_00018'):
    for folder in ('cropinfrared', 'crop_HR_visible'):
      save(root / folder / f'{name}.jpg')


def tno(root):
  for number in (1, 2, 10):
    for kind in ('VIS', 'IR'):
      save(root / f'{kind}{number}.png')


def m3fd(root):
  for number in range(3):
    for folder in ('Vis', 'Ir', 'Annotation'):
      save(root / folder / f'{number:05}.png')


LAYOUTS = {
  'kaist': (kaist, 6, 'lwir', ['']),
  'msrs': (msrs, 3, 'ir', ['train', 'test']),
  'llvip': (llvip, 2, 'infrared', ['train', 'test']),
  'roadscene': (roadscene, 2, 'cropinfrared', ['']),
  'tno': (tno, 3, 'IR', ['']),
  'm3fd': (m3fd, 3, 'Ir', ['']),
}


@pytest.mark.parametrize('name', LAYOUTS)
def test_infrared_comes_first(tmp_path, name):
  make, count, infrared, splits = LAYOUTS[name]
  make(tmp_path)
  found = find_scenes([tmp_path], task='ivf')
  assert len(found.scenes) == count
  assert len({scene.name for scene in found.scenes}) == count
  assert list(dict.fromkeys(s.split for s in found.scenes)) == splits
  for scene in found.scenes:
    first, second = scene.sources
    assert infrared in str(first.relative_to(tmp_path))
    assert 'vi' in str(second.relative_to(tmp_path)).lower()
    assert len(scene.sources) == 2 and scene.reference is None


def test_frames_of_a_video_stay_together(tmp_path):
  kaist(tmp_path)
  found = find_scenes([tmp_path], task='ivf')
  assert found.scenes[0].name == 'images_set00_V000_I00000'
  assert len({scene.group for scene in found.scenes}) == 3
  assert 'nested folders, in each parallel folders' in found.layout
