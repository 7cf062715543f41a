"""Data sets of multi-spectral fusion."""

from fusionjax.data.catalogue import finding, published
from fusionjax.data.catalogue.card import UNSEEN, Card

CAVE = Card(
  name='cave',
  task='msf',
  title='CAVE, 32 scenes of 31 bands, 400 to 700 nm',
  size='512 x 512',
  homepage='https://www.cs.columbia.edu/CAVE/databases/multispectral/',
  licence='offered to the research community, as the owner writes',
  layout=(
    'balloons_ms/balloons_ms/balloons_ms_01.png ... _31.png (32 scenes), or',
    'balloons_ms.mat ... (an array of three axes in each)',
  ),
  splits=(
    'train alone: CSC-MSFN divides the scenes for training, validation and'
    ' test, and does not publish how'
  ),
  citation="""@techreport{yasuma2008generalized,
  title={Generalized Assorted Pixel Camera: Post-Capture Control of Resolution,
    Dynamic Range and Spectrum},
  author={Yasuma, Fumihito and Mitsunaga, Tomoo and Iso, Daisuke and Nayar,
    Shree K.},
  institution={Department of Computer Science, Columbia University
    CUCS-061-08},
  year={2008}
}""",
  find=published.cave,
  counts={'train': 32},
  dtype='uint16',
  bands=(31, 0),
  unverified='the archives hold a rendered colour picture, which is left out',
)

HARVARD = Card(
  name='harvard',
  task='msf',
  title='Harvard hyperspectral, 31 bands, 420 to 720 nm',
  size='1392 x 1040',
  homepage='http://vision.seas.harvard.edu/hyperspec/',
  licence=UNSEEN,
  layout=('imga1.mat, imgb1.mat ... (the cube is the array `ref`)',),
  splits='train alone; the owner publishes none',
  citation="""@inproceedings{chakrabarti2011statistics,
  title={Statistics of Real-World Hyperspectral Images},
  author={Chakrabarti, Ayan and Zickler, Todd},
  booktitle={Computer Vision and Pattern Recognition},
  pages={193--200}, year={2011}
}""",
  find=published.cubes_of_mat,
  dtype='float32',
  bands=(31, 0),
  large=True,
  unverified=(
    'the address, the number of scenes (50 by daylight and 27 more are'
    ' reported) and the version of the .mat files: 7.3 is not read'
  ),
)

LANDSAT = Card(
  name='landsat',
  task='msf',
  title='Landsat 7, 6 bands and a panchromatic picture of twice the size',
  size='400 x 400 and 800 x 800',
  homepage='https://earthexplorer.usgs.gov/',
  licence='U.S. Geological Survey, public domain',
  layout=('01_ms_b123.png, 01_ms_b456.png (three bands each), 01_pan.png ...',),
  splits='train alone, unless the files lie in train/ and test/',
  citation="""@misc{usgs_landsat7,
  title={Landsat 7 Enhanced Thematic Mapper Plus},
  author={{U.S. Geological Survey}},
  howpublished={https://earthexplorer.usgs.gov/}
}""",
  find=finding.whole('msf', split='train'),
  bands=(6, 1),
  leaks=('cuts of one path overlap at their borders',),
)

CARDS = (CAVE, HARVARD, LANDSAT)
