"""What the sub-commands share: exit codes, complaints, common options."""

import argparse
import sys
from typing import TYPE_CHECKING

DONE, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

MODEL_HELP = (
  'a name that `fusionjax models` lists, the workdir of a training, a weight'
  ' file, or a published checkpoint with --like'
)
LIKE_HELP = 'the name of the model that a published checkpoint belongs to'

if TYPE_CHECKING:
  Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def complain(text: str) -> None:
  """Says on stderr what is wrong.

  Args:
    text: the complaint.
  """
  print(f'fusionjax: {text}', file=sys.stderr, flush=True)
