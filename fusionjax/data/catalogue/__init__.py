"""The data sets of the papers: facts, and how their files are found.

Nothing here needs TensorFlow; `fusionjax.data.tfds` makes builders of it.
"""

from fusionjax.data.catalogue import gdsr, hdr, ivf, medical, mef, mff, msf
from fusionjax.data.catalogue.card import Card, Listing, locate
from fusionjax.errors import InputError, unknown_name

CARDS: dict[str, Card] = {
  card.full_name: card
  for room in (mef, mff, ivf, medical, hdr, gdsr, msf)
  for card in room.CARDS
}

__all__ = ['CARDS', 'Card', 'Listing', 'cards_of', 'get_card', 'locate']


def cards_of(task: str) -> tuple[Card, ...]:
  """The data sets of a task, in the order of its file."""
  return tuple(card for card in CARDS.values() if card.task == task)


def get_card(name: str) -> Card:
  """Returns the card of a data set.

  Args:
    name: `fusion_mef/sice`, or `sice` where one task alone has such a set.

  Raises:
    InputError: if there is no such data set, or several.
  """
  if name in CARDS:
    return CARDS[name]
  found = [card for card in CARDS.values() if card.name == name]
  if len(found) == 1:
    return found[0]
  if found:
    names = ', '.join(card.full_name for card in found)
    raise InputError(f'{name} is one of several data sets: {names}. Say which.')
  # Names without a task are compared with such names.
  short = {card.name for card in CARDS.values()}
  raise unknown_name('data set', name, CARDS if '/' in name else short)
