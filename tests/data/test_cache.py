"""The memory of decoded scenes."""

import numpy as np
import pytest

from fusionjax.data.cache import ExampleCache
from fusionjax.data.scenes import Example


def test_keeps_what_was_used_last_within_the_limit():
  made = []

  def make(key):
    made.append(key)
    return Example(str(key), (np.zeros((10, 10), np.uint8),))

  kept = ExampleCache(250)
  for key in (0, 1, 0, 2, 0, 1):
    assert kept.get(key, lambda k=key: make(k)).name == str(key)
    assert kept.size <= 250
  # 1 went when 2 came, because 0 had been used since.
  assert made == [0, 1, 2, 1]


def test_a_scene_above_the_limit_is_still_given():
  kept = ExampleCache(0)
  example = kept.get(0, lambda: Example('x', (np.zeros(9, np.uint8),)))
  assert example.name == 'x' and kept.size == 0
  with pytest.raises(ValueError, match='read-only'):
    example.sources[0][0] = 1
