"""Data sets of medical fusion: the Whole Brain Atlas of Harvard."""

from fusionjax.data.catalogue import finding
from fusionjax.data.catalogue.card import UNSEEN, Card

_CITATION = """@misc{johnson1999whole,
  title={The Whole Brain Atlas},
  author={Johnson, Keith A. and Becker, J. Alex},
  howpublished={http://www.med.harvard.edu/AANLIB/home.html},
  year={1999}
}"""


def _pair(name: str, first: str) -> Card:
  """The card of one modality beside MRI."""
  return Card(
    name=f'{name}_mri',
    task='medical',
    title=f'Harvard {first}-MRI, slices of heads, registered',
    size='256 x 256',
    homepage='http://www.med.harvard.edu/AANLIB/home.html',
    licence=UNSEEN,
    layout=(
      f'train/{first}/NAME.png, train/MRI/NAME.png, test/{first}/..., '
      'test/MRI/..., or',
      f'{first}/NAME.png, MRI/NAME.png (all of them for training)',
    ),
    splits=(
      'as the folders have them; the atlas publishes none, and papers select'
      ' their own'
    ),
    citation=_CITATION,
    find=finding.whole('medical', split='train'),
    leaks=(
      'slices of one head are near siblings: split by patient, not by slice',
    ),
    unverified='the atlas offers single pictures: pairs come from collections',
  )


CARDS = (_pair('ct', 'CT'), _pair('pet', 'PET'), _pair('spect', 'SPECT'))
