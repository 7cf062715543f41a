"""Which scenes are for training, and which are held out."""

import hashlib
from collections.abc import Sequence

from fusionjax.data.scenes import Scene
from fusionjax.errors import InputError


def part(
  scenes: Sequence[Scene], split: str, *, holdout: float, where: object
) -> list[Scene]:
  """Takes the scenes of a split.

  Args:
    scenes: all of them.
    split: 'train', 'test' or 'all'.
    holdout: which part is held out where nothing is marked.
    where: what complaints call the data set.

  Raises:
    InputError: if nothing is left to train on, or to hold out.
  """
  if split == 'all':
    return list(scenes)
  named = {scene.split for scene in scenes}
  if named >= {'train', 'test'}:
    return [scene for scene in scenes if scene.split == split]
  if 'test' in named and split == 'train':
    raise InputError(
      f'{where} has only a test split. Give the folder with the '
      'training scenes, or the test folder itself to train on it.'
    )
  if 'test' in named:
    return [scene for scene in scenes if scene.split == 'test']
  held = held_out_groups(scenes, holdout=holdout)
  wanted = split == 'test'
  return [scene for scene in scenes if (scene.group in held) == wanted]


def held_out_groups(
  scenes: Sequence[Scene], *, holdout: float
) -> frozenset[str]:
  """Chooses the groups of siblings that are kept out of training.

  Groups are taken in the order of a hash of their names, as long as they
  fit: so the choice depends on no seed, and hardly on other scenes.

  Args:
    scenes: all scenes.
    holdout: the wanted part of the scenes, in [0, 1).

  Returns:
    Names of groups: of at least one scene where `holdout` is above 0, and
    never of all.

  Raises:
    InputError: if there is but one group, so that nothing would be left.
  """
  if holdout == 0:
    return frozenset()
  sizes: dict[str, int] = {}
  for scene in scenes:
    sizes[scene.group] = sizes.get(scene.group, 0) + 1
  if len(sizes) < 2:
    raise InputError(
      f'Fewer scenes than needed: {len(scenes)} of one kind '
      f'({scenes[0].name}), and data.holdout {holdout} keeps some out of '
      'training. Set it to 0 or add scenes.'
    )
  wanted = max(1, round(holdout * len(scenes)))
  order = sorted(sizes, key=_hash)
  held: set[str] = set()
  total = 0
  for group in order:
    if total + sizes[group] <= wanted and len(held) < len(sizes) - 1:
      held.add(group)
      total += sizes[group]
  return frozenset(held or {min(order, key=lambda group: sizes[group])})


def _hash(name: str) -> str:
  return hashlib.sha256(name.encode()).hexdigest()
