"""File names: words, numbers, and the roles that words give to images."""

import re
from collections.abc import Callable

# Role of a source -> the words that stand for it in file and folder names.
# The order of the roles is the order in which every task of this package
# takes its sources: infrared before visible, CT, PET or SPECT before MR,
# colour before depth, multi-spectral before panchromatic.
ROLES: dict[str, tuple[str, ...]] = {
  'infrared': (
    *('ir', 'infrared', 'thermal', 'lwir', 'tir', 'inf'),
    # RoadScene's folder.
    'cropinfrared',
  ),
  'visible': ('vis', 'vi', 'visible', 'visual'),
  'ct': ('ct',),
  'pet': ('pet',),
  'spect': ('spect',),
  'mri': ('mri', 'mr'),
  'colour': ('rgb', 'color', 'colour'),
  'depth': ('depth',),
  'multispectral': ('ms', 'multispectral'),
  'panchromatic': ('pan', 'panchromatic'),
  'under': ('under', 'underexposed', 'underexposure', 'ue'),
  'over': ('over', 'overexposed', 'overexposure', 'oe'),
  'near': ('near', 'foreground'),
  'far': ('far', 'background'),
  'a': ('a',),
  'b': ('b',),
  'c': ('c',),
  'd': ('d',),
  'reference': (
    *('reference', 'ref', 'gt', 'groundtruth', 'truth'),
    *('label', 'labels', 'target'),
  ),
}
REFERENCE = 'reference'
# What folders of annotations are called: they hold no picture of the scene.
ANNOTATIONS = (
  *('mask', 'masks', 'segmentation', 'annotation', 'annotations'),
  *('bbox', 'detection'),
)

_ROLE_OF = {word: role for role, words in ROLES.items() for word in words}
_RANK = {role: rank for rank, role in enumerate(ROLES)}
_WORD = re.compile(r'[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+')
_SEPARATORS = re.compile(r'[\s_.\-]+')

# A stem split in two: what names the scene, and what names the source.
Split = tuple[str, str]


def words(name: str) -> list[str]:
  """Splits a name into words and numbers, as they are written.

  Args:
    name: a file's stem or a folder's name, such as `lytro-01-A`, `VIS12`.

  Returns:
    The parts, such as `['lytro', '01', 'A']`, `['VIS', '12']`.
  """
  name = re.sub(r'(?i)ground[\s_\-]*truth', ' groundtruth ', name)
  return _WORD.findall(name)


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
  """A sort key in which `2` comes before `10`, whatever the case."""
  parts = re.findall(r'\d+|\D+', name.casefold())
  key = [(0, int(p), p) if p.isdecimal() else (1, 0, p) for p in parts]
  return tuple(key)


def role_of_word(word: str) -> str | None:
  """The role that a single word names, or None."""
  return _ROLE_OF.get(word.casefold())


def role_of(name: str) -> str | None:
  """The role that a file's stem or a folder's name speaks of, or None.

  Single letters count only at the end (`sourceA`): elsewhere they are part
  of other names. Of several role words the last one counts.
  """
  parts = words(name)
  for place in range(len(parts) - 1, -1, -1):
    role = role_of_word(parts[place])
    if role and (len(parts[place]) > 1 or place == len(parts) - 1):
      return role
  return None


def rank(role: str | None) -> int:
  """The place of a role among all roles; unknown ones come last."""
  return len(_RANK) if role is None else _RANK[role]


def is_annotation(name: str) -> bool:
  """Whether a folder's name speaks of masks, boxes and the like."""
  return any(word.casefold() in ANNOTATIONS for word in words(name))


def without_role(name: str) -> str:
  """The words of a stem without its role words, joined by `_`."""
  parts = words(name)
  kept = [
    part
    for place, part in enumerate(parts)
    if not (role_of_word(part) and (len(part) > 1 or place == len(parts) - 1))
  ]
  return '_'.join(kept)


def varying_words(names: list[str]) -> list[str]:
  """What distinguishes each name from the others: the words that vary.

  `RGBD_01_ouput_color, RGBD_02_ouput_color` give `01, 02`, so that a typo
  that runs through a whole folder does no harm.
  """
  split = [words(name) for name in names]
  if len({len(parts) for parts in split}) != 1:
    return names
  columns = list(zip(*split, strict=True))
  varying = [i for i, column in enumerate(columns) if len(set(column)) > 1]
  return ['_'.join(parts[i] for i in varying) for parts in split]


def numbers(name: str) -> str:
  """The numbers of a name without leading zeros, joined by `_`."""
  return '_'.join(str(int(n)) for n in re.findall(r'\d+', name))


def _role_suffix(stem: str) -> Split | None:
  parts = words(stem)
  if len(parts) < 2 or not role_of_word(parts[-1]):
    return None
  end = stem.rindex(parts[-1])
  return stem[:end].rstrip(' _-.'), role_of_word(parts[-1]) or ''


def _role_prefix(stem: str) -> Split | None:
  parts = words(stem)
  if len(parts) < 2 or not role_of_word(parts[0]):
    return None
  end = stem.index(parts[0]) + len(parts[0])
  return stem[end:].lstrip(' _-.'), role_of_word(parts[0]) or ''


def _role_inside(stem: str) -> Split | None:
  parts = words(stem)
  roles = [role_of_word(p) for p in parts if len(p) > 1 and role_of_word(p)]
  if len(roles) != 1 or len(parts) < 2:
    return None
  return without_role(stem), roles[0] or ''


def _last_part(stem: str) -> Split | None:
  parts = _SEPARATORS.split(stem)
  if len(parts) < 2:
    return None
  return stem[: stem.rindex(parts[-1])].rstrip(' _-.'), parts[-1].casefold()


def _after_first_part(stem: str) -> Split | None:
  parts = _SEPARATORS.split(stem, maxsplit=1)
  return (parts[0], parts[1].casefold()) if len(parts) == 2 else None


def _first_part(stem: str) -> Split | None:
  parts = _SEPARATORS.split(stem, maxsplit=1)
  return (parts[1], parts[0].casefold()) if len(parts) == 2 else None


def _last_number(stem: str) -> Split | None:
  match = re.fullmatch(r'(.*\D)(\d+)', stem)
  return (match[1], match[2]) if match else None


# How images that lie side by side say which scene they belong to, the surest
# first: (what the layout is called, rule).
SPLIT_RULES: tuple[tuple[str, Callable[[str], Split | None]], ...] = (
  ('one folder, source named at the end', _role_suffix),
  ('one folder, source named at the start', _role_prefix),
  ('one folder, source named inside', _role_inside),
  ('one folder, last part of the name is the source', _last_part),
  ('one folder, first part of the name is the scene', _after_first_part),
  ('one folder, first part of the name is the source', _first_part),
  ('one folder, last number is the source', _last_number),
)
