"""Maps in memory, and in files that nobody has to delete."""

import shutil
import tempfile
from collections import namedtuple

import numpy as np
import pytest

from fusionjax.errors import InputError
from fusionjax.inference import storage
from fusionjax.inference.storage import Storage

SHAPE = (1, 10, 4, 2)
SIZE = 10 * 4 * 2 * 4
FLOAT = np.dtype(np.float32)


@pytest.mark.parametrize('room', [0, SIZE])
def test_what_is_written_is_read(room, tmp_path, monkeypatch) -> None:
  monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
  x = np.random.default_rng(0).random(SHAPE, np.float32)
  stored = Storage(room).make(SHAPE, FLOAT)
  stored.write(6, x[:, 6:])
  stored.write(0, x[:, :6])
  np.testing.assert_array_equal(stored.between(0, 10), x)
  rows = np.array([9, 0, 1, 5, 4, 4])
  np.testing.assert_array_equal(stored.take(rows), x[:, rows])
  # What was read does not change with what is written later.
  before = stored.take(rows)
  stored.write(0, 0 * x)
  np.testing.assert_array_equal(before, x[:, rows])
  del stored
  assert not list(tmp_path.iterdir())


def test_room_is_given_back() -> None:
  kept = Storage(2 * SIZE)
  maps = [kept.make(SHAPE, FLOAT) for _ in range(3)]
  kinds = [type(x).__name__ for x in maps]
  assert kinds == ['_InMemory', '_InMemory', '_InFile']
  del maps[0]
  assert isinstance(kept.make(SHAPE, FLOAT), storage._InMemory)


def test_a_full_disk_is_said_before(monkeypatch) -> None:
  usage = namedtuple('usage', ['free'])
  monkeypatch.setattr(shutil, 'disk_usage', lambda folder: usage(free=5))
  with pytest.raises(InputError, match='set TMPDIR'):
    Storage(3).check(9)
  Storage(4).check(9)
