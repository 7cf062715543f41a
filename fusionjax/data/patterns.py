"""Scenes from patterns of file names, one per source."""

import glob
import re
from collections.abc import Sequence
from pathlib import Path

from fusionjax.data import headers, images, layouts, naming
from fusionjax.data.folder import finish
from fusionjax.data.scenes import Found
from fusionjax.errors import InputError

_WILDCARD = re.compile(r'(\*\*/|\*\*|\*|\?|\[!?[^\]]+\])')


def is_pattern(name: str) -> bool:
  """Whether a name has wildcards, and is not the name of a file itself.

  Args:
    name: what the user gave, such as `ir/*.png`.
  """
  return bool(_WILDCARD.search(name)) and not Path(name).exists()


def list_matches(pattern: str) -> list[Path]:
  """The image files that a pattern matches, in natural order.

  Args:
    pattern: with `*`, `?`, `[abc]`, and `**` for any folders.

  Raises:
    InputError: if it matches none.
  """
  paths = [Path(name) for name in glob.glob(pattern, recursive=True)]
  found = [path for path in paths if path.is_file() and headers.is_image(path)]
  if not found:
    raise InputError(
      f'{pattern} matches no image. Check the pattern, and the folder that it'
      ' starts from.'
    )
  return sorted(found, key=lambda path: naming.natural_key(str(path)))


def find_matches(
  patterns: Sequence[str],
  *,
  task: str | None = None,
  any_size: bool = False,
  max_pixels: int = images.MAX_PIXELS,
) -> Found:
  """Finds the scenes of patterns: files whose wildcards stand for the same.

  `ir/IR*.png` and `vis/VIS*.png` pair `IR7.png` with `VIS7.png`: the scene is
  called `7`.

  Args:
    patterns: one per source.
    task: as in `folder.find_scenes`.
    any_size: as there.
    max_pixels: as there.

  Returns:
    The scenes and what was left out.

  Raises:
    InputError: if a pattern matches nothing, or nothing is a scene.
  """
  if len(set(patterns)) < len(patterns):
    raise InputError(
      f'{", ".join(patterns)}: a pattern was given twice. Give one per source.'
    )
  found = {Path(pattern): list_matches(pattern) for pattern in patterns}
  names = {
    path: _filled_in(str(pattern), path)
    for pattern, paths in found.items()
    for path in paths
  }
  drafts, left_out = layouts.match_files(found, _roles(found), names=names)
  title = f'name patterns ({", ".join(patterns)})'
  layout = layouts.Layout(title, drafts, left_out)
  return finish(
    tuple(found), layout, task=task, any_size=any_size, max_pixels=max_pixels
  )


def _roles(patterns: Sequence[Path] | dict) -> dict[Path, str | None]:
  """What sources hold as far as the fixed parts of their patterns say it."""
  roles = {
    pattern: naming.role_of(_WILDCARD.sub(' ', str(pattern.with_suffix(''))))
    for pattern in patterns
  }
  if None in roles.values() or len(set(roles.values())) < len(roles):
    return dict.fromkeys(roles)
  return roles


def _filled_in(pattern: str, path: Path) -> str:
  """What the wildcards of a pattern stand for in a path, joined by `_`."""
  kinds = {'**/': '(.*?)', '**': '(.*)', '*': '([^/]*)', '?': '([^/])'}
  parts = _WILDCARD.split(pattern)
  expression = ''.join(
    re.escape(part) if at % 2 == 0 else kinds.get(part, f'({part})')
    for at, part in enumerate(parts)
  ).replace('([!', '([^')
  match = re.fullmatch(expression, path.as_posix(), re.IGNORECASE)
  filled = [text.strip('/') for text in match.groups()] if match else []
  return '_'.join(t.replace('/', '_') for t in filled if t) or path.stem
