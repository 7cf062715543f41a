"""Data sets of HDR from three exposures between which things moved."""

from fusionjax.data.catalogue import published
from fusionjax.data.catalogue.card import UNSEEN, Card

KALANTARI = Card(
  name='kalantari',
  task='hdr',
  title='Kalantari, 89 scenes of three exposures with true radiance',
  size='1500 x 1000',
  homepage='https://cseweb.ucsd.edu/~viscomp/projects/SIG17HDR/',
  licence=UNSEEN,
  layout=(
    'Training/SCENE/ (three .tif, exposure.txt, HDRImg.hdr; 74 scenes)',
    'Test/EXTRA/SCENE/, Test/PAPER/SCENE/ (the same; 15 scenes)',
  ),
  splits='train 74, test 15, as the owner has them; MGDN follows',
  citation="""@article{kalantari2017deep,
  title={Deep High Dynamic Range Imaging of Dynamic Scenes},
  author={Kalantari, Nima Khademi and Ramamoorthi, Ravi},
  journal={ACM Transactions on Graphics},
  volume={36}, number={4}, year={2017}
}""",
  find=published.exposures_with_radiance(default='train'),
  counts={'train': 74, 'test': 15},
  reference=True,
  dtype='uint16',
)

PRABHAKAR = Card(
  name='prabhakar',
  task='hdr',
  title='Prabhakar, sequences of three exposures with true radiance',
  size='various',
  homepage='https://val.cds.iisc.ac.in/HDR/ICCP19/',
  licence=UNSEEN,
  layout=(
    'train/SCENE/ and test/SCENE/ (input_1.tif, input_2.tif, input_3.tif, ',
    'input_exp.txt or exposure.txt, and one .hdr with the radiance)',
  ),
  splits='as the folders have them',
  citation="""@inproceedings{prabhakar2019fast,
  title={A Fast, Scalable, and Reliable Deghosting Method for Extreme Exposure
    Fusion},
  author={Prabhakar, K. Ram and Arora, Rajat and Swaminathan, Adhitya and
    Singh, Kunal Pratap and Babu, R. Venkatesh},
  booktitle={IEEE International Conference on Computational Photography},
  year={2019}
}""",
  find=published.exposures_with_radiance(default='train'),
  reference=True,
  dtype='uint16',
  unverified=(
    'the address, the number of scenes, and the layout: as users name the files'
  ),
)

CARDS = (KALANTARI, PRABHAKAR)
