"""Work on many scenes at once, its results in their order."""

import concurrent.futures
from collections.abc import Callable, Sequence
from typing import TypeVar

from fusionjax.data import processors
from fusionjax.errors import InputError

Item = TypeVar('Item')
Result = TypeVar('Result')
# Called when an item is done with how many are, of how many, and its name.
Progress = Callable[[int, int, str], None]

# More threads than this only fill the memory: XLA has threads of its own.
MAX_WORKERS = 4


def attempt_all(
  function: Callable[[Item], Result],
  items: Sequence[Item],
  *,
  names: Sequence[str],
  progress: Progress | None = None,
) -> list[Result | InputError]:
  """Calls a function with each item, a few at a time.

  An item that cannot be used does not stop the others; any other error, and
  an interrupt, ends the work as soon as what has begun is done.

  Args:
    function: may be called from several threads at once.
    items: its arguments.
    names: what the progress calls the items.
    progress: called in the calling thread when an item is done.

  Returns:
    What the function gave, or the InputError that it raised, in the order of
    the items.
  """
  workers = min(MAX_WORKERS, processors.count())
  results: list[Result | InputError] = [InputError('not done')] * len(items)
  executor = concurrent.futures.ThreadPoolExecutor(workers)
  try:
    places = {
      executor.submit(function, item): place for place, item in enumerate(items)
    }
    waiting = concurrent.futures.as_completed(places)
    for done, future in enumerate(waiting, start=1):
      place = places[future]
      try:
        results[place] = future.result()
      except InputError as error:
        results[place] = error
      if progress:
        progress(done, len(items), names[place])
  finally:
    executor.shutdown(wait=True, cancel_futures=True)
  return results
