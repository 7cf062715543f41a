"""Plans for files and folders, and what becomes of their scenes."""

import os
import threading
import types

import numpy as np
import pytest
from PIL import Image

from fusionjax.errors import InputError
from fusionjax.inference import files


def _write(path, value=100, size=(24, 32)):
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)
  return path


def _fuse(images, *, names):
  return np.mean(images, axis=0).astype(np.uint8)


def _prepare(images, *, names):
  del images, names


# Whatever has these three: these tests are about files.
_MODEL = types.SimpleNamespace(fuse=_fuse, expect=list, compiled_for=tuple)


def _plan(inputs, output, task='mef', **options):
  return files.plan_jobs(inputs, output, task=task, **options)


def test_files(tmp_path):
  inputs = [_write(tmp_path / name) for name in ('z.jpg', 'a.png', 'm.bmp')]
  plan = _plan(inputs, tmp_path / 'out' / 'fused.png')
  (job,) = plan.jobs
  assert job.sources == tuple(inputs), 'the order given is the order kept'
  assert not (tmp_path / 'out').exists()
  (outcome,) = files.run_jobs(_MODEL, plan)
  assert outcome.status == 'fused'
  assert outcome.size == (24, 32)
  assert outcome.seconds > 0
  assert os.listdir(tmp_path / 'out') == ['fused.png']


def test_parallel_folders(tmp_path):
  for index in range(3):
    _write(tmp_path / 'ir' / f'{index}.png', 10)
    _write(tmp_path / 'vis' / f'{index}.jpg', 30)
  roots = [tmp_path / 'ir', tmp_path / 'vis']
  plan = _plan(roots, tmp_path / 'out', task='ivf', suffix='.tif')
  assert [job.output.name for job in plan.jobs] == ['0.tif', '1.tif', '2.tif']
  assert plan.jobs[0].sources == (roots[0] / '0.png', roots[1] / '0.jpg')
  assert '3 scenes' in plan.description
  outcomes = list(files.run_jobs(_MODEL, plan))
  assert [outcome.status for outcome in outcomes] == ['fused'] * 3
  assert sorted(os.listdir(tmp_path / 'out')) == ['0.tif', '1.tif', '2.tif']


def test_one_folder_of_stacks(tmp_path):
  for scene, count in (('house', 3), ('tree', 2)):
    for index in range(count):
      _write(tmp_path / 'in' / scene / f'{index}.png')
  plan = _plan([tmp_path / 'in'], tmp_path / 'out')
  assert [(job.name, len(job.sources)) for job in plan.jobs] == [
    ('house', 3),
    ('tree', 2),
  ]


def test_splits_that_share_names_get_folders(tmp_path):
  for split in ('train', 'test'):
    for source in ('A', 'B'):
      for index in range(2):
        _write(tmp_path / 'in' / split / f'{index}_{source}.png')
  plan = _plan([tmp_path / 'in'], tmp_path / 'out')
  relative = {str(job.output.relative_to(tmp_path)) for job in plan.jobs}
  assert relative == {
    f'out/{split}/{index}.png' for split in ('train', 'test') for index in '01'
  }


