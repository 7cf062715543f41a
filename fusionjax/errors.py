"""Errors that a user can mend: one line that names what came and the fix."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
  """Bad user input: a file, a size, a name, a checkpoint, an option.

  The message is one line (a listing may follow on further lines) that says
  what came, what was expected and what to do. The command line prints it
  without a traceback and ends with exit code 2.
  """


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
  """Returns the error for a name that is not in a table, with the nearest.

  Args:
    kind: what the name stands for, such as `model`.
    name: what the user gave.
    known: the valid names.

  Returns:
    An `InputError` to raise.
  """
  known = sorted(known)
  near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
  if near:
    hint = f'Did you mean {" or ".join(near)}?'
  else:
    hint = f'Known: {", ".join(known)}.'
  return InputError(f'Unknown {kind} {name!r}. {hint}')