def test_a_bad_image_does_not_stop_the_rest(tmp_path):
  for index in range(3):
    _write(tmp_path / 'a' / f'{index}.png')
    _write(tmp_path / 'b' / f'{index}.png')
  # One whose header is wrong already, one whose pixels are.
  (tmp_path / 'b' / '0.png').write_bytes(b'these are words')
  whole = (tmp_path / 'b' / '1.png').read_bytes()
  (tmp_path / 'b' / '1.png').write_bytes(whole[: len(whole) // 2])
  plan = _plan([tmp_path / 'a', tmp_path / 'b'], tmp_path / 'out')
  outcomes = list(files.run_jobs(_MODEL, plan))
  bad = [path for path, _ in plan.failed]
  bad += [o.job.sources[1] for o in outcomes if o.status == 'failed']
  assert bad == [tmp_path / 'b' / '0.png', tmp_path / 'b' / '1.png']
  assert all(str(o.job.sources[1]) in str(o.error) for o in outcomes if o.error)
  assert os.listdir(tmp_path / 'out') == ['2.png']


def test_existing_files_are_kept(tmp_path):
  for index in range(2):
    _write(tmp_path / 'a' / f'{index}.png', 10)
    _write(tmp_path / 'b' / f'{index}.png', 30)
  old = _write(tmp_path / 'out' / '0.png', 77)
  before = old.read_bytes()
  plan = _plan([tmp_path / 'a', tmp_path / 'b'], tmp_path / 'out')
  status = [o.status for o in files.run_jobs(_MODEL, plan)]
  assert status == ['exists', 'fused']
  assert old.read_bytes() == before
  status = [o.status for o in files.run_jobs(_MODEL, plan, overwrite=True)]
  assert status == ['fused', 'fused']
  assert old.read_bytes() != before
  inputs = [tmp_path / 'a' / '0.png', tmp_path / 'b' / '0.png']
  with pytest.raises(InputError, match='exists already'):
    _plan(inputs, old)
  assert _plan(inputs, old, overwrite=True).jobs


def test_sources_are_never_overwritten(tmp_path):
  inputs = [_write(tmp_path / d / '1.png') for d in ('a', 'b')]
  with pytest.raises(InputError, match='is one of the images to fuse'):
    _plan(inputs, tmp_path / 'a' / '..' / 'b' / '1.png', overwrite=True)
  for output in (tmp_path / 'a', tmp_path / 'b' / 'new'):
    with pytest.raises(InputError, match='which is an input'):
      _plan([tmp_path / 'a', tmp_path / 'b'], output)


def test_refusals(tmp_path):
  a, b = _write(tmp_path / 'd' / 'a.png'), _write(tmp_path / 'e' / 'b.png')
  small = _write(tmp_path / 'small.png', size=(24, 33))
  for inputs, output, message in (
    ([a, tmp_path / 'no.png'], 'o.png', r'no\.png does not exist'),
    ([a, tmp_path / 'e'], 'o.png', 'is a folder among files'),
    ([a], 'o.png', 'One image is not enough'),
    ([a, b], 'o.gif', r'o\.gif: cannot write \.gif files\. Use'),
    ([a, b], 'o', 'o: cannot write without a suffix'),
    ([a, b], 'd', 'is a folder. Give the file to write'),
    ([a, b], 'small.png/o.png', 'cannot be written'),
    ([a.parent, b.parent], 'o.png', 'inputs are folders'),
    ([a.parent, b.parent], 'small.png/out', 'cannot be written'),
    ([a.parent, a.parent], 'out', 'd was given twice'),
    ([a, small], 'o.png', r'share one size: .*a\.png is 32x24, .*33x24'),
  ):
    before = sorted(tmp_path.rglob('*'))
    with pytest.raises(InputError, match=message):
      _plan(inputs, tmp_path / output)
    assert sorted(tmp_path.rglob('*')) == before


def test_scenes_overlap(tmp_path):
  """Two scenes at least are under way, and outcomes keep their order."""
  for index in range(4):
    size = 24 + index, 32
    _write(tmp_path / 'a' / f'{index}.png', size=size)
    _write(tmp_path / 'b' / f'{index}.png', size=size)
  begun, second, expected = [], threading.Event(), []

  def fuse(images, *, names):
    begun.append(names[0])
    if len(begun) == 1:
      # One after the other this would wait in vain.
      assert second.wait(30)
    second.set()
    return images[0]

  model = types.SimpleNamespace(
    fuse=fuse, expect=expected.extend, compiled_for=tuple
  )
  plan = _plan([tmp_path / 'a', tmp_path / 'b'], tmp_path / 'out')
  outcomes = list(files.run_jobs(model, plan))
  assert [o.job.name for o in outcomes] == ['0', '1', '2', '3']
  assert {o.status for o in outcomes} == {'fused'}
  assert {*begun} == {str(job.sources[0]) for job in plan.jobs}
  # What is compiled is chosen for all of them, before any is read.
  assert expected == [(24 + index, 32) for index in range(4)]


def test_who_stops_waits_for_no_scene_that_was_not_begun(tmp_path):
  for index in range(40):
    _write(tmp_path / 'a' / f'{index}.png')
    _write(tmp_path / 'b' / f'{index}.png')
  begun = []

  def fuse(images, *, names):
    begun.append(names[0])
    return images[0]

  model = types.SimpleNamespace(fuse=fuse, expect=list, compiled_for=tuple)
  plan = _plan([tmp_path / 'a', tmp_path / 'b'], tmp_path / 'out')
  outcomes = files.run_jobs(model, plan)
  next(outcomes)
  outcomes.close()
  assert 1 <= len(begun) < 20
  assert len(os.listdir(tmp_path / 'out')) == len(begun)
